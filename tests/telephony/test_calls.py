"""A phone call as its application has it: goodbyes, keys, formats, and whatever may go wrong around the two legs.

What every carrier has to do, and what of the agent is heard, is in test_contract.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from realtime_transport.conversation.brain import Say
from realtime_transport.conversation.brains import Script, when
from realtime_transport.exceptions import ConnectError, StateError, UnsupportedOperation
from realtime_transport.telephony.call import PhoneCall
from realtime_transport.telephony.codecs import make_codec
from realtime_transport.telephony.leg import LegOptions
from realtime_transport.telephony.sockets import PhoneSocket
from realtime_transport.testing.carriers import (
    FAKES,
    Drop,
    FakeSocket,
    FakeTwilio,
    Press,
    Send,
    Speak,
    Wait,
)
from realtime_transport.transports import LoopbackTransport
from tests.telephony.stage import GREETING_MS, QUESTION, QUIET, TALKATIVE, Call, Stage, Witness

pytestmark = pytest.mark.virtual_time

TOLERANCE_MS = 20.0

every_carrier = pytest.mark.parametrize("carrier", FAKES)


def stage(
    carrier: str, then: Callable[[Any, Witness], Awaitable[object]] | None = None, *, brain: Any = None, **more: Any
) -> Stage:
    """Set a stage: ``then`` is what the application does, the rest is a ``Stage``'s."""
    return Stage(carrier, FAKES[carrier], partial(make_codec, carrier), then=then, brain=brain, **more)


# --- talk ----------------------------------------------------------------------------------------------------------


@every_carrier
async def test_speaking_after_the_last_word_cuts_nothing(carrier: str) -> None:
    scene = stage(carrier, brain=Script(when(None, "Yes", turn=1), otherwise=Say(transcript="")))
    record = await scene.play(Wait(1), Speak(QUESTION), Wait(2))
    assert scene.difference <= TOLERANCE_MS
    assert scene.witness.cuts == []
    assert record.clears == 0


async def test_a_response_outside_the_conversation_disturbs_nobody() -> None:
    """It ends while the agent is speaking: what is being said goes on without a break."""

    async def aside(call: Call, witness: Witness) -> None:
        await asyncio.sleep(0.2)
        call.request_response({"conversation": "none", "output_modalities": ["text"]})

    scene = stage("twilio", aside, brain=TALKATIVE)
    record = await scene.play(Wait(9))
    assert scene.difference <= TOLERANCE_MS
    assert record.spoken_ms == pytest.approx(GREETING_MS, abs=20)


# --- the end -------------------------------------------------------------------------------------------------------


@every_carrier
async def test_hanging_up_now_cuts(carrier: str) -> None:
    outcomes: list[str] = []

    async def leave(call: Call, witness: Witness) -> None:
        await asyncio.sleep(1)
        outcomes.append(await call.hangup("now"))

    scene = stage(carrier, leave)
    record = await scene.play(Wait(30))
    # What AudioSocket has, it keeps; the hang-up throws it out all the same: as much as is written ahead.
    assert scene.difference <= (40 if carrier == "audiosocket" else TOLERANCE_MS)
    assert outcomes == ["unconfirmed"]
    assert record.seconds < 1.1


@every_carrier
async def test_speaking_over_the_goodbye_cancels_it(carrier: str) -> None:
    outcomes: list[str] = []

    async def goodbye(call: Call, witness: Witness) -> None:
        outcomes.extend(await asyncio.gather(call.hangup(), call.hangup()))

    scene = stage(carrier, goodbye)
    record = await scene.play(Wait(1), Speak(QUESTION), Wait(6))
    assert scene.difference <= TOLERANCE_MS
    assert outcomes == ["cancelled", "cancelled"]
    assert record.ended_by == "caller"


async def test_hanging_up_in_silence_is_confirmed_at_once() -> None:
    outcomes: list[str] = []

    async def leave(call: Call, witness: Witness) -> None:
        outcomes.append(await call.hangup())

    record = await stage("twilio", leave, greet=False).play(Wait(30))
    assert outcomes == ["confirmed"]
    assert record.seconds == pytest.approx(0, abs=0.1)


async def test_hanging_up_does_not_wait_for_ever() -> None:
    outcomes: list[str] = []

    async def leave(call: Call, witness: Witness) -> None:
        outcomes.append(await call.hangup(timeout=1))

    record = await stage("twilio", leave).play(Wait(30))
    assert outcomes == ["unconfirmed"]
    assert record.seconds == pytest.approx(1, abs=0.1)


