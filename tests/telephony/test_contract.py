"""One contract for calls on every carrier: what the caller heard is what the history says was heard, within 20 ms.

``python -m tests.telephony.test_contract`` prints carrier by scene, in milliseconds of difference.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA
from realtime_transport.conversation.brain import CallTool
from realtime_transport.conversation.brains import Script, after, hum
from realtime_transport.exceptions import SignatureError
from realtime_transport.telephony import PhoneCall
from realtime_transport.telephony.codecs import (
    AsteriskCodec,
    AudioSocketCodec,
    ExotelCodec,
    GenesysCodec,
    PlivoCodec,
    TelnyxCodec,
    VonageCodec,
    make_codec,
)
from realtime_transport.telephony.outbound import MARK_EVERY_MS
from realtime_transport.telephony.signatures import (
    GenesysVerifier,
    SignedRequest,
    TelnyxStreamVerifier,
    TwilioVerifier,
    Verifier,
    VonageVerifier,
)
from realtime_transport.testing import virtual_time
from realtime_transport.testing.carriers import (
    FAKES,
    Drop,
    FakeAsterisk,
    FakeAudioSocket,
    FakeCarrier,
    FakeExotel,
    FakeGenesys,
    FakePlivo,
    FakeTelnyx,
    FakeTwilio,
    FakeVonage,
    Flood,
    Press,
    Restart,
    Speak,
    Wait,
)
from tests.telephony.stage import ANSWER, GREETING_MS, QUESTION, QUIET, TALKATIVE, Stage, Witness

TOLERANCE_MS = 20.0

CARRIERS: dict[str, tuple[Callable[..., FakeCarrier], Callable[[], Any]]] = {
    name: (fake, partial(make_codec, name)) for name, fake in FAKES.items()
}
"""Column of the table -> the carrier's side and ours."""

VARIANTS: dict[str, tuple[Callable[..., FakeCarrier], Callable[[], Any]]] = {
    # What a clear does to marks is not documented by these: both answers have to do.
    "vonage, marks back": (partial(FakeVonage, clear_returns_marks=True), partial(make_codec, "vonage")),
    "exotel, marks back": (partial(FakeExotel, clear_returns_marks=True), partial(make_codec, "exotel")),
    "asterisk, json": (partial(FakeAsterisk, control="json"), AsteriskCodec),
    "vonage, 16 kHz": (partial(FakeVonage, fmt=PCM16_16K), VonageCodec),
    "plivo, l16": (partial(FakePlivo, fmt=PCM16_16K), PlivoCodec),
    "telnyx, a-law": (partial(FakeTelnyx, fmt=PCMA), partial(TelnyxCodec, output_format=PCMA)),
    "telnyx, big-endian l16": (
        partial(FakeTelnyx, fmt=PCM16_16K, l16_byte_order="big"),
        partial(TelnyxCodec, output_format=PCM16_16K, l16_byte_order="big"),
    ),
    "exotel, 24 kHz": (partial(FakeExotel, fmt=PCM16_24K), ExotelCodec),
    "genesys, l16": (partial(FakeGenesys, fmt=PCM16_8K), GenesysCodec),
    "asterisk, slin16": (partial(FakeAsterisk, fmt=PCM16_16K), AsteriskCodec),
    "audiosocket, 16 kHz": (partial(FakeAudioSocket, fmt=PCM16_16K), partial(AudioSocketCodec, audio_format=PCM16_16K)),
    "twilio, recognised": (FakeTwilio, partial(make_codec, "auto")),
    "asterisk, recognised": (FakeAsterisk, partial(make_codec, "auto")),
}
"""Other set-ups of the same carriers, for the scenes that they may make a difference to."""

VARIANT_SCENES = ("question", "barge-in early", "barge-in in between", "barge-in late", "lost, barge-in")

Scene = Callable[[Stage], Awaitable[float | None]]
SCENES: dict[str, Scene] = {}
"""Row of the table -> the scene: asserts what it has to, and returns the difference; None where it cannot be."""


def scene(name: str) -> Callable[[Scene], Scene]:
    def register(made: Scene) -> Scene:
        SCENES[name] = made
        return made

    return register


def can_clear(stage: Stage) -> bool:
    return bool(stage.codec().capabilities.can_clear)


