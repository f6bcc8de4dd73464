"""SIP calls, from the webhook to the end, against the package's own server, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from realtime_transport.conversation.brains import Script
from realtime_transport.emulator import Emulator
from realtime_transport.emulator.calls import Call
from realtime_transport.emulator.webhooks import WebhookTarget, incoming_call, signed_headers
from realtime_transport.exceptions import ApiError, ConnectionFailed, InvalidArgument
from realtime_transport.http import CallIncoming, RealtimeHTTP, Webhooks
from realtime_transport.session import RealtimeAgent, RealtimeSession
from realtime_transport.telephony.sip import Reject, SipCall, SipCalls, SipReceipt
from realtime_transport.transports.sip import SIPTransport

SECRET = "whsec_c29tZXRoaW5nIHNlY3JldA=="
NOW = 1_760_000_000
FROM = [("From", "sip:+14155550100@example.com")]
HELLO = Script(otherwise="Hello, how can I help?")


@attrs.define
class Desk:
    """Everything of one test: the server, the application's calls, and its webhook."""

    server: Emulator
    http: RealtimeHTTP
    calls: SipCalls

    async def hear(self, call_id: str, webhook_id: str = "wh_1", **changes: Any) -> SipReceipt:
        """Take a webhook that was signed by hand."""
        body = json.dumps(json.loads(incoming_call("evt_1", NOW, call_id, FROM)) | changes).encode()
        return await self.calls.receive(body, signed_headers(SECRET, webhook_id, NOW, body))

    def ring(self) -> Call:
        return self.server.ring(FROM)

    async def next(self) -> SipCall:
        async with asyncio.timeout(10):
            return await anext(aiter(self.calls))


@asynccontextmanager
async def desk(session: Any = None, **options: Any) -> AsyncIterator[Desk]:
    """A server that rings nowhere by itself, and an application that is told by hand."""
    async with Emulator(HELLO, pace=None) as server, RealtimeHTTP("k", base_url=server.http_url) as http:
        given: dict[str, Any] = {"connect": {"url": server.url, "api_key": "k"}, "wall_clock": lambda: NOW}
        async with SipCalls(http.calls, Webhooks(SECRET), session=session, **{**given, **options}) as calls:
            yield Desk(server, http, calls)


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    config.load()
    running = uvicorn.Server(config)
    running.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await running.startup(sockets=[listener])
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        await running.shutdown(sockets=[listener])


# --- a call ---------------------------------------------------------------------------------------------------------


async def test_a_call_from_its_ring_to_its_end() -> None:
    """Ring, webhook, accept, sideband, an agent speaks, the caller hears it, the agent hangs up."""
    fates: list[str] = []

    async def webhook(request: Request) -> Response:
        receipt = await calls.receive(await request.body(), request.headers)
        fates.append(receipt.fate)
        return Response(status_code=receipt.http_status)

    app = Starlette(routes=[Route("/webhook", webhook, methods=["POST"])])
    async with (
        served(app) as url,
        Emulator(HELLO, pace=None, webhook=WebhookTarget(url=f"{url}/webhook", secret=SECRET)) as server,
        RealtimeHTTP("k", base_url=server.http_url) as http,
        SipCalls(
            http.calls,
            Webhooks(SECRET),
            session={"instructions": "Be kind.", "voice": "marin"},
            connect={"url": server.url, "api_key": "k"},
        ) as calls,
        asyncio.timeout(20),
    ):
        ringing = server.ring(FROM)
        call = await anext(aiter(calls))
        assert (call.call_id, call.incoming.sip_header("from")) == (ringing.id, FROM[0][1])
        assert ringing.state == "active"
        assert calls.live == 1
        session = RealtimeSession(RealtimeAgent[Any](name="Desk", instructions="Be brief."), call.transport)
        await session.connect()
        session.request_response()
        await call.transport.wait_for("turn_done", timeout=10)
        assert ringing.heard
        assert await call.hangup()
        assert await call.wait_ended() == "The call is over."
        assert await call.wait_ended() == ""
        assert not await call.hangup()
        assert calls.live == 0
        assert fates == ["taken"]
        await session.close()


