"""Calls with the library's own hands: webhook, accept, sideband, interruption, transfer; and everything refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_transport import SIPTransport
from realtime_transport.conversation.brain import CallTool, Reply, Say
from realtime_transport.conversation.brains import Echo, Script, hum
from realtime_transport.emulator import Call, Emulator, WebhookTarget, library
from realtime_transport.emulator import calls as calls_module
from realtime_transport.emulator import webhooks as webhooks_module
from realtime_transport.emulator.calls import sdp_answer
from realtime_transport.exceptions import InvalidArgument, MissingExtra, StateError
from realtime_transport.http import CallIncoming, RealtimeHTTP, Webhooks
from tests.emulator.calling import Caller

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"
OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nm=application 9 DTLS x\r\n"
HELLO = Script(
    otherwise=Say(transcript="Hello, how can I help?", audio=hum("hello how can i help you today my friend"))
)


class Receiver:
    """Takes webhooks, and answers each with the next status."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.taken: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
        body = await reader.readexactly(int(headers["content-length"]))
        status = self.statuses.pop(0)
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.taken.put_nowait((headers, body))

    def target(self, secret: str) -> WebhookTarget:
        return WebhookTarget(url=self.url, secret=secret)

    async def next(self) -> tuple[dict[str, str], bytes]:
        async with asyncio.timeout(10):
            return await self.taken.get()


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(*statuses)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhook"
    async with server:
        yield receiver


@asynccontextmanager
async def active(server: Emulator, **session: Any) -> AsyncIterator[tuple[Call, Caller]]:
    """A call that was accepted, and a socket that joined it."""
    call = server.ring()
    async with RealtimeHTTP("k", base_url=server.http_url) as http:
        assert await http.calls.accept(call.id, session)
    async with connect(f"{server.url}?call_id={call.id}") as socket:
        yield call, Caller(socket)


# --- the whole way -------------------------------------------------------------------------------------------------


async def test_a_telephone_call_from_ring_to_hang_up() -> None:
    headers = [("From", "sip:+15550100@example.com"), ("To", "sip:agent@example.com")]
    script = Script(otherwise=Reply(text="Hello, how can I help?"))
    async with (
        receiving(200) as receiver,
        Emulator(script, webhook=receiver.target(SECRET)) as server,
    ):
        call = server.ring(headers)
        told, body = await receiver.next()
        event = Webhooks(SECRET).unwrap(body, told, int(told["webhook-timestamp"]))
        assert isinstance(event, CallIncoming)
        assert (event.call_id, event.sip_header("from")) == (call.id, headers[0][1])
        async with RealtimeHTTP("k", base_url=server.http_url) as http:
            assert await http.calls.accept(call.id, SIPTransport.accept_config({"instructions": "Be kind."}))
            assert call.state == "active"
            transport = SIPTransport(call.id)
            await transport.connect(url=f"{server.url}?call_id={call.id}", api_key="k")
            transport.send_event({"type": "response.create"})
            await transport.wait_for("turn_done", timeout=10)
            assert call.heard
            assert await http.calls.hangup(call.id)
            lost = await transport.wait_for("disconnected", timeout=10)
            assert lost.code == 1000
            await transport.close()
            assert not await http.calls.hangup(call.id)
        assert (call.state, call.ended.is_set()) == ("over", True)


async def test_what_a_socket_that_joined_is_told() -> None:
    async with Emulator(HELLO, pace=None) as server, active(server) as (call, caller):
        await call.speak(library().audio("caller_hello"), pace=None)
        await caller.until("output_audio_buffer.stopped")
        assert "session.created" not in caller.types
        assert "response.output_audio.delta" not in caller.types
        order = [
            "input_audio_buffer.speech_started",
            "response.created",
            "output_audio_buffer.started",
            "response.done",
        ]
        assert [kind for kind in caller.types if kind in order] == order
        assert len({frame["event_id"] for frame in caller.frames}) == len(caller.frames)


