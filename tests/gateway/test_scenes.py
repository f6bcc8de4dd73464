"""Those who should not get in, those who come twice, those who come in crowds, and those who leave last."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime_transport.conversation.brains import hum
from realtime_transport.emulator import Emulator
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.gateway import AudioSocketServer, GatewayLimits, gateway_app
from realtime_transport.telephony.signatures import TelnyxStreamVerifier
from realtime_transport.telephony.signatures.twilio import twilio_signature
from realtime_transport.testing.carriers import FAKES, FakeTwilio, Flood, Listen, Speak, Wait
from tests.gateway.house import (
    AGENT,
    SECRET,
    TOKEN,
    Webhook,
    free_port,
    gateway,
    twilio,
    verifier,
    vonage_token,
    with_model,
)


def nobody(call: object) -> Any:
    raise AssertionError(f"nobody was to be asked about {call}")


# --- bad signatures --------------------------------------------------------------------------------------------------


async def test_a_webhook_that_is_not_signed_gets_nothing() -> None:
    async with gateway(agent=nobody) as house:
        good = twilio(f"{house.url}/answer", "CA1")
        forged = [
            attrs_without(good, "X-Twilio-Signature"),
            Webhook(url=good.url, method="POST", headers=good.headers, body=good.body + b"&To=%2B1900"),
            Webhook(url=good.url + "?a=1", method="POST", headers=good.headers, body=good.body),
            Webhook(url=f"{house.url}/status", method="POST", headers=good.headers, body=good.body),
            Webhook(url=f"{house.url}/answer/", method="POST", headers=good.headers, body=good.body),
            twilio(f"{house.url}/answer", "CA1", token="54321"),
            twilio("https://elsewhere.example.com/answer", "CA1"),
        ]
        forged[-1] = Webhook(url=good.url, method="POST", headers=forged[-1].headers, body=forged[-1].body)
        for webhook in forged:
            refused = await house.send(webhook)
            assert refused.status_code == 401, webhook
            assert "Stream" not in refused.text
        assert (await house.send(good)).status_code == 200
        assert (await house.send(twilio(f"{house.url}/answer/", "CA1"))).status_code == 200
        assert 'refused_total{reason="signature"} 7' in (await house.get("/metrics")).text
        assert len(house.told("refused")) == 7


def attrs_without(webhook: Webhook, header: str) -> Webhook:
    headers = {name: value for name, value in webhook.headers.items() if name != header}
    return Webhook(url=webhook.url, method=webhook.method, headers=headers, body=webhook.body)


async def test_forwarded_headers_are_believed_only_when_the_gateway_is_told_to() -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "calls.example.com"}
    signed = twilio("https://calls.example.com/answer", "CA1")
    async with gateway(agent=nobody) as house:
        proxied = Webhook(
            url=f"{house.url}/answer", method="POST", headers={**signed.headers, **forwarded}, body=signed.body
        )
        assert (await house.send(proxied)).status_code == 401
    async with gateway(agent=nobody, public_url=None, trust_forwarded=True) as house:
        proxied = Webhook(
            url=f"{house.url}/answer", method="POST", headers={**signed.headers, **forwarded}, body=signed.body
        )
        answered = await house.send(proxied)
        assert answered.status_code == 200
        assert "wss://calls.example.com/stream/" in answered.text


async def refused(url: str, **headers: str) -> int:
    """Return the status with which an upgrade is refused."""
    with pytest.raises(InvalidStatus) as caught:
        await connect(url, additional_headers=headers, proxy=None)
    return int(caught.value.response.status_code)


async def test_a_stream_needs_the_signature_and_the_token() -> None:
    async with gateway(agent=nobody) as house:
        url = await house.stream()
        guessed = f"{house.websocket_url}/stream/5f0c9a52-1e0b-4b8e-9b5a-1b3a2c4d5e6f"
        good = {"X-Twilio-Signature": twilio_signature(TOKEN, url)}
        assert await refused(url) == 401  # a token that was overheard is not enough
        assert await refused(url, **{"X-Twilio-Signature": twilio_signature("54321", url)}) == 401
        assert await refused(guessed, **good) == 401
        assert await refused(guessed, **{"X-Twilio-Signature": twilio_signature(TOKEN, guessed)}) == 401
        assert await refused(f"{house.websocket_url}/stream") == 401
        # None of that has used the token up.
        async with connect(url, additional_headers=good, proxy=None):
            pass


async def test_a_stream_without_webhook_is_vouched_for_by_its_own_credentials() -> None:
    """Telnyx's stream_url set over REST: no webhook of ours, and the token that we chose."""
    token = "chosen-by-us"
    async with with_model("telnyx", verifier=None, stream_verifier=TelnyxStreamVerifier(token)) as house:
        url = f"{house.websocket_url}/stream"
        record = await FAKES["telnyx"](secret="guessed").dial(url, Wait(0.1))
        assert record.refused == 401
        record = await FAKES["telnyx"](secret=token).dial(url, Listen(ms=200))
        assert (record.refused, record.spoken_ms >= 200) == (None, True)
        # And nobody gets a document that nobody can verify.
        assert (await house.client.post(f"{house.url}/answer")).status_code == 401


