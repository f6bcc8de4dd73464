"""Connecting: order on the wire, first causes, cancelling, and what is left behind: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects import Dialect, get_dialect
from realtime_transport.dialects.address import Endpoint
from realtime_transport.events.session import RealtimeSessionConfig, TranslationSessionConfig
from realtime_transport.events.transport import ConnectedEvent, ConnectionChangeEvent
from realtime_transport.exceptions import (
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    InvalidArgument,
    RealtimeError,
    ServerError,
    StateError,
    UnsupportedOperation,
)
from realtime_transport.testing import virtual_time
from tests.transports.bare import SESSION, Bare, idle

pytestmark = pytest.mark.virtual_time


def dialect(**capabilities: Any) -> Dialect:
    return Dialect(
        name="test",
        endpoint_rules=Endpoint(url="wss://test.example/v1/realtime"),
        keys=(),
        capabilities=Capabilities(**capabilities),
    )


async def confirms(transport: Bare) -> None:
    """Make the server confirm every update."""

    async def writing(frame: dict[str, Any]) -> None:
        if frame["type"] == "session.update":
            transport.say("session.updated", session={**SESSION, **frame["session"]})

    transport.writing = writing


# --- the order on the wire ---------------------------------------------------------------------------------------


async def test_nothing_is_sent_before_session_created_and_one_update_after_it() -> None:
    transport = Bare(greets=False)
    await confirms(transport)
    connecting = asyncio.ensure_future(transport.connect(session={"instructions": "Hi.", "tracing": "auto"}))
    await idle()
    assert transport.written == []
    assert transport.status == "connecting"
    transport.say("session.created", session=SESSION)
    await connecting
    assert transport.types() == ["session.update"]
    assert transport.written[0]["session"] == {"type": "realtime", "instructions": "Hi.", "tracing": "auto"}
    assert transport.status == "connected"
    await transport.close()


async def test_without_a_config_nothing_is_sent() -> None:
    transport = Bare()
    await transport.connect()
    assert transport.written == []
    await transport.close()


async def test_events_of_the_connection_in_order() -> None:
    transport = Bare()
    heard: list[Any] = []
    transport.on("connection_change", heard.append)
    transport.on("connected", heard.append)
    transport.on("disconnected", heard.append)
    await transport.connect()
    assert heard == [
        ConnectionChangeEvent(state="connecting", previous="disconnected"),
        ConnectionChangeEvent(state="connected", previous="connecting"),
        ConnectedEvent(session_id="sess_1", epoch=1),
    ]
    await transport.close()
    assert [event.name for event in heard[3:]] == ["connection_change", "connection_change", "disconnected"]


async def test_a_sideband_may_begin_with_session_updated() -> None:
    transport = Bare(greets=False)
    await transport.connect(call_id="rtc_1")
    assert transport.status == "connected"
    assert not transport.capabilities.carries_audio
    with pytest.raises(UnsupportedOperation):
        transport.send_audio(b"\0\0")
    transport.say("session.updated", session={**SESSION, "instructions": "elsewhere"})
    assert getattr(transport.session, "instructions", None) == "elsewhere"
    await transport.close()


async def test_a_server_that_never_confirms_gets_a_moment_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    transport = Bare(dialect=dialect(acknowledges_session_update=False))
    await transport.connect(session={"instructions": "Hi."})
    assert asyncio.get_running_loop().time() == 1.0
    assert "never confirms" in caplog.text
    await transport.close()


async def test_the_dialect_follows_the_url_unless_chosen() -> None:
    transport = Bare()
    await transport.connect(url="wss://me.openai.azure.com/openai/v1/realtime")
    assert transport.requests[0].dialect is get_dialect("azure")
    assert transport.connection_state.dialect == "azure"
    await transport.close()
    chosen = Bare(dialect="xai")
    await chosen.connect(url="wss://me.openai.azure.com/openai/v1/realtime")
    assert chosen.requests[0].dialect is get_dialect("xai")
    await chosen.close()


async def test_a_transcription_config_tells_the_intent() -> None:
    transport = Bare()
    transport.greeting = {"type": "transcription", "id": "sess_1"}
    await transport.connect(session={"type": "transcription"})
    assert transport.requests[0].intent == "transcription"
    await transport.close()


# --- wrong calls -------------------------------------------------------------------------------------------------


async def test_a_flawed_config_raises_before_anything_opens() -> None:
    transport = Bare()
    with pytest.raises(InvalidArgument, match="session"):
        await transport.connect(session={"instructions": 5})
    with pytest.raises(UnsupportedOperation, match="TranslationTransport"):
        await transport.connect(session=TranslationSessionConfig())
    assert transport.requests == []
    assert transport.status == "disconnected"


async def test_fm15_connecting_twice_raises() -> None:
    transport = Bare()
    await transport.connect()
    with pytest.raises(StateError, match="connected already"):
        await transport.connect()
    await transport.close()


async def test_everything_else_needs_a_connection() -> None:
    transport = Bare()
    with pytest.raises(StateError, match="disconnected"):
        transport.send_message("hello")
    await transport.close()


# --- the first cause ---------------------------------------------------------------------------------------------


async def test_what_open_raises_is_raised_and_nothing_is_closed() -> None:
    transport = Bare()

    async def fails() -> None:
        raise ConnectError("no", code="refused")

    transport.opening = fails
    with pytest.raises(ConnectError, match="no"):
        await transport.connect()
    assert transport.closed == []
    assert transport.status == "disconnected"


async def test_an_os_error_of_a_subclass_becomes_ours() -> None:
    transport = Bare()

    async def fails() -> None:
        raise ConnectionResetError("reset")

    transport.opening = fails
    with pytest.raises(ConnectError, match="reset") as caught:
        await transport.connect()
    assert isinstance(caught.value.__cause__, ConnectionResetError)


@pytest.mark.parametrize("stage", ["connecting", "waiting for session.created", "waiting for session.updated"])
async def test_the_time_limit_names_the_stage(stage: str) -> None:
    transport = Bare(greets=stage == "waiting for session.updated")
    if stage == "connecting":
        transport.opening = asyncio.Event().wait
    with pytest.raises(ConnectTimeout) as caught:
        await transport.connect(session={"instructions": "x"}, timeout=3)
    assert caught.value.stage == stage
    assert asyncio.get_running_loop().time() == 3.0
    assert len(transport.closed) == (0 if stage == "connecting" else 1)


async def test_an_update_that_is_never_answered_is_a_timeout_of_connecting() -> None:
    transport = Bare()
    with pytest.raises(ConnectTimeout, match=r"waiting for session\.updated"):
        await transport.connect(session={"instructions": "x"}, timeout=60)
    assert asyncio.get_running_loop().time() == 10.0


async def test_the_servers_refusal_is_raised_and_told_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    transport = Bare()
    heard: list[Any] = []
    transport.on("error", heard.append)

    async def refuses(frame: dict[str, Any]) -> None:
        transport.say("error", error={"type": "x", "message": "no such voice", "event_id": frame["event_id"]})

    transport.writing = refuses
    with pytest.raises(ServerError, match="no such voice"):
        await transport.connect(session={"voice": "nobody"})
    assert transport.closed == [(1000, "")]
    assert heard == []


async def test_a_refusal_that_names_nothing_counts_while_connecting() -> None:
    transport = Bare(greets=False)
    connecting = asyncio.ensure_future(transport.connect())
    await idle()
    transport.say("error", error={"message": "out of credit", "code": "insufficient_quota"})
    transport.feed_closed(1008, "policy")
    with pytest.raises(ServerError, match="out of credit"):
        await connecting


async def test_closed_by_the_server_while_connecting() -> None:
    transport = Bare(greets=False)
    connecting = asyncio.ensure_future(transport.connect())
    await idle()
    ends: list[Any] = []
    transport.on("disconnected", ends.append)
    transport.feed_closed(4000, "go away")
    with pytest.raises(ConnectionLost, match="4000: go away"):
        await connecting
    assert ends == []
    assert transport.closed == [(1000, "")]


async def test_the_reason_of_a_medium_that_went_away_while_connecting() -> None:
    transport = Bare(greets=False)
    connecting = asyncio.ensure_future(transport.connect())
    await idle()
    transport.feed_closed(None, "", ConnectError("the cable was pulled", code="eof"))
    with pytest.raises(ConnectError, match="cable"):
        await connecting


async def test_lost_in_the_moment_of_success() -> None:
    transport = Bare(greets=False)
    connecting = asyncio.ensure_future(transport.connect())
    await idle()
    transport.say("session.created", session=SESSION)
    transport.feed_closed(1006)
    with pytest.raises(ConnectionLost):
        await connecting
    assert transport.status == "disconnected"


async def test_a_server_that_greets_while_opening_is_heard() -> None:
    transport = Bare()
    seen: list[Any] = []
    transport.on("session_created", seen.append)
    await transport.connect()
    assert len(seen) == 1
    await transport.close()


# --- cancelling --------------------------------------------------------------------------------------------------


async def test_fm14_cancelled_in_the_moment_of_success_it_closes() -> None:
    transport = Bare()
    transport.on("connected", lambda event: connecting.cancel())
    connecting = asyncio.ensure_future(transport.connect())
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert transport.status == "disconnected"
    assert transport.closed == [(1000, "")]


async def test_fm14_cancelled_twice_it_still_cleans_up() -> None:
    transport = Bare(greets=False)
    transport.closing = lambda: asyncio.sleep(1)
    connecting = asyncio.ensure_future(transport.connect())
    await idle()
    connecting.cancel()
    await idle()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert asyncio.get_running_loop().time() == 1.0
    assert transport.status == "disconnected"


async def test_fm14_cancelled_before_its_first_step() -> None:
    transport = Bare()
    connecting = asyncio.ensure_future(transport.connect())
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert transport.status == "disconnected"
    await transport.connect()
    await transport.close()


async def test_fm14_close_ends_connecting() -> None:
    transport = Bare(greets=False)
    connecting = asyncio.ensure_future(transport.connect())
    await idle()
    await asyncio.gather(transport.close(), transport.close())
    with pytest.raises(StateError, match="while connecting"):
        await connecting
    assert transport.status == "disconnected"


async def test_closing_from_inside_connecting_is_refused() -> None:
    transport = Bare()
    transport.opening = transport.close
    with pytest.raises(StateError, match="cannot wait for itself"):
        await transport.connect()
    assert transport.status == "disconnected"


@pytest.mark.parametrize("how", ["awaited", "as a task"])
async def test_fm14_closed_in_the_moment_of_success_it_closes(how: str) -> None:
    transport = Bare()
    after: list[str] = []

    async def close() -> None:
        await transport.close()
        after.append(transport.status)

    def begin(event: object) -> None:
        closing.append(asyncio.ensure_future(close()))

    closing: list[asyncio.Future[None]] = []
    transport.on("connected", begin if how == "as a task" else lambda event: close())
    with pytest.raises(StateError, match="while connecting"):
        await transport.connect()
    await asyncio.gather(*closing)
    await idle()
    assert after == ["disconnected"]
    assert transport.closed == [(1000, "")]


async def test_fm14_close_ends_connecting_that_waits_for_the_last_connection_to_end() -> None:
    transport = Bare()
    transport.closing = lambda: asyncio.sleep(1)
    await transport.connect()
    first = asyncio.ensure_future(transport.close())
    await idle()
    again = asyncio.ensure_future(transport.connect())
    await idle()
    await transport.close()
    with pytest.raises(StateError, match="while connecting"):
        await again
    await first
    assert (transport.status, len(transport.requests)) == ("disconnected", 1)


async def test_fm71_a_listener_that_stops_the_program_leaves_no_attempt() -> None:
    transport = Bare()

    def stop(event: object) -> None:
        raise KeyboardInterrupt

    transport.once("connection_change", stop)
    with pytest.raises(KeyboardInterrupt):
        await transport.connect()
    assert transport.status == "disconnected"
    await transport.connect()
    await transport.close()


# --- again -------------------------------------------------------------------------------------------------------


async def test_a_listener_may_connect_anew_however_long_it_takes() -> None:
    transport = Bare()

    async def again(event: object) -> None:
        await asyncio.sleep(30)
        await transport.connect()

    transport.once("disconnected", again)
    await transport.connect()
    transport.feed_closed(1011, "restart")
    await asyncio.sleep(31)
    assert transport.status == "connected"
    assert transport.connection_state.epoch == 2
    await transport.close()


async def test_a_listener_may_connect_anew_at_once() -> None:
    transport = Bare()
    transport.closing = lambda: asyncio.sleep(1)
    transport.once("disconnected", lambda event: transport.connect())
    await transport.connect()
    transport.feed_closed(1011, "restart")
    await asyncio.sleep(2)
    assert transport.status == "connected"
    await transport.close()


async def spoken_with() -> Bare:
    """A transport after a conversation that is over."""
    transport = Bare()
    await transport.connect()
    transport.say("conversation.item.added", item={"type": "message", "role": "user", "id": "item_1", "content": []})
    transport.say("response.done", response={"id": "resp_1", "status": "completed", "usage": {"total_tokens": 12}})
    await transport.close()
    return transport


@pytest.mark.parametrize("how", ["refused", "greeted and refused", "cancelled", "closed", "of another dialect"])
async def test_a_failed_attempt_leaves_the_last_conversation_as_it_was(how: str) -> None:
    transport = await spoken_with()
    before = (transport.history, transport.session, transport.usage, transport.capabilities, transport.connection_state)

    async def opening() -> None:
        if how == "greeted and refused":
            transport.say("session.created", session={**SESSION, "id": "sess_2"})
            transport.say("conversation.item.added", item={"type": "message", "role": "user", "id": "item_2"})
        if how == "cancelled":
            attempt.cancel()
        if how == "closed":
            closing.append(asyncio.ensure_future(transport.close()))
        await asyncio.sleep(1)
        raise ConnectError("no")

    transport.opening = opening
    closing: list[asyncio.Future[None]] = []
    url = "wss://dashscope.aliyuncs.com/api-ws/v1/realtime" if how == "of another dialect" else None
    attempt = asyncio.ensure_future(transport.connect(url=url))
    await asyncio.gather(attempt, return_exceptions=True)
    assert len(transport.history) == 1
    assert before == (
        transport.history,
        transport.session,
        transport.usage,
        transport.capabilities,
        transport.connection_state,
    )
    transport.opening = None
    await transport.connect()
    assert (transport.history, transport.usage.total_tokens, transport.connection_state.epoch) == ((), 12, 2)
    await transport.close()


async def test_what_was_spent_counts_on_with_another_dialect() -> None:
    transport = await spoken_with()
    await transport.connect(url="wss://dashscope.aliyuncs.com/api-ws/v1/realtime")
    assert (transport.connection_state.dialect, transport.usage.total_tokens) == ("qwen", 12)
    await transport.close()


async def test_what_the_capabilities_change_makes_a_new_conversation() -> None:
    transport = Bare()
    await transport.connect()
    before = transport.capabilities
    await transport.close()
    await transport.connect(call_id="rtc_1")
    assert transport.capabilities != before
    await transport.close()


async def test_a_config_object_is_taken_as_it_is() -> None:
    transport = Bare()
    await confirms(transport)
    await transport.connect(session=RealtimeSessionConfig(instructions="Hi."))
    assert json.loads(json.dumps(transport.written[0]["session"]))["instructions"] == "Hi."
    assert transport.current_model == "gpt-test"
    await transport.close()


# --- anything at all ---------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(
        ["connect", "cancel", "close", "lose", "greet", "send", "interrupt", "refuse", "pass", "pass", "turn"]
    ),
    max_size=30,
)


@given(STEPS, st.booleans())
def test_any_order_of_things_leaves_nothing_behind(steps: list[str], greets: bool) -> None:
    """Whatever happens in whatever order: each call ends or raises ours, each receipt settles, ends are told once."""

    async def main() -> None:
        transport = Bare(greets=greets, close_timeout=1.0)
        ups, downs = list[Any](), list[Any]()
        transport.on("connected", ups.append)
        transport.on("disconnected", downs.append)
        transport.on("error", lambda event: None)
        calls: list[asyncio.Future[Any]] = []
        receipts: list[Any] = []
        for step in steps:
            if step == "connect":
                calls.append(asyncio.ensure_future(transport.connect(timeout=5)))
            elif step == "cancel" and calls:
                calls[-1].cancel()
            elif step == "close":
                calls.append(asyncio.ensure_future(transport.close()))
            elif step == "lose":
                transport.feed_closed(1011, "lost")
            elif step == "greet":
                transport.say("session.created", session=SESSION)
            elif step == "refuse":
                transport.say("error", error={"message": "no"})
            elif step in {"send", "interrupt", "turn"}:
                verb = {
                    "send": transport.send_message,
                    "interrupt": transport.interrupt,
                    "turn": transport.request_response,
                }
                try:
                    receipts.append(verb[step](*(["hello"] if step == "send" else [])))
                except StateError:
                    assert transport.status != "connected"
            else:
                await asyncio.sleep(0.01)
            assert len(ups) - len(downs) in {0, 1}
        await asyncio.sleep(6)
        await transport.close()
        assert transport.status == "disconnected"
        assert len(ups) == len(downs)
        for call in calls:
            assert call.done()
            assert call.cancelled() or call.exception() is None or isinstance(call.exception(), RealtimeError)
        for receipt in receipts:
            async with asyncio.timeout(1):
                with contextlib.suppress(RealtimeError):
                    await receipt.acknowledged()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual_time.run(main())