async def test_the_server_truncates_what_it_stops_playing() -> None:
    audio = {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}
    async with Emulator(HELLO, pace=None) as server, active(server, audio=audio) as (call, caller):
        await caller.send("response.create")
        done = await caller.until("response.done")
        length = len(call.heard)
        await call.speak(library().audio("caller_stop"), pace=None)
        cleared = await caller.until("output_audio_buffer.cleared")
        truncated = await caller.until("conversation.item.truncated")
        assert cleared["response_id"] == done["response"]["id"]
        assert truncated["item_id"] == done["response"]["output"][0]["id"]
        assert truncated["audio_end_ms"] < 1000
        assert len(call.heard) < length


async def test_a_socket_may_stop_the_playing() -> None:
    async with Emulator(HELLO, pace=1) as server, active(server) as (_, caller):
        await caller.send("output_audio_buffer.clear")  # nothing plays yet: nothing happens
        await caller.send("response.create")
        await caller.until("output_audio_buffer.started")
        await caller.send("response.cancel")
        await caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared")
        await caller.until("conversation.item.truncated")


@pytest.mark.parametrize("cancels", [True, False])
async def test_what_is_cleared_before_it_is_whole_is_truncated_when_it_is(cancels: bool) -> None:
    async with Emulator(HELLO, pace=4) as server, active(server) as (call, caller):
        await caller.send("response.create")
        await caller.until("output_audio_buffer.started")
        await caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared")
        heard = len(call.heard)
        if cancels:
            await caller.send("response.cancel")
        done = await caller.until("response.done")
        truncated = await caller.until("conversation.item.truncated")
        assert truncated["item_id"] == done["response"]["output"][0]["id"]
        assert truncated["audio_end_ms"] < 1000
        assert len(call.heard) == heard
        assert caller.types.count("output_audio_buffer.started") == 1
        await caller.send("response.create")  # the next one is played
        await caller.until("response.done")
        assert caller.types.count("output_audio_buffer.started") == 2
        assert "error" not in caller.types


async def test_what_is_cleared_outside_the_conversation_is_truncated_nowhere() -> None:
    async with Emulator(HELLO, pace=None) as server, active(server) as (_, caller):
        await caller.send("response.create", response={"conversation": "none"})
        await caller.until("response.done")
        await caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared")
        await caller.send("input_audio_buffer.clear")
        await caller.until("input_audio_buffer.cleared")
        assert {"error", "conversation.item.truncated"}.isdisjoint(caller.types)


async def test_an_answer_in_text_leaves_alone_what_is_playing() -> None:
    async with Emulator(HELLO, pace=None) as server, active(server) as (_, caller):
        await caller.send("response.create")
        spoken = await caller.until("response.done")
        await caller.send("response.create", response={"output_modalities": ["text"]})
        await caller.until("response.done")
        await caller.send("output_audio_buffer.clear")
        cleared = await caller.until("output_audio_buffer.cleared")
        assert cleared["response_id"] == spoken["response"]["id"]


async def test_an_answer_in_a_format_of_its_own_is_heard_as_long_as_it_is() -> None:
    async with Emulator(HELLO, pace=None) as server, active(server) as (call, caller):
        await caller.send("response.create")
        await caller.until("response.done")
        length = len(call.heard)
        law = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
        await caller.send("response.create", response=law)
        await caller.until("response.done")
        assert len(call.heard) - length == pytest.approx(length, rel=0.01)


async def test_a_second_answer_ends_the_playing_of_the_first() -> None:
    brain = Script(otherwise=Say(transcript="Hi.", audio=hum("hi")))
    async with Emulator(brain, pace=None) as server, active(server) as (_, caller):
        for _ in range(2):
            await caller.send("response.create")
            await caller.until("response.done")
        assert "output_audio_buffer.stopped" in caller.types