def has_marks(stage: Stage) -> bool:
    return bool(stage.codec().capabilities.has_marks)


# --- talk ----------------------------------------------------------------------------------------------------------


@scene("greeting")
async def greeting(stage: Stage) -> float:
    record = await stage.play(Wait(4.5))
    (heard,) = stage.witness.heard(record).values()
    assert heard == pytest.approx(GREETING_MS, abs=1)
    assert (record.clears, record.ended_by) == (0, "caller")
    assert len(record.stretches) == 1, "it was heard without a break"
    return stage.difference


@scene("question")
async def question(stage: Stage) -> float:
    """And what the model heard is what the caller said, sample by sample."""
    record = await stage.play(Wait(4.5), Speak(QUESTION), Wait(4))
    heard = list(stage.witness.heard(record).values())
    assert heard == [pytest.approx(GREETING_MS, abs=1), pytest.approx(len(hum(ANSWER)) / 48, abs=1)]
    if not stage.witness.call.plan().converts:  # type: ignore[attr-defined]
        assert b"".join(stage.witness.to_model).startswith(record.said[: record.format.bytes_for(4_700)])
    return stage.difference


@scene("tool")
async def tool(stage: Stage) -> float:
    async def work(call: PhoneCall, witness: Witness) -> None:
        called = await call.wait_for("function_call", timeout=10)
        call.send_function_call_output(called.call_id, "21 degrees")

    stage.then, stage.greet = work, False
    stage.brain = Script(after("weather", "It has {output}"), otherwise=CallTool(name="weather"))
    record = await stage.play(Speak(QUESTION), Wait(6))
    assert record.spoken_ms > 500
    return stage.difference


# --- barge-in ------------------------------------------------------------------------------------------------------


async def _barge_in(stage: Stage, moment: float) -> float:
    stage.brain = QUIET
    record = await stage.play(Wait(moment), Speak(QUESTION), Wait(3))
    assert len(stage.witness.cuts) == 1
    assert 0 < record.spoken_ms < GREETING_MS
    assert record.clears == can_clear(stage)
    assert len(stage.witness.truncated) == 1
    if not can_clear(stage):
        assert record.cleared_ms == 0
    return stage.difference


@scene("barge-in early")
async def barge_in_early(stage: Stage) -> float:
    return await _barge_in(stage, 0.02)


@scene("barge-in in between")
async def barge_in_between(stage: Stage) -> float:
    return await _barge_in(stage, 1.2345)


@scene("barge-in late")
async def barge_in_late(stage: Stage) -> float:
    """So late that the last word is with the carrier already, where that takes it."""
    return await _barge_in(stage, GREETING_MS / 1000 - 0.33)


@scene("barge-in twice")
async def barge_in_twice(stage: Stage) -> float:
    stage.brain = TALKATIVE
    await stage.play(Wait(1), Speak(QUESTION), Wait(1.5), Speak(QUESTION), Wait(5.5))
    assert len(stage.witness.cuts) == 2
    assert len(stage.witness.history()) == 3
    return stage.difference


async def _far_away(stage: Stage, latency: float) -> float:
    """News of the carrier is old, and a clear is late: what the caller hears until it arrives is counted too."""
    stage.brain = QUIET
    await stage.play(Wait(2.111), Speak(QUESTION), Wait(3), latency=latency)
    assert len(stage.witness.cuts) == 1
    return stage.difference


@scene("30 ms away")
async def thirty_ms_away(stage: Stage) -> float:
    return await _far_away(stage, 0.03)


@scene("120 ms away")
async def far_away(stage: Stage) -> float:
    return await _far_away(stage, 0.12)


@scene("far, caller leaves")
async def far_and_gone(stage: Stage) -> float | None:
    """Where nothing is acknowledged, nobody knows how far away the carrier is: a round trip too much is heard."""
    if not has_marks(stage):
        return None
    record = await stage.play(Wait(2.111), latency=0.12)
    assert record.ended_by == "caller"
    return stage.difference


LATE_MS = {"lost, barge-in": MARK_EVERY_MS}
"""What the news is late by, where it has to be: the audio between two marks."""


# --- the end -------------------------------------------------------------------------------------------------------