async def test_the_caller_is_passed_on() -> None:
    async with desk() as it:
        ringing = it.ring()
        assert (await it.hear(ringing.id)).fate == "taken"
        call = await it.next()
        assert await call.refer("tel:+14155550123")
        async with asyncio.timeout(10):
            await call.wait_ended()
        assert ringing.referred_to == "tel:+14155550123"
        assert not await call.refer("tel:+14155550123")


async def test_the_callers_end_is_the_calls() -> None:
    async with desk() as it:
        ringing = it.ring()
        await it.hear(ringing.id)
        call = await it.next()
        ringing.hang_up()
        async with asyncio.timeout(10):
            assert await call.wait_ended() == "The caller hung up."


# --- which calls are taken -------------------------------------------------------------------------------------------


async def test_a_session_for_each_call() -> None:
    async def decide(call: CallIncoming) -> dict[str, Any] | Reject:
        caller = call.sip_header("from") or ""
        return {"instructions": f"Greet {caller}."}

    async with desk(decide) as it:
        ringing = it.ring()
        await it.hear(ringing.id)
        assert ringing._peer is not None
        assert ringing._peer.conversation.session.instructions == f"Greet {FROM[0][1]}."  # type: ignore[union-attr]


@pytest.mark.parametrize(("reject", "status"), [(Reject(), 603), (Reject(status_code=486), 486)])
async def test_a_call_is_refused(reject: Reject, status: int) -> None:
    async with desk(lambda _: reject) as it:
        ringing = it.ring()
        assert (await it.hear(ringing.id)).fate == "rejected"
        assert ringing.status_code == status
        assert (await it.hear("rtc_gone", "wh_2")).fate == "gone"
        assert it.calls.live == 0


async def test_one_more_than_there_may_be_hears_that_the_line_is_busy() -> None:
    async with desk(max_calls=1) as it:
        first, second, third = it.ring(), it.ring(), it.ring()
        assert (await it.hear(first.id, "wh_1")).fate == "taken"
        receipt = await it.hear(second.id, "wh_2")
        assert (receipt.fate, receipt.http_status, second.status_code) == ("busy", 200, 486)
        assert (await it.hear("rtc_gone", "wh_3")).fate == "gone"
        call = await it.next()
        first.hang_up()
        await call.wait_ended()
        assert (await it.hear(third.id, "wh_4")).fate == "taken"


async def test_calls_that_are_over_and_nobody_got_take_a_place_too() -> None:
    async with desk(max_calls=1) as it:
        first, second = it.ring(), it.ring()
        await it.hear(first.id, "wh_1")
        first.hang_up()
        assert (await it.hear(second.id, "wh_2")).fate == "busy"


async def test_a_caller_who_left_before_we_accepted_is_no_error() -> None:
    async with desk() as it:
        ringing = it.ring()
        ringing.hang_up()
        receipt = await it.hear(ringing.id)
        assert (receipt.fate, receipt.http_status, receipt.call_id) == ("gone", 200, ringing.id)
        assert it.calls.live == 0


# --- webhooks -------------------------------------------------------------------------------------------------------


async def test_a_call_is_taken_once() -> None:
    """The same delivery again; and another delivery about the same call."""
    async with desk() as it:
        ringing = it.ring()
        fates = [(await it.hear(ringing.id, webhook)).fate for webhook in ("wh_1", "wh_1", "wh_2")]
        assert fates == ["taken", "duplicate", "duplicate"]
        assert it.calls.live == 1


async def test_two_deliveries_at_once_are_one_call() -> None:
    async with desk() as it:
        ringing = it.ring()
        receipts = await asyncio.gather(it.hear(ringing.id, "wh_1"), it.hear(ringing.id, "wh_2"))
        assert sorted(receipt.fate for receipt in receipts) == ["duplicate", "taken"]