async def test_a_caller_who_leaves_first_settles_the_goodbye() -> None:
    outcomes: list[str] = []

    async def leave(call: Call, witness: Witness) -> None:
        outcomes.append(await call.hangup())

    record = await stage("twilio", leave).play(Wait(1))
    assert outcomes == ["unconfirmed"]
    assert record.ended_by == "caller"


@every_carrier
async def test_losing_the_model_ends_the_call(carrier: str) -> None:
    async def lose(call: Call, witness: Witness) -> None:
        await asyncio.sleep(1)
        call.feed_closed(1011, "the model is gone")

    record = await stage(carrier, lose).play(Wait(30))
    assert record.ended_by == "agent"
    assert (record.code, record.reason) == (1000, "the model is gone")


async def test_closing_the_transport_closes_the_phone() -> None:
    async def leave(call: Call, witness: Witness) -> None:
        await call.close(1001, "going away")
        with pytest.raises(StateError):
            await call.connect()

    record = await stage("twilio", leave).play(Wait(30))
    assert (record.code, record.reason) == (1001, "going away")


# --- keys ----------------------------------------------------------------------------------------------------------


@every_carrier
async def test_keys_are_collected(carrier: str) -> None:
    collected: list[str] = []

    async def ask(call: Call, witness: Witness) -> None:
        collected.append(await call.collect_digits(2, 10))
        collected.append(await call.collect_digits(9, 10))
        collected.append(await call.collect_digits(9, 1))
        collected.append(await call.collect_digits(9, 60))

    scene = stage(carrier, ask, greet=False)
    await scene.play(Wait(1), Press("12"), Wait(1), Press("34#"), Wait(0.5), Press("5"), Wait(2), Press("6"), Wait(1))
    assert collected == ["12", "34", "5", "6"]
    assert scene.witness.keys == "1234#56"


async def test_keys_are_pressed_where_the_stream_can() -> None:
    async def press(call: Call, witness: Witness) -> None:
        await call.send_dtmf("42#")

    record = await stage("plivo", press).play(Wait(1))
    assert record.keys == "42#"

    async def cannot(call: Call, witness: Witness) -> None:
        with pytest.raises(UnsupportedOperation):
            await call.send_dtmf("42#")

    await stage("twilio", cannot).play(Wait(1))


# --- what goes wrong -----------------------------------------------------------------------------------------------


async def test_a_carrier_that_returns_no_mark_at_all_goes_by_the_clock() -> None:
    outcomes: list[str] = []

    async def goodbye(call: Call, witness: Witness) -> None:
        outcomes.append(await call.hangup())

    scene = stage("twilio", goodbye)
    await scene.play(Wait(30), loses_mark=lambda number: True)
    assert scene.difference <= TOLERANCE_MS
    assert outcomes == ["unconfirmed"]


async def test_a_gap_is_filled_and_told() -> None:
    scene = stage("twilio", greet=False)
    await scene.play(Wait(1), Drop(0.5), Wait(1))
    assert [round(gap.ms) for gap in scene.witness.gaps] == [500]


async def test_a_carrier_that_falls_silent_ends_the_turn() -> None:
    scene = stage("twilio", greet=False, brain=Script(otherwise="Yes"))
    record = await scene.play(Speak(QUESTION[:-4000]), Drop(6))
    assert scene.difference <= TOLERANCE_MS
    assert record.spoken_ms > 0


class MuteTwilio(FakeTwilio):
    """Never says which call this is."""

    def opening(self) -> list[Any]:
        return super().opening()[:1]


async def test_a_call_that_never_starts_is_given_up() -> None:
    async def answer(phone: PhoneSocket) -> None:
        call = Call(phone, phone_options=LegOptions(start_timeout=3))
        with pytest.raises(ConnectError, match="did not start a call within 3 s"):
            await call.connect()
        assert call.status == "disconnected"
        assert call.call is None
        with pytest.raises(StateError):
            await call.hangup()

    record = await MuteTwilio(answer).call(Wait(10))
    assert record.seconds == pytest.approx(3)
    assert record.code == 1011


async def test_a_caller_who_leaves_while_the_model_is_connected() -> None:
    class Slow(Call):
        async def _open(self, request: Any) -> None:
            await asyncio.sleep(1)
            await super()._open(request)

    async def answer(phone: PhoneSocket) -> None:
        call = Slow(phone)
        with pytest.raises(Exception, match="the call ended while connecting"):
            await call.connect()

    await FakeTwilio(answer).call(Wait(0.5))


