"""One contract for calls on every carrier: what the caller heard is what the history says was heard, within 20 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from realtime_transport.conversation.brain import CallTool, Say
from realtime_transport.conversation.brains import Script, after, hum, when
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events.items import AssistantMessageItem
from realtime_transport.events.transport import AudioGapEvent, AudioHeardEvent, AudioInterruptedEvent, DisconnectedEvent
from realtime_transport.exceptions import ConnectError, StateError, UnsupportedOperation
from realtime_transport.telephony.call import PhoneCall
from realtime_transport.telephony.leg import LegOptions
from realtime_transport.telephony.sockets import PhoneSocket
from realtime_transport.testing.carriers import (
    CallRecord,
    Drop,
    FakeAsterisk,
    FakeAudioSocket,
    FakeCarrier,
    FakePlivo,
    FakeSocket,
    FakeTelnyx,
    FakeTwilio,
    FakeVonage,
    Flood,
    Press,
    Restart,
    Send,
    Speak,
    Wait,
)
from realtime_transport.transports import LoopbackTransport

pytestmark = pytest.mark.virtual_time

CARRIERS: dict[str, type[FakeCarrier]] = {
    "twilio": FakeTwilio,
    "telnyx": FakeTelnyx,
    "plivo": FakePlivo,
    "vonage": FakeVonage,
    "asterisk": FakeAsterisk,
    "audiosocket": FakeAudioSocket,
}
every_carrier = pytest.mark.parametrize("carrier", CARRIERS)

GREETING = "Good morning and welcome to the house of telephones how may I help you"
GREETING_MS = len(hum(GREETING)) / 48
QUESTION = hum("what is the weather")


class Call(PhoneCall, LoopbackTransport):
    """A phone call with a model in memory."""


@attrs.define
class Log:
    """What the application's side saw."""

    call: Call
    heard: dict[str, float] = attrs.field(factory=dict)
    cuts: list[AudioInterruptedEvent] = attrs.field(factory=list)
    gaps: list[AudioGapEvent] = attrs.field(factory=list)
    keys: str = ""
    ended: list[DisconnectedEvent] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.call.on("audio_heard", self._on_heard)
        self.call.on("audio_interrupted", self._on_cut)
        self.call.on("audio_gap", self.gaps.append)
        self.call.on("disconnected", self.ended.append)
        self.call.on("dtmf", self._on_key)

    def _on_key(self, event: Any) -> None:
        self.keys += event.digit

    def _on_heard(self, event: AudioHeardEvent) -> None:
        self.heard[event.item_id] = event.heard_ms

    def _on_cut(self, event: AudioInterruptedEvent) -> None:
        self.cuts.append(event)
        for cut in event.cuts:
            self.heard[cut.item_id] = cut.heard_ms

    @property
    def heard_ms(self) -> float:
        return sum(self.heard.values())


def history_ms(call: Call) -> float:
    entries = [call._conversation.history_entry(item.id) for item in call.history if item.id]
    return sum(
        entry.heard_ms or 0.0 for entry in entries if entry is not None and isinstance(entry.item, AssistantMessageItem)
    )