@scene("caller hangs up")
async def caller_hangs_up(stage: Stage) -> float:
    record = await stage.play(Wait(1.5))
    assert record.ended_by == "caller"
    assert 1000 < record.spoken_ms <= 1500
    assert stage.witness.ended[0].reason in {"the caller hung up", "hangup", "callended", "end"}
    return stage.difference


@scene("agent hangs up")
async def agent_hangs_up(stage: Stage) -> float:
    """After its last word, and not before."""

    async def goodbye(call: PhoneCall, witness: Witness) -> None:
        witness.outcomes.append(await call.hangup())

    stage.then = goodbye
    record = await stage.play(Wait(30))
    (heard,) = stage.witness.heard(record).values()
    assert heard == pytest.approx(GREETING_MS, abs=20)
    assert (record.ended_by, record.faults) == ("agent", ())
    assert record.seconds < GREETING_MS / 1000 + 0.5
    assert stage.witness.ended[0].reason == "the agent hung up"
    # AudioSocket says nothing at all; Genesys has no marks, and tells the end of playback.
    assert stage.witness.outcomes == ["unconfirmed" if stage.carrier == "audiosocket" else "confirmed"]
    return stage.difference


@scene("keys")
async def keys(stage: Stage) -> float:
    collected: list[str] = []

    async def ask(call: PhoneCall, witness: Witness) -> None:
        collected.append(await call.collect_digits(4, 10))

    stage.then = ask
    record = await stage.play(Wait(1), Press("12"), Wait(0.5), Press("*#"), Wait(0.1), Press("0#"), Wait(1))
    assert collected == ["12*"]
    assert stage.witness.keys == "12*#0#"
    assert "".join(each.detail for each in record.timeline if each.kind == "digit") == "12*#0#"
    return stage.difference


# --- what goes wrong -----------------------------------------------------------------------------------------------


@scene("lost mark")
async def lost_mark(stage: Stage) -> float | None:
    """Every third, and the last ones: the clock is believed then."""
    if not has_marks(stage):
        return None
    record = await stage.play(Wait(7), loses_mark=lambda number: number % 3 == 0 or number > 12)
    assert [mark.fate for mark in record.marks].count("lost") > 2
    assert stage.witness.cuts == []
    return stage.difference


@scene("lost, barge-in")
async def lost_mark_and_barge_in(stage: Stage) -> float | None:
    """The estimate stands at the mark that was lost until the next one comes: behind by one of them, never ahead."""
    if not has_marks(stage):
        return None
    stage.brain = QUIET
    await stage.play(Wait(1.65), Speak(QUESTION), Wait(3), loses_mark=lambda number: number % 3 == 0)
    ((item, heard),) = stage.witness.heard(stage.record).items()
    assert stage.witness.history()[item] <= heard + 1
    return stage.difference


@scene("no marks at all")
async def no_marks(stage: Stage) -> float | None:
    if not has_marks(stage):
        return None
    await stage.play(Wait(7), loses_mark=lambda number: True)
    return stage.difference


@scene("reordered")
async def reordered(stage: Stage) -> float:
    """Every pair swapped. A carrier that counts its pieces is put right; of the others it is never heard."""
    stage.greet = False
    record = await stage.play(Speak(QUESTION), Wait(4), swap=True)
    assert record.spoken_ms > 0
    if not stage.codec().capabilities.ordered:
        assert b"".join(stage.witness.to_model).startswith(record.said)
    return stage.difference


@scene("gap")
async def gap(stage: Stage) -> float:
    """While the agent speaks, and in the middle of a question: the turn ends all the same."""
    await stage.play(Wait(1), Drop(0.5), Wait(3.5), Speak(QUESTION), Drop(3), Wait(2))
    assert len(stage.witness.history()) == 2
    return stage.difference


@scene("flood")
async def flood(stage: Stage) -> float:
    await stage.play(Wait(4), Flood(10), Wait(2))
    assert [each.reason for each in stage.witness.gaps if "faster" in each.reason]
    return stage.difference


SECRETS = {"genesys": base64.b64encode(b"a client secret of Genesys").decode()}
VERIFIERS: dict[str, Callable[[str], Verifier]] = {
    "twilio": TwilioVerifier,
    "telnyx": TelnyxStreamVerifier,
    "vonage": VonageVerifier,
    "genesys": lambda secret: GenesysVerifier({"fake-key": secret}),
}
"""Carriers whose upgrade proves who they are."""