async def test_vonage_is_asked_to_sign_the_stream_when_somebody_checks_it() -> None:
    async with gateway("vonage", agent=nobody) as house:
        assert "authorization" not in (await house.ask()).text
    async with gateway("vonage", agent=nobody, stream_verifier=verifier("vonage")) as house:
        assert '"authorization":{"type":"vonage"}' in (await house.ask()).text
        url = await house.stream()
        assert await refused(url) == 401
        async with connect(url, additional_headers={"Authorization": f"Bearer {vonage_token()}"}, proxy=None):
            pass


async def test_genesys_has_to_be_who_has_signed() -> None:
    """Organization A's signature with organization B's ``open``."""
    async with gateway("genesys", agent=nobody) as house:

        class Other(FAKES["genesys"]):  # type: ignore[misc,name-defined]
            def opening(self) -> list[Any]:
                (opened,) = super().opening()
                message = json.loads(opened)
                message["parameters"]["organizationId"] = "another-organization"
                return [json.dumps(message)]

        record = await Other(secret=SECRET).dial(f"{house.websocket_url}/stream", Wait(5))
        assert (record.ended_by, record.code) == ("agent", 1008)
        assert "another account" in house.told("refused")[0].reason


def test_a_gateway_that_verifies_nothing_does_not_start_unless_told_so() -> None:
    with pytest.raises(InvalidArgument, match="allow_unsigned=True"):
        gateway_app(AGENT, public_url="https://calls.example.com")
    gateway_app(AGENT, public_url="https://calls.example.com", allow_unsigned=True)


async def test_allow_unsigned_takes_anybody() -> None:
    async with with_model(verifier=None, allow_unsigned=True, public_url=None) as house:
        answered = await house.client.post(f"{house.url}/answer", data={"CallSid": "CA1"})
        assert f"{house.websocket_url}/stream/" in answered.text
        record = await FakeTwilio().dial(f"{house.websocket_url}/stream", Listen(ms=200))
        assert record.spoken_ms >= 200


# --- replays ---------------------------------------------------------------------------------------------------------


async def test_a_token_opens_one_stream() -> None:
    async with with_model() as house:
        url = await house.stream("CA1")
        first = FakeTwilio(call_id="CA1", secret=TOKEN).dial(url, Listen(ms=300))
        again = asyncio.create_task(replay_when_started(house, url))
        record = await first
        assert record.spoken_ms >= 300
        assert await again == 401
        assert (await FakeTwilio(call_id="CA1", secret=TOKEN).dial(url, Wait(1))).refused == 401
        assert len(house.told("started")) == 1


async def replay_when_started(house: Any, url: str) -> int | None:
    await house.until("started")
    return (await FakeTwilio(call_id="CA1", secret=TOKEN).dial(url, Wait(1))).refused


async def test_a_token_is_over_soon() -> None:
    async with gateway(agent=nobody, limits=GatewayLimits(token_lifetime=1e-9)) as house:
        url = await house.stream("CA1")
        assert house.gateway.expected == 0
        assert (await FakeTwilio(secret=TOKEN).dial(url, Wait(1))).refused == 401


async def test_an_audiosocket_uuid_is_a_token() -> None:
    async with gateway("audiosocket", agent=nobody) as house, AudioSocketServer(house.gateway, port=0) as tcp:
        url = f"tcp://127.0.0.1:{tcp.port}"
        record = await FAKES["audiosocket"](call_id="guessed").dial(url, Wait(5))
        assert (record.ended_by, record.heard) == ("agent", b"")
        assert house.told("refused")[0].reason == "the stream brings no token"