@attrs.define
class Scene:
    """One call: how the application behaves, and what came of it."""

    carrier: str
    then: Callable[[Call, Log], Awaitable[object]] | None = None
    brain: Any = None
    greet: bool = True
    options: dict[str, Any] = attrs.field(factory=dict)
    fake: dict[str, Any] = attrs.field(factory=dict)
    log: Log | None = None
    peer: ServerPeer | None = None

    async def play(self, *script: Any) -> CallRecord:
        return await CARRIERS[self.carrier](self.answer, **self.fake).call(*script)

    async def answer(self, phone: PhoneSocket) -> None:
        brain = self.brain or Script(when(None, GREETING, turn=1), otherwise="It is sunny and warm outside today")
        self.peer = ServerPeer(brain)
        async with Call(phone, carrier=self.carrier, peer=self.peer, **self.options) as call:
            self.log = Log(call)
            await call.connect(session={"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}})
            if self.greet:
                call.request_response()
            if self.then is not None:
                await self.then(call, self.log)
            await call.wait_ended()

    def agrees(self, record: CallRecord, tolerance: float = 20.0) -> None:
        assert self.log is not None
        assert abs(record.spoken_ms - self.log.heard_ms) <= tolerance, (record.spoken_ms, self.log.heard)
        assert abs(record.spoken_ms - history_ms(self.log.call)) <= tolerance


# --- talk ----------------------------------------------------------------------------------------------------------


@every_carrier
async def test_greeting_and_answer_are_heard_whole(carrier: str) -> None:
    scene = Scene(carrier)
    record = await scene.play(Wait(8), Speak(QUESTION), Wait(6))
    scene.agrees(record)
    assert scene.log is not None
    assert len(scene.log.heard) == 2
    assert scene.log.cuts == []
    assert record.clears == 0
    assert record.ended_by == "caller"
    assert record.spoken_ms > GREETING_MS
    assert scene.log.ended[0].reason in {"the caller hung up", "hangup"}


@every_carrier
@pytest.mark.parametrize("moment", [0.05, 0.4, 1.234, 3.0], ids="{:g}s".format)
async def test_barge_in(carrier: str, moment: float) -> None:
    scene = Scene(carrier, brain=Script(when(None, GREETING, turn=1), otherwise=Say(transcript="")))
    record = await scene.play(Wait(moment), Speak(QUESTION), Wait(4))
    scene.agrees(record)
    assert scene.log is not None
    assert len(scene.log.cuts) == 1
    assert 0 < record.spoken_ms < GREETING_MS
    clears = 0 if carrier == "audiosocket" else 1
    assert record.clears == clears


@every_carrier
async def test_barge_in_twice(carrier: str) -> None:
    scene = Scene(carrier, brain=Script(otherwise=GREETING))
    record = await scene.play(Wait(1), Speak(QUESTION), Wait(1.5), Speak(QUESTION), Wait(9))
    scene.agrees(record)
    assert scene.log is not None
    assert len(scene.log.cuts) == 2
    assert len(scene.log.heard) == 3


@every_carrier
async def test_caller_hangs_up_in_the_middle(carrier: str) -> None:
    scene = Scene(carrier)
    record = await scene.play(Wait(1.5))
    scene.agrees(record)
    assert record.ended_by == "caller"
    assert 1000 < record.spoken_ms <= 1500


@every_carrier
async def test_agent_hangs_up_after_its_last_word(carrier: str) -> None:
    outcomes: list[str] = []

    async def goodbye(call: Call, log: Log) -> None:
        outcomes.append(await call.hangup())

    scene = Scene(carrier, goodbye)
    record = await scene.play(Wait(30))
    scene.agrees(record)
    assert outcomes == ["unconfirmed" if carrier == "audiosocket" else "confirmed"]
    assert record.ended_by == "agent"
    assert record.spoken_ms == pytest.approx(GREETING_MS, abs=20)
    assert record.seconds < GREETING_MS / 1000 + 0.5
    assert scene.log is not None
    assert scene.log.ended[0].reason == "the agent hung up"


@every_carrier
@pytest.mark.parametrize("latency", [0.03, 0.1])
async def test_barge_in_over_a_slow_line(carrier: str, latency: float) -> None:
    """Marks take their time to come back: the history is behind by a round trip at most, and never ahead."""
    quiet = Script(when(None, GREETING, turn=1), otherwise=Say(transcript=""))
    scene = Scene(carrier, brain=quiet, fake={"latency": latency})
    record = await scene.play(Wait(2), Speak(QUESTION), Wait(4))
    assert scene.log is not None
    assert len(scene.log.cuts) == 1
    behind = record.spoken_ms - scene.log.heard_ms
    assert -20 <= behind <= 2000 * latency + 20
    assert scene.log.heard_ms == history_ms(scene.log.call)


@every_carrier
async def test_speaking_after_the_last_word_cuts_nothing(carrier: str) -> None:
    scene = Scene(carrier, brain=Script(when(None, "Yes", turn=1), otherwise=Say(transcript="")))
    record = await scene.play(Wait(1), Speak(QUESTION), Wait(2))
    scene.agrees(record)
    assert scene.log is not None
    assert scene.log.cuts == []
    assert record.clears == 0


@every_carrier
async def test_a_tool_is_called_and_its_answer_heard(carrier: str) -> None:
    async def work(call: Call, log: Log) -> None:
        called = await call.wait_for("function_call", timeout=10)
        call.send_function_call_output(called.call_id, "21 degrees")

    brain = Script(after("weather", "It has {output}"), otherwise=CallTool(name="weather"))
    scene = Scene(carrier, work, brain=brain, greet=False)
    record = await scene.play(Speak(QUESTION), Wait(6))
    scene.agrees(record)
    assert record.spoken_ms > 500


async def test_a_response_outside_the_conversation_disturbs_nobody() -> None:
    """It ends while the agent is speaking: what is being said goes on without a break."""

    async def aside(call: Call, log: Log) -> None:
        await asyncio.sleep(0.2)
        call.request_response({"conversation": "none", "output_modalities": ["text"]})

    scene = Scene("twilio", aside, brain=Script(otherwise=GREETING))
    record = await scene.play(Wait(9))
    scene.agrees(record)
    assert record.spoken_ms == pytest.approx(GREETING_MS, abs=20)


# --- the end -------------------------------------------------------------------------------------------------------


@every_carrier
async def test_hanging_up_now_cuts(carrier: str) -> None:
    outcomes: list[str] = []

    async def leave(call: Call, log: Log) -> None:
        await asyncio.sleep(1)
        outcomes.append(await call.hangup("now"))

    scene = Scene(carrier, leave)
    record = await scene.play(Wait(30))
    scene.agrees(record, 40 if carrier == "audiosocket" else 20)
    assert outcomes == ["unconfirmed"]
    assert record.seconds < 1.1


@every_carrier
async def test_speaking_over_the_goodbye_cancels_it(carrier: str) -> None:
    outcomes: list[str] = []

    async def goodbye(call: Call, log: Log) -> None:
        outcomes.extend(await asyncio.gather(call.hangup(), call.hangup()))

    scene = Scene(carrier, goodbye)
    record = await scene.play(Wait(1), Speak(QUESTION), Wait(6))
    scene.agrees(record)
    assert outcomes == ["cancelled", "cancelled"]
    assert record.ended_by == "caller"


async def test_hanging_up_in_silence_is_confirmed_at_once() -> None:
    outcomes: list[str] = []

    async def leave(call: Call, log: Log) -> None:
        outcomes.append(await call.hangup())

    record = await Scene("twilio", leave, greet=False).play(Wait(30))
    assert outcomes == ["confirmed"]
    assert record.seconds == pytest.approx(0, abs=0.1)


async def test_hanging_up_does_not_wait_for_ever() -> None:
    outcomes: list[str] = []

    async def leave(call: Call, log: Log) -> None:
        outcomes.append(await call.hangup(timeout=1))

    record = await Scene("twilio", leave).play(Wait(30))
    assert outcomes == ["unconfirmed"]
    assert record.seconds == pytest.approx(1, abs=0.1)


async def test_a_caller_who_leaves_first_settles_the_goodbye() -> None:
    outcomes: list[str] = []

    async def leave(call: Call, log: Log) -> None:
        outcomes.append(await call.hangup())

    record = await Scene("twilio", leave).play(Wait(1))
    assert outcomes == ["unconfirmed"]
    assert record.ended_by == "caller"


async def test_rest_ends_the_call_where_the_stream_cannot() -> None:
    ended: list[str] = []

    async def rest(call: Any) -> None:
        ended.append(call.call_id)

    async def leave(call: Call, log: Log) -> None:
        await call.hangup()

    await Scene("twilio", leave, options={"hang_up": rest}).play(Wait(30))
    assert ended == ["CA0123"]


async def test_a_rest_call_that_hangs_does_not_keep_the_line() -> None:
    async def rest(call: Any) -> None:
        await asyncio.Event().wait()

    async def leave(call: Call, log: Log) -> None:
        with pytest.raises(TimeoutError):
            await call.hangup()

    record = await Scene("twilio", leave, options={"hang_up": rest}).play(Wait(60))
    assert record.ended_by == "agent"


@every_carrier
async def test_losing_the_model_ends_the_call(carrier: str) -> None:
    async def lose(call: Call, log: Log) -> None:
        await asyncio.sleep(1)
        call.feed_closed(1011, "the model is gone")

    record = await Scene(carrier, lose).play(Wait(30))
    assert record.ended_by == "agent"
    assert (record.code, record.reason) == (1000, "the model is gone")


async def test_closing_the_transport_closes_the_phone() -> None:
    async def leave(call: Call, log: Log) -> None:
        await call.close(1001, "going away")
        with pytest.raises(StateError):
            await call.connect()

    record = await Scene("twilio", leave).play(Wait(30))
    assert (record.code, record.reason) == (1001, "going away")


# --- keys ----------------------------------------------------------------------------------------------------------


@every_carrier
async def test_keys_are_collected(carrier: str) -> None:
    collected: list[str] = []

    async def ask(call: Call, log: Log) -> None:
        collected.append(await call.collect_digits(2, 10))
        collected.append(await call.collect_digits(9, 10))
        collected.append(await call.collect_digits(9, 1))
        collected.append(await call.collect_digits(9, 60))

    scene = Scene(carrier, ask, greet=False)
    await scene.play(Wait(1), Press("12"), Wait(1), Press("34#"), Wait(0.5), Press("5"), Wait(2), Press("6"), Wait(1))
    assert collected == ["12", "34", "5", "6"]
    assert scene.log is not None
    assert scene.log.keys == "1234#56"


async def test_keys_are_pressed_where_the_stream_can() -> None:
    async def press(call: Call, log: Log) -> None:
        call.send_dtmf("42#")

    record = await Scene("plivo", press).play(Wait(1))
    assert record.keys == "42#"

    async def cannot(call: Call, log: Log) -> None:
        with pytest.raises(UnsupportedOperation):
            call.send_dtmf("42#")

    await Scene("twilio", cannot).play(Wait(1))


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "plivo", "vonage", "asterisk"])
async def test_lost_marks(carrier: str) -> None:
    """Every third mark, and the last one: the clock is believed then."""
    scene = Scene(carrier, fake={"loses_mark": lambda number: number % 3 == 0 or number > 15})
    record = await scene.play(Wait(12))
    scene.agrees(record)
    assert scene.log is not None
    assert scene.log.cuts == []


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "plivo", "vonage", "asterisk"])
async def test_lost_marks_and_a_barge_in(carrier: str) -> None:
    """The estimate stands at the mark that was lost, until its deadline: behind by less than two of them."""
    scene = Scene(carrier, fake={"loses_mark": lambda number: number % 3 == 0}, brain=Script(otherwise=GREETING))
    record = await scene.play(Wait(1.7), Speak(QUESTION), Wait(9))
    scene.agrees(record, 240)
    assert scene.log is not None
    assert scene.log.heard_ms <= record.spoken_ms + 20