@scene("bad signature")
async def bad_signature(stage: Stage) -> float | None:
    """A forged call is refused at the door; the same call with the right secret is answered."""
    carrier, url, now = stage.carrier.partition(",")[0], "wss://agent.example/call", 1_800_000_000.0
    if carrier not in VERIFIERS:
        return None
    secret = SECRETS.get(carrier, "the right secret")
    verifier = VERIFIERS[carrier](secret)
    for told in (base64.b64encode(b"the wrong secret").decode(), secret):
        fake = stage.fake(stage.answer, secret=told, wall_clock=lambda: now)
        request = SignedRequest(url=url, headers={**fake.upgrade_headers(url), "Host": "agent.example"})
        if told != secret:
            with pytest.raises(SignatureError):
                verifier.verify(request, now)
            assert not hasattr(stage, "witness"), "nobody answered"
        else:
            verifier.verify(request, now)
            stage.record = await fake.call(Wait(1))
    return stage.difference


@scene("second start")
async def second_start(stage: Stage) -> float:
    """Whoever says that this is another call now is not believed: the line is cut, at once."""
    record = await stage.play(Wait(2), Restart(), Wait(5))
    assert (record.ended_by, record.code) == ("agent", 1008)
    assert record.seconds == pytest.approx(2, abs=0.1)
    return stage.difference


@scene("media before start")
async def media_before_start(stage: Stage) -> float:
    plain = stage.fake

    def early(*args: Any, **options: Any) -> FakeCarrier:
        fake = plain(*args, **options)
        opening = fake.opening
        sound = fake.format.silence(fake.piece_ms)
        fake.opening = lambda: [*(m for n in range(5) if (m := _sent_early(fake, sound, n))), *opening()]  # type: ignore[method-assign]
        return fake

    stage.fake = early
    await stage.play(Wait(4.5))
    leg = stage.witness.call._phone.leg  # type: ignore[union-attr]
    assert leg.early_media == 5
    return stage.difference


def _sent_early(fake: FakeCarrier, sound: bytes, number: int) -> Any:
    # Genesys waits for our word before it sends anything; whoever speaks in its name may not.
    return fake.media(sound, number, number * 20) or sound


# --- the table -----------------------------------------------------------------------------------------------------


def stage_for(carrier: str) -> Stage:
    fake, codec = (CARRIERS | VARIANTS)[carrier]
    return Stage(carrier, fake, codec)


PLAYED = [
    *((name, carrier) for carrier in CARRIERS for name in SCENES),
    *((name, carrier) for carrier in VARIANTS for name in VARIANT_SCENES),
]


@pytest.mark.virtual_time
@pytest.mark.parametrize(("name", "carrier"), PLAYED, ids=[f"{name}: {carrier}" for name, carrier in PLAYED])
async def test_scene(name: str, carrier: str) -> None:
    stage = stage_for(carrier)
    difference = await SCENES[name](stage)
    allowed = TOLERANCE_MS + LATE_MS.get(name, 0.0)
    assert difference is None or difference <= allowed, (stage.differences(), stage.record.story())
    if difference is not None:
        assert stage.record.faults == ()


def table() -> str:
    """Return the differences of every scene on every carrier, and of the variants below."""
    lines = [f"{'':<20}" + "".join(f"{carrier:>12}" for carrier in CARRIERS)]
    lines += [f"{name:<20}" + "".join(f"{_cell(name, carrier):>12}" for carrier in CARRIERS) for name in SCENES]
    lines += ["", f"{'':<26}" + "".join(f"{name:>21}" for name in VARIANT_SCENES)]
    lines += [
        f"{carrier:<26}" + "".join(f"{_cell(name, carrier):>21}" for name in VARIANT_SCENES) for carrier in VARIANTS
    ]
    return "\n".join(lines)


def _cell(name: str, carrier: str) -> str:
    async def play() -> float | None:
        return await SCENES[name](stage_for(carrier))

    try:
        ms = virtual_time.run(play())
    except AssertionError:
        return "FAILED"
    return "-" if ms is None else f"{ms:.1f}"


if __name__ == "__main__":
    print(table())  # noqa: T201