async def test_only_the_last_item_is_truncated() -> None:
    hello = Say(transcript="Hello, how can I help?", audio=hum("hello how can i help"))
    audio = {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}
    script = Script(otherwise=hello)
    script.answer = lambda _: [hello, CallTool(name="f"), hello]  # type: ignore[method-assign]
    async with Emulator(script, pace=None) as server, active(server, audio=audio) as (_, caller):
        await caller.send("response.create")
        done = await caller.until("response.done")
        await caller.send("output_audio_buffer.clear")
        truncated = await caller.until("conversation.item.truncated")
        assert truncated["item_id"] == done["response"]["output"][2]["id"]
        assert truncated["audio_end_ms"] == 0


async def test_an_answer_outside_the_conversation_ends_what_was_playing() -> None:
    brain = Script(otherwise=Say(transcript="One moment.", audio=hum("one moment please")))
    async with Emulator(brain, pace=None) as server, active(server) as (_, caller):
        for _ in range(2):
            await caller.send("response.create", response={"conversation": "none"})
            await caller.until("response.done")
        assert caller.types.count("output_audio_buffer.started") == 2
        assert caller.types.count("output_audio_buffer.stopped") == 1


async def test_keys_of_the_caller() -> None:
    async with Emulator(Echo(), wall_clock=lambda: 1_800_000_000.0) as server, active(server) as (call, caller):
        await caller.send("session.update", session={"type": "realtime"})
        await caller.until("session.updated")
        call.press("#")
        frame = await caller.next()
        assert (frame["type"], frame["event"]) == ("input_audio_buffer.dtmf_event_received", "#")
        assert frame["received_at"] == 1_800_000_000
        for wrong in ("x", "", "12"):
            with pytest.raises(InvalidArgument):
                call.press(wrong)


async def test_speech_does_not_interrupt_when_the_session_says_so() -> None:
    detection = {"type": "server_vad", "interrupt_response": False}
    audio = {"input": {"turn_detection": detection}}
    async with Emulator(HELLO, pace=None) as server, active(server, audio=audio) as (call, caller):
        await caller.send("response.create")
        await caller.until("response.done")
        await call.speak(library().audio("caller_stop"), pace=None)
        await caller.until("input_audio_buffer.committed")
        assert "output_audio_buffer.cleared" not in caller.types


async def test_a_call_in_the_format_of_telephones() -> None:
    ulaw = {"format": {"type": "audio/pcmu"}}
    audio = {"input": ulaw, "output": ulaw}
    async with Emulator(Echo(), pace=None) as server, active(server, audio=audio) as (call, caller):
        await call.speak(library().audio("caller_hello"), pace=None)
        await caller.until("response.done")
        assert len(call.heard) > 24_000


async def test_tools_of_a_call_are_run_by_the_socket() -> None:
    async with Emulator(Script(otherwise=CallTool(name="f"))) as server, active(server) as (_, caller):
        await caller.send("response.create")
        assert (await caller.until("response.function_call_arguments.done"))["name"] == "f"


async def test_sound_does_not_pass_a_sideband() -> None:
    async with Emulator(Echo()) as server, active(server) as (_, caller):
        await caller.send("input_audio_buffer.append", audio="AAAA", event_id="mine")
        error = (await caller.next())["error"]
        assert (error["code"], error["event_id"]) == ("invalid_value", "mine")
        await caller.socket.send("{")
        assert (await caller.next())["error"]["code"] == "invalid_json"


async def test_the_caller_hangs_up() -> None:
    async with Emulator(Echo()) as server, active(server) as (call, caller):
        speaking = asyncio.create_task(call.speak(bytes(48_000)))
        await asyncio.sleep(0)
        call.hang_up()
        call.hang_up()
        assert await caller.closed() == (1000, "The caller hung up.")
        await speaking
        await caller_of_nothing(call)


async def caller_of_nothing(call: Call) -> None:
    """What a socket says that has not noticed the end yet changes nothing."""
    from realtime_transport.events import ResponseCreate
    from realtime_transport.exceptions import DecodeError

    call.receive(ResponseCreate())
    call.receive_unreadable(DecodeError("no"), None)


async def test_stopping_the_server_ends_its_calls() -> None:
    server = Emulator(Echo())
    await server.start()
    async with active(server) as (call, caller):
        ringing = server.ring()
        await server.stop()
        assert (await caller.closed())[1] == "The server is shutting down."
        assert (call.state, ringing.state) == ("over", "over")