async def test_a_carrier_that_returns_no_mark_at_all_goes_by_the_clock() -> None:
    outcomes: list[str] = []

    async def goodbye(call: Call, log: Log) -> None:
        outcomes.append(await call.hangup())

    scene = Scene("twilio", goodbye, fake={"loses_mark": lambda number: True})
    record = await scene.play(Wait(30))
    scene.agrees(record)
    assert outcomes == ["unconfirmed"]


async def test_reordered_media_are_put_right() -> None:
    echoed: list[CallRecord] = []
    for swap in (False, True):
        scene = Scene("telnyx", greet=False, fake={"swap": swap}, brain=Script(otherwise="Yes"))
        echoed.append(await scene.play(Speak(QUESTION), Wait(4)))
        assert scene.log is not None
        assert scene.log.gaps == []
        assert scene.peer is not None
    assert echoed[0].spoken_ms == echoed[1].spoken_ms > 0


async def test_a_gap_is_filled_and_told() -> None:
    scene = Scene("twilio", greet=False)
    await scene.play(Wait(1), Drop(0.5), Wait(1))
    assert scene.log is not None
    assert [round(gap.ms) for gap in scene.log.gaps] == [500]


async def test_a_carrier_that_falls_silent_ends_the_turn() -> None:
    scene = Scene("twilio", greet=False, brain=Script(otherwise="Yes"))
    record = await scene.play(Speak(QUESTION[:-4000]), Drop(6))
    scene.agrees(record)
    assert record.spoken_ms > 0