# --- floods ----------------------------------------------------------------------------------------------------------


async def test_more_calls_than_there_is_room_for_hear_the_busy_tone() -> None:
    async with with_model(limits=GatewayLimits(max_calls=2)) as house:
        first, second = await house.stream("CA1"), await house.stream("CA2")
        busy = await house.ask("CA3")
        assert (busy.status_code, '<Reject reason="busy" />' in busy.text) == (200, True)
        assert (await house.get("/readyz")).status_code == 503
        # A stream that Twilio has signed but nobody has announced: no room either.
        stray = await FakeTwilio(call_id="CA4", secret=TOKEN).dial(f"{house.websocket_url}/stream", Wait(1))
        assert stray.refused == 503
        calls = [
            FakeTwilio(call_id=name, secret=TOKEN).dial(url, Listen(ms=200))
            for name, url in (("CA1", first), ("CA2", second))
        ]
        records = await asyncio.gather(*calls)
        assert all(record.spoken_ms >= 200 for record in records)
        # uvicorn's task ends a moment after the carrier's.
        await house.gateway.drain(5)
        assert 'refused_total{reason="full"} 2' in (await house.get("/metrics")).text


async def test_calls_come_at_a_rate() -> None:
    async with gateway(agent=nobody, limits=GatewayLimits(calls_per_second=0.001, call_burst=3)) as house:
        answers = [(await house.ask(f"CA{number}")).text for number in range(5)]
        assert ["Stream" in answer for answer in answers] == [True, True, True, False, False]
        assert "busy" in answers[-1]


async def test_streams_that_say_nothing_are_ended_and_do_not_pile_up() -> None:
    limits = GatewayLimits(max_unstarted=3, start_timeout=0.3)
    async with gateway(agent=nobody, limits=limits) as house, AsyncExitStack() as stack:
        url = f"{house.websocket_url}/stream"
        signed = {"X-Twilio-Signature": twilio_signature(TOKEN, url)}
        silent = [
            await stack.enter_async_context(connect(url, additional_headers=signed, proxy=None)) for _ in range(3)
        ]
        assert await refused(url, **signed) == 503
        for connection in silent:
            with pytest.raises(ConnectionClosed):
                await connection.recv()
            assert connection.close_code == 1008
        assert "did not say" in house.told("refused")[-1].reason
        async with connect(url, additional_headers=signed, proxy=None):
            pass  # there is room again


async def test_a_flood_of_messages_ends_the_call_and_no_other() -> None:
    limits = GatewayLimits(messages_per_second=100, message_burst=200)
    async with with_model(limits=limits) as house:
        calm_url, wild_url = await house.stream("CA1"), await house.stream("CA2")
        calm = FakeTwilio(call_id="CA1", secret=TOKEN).dial(calm_url, Listen(ms=1000))
        wild = FakeTwilio(call_id="CA2", secret=TOKEN).dial(wild_url, Listen(ms=100), Flood(60), Wait(5))
        records = await asyncio.gather(calm, wild)
        assert records[0].spoken_ms >= 1000
        assert (records[1].ended_by, records[1].code) == ("agent", 1008)
        assert "more than a call can mean" in house.told("ended")[0].reason


async def test_a_message_of_a_megabyte_ends_the_call() -> None:
    async with with_model() as house:
        url = await house.stream("CA1")
        signed = {"X-Twilio-Signature": twilio_signature(TOKEN, url)}
        async with connect(url, additional_headers=signed, proxy=None) as phone:
            await phone.send("x" * 1_000_000)
            with pytest.raises(ConnectionClosed):
                await phone.recv()
            assert phone.close_code == 1009


async def test_a_webhook_of_a_megabyte_is_not_even_read() -> None:
    async with gateway(agent=nobody) as house:
        answered = await house.client.post(f"{house.url}/answer", content=b"x" * 1_000_000)
        assert answered.status_code == 413


async def test_a_webhook_that_does_not_come_is_not_waited_for() -> None:
    async with gateway(agent=nobody, limits=GatewayLimits(body_timeout=0.1)) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        writer.write(b"POST /answer HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx")
        assert b"408" in await reader.readline()
        writer.close()


# --- drains ----------------------------------------------------------------------------------------------------------