async def test_nobody_has_answered() -> None:
    async with Emulator(Echo()) as server:
        with pytest.raises(StateError, match="nobody took"):
            await server.ring().speak(b"")


# --- over HTTP -----------------------------------------------------------------------------------------------------


async def post(server: Emulator, path: str, **options: Any) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{server.http_url.removesuffix('/v1')}{path}", **options)


async def test_rejected_referred_and_gone() -> None:
    async with Emulator(Echo()) as server, RealtimeHTTP("k", base_url=server.http_url) as http:
        rejected = server.ring()
        assert await http.calls.reject(rejected.id, 486)
        assert (rejected.state, rejected.status_code, rejected.answered.is_set()) == ("over", 486, True)
        assert not await http.calls.reject(rejected.id)
        async with active(server) as (call, caller):
            assert await http.calls.refer(call.id, "tel:+15550100")
            assert (await caller.closed())[1] == "The call was transferred."
            assert call.referred_to == "tel:+15550100"


@pytest.mark.parametrize(
    ("verb", "state", "body", "param"),
    [
        ("accept", "active", {"type": "realtime"}, "call_id"),
        ("accept", "ringing", {"type": "transcription"}, "session.type"),
        ("accept", "ringing", {"type": "realtime", "output_modalities": ["smell"]}, "session.output_modalities"),
        ("reject", "active", {}, "call_id"),
        ("reject", "ringing", {"status_code": 200}, "status_code"),
        ("reject", "ringing", {"status_code": True}, "status_code"),
        ("refer", "ringing", {"target_uri": "tel:+1"}, "call_id"),
        ("refer", "active", {"target_uri": "nowhere"}, "target_uri"),
        ("refer", "active", {}, "target_uri"),
    ],
)
async def test_verbs_that_are_refused(verb: str, state: str, body: Any, param: str) -> None:
    async with Emulator(Echo()) as server:
        call = server.ring()
        if state == "active":
            assert (await post(server, f"/v1/realtime/calls/{call.id}/accept")).status_code == 200
        answer = await post(server, f"/v1/realtime/calls/{call.id}/{verb}", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_keys_of_calls() -> None:
    async with Emulator(Echo(), token="t") as server:
        call = server.ring()
        for path in ("/v1/realtime/calls", f"/v1/realtime/calls/{call.id}/hangup", "/emulator/calls"):
            assert (await post(server, path)).status_code == 401


async def test_ringing_over_http() -> None:
    async with Emulator(Echo(), max_sessions=1) as server:
        rung = await post(server, "/emulator/calls", json={"sip_headers": [{"name": "From", "value": "sip:a@b"}]})
        assert rung.status_code == 201
        call_id = rung.json()["call_id"]
        assert (await post(server, f"/v1/realtime/calls/{call_id}/accept", json={})).status_code == 200
        for wrong in ("x", [1], [{"name": "From"}]):
            answer = await post(server, "/emulator/calls", json={"sip_headers": wrong})
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, "sip_headers")


async def test_a_webrtc_call_is_signalled_and_carries_no_sound() -> None:
    async with Emulator(Echo()) as server, RealtimeHTTP("k", base_url=server.http_url) as http:
        call = await http.calls.create(OFFER, {"instructions": "Be kind."})
        assert call.call_id is not None
        assert call.location == f"/v1/realtime/calls/{call.call_id}"
        assert "m=audio 0 UDP/TLS/RTP/SAVPF 111" in call.answer
        async with connect(f"{server.url}?call_id={call.call_id}") as socket:
            caller = Caller(socket)
            await caller.send("session.update", session={"type": "realtime"})
            assert (await caller.next())["session"]["instructions"] == "Be kind."
        assert await http.calls.hangup(call.call_id)