@every_carrier
async def test_a_flood_is_dropped(carrier: str) -> None:
    scene = Scene(carrier)
    record = await scene.play(Wait(6), Flood(30), Wait(2))
    scene.agrees(record)
    assert scene.log is not None
    assert [gap.reason for gap in scene.log.gaps if "faster" in gap.reason]


@every_carrier
async def test_a_second_start_ends_the_call(carrier: str) -> None:
    scene = Scene(carrier)
    record = await scene.play(Wait(2), Restart(), Wait(5))
    scene.agrees(record, 40)
    assert record.ended_by == "agent"
    assert record.code == 1008
    assert record.seconds == pytest.approx(2, abs=0.1)


class LateTwilio(FakeTwilio):
    """Sends audio before it says which call this is."""

    def opening(self) -> list[Any]:
        connected, start = super().opening()
        media = [self.media(bytes(160), number, number * 20) for number in range(5)]
        return [connected, *media, start]


async def test_media_before_the_start_are_dropped() -> None:
    scene = Scene("twilio")
    record = await LateTwilio(scene.answer).call(Wait(6))
    scene.agrees(record)
    assert scene.log is not None
    assert scene.log.call._phone is not None
    assert scene.log.call._phone.leg.early_media == 5


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
    async def mute(call: Call, log: Log) -> None:
        call.mute()

    scene = Scene("twilio", mute, greet=False)
    record = await scene.play(Speak(QUESTION), Wait(3))
    assert record.spoken_ms == 0