@pytest.mark.parametrize("kind", ["live.call.incoming", "response.completed", "realtime.call.something_new"])
async def test_other_news_is_ignored(kind: str) -> None:
    async with desk() as it:
        ringing = it.ring()
        receipt = await it.hear(ringing.id, type=kind)
        assert (receipt.fate, receipt.detail, receipt.http_status) == ("ignored", kind, 200)
        assert ringing.state == "ringing"


async def test_a_forgery_moves_nothing() -> None:
    async with desk() as it:
        ringing = it.ring()
        body = incoming_call("evt_1", NOW, ringing.id, FROM)
        receipt = await it.calls.receive(body, signed_headers("another secret", "wh_1", NOW, body))
        assert (receipt.fate, receipt.http_status, ringing.state) == ("forged", 401, "ringing")
        assert (await it.hear(ringing.id)).fate == "taken"


# --- what goes wrong ------------------------------------------------------------------------------------------------


async def test_what_failed_may_come_again() -> None:
    def decide(_: CallIncoming) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise LookupError("the database is away")
        return {}

    tries: list[int] = []
    async with desk(decide) as it:
        ringing = it.ring()
        with pytest.raises(LookupError):
            await it.hear(ringing.id)
        assert it.calls.live == 0
        assert (await it.hear(ringing.id)).fate == "taken"


async def test_a_refusal_of_the_server_is_raised_and_the_call_rings_on() -> None:
    async with Emulator(HELLO, token="right") as server, RealtimeHTTP("wrong", base_url=server.http_url) as http:
        it = Desk(server, http, SipCalls(http.calls, Webhooks(SECRET), wall_clock=lambda: NOW))
        ringing = it.ring()
        with pytest.raises(ApiError, match="401"):
            await it.hear(ringing.id)
        assert ringing.state == "ringing"
        assert it.calls.live == 0


async def test_a_config_that_nobody_can_read_is_said_before_the_first_call() -> None:
    async with RealtimeHTTP("k") as http:
        with pytest.raises(InvalidArgument, match="tools"):
            SipCalls(http.calls, Webhooks(SECRET), session={"tools": [{"type": "function"}]})


async def test_a_call_without_a_sideband_is_hung_up() -> None:
    async with desk(connect={"url": "ws://127.0.0.1:9", "api_key": "k"}) as it:
        ringing = it.ring()
        with pytest.raises(ConnectionFailed):
            await it.hear(ringing.id)
        assert ringing.state == "over"
        assert it.calls.live == 0


# --- the end --------------------------------------------------------------------------------------------------------


async def test_closing_ends_what_nobody_got_and_leaves_the_rest() -> None:
    async with desk() as it:
        first, second, third = it.ring(), it.ring(), it.ring()
        await it.hear(first.id, "wh_1")
        call = await it.next()
        await it.hear(second.id, "wh_2")
        await it.calls.close()
        await it.calls.close()
        assert [first.state, second.state] == ["active", "over"]
        assert (await it.hear(third.id, "wh_3")).fate == "busy"
        assert [each async for each in it.calls] == []
        assert [each async for each in it.calls] == []
        await call.hangup()
        await call.transport.close()


async def test_the_memory_of_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_transport.telephony.sip.REMEMBERED", 2)
    async with desk(lambda _: Reject()) as it:
        fates = [(await it.hear(f"rtc_{name}", f"wh_{at}")).fate for at, name in enumerate(["a", "b", "b", "c", "a"])]
    assert fates == ["gone", "gone", "duplicate", "gone", "gone"]


async def test_the_transport_is_ones_own_if_need_be() -> None:
    made: list[str] = []

    class Mine(SIPTransport):
        def __init__(self, call_id: str) -> None:
            made.append(call_id)
            super().__init__(call_id)

    async with desk(transport=Mine) as it:
        ringing = it.ring()
        await it.hear(ringing.id)
        assert made == [ringing.id]
        assert isinstance((await it.next()).transport, Mine)
        ringing.hang_up()
