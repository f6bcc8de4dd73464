"""The gateway without a server: calls in memory on virtual time, with a model in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from realtime_transport.conversation.brain import CallTool, Say
from realtime_transport.conversation.brains import Script, hum, when
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.events.transport import AudioEvent
from realtime_transport.exceptions import ConnectError, InvalidArgument, SignatureError
from realtime_transport.gateway import Gateway, GatewayLimits, GatewayNews, IncomingCall
from realtime_transport.gateway.door import Refusal
from realtime_transport.gateway.tokens import Ticket
from realtime_transport.session import RealtimeAgent, RealtimeSession, function_tool
from realtime_transport.telephony.answers import Asked
from realtime_transport.telephony.codecs import CarrierCodec, TwilioCodec
from realtime_transport.telephony.signatures import SignedRequest
from realtime_transport.testing.carriers import CallRecord, FakePlivo, FakeTwilio, Listen, Speak, Step, Wait
from realtime_transport.testing.virtual_time import run
from realtime_transport.transports import LoopbackTransport
from tests.telephony.stage import Call

AGENT = RealtimeAgent[Any](name="Desk", instructions="Be brief.")
STREAM = "wss://calls.example.com/stream"
GREETING = Script(otherwise="Good morning and welcome")


def in_memory(socket: Any, *, carrier: CarrierCodec) -> Call:
    return Call(socket, carrier=carrier, peer=ServerPeer(GREETING))


class Slow(Call):
    """A model that takes its time."""

    async def _open(self, request: Any) -> None:
        await asyncio.sleep(3)
        await super()._open(request)


def slow(socket: Any, *, carrier: CarrierCodec) -> Call:
    return Slow(socket, carrier=carrier, peer=ServerPeer(GREETING))


class Desk:
    """A gateway with everything in memory, and what it told."""

    def __init__(self, agent: Any = AGENT, **options: Any) -> None:
        self.news: list[GatewayNews] = []
        given = {"allow_unsigned": True, "transport": in_memory, "tell": self.news.append, **options}
        self.gateway = Gateway(agent, **given)

    async def call(self, *script: Step, ticket: Ticket | None = None, **fake: Any) -> CallRecord:
        """Call it in memory."""

        async def answer(phone: Any) -> None:
            await self.gateway.take(phone, ticket or Ticket())

        return await FakeTwilio(answer, call_id="CA1", **fake).call(*script)

    def told(self, kind: str) -> list[str]:
        return [news.reason for news in self.news if news.kind == kind]

    @property
    def kinds(self) -> list[str]:
        return [news.kind for news in self.news]


def scene(play: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await play()

    run(main())


# --- answering -------------------------------------------------------------------------------------------------------


def test_the_agent_is_asked_with_all_that_is_known_of_the_call() -> None:
    asked: list[IncomingCall] = []

    async def who(call: IncomingCall) -> Any:
        asked.append(call)
        return AGENT

    async def play() -> None:
        desk = Desk(who)
        ticket = Ticket(asked=Asked(call_id="x", caller="+1", called="+2"), fields={"CallerCity": "Ulm"})
        record = await desk.call(Listen(), ticket=ticket, custom={"tariff": "gold"})
        assert record.spoken_ms > 500
        assert desk.kinds == ["started", "connected", "ended"]
        assert desk.news[-1].seconds == pytest.approx(record.seconds, abs=0.1)
        assert (desk.news[-1].caller, desk.gateway.tally.calls, desk.gateway.tally.failed) == ("+1", 1, 0)

    scene(play)
    (call,) = asked
    assert (call.carrier, call.call_id, call.stream_id) == ("twilio", "CA1", "MZCA1")
    assert (call.caller, call.called, call.account_id) == ("+1", "+2", "AC0123")
    assert (call.custom, call.fields) == ({"tariff": "gold"}, {"CallerCity": "Ulm"})
    assert "gold" not in repr(call)
    assert "Ulm" not in repr(call)


def test_a_session_of_ones_own_is_connected_or_taken_as_it_is() -> None:
    async def play() -> None:
        for connected in (False, True):

            async def who(call: IncomingCall, connected: bool = connected) -> Any:
                session = RealtimeSession(AGENT, call.transport)
                if connected:
                    await session.connect()
                return session

            desk = Desk(who)
            assert (await desk.call(Listen())).spoken_ms > 500
            assert desk.kinds == ["started", "connected", "ended"]

    scene(play)


def test_the_caller_may_speak_first() -> None:
    async def play() -> None:
        assert (await Desk(greet=False).call(Wait(3))).spoken_ms == 0
        assert (await Desk(greet=False).call(Speak(hum("hello there")), Listen())).spoken_ms > 500

    scene(play)


@pytest.mark.parametrize("answer", [None, "agent", RealtimeSession(AGENT, LoopbackTransport())])
def test_what_answers_has_to_be_an_agent_of_this_call(answer: Any) -> None:
    async def play() -> None:
        desk = Desk(lambda call: answer)
        record = await desk.call(Wait(5))
        assert (record.ended_by, record.code) == ("agent", 1011)
        (reason,) = desk.told("ended")
        assert reason.startswith("InvalidArgument: agent: gave ")
        assert desk.gateway.tally.failed == 1

    scene(play)


def test_an_agent_that_fails_ends_its_call_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def who(call: IncomingCall) -> Any:
        raise ZeroDivisionError("in somebody's code")

    async def play() -> None:
        desk = Desk(who)
        for _ in range(2):
            record = await desk.call(Wait(5))
            assert (record.ended_by, record.code) == ("agent", 1011)
        assert desk.told("ended") == ["ZeroDivisionError: in somebody's code"] * 2
        assert (desk.gateway.calls, desk.gateway.ready) == (0, True)

    with caplog.at_level(logging.WARNING):
        scene(play)
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text


def test_a_model_that_cannot_be_reached_is_said_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    class Unreachable(Call):
        async def _open(self, request: Any) -> None:
            raise ConnectError("nobody there", code="refused")

    def make(socket: Any, *, carrier: CarrierCodec) -> Call:
        return Unreachable(socket, carrier=carrier, peer=ServerPeer(GREETING))

    async def play() -> None:
        desk = Desk(transport=make)
        record = await desk.call(Wait(5))
        assert (record.ended_by, record.code) == ("agent", 1011)
        assert desk.told("ended") == ["ConnectError: nobody there"]

    with caplog.at_level(logging.WARNING):
        scene(play)
    assert "nobody there" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_caller_who_does_not_wait_for_the_model_is_no_failure() -> None:
    async def play() -> None:
        desk = Desk(transport=slow)
        assert (await desk.call(Wait(1))).ended_by == "caller"
        assert desk.told("ended") == ["the call ended while connecting: the caller hung up"]
        assert desk.gateway.tally.failed == 0

    scene(play)


def test_a_call_without_an_end_is_ended() -> None:
    async def play() -> None:
        desk = Desk(limits=GatewayLimits(max_call_seconds=20))
        record = await desk.call(Wait(60))
        assert record.ended_by == "agent"
        assert record.seconds == pytest.approx(20, abs=1)
        assert desk.told("ended") == ["the call lasted 20 s"]

    scene(play)


def test_every_call_is_recorded_in_a_folder_of_its_own(tmp_path: Path) -> None:
    class Evil(FakeTwilio):
        def __init__(self, answer: Any) -> None:
            super().__init__(answer, call_id="../../CA/é" + "x" * 200)

    async def play() -> None:
        desk = Desk(record_to=tmp_path / "calls")

        async def answer(phone: Any) -> None:
            await desk.gateway.take(phone, Ticket())

        await Evil(answer).call(Listen())

    scene(play)
    (folder,) = (tmp_path / "calls").iterdir()
    assert folder.name == ("______CA__" + "x" * 200)[:80]
    assert (folder / "call.wav").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "calls"]


async def stream_of(desk: Desk, name: str, *script: Step) -> CallRecord:
    """Call with another stream of a call."""

    async def answer(phone: Any) -> None:
        await desk.gateway.take(phone, Ticket())

    fake = FakeTwilio(answer, call_id="CA1")
    fake.stream_id = name
    return await fake.call(*script)


def test_a_call_whose_stream_was_torn_down_goes_on_in_the_next() -> None:
    """One agent, one session, one history: the gateway is full of this one call, and takes its second stream."""
    asked: list[IncomingCall] = []

    def who(call: IncomingCall) -> Any:
        asked.append(call)
        return AGENT

    def make(socket: Any, *, carrier: CarrierCodec) -> Call:
        return Call(socket, carrier=carrier, peer=ServerPeer(GREETING), reattach_timeout=10.0)

    async def play() -> None:
        desk = Desk(who, transport=make, limits=GatewayLimits(max_calls=1))
        first = asyncio.create_task(stream_of(desk, "MZ1", Listen(ms=300)))
        await asyncio.sleep(2)
        assert desk.kinds == ["started", "connected"]  # the stream is over, and the call is not
        assert "busy" in desk.gateway.answer({"CallSid": "CA2"}, STREAM).body
        assert "Stream" in desk.gateway.answer({"CallSid": "CA1"}, STREAM).body
        second = await stream_of(desk, "MZ2", Speak(hum("are you there")), Listen(), Wait(0.5))
        assert second.spoken_ms > 500
        assert 300 <= (await first).spoken_ms < 1000
        assert desk.kinds == ["started", "connected", "refused", "answered", "rejoined", "ended"]
        assert len(asked) == 1
        assert (desk.gateway.calls, desk.gateway.tally.calls) == (0, 1)

    scene(play)


def test_a_stream_that_cannot_join_its_call_is_closed() -> None:
    async def play() -> None:
        desk = Desk(transport=slow)
        first = asyncio.create_task(stream_of(desk, "MZ1", Wait(3)))
        await asyncio.sleep(0.5)
        second = await stream_of(desk, "MZ2", Wait(5))  # the model is not even connected
        assert (second.ended_by, second.code) == ("agent", 1008)
        assert "another call's" in desk.told("refused")[0]
        await first

    scene(play)


# --- webhooks --------------------------------------------------------------------------------------------------------


def test_what_is_custom_may_depend_on_the_webhook() -> None:
    async def play() -> None:
        fields = {"CallSid": "CA1", "From": "+1555"}
        desk = Desk(custom=lambda fields: {"who": fields["From"]})
        assert '<Parameter name="who" value="+1555" />' in desk.gateway.answer(fields, STREAM).body
        assert '<Parameter name="a" value="b" />' in Desk(custom={"a": "b"}).gateway.answer(fields, STREAM).body
        assert desk.news[0].caller == "+1555"
        assert "+1555" not in repr(desk.news)

    scene(play)


def test_every_answer_has_a_token_of_its_own() -> None:
    async def play() -> None:
        gateway = Desk().gateway
        documents = {gateway.answer({"CallSid": "CA1"}, STREAM).body for _ in range(5)}
        assert len(documents) == 5
        assert gateway.expected == 5

    scene(play)


def test_a_status_callback_ends_a_call_that_is_over() -> None:
    async def play() -> None:
        desk = Desk()
        calling = asyncio.create_task(desk.call(Wait(60)))
        await asyncio.sleep(3)
        for status in ({"CallSid": "CA1", "CallStatus": "in-progress"}, {"CallSid": "CA2", "CallStatus": "completed"}):
            await desk.gateway.heard_status(status)
        await asyncio.sleep(1)
        assert desk.gateway.calls == 1
        await desk.gateway.heard_status({"CallSid": "CA1", "CallStatus": "completed"})
        assert (await calling).ended_by == "agent"
        assert desk.told("status") == ["in-progress", "completed", "completed"]
        assert desk.told("ended") == ["the carrier says: completed"]

    scene(play)


def test_a_carrier_that_asks_nothing_is_answered_nothing() -> None:
    async def play() -> None:
        gateway = Desk(carrier="genesys").gateway
        assert gateway.answers is None
        with pytest.raises(InvalidArgument, match="no document"):
            gateway.answer({}, STREAM)
        await gateway.heard_status({"status": "completed"})

    scene(play)


def test_an_unknown_carrier_is_said_at_once() -> None:
    with pytest.raises(InvalidArgument, match="no carrier 'nobody'"):
        Gateway(AGENT, carrier="nobody", allow_unsigned=True)


def test_a_codec_of_ones_own_reads_the_stream() -> None:
    async def play() -> None:
        from realtime_transport.telephony.codecs import PlivoCodec

        desk = Desk(codec=PlivoCodec)

        async def answer(phone: Any) -> None:
            await desk.gateway.take(phone, Ticket())

        assert (await FakePlivo(answer).call(Listen())).spoken_ms > 500

    scene(play)


def test_a_refused_webhook_is_counted_and_raised() -> None:
    class Nobody:
        def verify(self, request: SignedRequest, now: float) -> None:
            raise SignatureError("not you", reason="mismatch")

    async def play() -> None:
        desk = Desk(verifier=Nobody())
        with pytest.raises(SignatureError):
            desk.gateway.verify(SignedRequest(url="https://h", headers={}))
        assert isinstance(desk.gateway.admit(SignedRequest(url="wss://h", headers={})), Refusal)
        assert desk.told("refused") == ["not you", "not you"]
        assert desk.gateway.tally.refused["signature"] == 2

    scene(play)


def test_who_watches_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    def tell(news: GatewayNews) -> None:
        raise ZeroDivisionError

    async def play() -> None:
        assert (await Desk(tell=tell).call(Listen())).spoken_ms > 500
        assert (await Desk(tell=None).call(Listen())).spoken_ms > 500

    scene(play)
    assert "who was told of started raised" in caplog.text


# --- the end ---------------------------------------------------------------------------------------------------------


def test_a_drain_waits_as_long_as_it_is_told() -> None:
    async def play() -> None:
        desk, loop = Desk(), asyncio.get_running_loop()
        calling = asyncio.create_task(desk.call(Wait(30)))
        await asyncio.sleep(1)
        began = loop.time()
        assert await desk.gateway.drain(10) == 1
        assert loop.time() - began == pytest.approx(10)
        assert await desk.gateway.drain(60) == 0
        assert loop.time() - began == pytest.approx(29, abs=1)
        await calling
        assert desk.kinds.count("draining") == 1

    scene(play)


def test_a_drain_waits_for_tokens_until_they_are_over() -> None:
    async def play() -> None:
        desk, loop = Desk(), asyncio.get_running_loop()
        desk.gateway.answer({}, STREAM)
        began = loop.time()
        assert await desk.gateway.drain(1000) == 0
        assert loop.time() - began == pytest.approx(30, abs=0.1)

    scene(play)


def test_a_gateway_that_closes_ends_its_calls_with_1001() -> None:
    async def play() -> None:
        desk = Desk()
        calling = asyncio.create_task(desk.call(Wait(60)))
        await asyncio.sleep(1)
        await desk.gateway.close()
        record = await calling
        assert (record.ended_by, record.code, record.seconds < 2) == ("agent", 1001, True)
        assert not desk.gateway.ready
        await desk.gateway.close()

    scene(play)


def test_a_cancelled_call_leaves_nothing() -> None:
    async def play() -> None:
        desk = Desk()
        calling = asyncio.create_task(desk.call(Wait(60)))
        await asyncio.sleep(1)
        assert desk.gateway.calls == 1
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await asyncio.sleep(0.1)
        assert desk.gateway.calls == 0
        assert desk.told("ended") == ["the gateway stops"]

    scene(play)


def test_the_numbers_add_up() -> None:
    async def play() -> None:
        desk = Desk()
        await desk.call(Listen())
        desk.gateway.answer({}, STREAM)
        text = desk.gateway.metrics()
        assert "realtime_gateway_calls_started_total 1\n" in text
        assert "realtime_gateway_calls_expected 1\n" in text
        assert f"realtime_gateway_call_seconds_total {round(desk.news[2].seconds, 3)}" in text
        names = [line.split()[0] for line in text.splitlines() if not line.startswith("#")]
        assert len(set(names)) == len(names)

    scene(play)


def test_the_audio_of_a_call_is_mu_law_from_end_to_end() -> None:
    """With no configuration at all."""
    formats: list[Any] = []

    def who(call: IncomingCall) -> Any:
        def note(event: AudioEvent) -> None:
            formats.append((call.transport.output_format, call.transport.input_format))

        call.transport.on("audio", note)
        return AGENT

    async def play() -> None:
        await Desk(who).call(Listen())

    scene(play)
    assert set(formats) == {(TwilioCodec().output_format, TwilioCodec().input_format)}


def test_an_agent_hangs_up_by_a_tool_after_its_last_word() -> None:
    """As the example does it. Nothing is left unanswered, and nothing is said after it."""
    errors: list[Any] = []

    def who(call: IncomingCall) -> Any:
        call.transport.on("error", errors.append)

        @function_tool(reply="quiet")
        async def goodbye() -> str:
            """End the call."""
            call.hang_up()
            call.hang_up()
            return "it ends"

        return RealtimeAgent[Any](name="Desk", instructions="Be brief.", tools=[goodbye])

    farewell = hum("Thank you for calling and goodbye")
    brain = Script(when(None, Say(transcript="Goodbye", audio=farewell), CallTool(name="goodbye")))

    def make(socket: Any, *, carrier: CarrierCodec) -> Call:
        return Call(socket, carrier=carrier, peer=ServerPeer(brain))

    async def play() -> None:
        desk = Desk(who, transport=make)
        record = await desk.call(Wait(30))
        assert record.ended_by == "agent"
        assert record.spoken_ms == pytest.approx(len(farewell) / 48, abs=20)
        assert desk.told("ended") == ["the agent hung up"]
        assert desk.gateway.tally.failed == 0

    scene(play)
    assert errors == []


def test_hanging_up_a_call_that_is_over_is_no_error() -> None:
    calls: list[IncomingCall] = []

    def who(call: IncomingCall) -> Any:
        calls.append(call)
        return AGENT

    async def play() -> None:
        await Desk(who).call(Listen())
        calls[0].hang_up()
        await asyncio.sleep(1)

    scene(play)