async def test_a_webrtc_call_by_client_secret() -> None:
    async with Emulator(Echo(), token="t") as server, RealtimeHTTP("t", base_url=server.http_url) as http:
        secret = await http.client_secrets.create({"type": "realtime", "instructions": "From the secret."})
        headers = {"authorization": f"Bearer {secret.value.reveal()}", "content-type": "application/sdp"}
        answer = await post(server, "/v1/realtime/calls", content=OFFER, headers=headers)
        assert answer.status_code == 201


@pytest.mark.parametrize(
    ("options", "status", "param"),
    [
        ({"json": {}}, 400, "content-type"),
        ({"content": b"hello", "headers": {"content-type": "application/sdp"}}, 400, "sdp"),
        ({"content": b"v=0" * 400_000, "headers": {"content-type": "application/sdp"}}, 400, "sdp"),
        ({"files": {"sdp": OFFER.encode(), "session": b"{"}}, 400, "session"),
        ({"files": {"sdp": OFFER.encode(), "session": b"[]"}}, 400, "session"),
        ({"files": {"sdp": OFFER.encode(), "session": b'{"type": "transcription"}'}}, 400, "session.type"),
        ({"files": {"sdp": OFFER.encode(), "session": b'{"model": 1}'}}, 400, "session.model"),
        ({"files": {"session": b"{}"}}, 400, "sdp"),
    ],
)
async def test_offers_that_are_none(options: Any, status: int, param: str) -> None:
    async with Emulator(Echo()) as server:
        answer = await post(server, "/v1/realtime/calls", **options)
        assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_a_full_house_takes_no_calls() -> None:
    async with Emulator(Echo(), max_sessions=1) as server:
        server.ring()
        answer = await post(server, "/v1/realtime/calls", content=OFFER, headers={"content-type": "application/sdp"})
        assert answer.status_code == 429


def test_an_answer_to_an_offer_without_media() -> None:
    assert sdp_answer("v=0\n").startswith("v=0\r\n")


# --- joining -------------------------------------------------------------------------------------------------------


async def joined(server: Emulator, call_id: str) -> int:
    try:
        async with connect(f"{server.url}?call_id={call_id}"):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def test_only_active_calls_can_be_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "MAX_SIDEBANDS", 1)
    async with Emulator(Echo()) as server:
        assert await joined(server, "rtc_nobody") == 404
        assert await joined(server, server.ring().id) == 404
        async with active(server) as (call, caller):
            await caller.send("session.update", session={"type": "realtime"})
            await caller.next()
            assert await joined(server, call.id) == 429
        async with asyncio.timeout(5):
            while call.is_crowded:
                await asyncio.sleep(0)
        assert await joined(server, call.id) == 101


# --- webhooks ------------------------------------------------------------------------------------------------------


async def test_a_webhook_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks_module, "FIRST_PAUSE", 0.0)
    async with (
        receiving(500, 200) as receiver,
        Emulator(Echo(), webhook=receiver.target("s")) as server,
    ):
        server.ring()
        (first, _), (second, body) = await receiver.next(), await receiver.next()
        assert first["webhook-id"] == second["webhook-id"]
        Webhooks("s").unwrap(body, second, int(second["webhook-timestamp"]))


async def test_a_webhook_that_nobody_takes(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(webhooks_module, "FIRST_PAUSE", 0.0)
    target = WebhookTarget(url="http://127.0.0.1:1/webhook", secret="s")
    assert not await webhooks_module.deliver(target, "wh_1", b"{}", lambda: 0.0)
    assert caplog.text.count("was not delivered") == 3


async def test_a_webhook_on_its_way_ends_with_the_server() -> None:
    async with Emulator(Echo(), webhook=WebhookTarget(url="http://127.0.0.1:1/webhook", secret="s")) as server:
        server.ring()


def test_targets_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgument, match="is no URL"):
        WebhookTarget(url="127.0.0.1", secret="s")
    for secret in ("", "whsec_", "whsec_!"):
        with pytest.raises(InvalidArgument, match="secret"):
            WebhookTarget(url="http://127.0.0.1", secret=secret)
    monkeypatch.setattr(webhooks_module, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra):
        WebhookTarget(url="http://127.0.0.1", secret="s")