async def test_the_first_words_wait_for_the_model() -> None:
    class Slow(Call):
        async def _open(self, request: Any) -> None:
            await asyncio.sleep(0.5)
            await super()._open(request)

    heard: list[bytes] = []

    async def answer(phone: PhoneSocket) -> None:
        async with Slow(phone) as call:
            call.on("sent", lambda event: heard.append(getattr(event.event, "audio", b"")))
            await call.connect()
            await call.wait_ended()

    await FakeTwilio(answer).call(Wait(1))
    assert len(b"".join(heard)) == 8000


async def test_closing_while_waiting_for_the_call() -> None:
    async def answer(phone: PhoneSocket) -> None:
        call = Call(phone)
        connecting = asyncio.create_task(call.connect())
        await asyncio.sleep(1)
        await call.close()
        with pytest.raises(StateError):
            await connecting

    record = await MuteTwilio(answer).call(Wait(10))
    assert record.code == 1011
    assert record.seconds == pytest.approx(1)


async def test_a_phone_that_never_closes_is_dropped() -> None:
    async def never(code: int, reason: str) -> None:
        await asyncio.Event().wait()

    async def answer(phone: FakeSocket) -> None:
        phone.close = never  # type: ignore[method-assign]
        async with Call(phone) as call:
            await call.connect()

    record = await FakeTwilio(answer).call(Wait(30))
    assert record.code is None
    assert record.seconds == pytest.approx(1, abs=0.1)


async def test_a_model_that_never_closes_is_dropped_and_the_phone_too() -> None:
    class Stubborn(LoopbackTransport):
        async def _close(self, code: int, reason: str) -> None:
            await asyncio.Event().wait()

    class StubbornCall(PhoneCall, Stubborn):
        pass

    async def answer(phone: PhoneSocket) -> None:
        async with StubbornCall(phone, close_timeout=2) as call:
            await call.connect()
        assert call.status == "disconnected"

    record = await FakeTwilio(answer).call(Wait(30))
    assert record.code == 1000


async def test_a_model_that_cannot_be_reached_ends_the_call() -> None:
    class Unreachable(Call):
        async def _open(self, request: Any) -> None:
            raise OSError("no route")

    async def answer(phone: PhoneSocket) -> None:
        with pytest.raises(ConnectError, match="no route"):
            await Unreachable(phone).connect()

    record = await FakeTwilio(answer).call(Wait(30))
    assert record.code is not None
    assert record.seconds == pytest.approx(0, abs=0.1)


async def test_muting_keeps_the_caller_from_the_model() -> None:
    async def mute(call: Call, witness: Witness) -> None:
        call.mute()

    scene = stage("twilio", mute, greet=False)
    record = await scene.play(Speak(QUESTION), Wait(3))
    assert record.spoken_ms == 0


async def test_messages_that_mean_nothing_are_counted() -> None:
    scene = stage("twilio")
    await scene.play(Send("no json"), Send('{"event":"mark","mark":{"name":"stranger"}}'), Wait(1))
    phone = scene.witness.call._phone
    assert phone is not None
    assert (phone.leg.ignored, phone.leg.stale_marks) == (1, 1)


# --- formats -------------------------------------------------------------------------------------------------------


async def test_twilio_speaks_mu_law_end_to_end() -> None:
    plans: list[str] = []

    async def plan(call: Call, witness: Witness) -> None:
        plans.append(str(call.plan()))
        assert not call.plan().converts

    await stage("twilio", plan).play(Wait(1))
    assert plans == [
        "caller to model: pcmu 8 kHz, untouched, 0.0 ms\nmodel to caller: pcmu 8 kHz, untouched, 0.0 ms,"
        " written 160 ms ahead"
    ]


async def test_vonage_at_24_khz_is_untouched() -> None:
    async def plan(call: Call, witness: Witness) -> None:
        assert not call.plan().converts

    await stage("vonage", plan).play(Wait(1))


async def test_what_is_heard_is_what_was_said() -> None:
    """Bit by bit: nothing lost at the end, nothing between, no pause in the middle."""
    said: list[bytes] = []

    async def listen(call: Call, witness: Witness) -> None:
        call.on("audio", lambda event: said.append(event.data))

    record = await stage("twilio", listen).play(Wait(7))
    assert record.heard.strip(b"\xff") == b"".join(said).strip(b"\xff") != b""


@every_carrier
async def test_after_a_barge_in_the_line_is_silent(carrier: str) -> None:
    silent_at: list[float] = []

    async def listen(call: Call, witness: Witness) -> None:
        call.on("speech_started", lambda event: silent_at.append(asyncio.get_running_loop().time()))

    scene = stage(carrier, listen, brain=QUIET)
    record = await scene.play(Wait(2), Speak(QUESTION), Wait(2))
    lead = 40 if carrier == "audiosocket" else 20
    assert record.format.ms(len(record.heard)) <= silent_at[0] * 1000 + lead