async def test_a_drain_drops_nobody() -> None:
    """One call is on the line, one was promised a place; both are held to their end, and a third is not taken."""
    async with with_model(operator_token="operator") as house:
        operator = {"Authorization": "Bearer operator"}
        on_the_line = asyncio.create_task(
            FakeTwilio(call_id="CA1", secret=TOKEN).dial(
                await house.stream("CA1"), Listen(), Speak(hum("yes")), Wait(1)
            )
        )
        await house.until("connected")
        promised = await house.stream("CA2")
        left = await house.client.post(f"{house.url}/drain", headers=operator)
        assert (left.status_code, left.json()) == (202, {"calls": 1})
        ready = await house.get("/readyz")
        assert (ready.status_code, ready.json()["draining"]) == (503, True)
        assert "busy" in (await house.ask("CA3")).text
        waiting = asyncio.create_task(house.client.post(f"{house.url}/drain?wait=20", headers=operator, timeout=25))
        kept = await FakeTwilio(call_id="CA2", secret=TOKEN).dial(promised, Listen(ms=200))
        first = await on_the_line
        assert (kept.ended_by, first.ended_by) == ("caller", "caller")
        assert kept.spoken_ms >= 200
        done = await waiting
        assert (done.status_code, done.json()) == (200, {"calls": 0})
        assert [news.reason for news in house.told("ended")] == ["the caller hung up"] * 2
        assert (await house.get("/healthz")).status_code == 200


async def test_only_the_operator_drains() -> None:
    async with gateway(agent=nobody) as house:
        assert (await house.client.post(f"{house.url}/drain")).status_code == 403
    async with gateway(agent=nobody, operator_token="operator") as house:
        for headers in ({}, {"Authorization": "Bearer guessed"}):
            assert (await house.client.post(f"{house.url}/drain", headers=headers)).status_code == 401
        operator = {"Authorization": "Bearer operator"}
        assert (await house.client.post(f"{house.url}/drain?wait=soon", headers=operator)).status_code == 400
        assert house.gateway.ready
        assert (await house.client.post(f"{house.url}/drain", headers=operator)).status_code == 200
        assert not house.gateway.ready


async def test_sigterm_waits_for_the_call(tmp_path: Path) -> None:
    """The program itself: a call goes on for two seconds after SIGTERM, then the process ends with 0."""
    (tmp_path / "desk.py").write_text(
        "from realtime_transport import RealtimeAgent\nagent = RealtimeAgent(name='Desk', instructions='Be brief.')\n"
    )
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with Emulator("improvise") as model:
        command = ("-m", "realtime_transport.cli", "gateway", "--carrier", "twilio", "--agent", "desk:agent")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, "--public-url", url, "--port", str(port), "--url", model.url),
            *("--record", str(tmp_path / "calls")),
            cwd=tmp_path,
            env={"TWILIO_AUTH_TOKEN": TOKEN, "PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            printed = [line async for line in until(process.stdout, b"SIGTERM or Ctrl-C")]
            stream = await answered_with(f"{url}/answer")
            talking = asyncio.create_task(
                FakeTwilio(call_id="CA7", secret=TOKEN).dial(stream, Listen(), Speak(hum("yes please")), Listen())
            )
            printed += [line async for line in until(process.stdout, b"connected")]
            process.send_signal(signal.SIGTERM)
            printed += [line async for line in until(process.stdout, b"draining")]
            record = await talking
            assert (record.ended_by, len(record.stretches) >= 2) == ("caller", True)
            printed += (await process.stdout.read()).splitlines(keepends=True)
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    text = b"".join(printed).decode()
    assert f"Webhook, {url}/answer, HTTP POST" in text
    assert "stopped, no call was cut off" in text
    said = [line.split()[2] for line in text.splitlines() if "CA7" in line]
    assert said == ["answered", "started", "connected", "ended"]
    assert "+15550100 -> +15550101" in text
    assert (tmp_path / "calls" / "CA7" / "call.wav").exists()


async def until(stream: asyncio.StreamReader, word: bytes) -> Any:
    async for line in stream:
        yield line
        if word in line:
            return


async def answered_with(url: str) -> str:
    webhook = twilio(url, "CA7")
    async with httpx2.AsyncClient() as client:
        answered = await client.post(url, headers=dict(webhook.headers), content=webhook.body)
    return answered.text.partition('url="')[2].partition('"')[0]
