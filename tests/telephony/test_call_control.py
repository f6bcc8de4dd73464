"""Ending, passing on, pressing keys and coming back: the same verbs on every carrier."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from realtime_transport.conversation.brains import Script, hum
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.exceptions import ConnectError, InvalidArgument, StateError, UnsupportedOperation
from realtime_transport.telephony import PhoneSocket
from realtime_transport.telephony.call import CONTROL_TIMEOUT, REATTACH_TIMEOUT
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.control import ControlOutcome, ControlsCalls
from realtime_transport.testing.carriers import (
    CallRecord,
    FakeAsterisk,
    FakeCarrier,
    FakePlivo,
    FakeSocket,
    FakeTelnyx,
    FakeTwilio,
    FakeVonage,
    Speak,
    Wait,
)
from tests.telephony.stage import GREETING, QUESTION, Call, Voice, Witness

pytestmark = pytest.mark.virtual_time

CARRIERS: dict[str, type[FakeCarrier]] = {
    "twilio": FakeTwilio,
    "telnyx": FakeTelnyx,
    "plivo": FakePlivo,
    "vonage": FakeVonage,
    "asterisk": FakeAsterisk,
}
every_carrier = pytest.mark.parametrize("carrier", CARRIERS)
Then = Callable[[Call, Witness], Awaitable[object]]


@attrs.define
class Wishes:
    """A control that writes down what it is asked, and answers as it is told; None never answers."""

    answer: ControlOutcome | Exception | None = "done"
    dtmf_ends_stream: bool = False
    asked: list[tuple[str, ...]] = attrs.field(factory=list)

    async def _take(self, *wish: str) -> ControlOutcome:
        self.asked.append(wish)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is None:
            await asyncio.Event().wait()
        return self.answer or "done"

    async def hangup(self, call: CallStarted) -> ControlOutcome:
        return await self._take("hangup", call.call_id)

    async def send_dtmf(self, call: CallStarted, digits: str) -> ControlOutcome:
        return await self._take("send_dtmf", call.call_id, digits)

    async def transfer(self, call: CallStarted, target: str) -> ControlOutcome:
        return await self._take("transfer", call.call_id, target)


def answering(carrier: str, then: Then, **options: Any) -> Callable[[PhoneSocket], Awaitable[None]]:
    """Return an application: it greets, does ``then``, and holds the call to its end."""

    async def answer(phone: PhoneSocket) -> None:
        peer = ServerPeer(Script(otherwise=GREETING), voice=Voice())
        async with Call(phone, carrier=carrier, peer=peer, **options) as call:
            witness = Witness(call)
            await call.connect(session={"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}})
            call.request_response()
            await then(call, witness)
            await call.wait_ended()

    return answer


# --- hanging up ----------------------------------------------------------------------------------------------------


@every_carrier
async def test_hanging_up_asks_the_carrier_once_the_last_word_is_heard(carrier: str) -> None:
    wishes, heard = Wishes(), 0.0
    outcomes: list[str] = []

    async def leave(call: Call, witness: Witness) -> None:
        nonlocal heard
        outcomes.extend(await asyncio.gather(call.hangup(), call.hangup()))
        (heard,) = witness.history().values()

    record = await CARRIERS[carrier](answering(carrier, leave, control=wishes)).call(Wait(30))
    assert outcomes == ["confirmed", "confirmed"]
    assert wishes.asked == [("hangup", "CA0123")]
    assert record.ended_by == "agent"
    assert heard == pytest.approx(len(hum(GREETING)) / 48, abs=1)


@pytest.mark.parametrize(
    ("answer", "outcome"), [("over", "confirmed"), ("unconfirmed", "unconfirmed"), (None, "unconfirmed")]
)
async def test_the_carriers_answer_counts(answer: ControlOutcome | None, outcome: str) -> None:
    async def leave(call: Call, witness: Witness) -> None:
        began = asyncio.get_running_loop().time()
        assert await call.hangup() == outcome
        spoken = len(hum(GREETING)) / 48_000
        assert asyncio.get_running_loop().time() - began < spoken + 1 + (CONTROL_TIMEOUT if answer is None else 0)

    record = await FakeTwilio(answering("twilio", leave, control=Wishes(answer))).call(Wait(60))
    assert record.ended_by == "agent"


async def test_a_refusal_is_raised_and_the_line_closed_all_the_same() -> None:
    async def leave(call: Call, witness: Witness) -> None:
        with pytest.raises(ConnectError, match="no network"):
            await call.hangup("now")

    control = Wishes(ConnectError("no network"))
    record = await FakeTwilio(answering("twilio", leave, control=control)).call(Wait(30))
    assert record.ended_by == "agent"


async def test_a_call_that_waits_to_come_back_is_not_waited_for_once_it_is_hung_up() -> None:
    async def leave(call: Call, witness: Witness) -> None:
        await call.hangup("now")
        assert call.status == "disconnected"

    record = await FakeTwilio(answering("twilio", leave, reattach_timeout=50)).call(Wait(30))
    assert record.seconds < 1


# --- passing on ----------------------------------------------------------------------------------------------------


@every_carrier
async def test_a_transfer_waits_for_the_announcement(carrier: str) -> None:
    wishes = Wishes()

    async def pass_on(call: Call, witness: Witness) -> None:
        assert await call.transfer("+14155550123") == "done"
        (heard,) = witness.history().values()
        assert heard == pytest.approx(len(hum(GREETING)) / 48, abs=1)

    await CARRIERS[carrier](answering(carrier, pass_on, control=wishes)).call(Wait(10))
    assert wishes.asked == [("transfer", "CA0123", "+14155550123")]


async def test_speaking_over_the_announcement_keeps_the_caller() -> None:
    wishes = Wishes()

    async def pass_on(call: Call, witness: Witness) -> None:
        assert await call.transfer("+14155550123") == "cancelled"
        assert call.status == "connected"

    await FakeTwilio(answering("twilio", pass_on, control=wishes)).call(Wait(1), Speak(QUESTION), Wait(3))
    assert wishes.asked == []


async def test_a_caller_who_left_is_not_transferred() -> None:
    wishes = Wishes()

    async def pass_on(call: Call, witness: Witness) -> None:
        assert await call.transfer("+14155550123") == "over"

    await FakeTwilio(answering("twilio", pass_on, control=wishes)).call(Wait(1))
    assert wishes.asked == []


async def test_hanging_up_overrules_a_transfer() -> None:
    wishes = Wishes()

    async def both(call: Call, witness: Witness) -> None:
        first = asyncio.create_task(call.transfer("+1"))
        second = asyncio.create_task(call.transfer("+2"))
        await asyncio.sleep(0.5)
        assert await call.hangup() == "confirmed"
        assert [await first, await second] == ["cancelled", "cancelled"]

    await FakeTwilio(answering("twilio", both, control=wishes)).call(Wait(30))
    assert wishes.asked == [("hangup", "CA0123")]


async def test_a_carrier_that_does_not_answer_leaves_a_transfer_unconfirmed() -> None:
    async def pass_on(call: Call, witness: Witness) -> None:
        assert await call.transfer("sip:agent@example.com", "now") == "unconfirmed"
        assert call.status == "connected"

    await FakeTwilio(answering("twilio", pass_on, control=Wishes(None))).call(Wait(20))


async def test_what_cannot_be_is_said_at_the_call() -> None:
    async def pass_on(call: Call, witness: Witness) -> None:
        with pytest.raises(UnsupportedOperation, match="control"):
            await call.transfer("+14155550123")
        with pytest.raises(InvalidArgument, match="target"):
            await call.transfer("the boss")
        with pytest.raises(UnsupportedOperation, match="REST"):
            await call.send_dtmf("1")

    await FakeTwilio(answering("twilio", pass_on)).call(Wait(1))
    call = Call(FakeSocketOfNobody(), peer=ServerPeer())
    for verb in (call.hangup(), call.transfer("+1"), call.send_dtmf("1"), call.collect_digits(1, 1)):
        with pytest.raises(StateError):
            await verb


class FakeSocketOfNobody:
    async def receive(self) -> None:
        await asyncio.Event().wait()

    async def send(self, message: object) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


# --- keys ----------------------------------------------------------------------------------------------------------


async def test_keys_go_into_the_stream_where_it_takes_them() -> None:
    wishes = Wishes()

    async def press(call: Call, witness: Witness) -> None:
        assert await call.send_dtmf("42#") == "done"

    record = await FakePlivo(answering("plivo", press, control=wishes)).call(Wait(1))
    assert record.keys == "42#"
    assert wishes.asked == []


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "vonage", "asterisk"])
async def test_keys_go_over_rest_elsewhere(carrier: str) -> None:
    wishes = Wishes()

    async def press(call: Call, witness: Witness) -> None:
        assert await call.send_dtmf("42#") == "done"

    record = await CARRIERS[carrier](answering(carrier, press, control=wishes)).call(Wait(1))
    assert wishes.asked == [("send_dtmf", "CA0123", "42#")]
    assert record.seconds < 2


@pytest.mark.parametrize("answer", ["over", ConnectError("no network")])
async def test_keys_that_were_not_sent_do_not_make_the_model_wait(answer: Any) -> None:
    async def press(call: Call, witness: Witness) -> None:
        try:
            assert await call.send_dtmf("1") == "over"
        except ConnectError:
            assert isinstance(answer, ConnectError)
        began = asyncio.get_running_loop().time()
        await call.wait_ended()
        assert asyncio.get_running_loop().time() - began < 2

    await FakeTwilio(answering("twilio", press, control=Wishes(answer, dtmf_ends_stream=True))).call(Wait(1))


async def test_a_carrier_that_does_not_answer_may_have_sent_the_keys() -> None:
    async def press(call: Call, witness: Witness) -> None:
        assert await call.send_dtmf("1") == "unconfirmed"

    await FakeTwilio(answering("twilio", press, control=Wishes(None))).call(Wait(CONTROL_TIMEOUT + 1))


# --- coming back ---------------------------------------------------------------------------------------------------


@attrs.define
class Twice:
    """One call whose stream ends in the middle and begins anew, after ``away`` seconds."""

    carrier: str
    away: float = 1.0
    overlap: float = 0.0
    """Seconds that the old stream outlives the new one's beginning."""
    second_id: str = "CA0123"
    options: dict[str, Any] = attrs.field(factory=dict)
    witness: Witness = attrs.field(init=False)
    call: Call = attrs.field(init=False)
    ending: asyncio.Task[str] = attrs.field(init=False)
    reason: str = ""
    attached: BaseException | None = None

    async def play(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[CallRecord, CallRecord]:
        fake = CARRIERS[self.carrier]
        old = asyncio.create_task(fake(self._first).call(*first, Wait(self.overlap)))
        if self.overlap:
            await asyncio.sleep(sum(step.seconds for step in first))
        else:
            await old
            await asyncio.sleep(self.away)
        new = await fake(self._again, call_id=self.second_id).call(*second)
        return await old, new

    async def _first(self, phone: FakeSocket) -> None:
        peer = ServerPeer(Script(otherwise=GREETING), voice=Voice())
        self.call = Call(phone, carrier=self.carrier, peer=peer, **{"reattach_timeout": 5.0, **self.options})
        self.witness = Witness(self.call)
        await self.call.connect()
        self.call.request_response()
        self.ending = asyncio.create_task(self.call.wait_ended())
        assert self.call._phone is not None
        await self.call._phone.wait_ended()

    async def _again(self, phone: FakeSocket) -> None:
        try:
            await self.call.reattach(phone)
        except (StateError, ConnectError) as error:
            self.attached = error
            return
        self.call.request_response()
        self.reason = await self.ending


@every_carrier
async def test_the_same_call_goes_on_in_another_stream(carrier: str) -> None:
    scene = Twice(carrier)
    first, second = await scene.play((Wait(1.5),), (Wait(10),))
    assert scene.attached is None
    one, two = scene.witness.history().values()
    assert one == pytest.approx(1500, abs=20)
    assert two == pytest.approx(len(hum(GREETING)) / 48, abs=20)
    assert (first.ended_by, second.ended_by) == ("caller", "caller")
    assert scene.reason
    assert scene.call.status == "disconnected"
    assert len(scene.witness.ended) == 1


@every_carrier
async def test_the_old_stream_means_nothing_once_there_is_another(carrier: str) -> None:
    """It is closed, not hung up; and marks of its generation that are still on their way are nobody's."""
    scene = Twice(carrier, overlap=2.0)
    first, _ = await scene.play((Wait(1.5),), (Wait(6),))
    assert first.ended_by == "agent"
    assert first.seconds == pytest.approx(1.5, abs=0.1)
    one, two = scene.witness.history().values()
    assert one == pytest.approx(1500, abs=20)
    assert two == pytest.approx(len(hum(GREETING)) / 48, abs=20)
    assert scene.call._phone is not None
    assert scene.call._phone.leg.stale_marks == 0


async def test_a_call_that_stays_away_is_over() -> None:
    scene = Twice("twilio", away=6)
    _, second = await scene.play((Wait(1),), (Wait(3),))
    assert isinstance(scene.attached, StateError)
    assert scene.call.status == "disconnected"
    assert second.ended_by == "agent"


async def test_somebody_elses_call_is_not_let_in() -> None:
    scene = Twice("twilio", second_id="CA0666")
    _, second = await scene.play((Wait(1),), (Wait(1),))
    assert isinstance(scene.attached, StateError)
    assert second.code == 1008
    assert scene.call.status == "connected"
    await scene.call.close()


async def test_a_stream_that_never_says_whose_it_is() -> None:
    scene = Twice("twilio")
    await FakeTwilio(scene._first).call(Wait(1))
    with pytest.raises(ConnectError, match="did not come back"):
        await scene.call.reattach(FakeSocketOfNobody())
    assert scene.call.status == "disconnected", "and ten seconds are more than five"


async def test_hanging_up_and_closing_while_the_stream_is_away() -> None:
    scene = Twice("twilio")
    await FakeTwilio(scene._first).call(Wait(1))
    assert await scene.call.hangup() == "unconfirmed"
    assert scene.call.status == "disconnected"
    scene = Twice("twilio")
    await FakeTwilio(scene._first).call(Wait(1))
    await scene.call.close()
    assert await scene.ending == "closed"


async def test_keys_that_tear_the_stream_down_are_waited_out() -> None:
    """Twilio: the digits are played in place of the stream, and the webhook begins it anew."""
    control = Wishes(dtmf_ends_stream=True)
    scene = Twice("twilio", away=REATTACH_TIMEOUT - 1, options={"control": control, "reattach_timeout": 0.0})

    first = asyncio.create_task(FakeTwilio(scene._first).call(Wait(1)))
    await asyncio.sleep(0.9)
    assert await scene.call.send_dtmf("1") == "done"
    await first
    await asyncio.sleep(scene.away)
    began = asyncio.get_running_loop().time()
    await FakeTwilio(scene._again).call(Wait(2))
    assert scene.reason
    assert asyncio.get_running_loop().time() - began < 3, "the second stream's end is the call's"


def test_a_control_of_ones_own_is_enough() -> None:
    control: ControlsCalls = Wishes()
    assert not control.dtmf_ends_stream