async def test_messages_that_mean_nothing_are_counted() -> None:
    scene = Scene("twilio")
    await scene.play(Send("no json"), Send('{"event":"mark","mark":{"name":"stranger"}}'), Wait(1))
    assert scene.log is not None
    phone = scene.log.call._phone
    assert phone is not None
    assert (phone.leg.ignored, phone.leg.stale_marks) == (1, 1)


# --- formats -------------------------------------------------------------------------------------------------------


async def test_twilio_speaks_mu_law_end_to_end() -> None:
    plans: list[str] = []

    async def plan(call: Call, log: Log) -> None:
        plans.append(str(call.plan()))
        assert not call.plan().converts

    await Scene("twilio", plan).play(Wait(1))
    assert plans == [
        "caller to model: pcmu 8 kHz, untouched, 0.0 ms\nmodel to caller: pcmu 8 kHz, untouched, 0.0 ms,"
        " written 160 ms ahead"
    ]


async def test_vonage_at_24_khz_is_untouched() -> None:
    async def plan(call: Call, log: Log) -> None:
        assert not call.plan().converts

    await Scene("vonage", plan).play(Wait(1))


@pytest.mark.parametrize(("carrier", "fmt"), [("vonage", 1), ("vonage", 2), ("plivo", 1), ("plivo", 2)])
async def test_other_rates_are_resampled_and_flushed(carrier: str, fmt: int) -> None:
    async def plan(call: Call, log: Log) -> None:
        assert call.plan().converts
        assert 0 < call.plan().agent.delay_ms < 10

    scene = Scene(carrier, plan, fake={"fmt": CARRIERS[carrier].formats[fmt]})
    record = await scene.play(Wait(8), Speak(QUESTION), Wait(5))
    scene.agrees(record)
    assert scene.log is not None
    assert len(scene.log.heard) == 2
    assert scene.log.cuts == []


async def test_what_is_heard_is_what_was_said() -> None:
    """Bit by bit: nothing lost at the end, nothing between, no pause in the middle."""
    said: list[bytes] = []

    async def listen(call: Call, log: Log) -> None:
        call.on("audio", lambda event: said.append(event.data))

    record = await Scene("twilio", listen).play(Wait(7))
    assert record.heard.strip(b"\xff") == b"".join(said).strip(b"\xff") != b""


@every_carrier
async def test_after_a_barge_in_the_line_is_silent(carrier: str) -> None:
    silent_at: list[float] = []

    async def listen(call: Call, log: Log) -> None:
        call.on("speech_started", lambda event: silent_at.append(asyncio.get_running_loop().time()))

    scene = Scene(carrier, listen, brain=Script(when(None, GREETING, turn=1), otherwise=Say(transcript="")))
    record = await scene.play(Wait(2), Speak(QUESTION), Wait(2))
    lead = 40 if carrier == "audiosocket" else 20
    assert record.format.ms(len(record.heard)) <= silent_at[0] * 1000 + lead
