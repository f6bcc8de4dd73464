"""The paths, and what is behind each."""

from __future__ import annotations

import asyncio
import builtins
import importlib
import json
import sys
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import connect

from realtime_transport.exceptions import InvalidArgument, MissingExtra
from realtime_transport.gateway import GatewayServer, gateway_app
from realtime_transport.telephony.signatures import TwilioVerifier
from realtime_transport.telephony.signatures.twilio import twilio_signature
from realtime_transport.testing.carriers import FakeTwilio, Listen, Wait
from tests.gateway.house import (
    AGENT,
    FORM,
    TOKEN,
    Webhook,
    basic,
    free_port,
    gateway,
    twilio,
    with_model,
)


async def test_health_readiness_and_numbers() -> None:
    async with gateway() as house:
        assert (await house.get("/healthz")).text == "ok"
        ready = await house.get("/readyz")
        assert (ready.status_code, ready.json()) == (
            200,
            {"ready": True, "draining": False, "calls": 0, "expected": 0, "max_calls": 50},
        )
        metrics = await house.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "realtime_gateway_calls_max 50" in metrics.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/drain"), ("POST", "/healthz"), ("DELETE", "/answer")])
async def test_other_methods_are_not_taken(method: str, path: str) -> None:
    async with gateway() as house:
        assert (await house.client.request(method, house.url + path)).status_code == 405


async def test_a_trailing_slash_is_part_of_what_was_signed_and_is_not_redirected() -> None:
    async with gateway() as house:
        assert (await house.send(twilio(f"{house.url}/answer/", "CA1"))).status_code == 200
        with_slash = twilio(f"{house.url}/answer/", "CA1")
        assert (await house.send(Webhook(**{**fields(with_slash), "url": f"{house.url}/answer"}))).status_code == 401
        assert (await house.get("/healthz/")).status_code == 404


def fields(webhook: Webhook) -> dict[str, Any]:
    return {"url": webhook.url, "method": webhook.method, "headers": webhook.headers, "body": webhook.body}


async def test_repeated_and_empty_parameters_are_signed_as_they_came() -> None:
    """Twilio signs a form with doubled values once; the query stays in the URL as it is."""
    async with gateway() as house:
        url = f"{house.url}/answer?tariff=gold&tariff=gold&x="
        form = [("CallSid", "CA1"), ("Digits", "5"), ("Digits", "5"), ("Digits", "1"), ("Empty", "")]
        body = "&".join(f"{name}={value}" for name, value in form).encode()
        headers = {"X-Twilio-Signature": twilio_signature(TOKEN, url, form), "Content-Type": FORM}
        webhook = Webhook(url=url, method="POST", headers=headers, body=body)
        assert (await house.send(webhook)).status_code == 200
        fewer = Webhook(url=url, method="POST", headers=headers, body=body.replace(b"&Digits=1", b""))
        assert (await house.send(fewer)).status_code == 401


@pytest.mark.parametrize(
    ("public", "signed"), [("https://h:443", "https://h/answer"), ("https://h", "https://h:443/answer")]
)
async def test_twilio_may_sign_with_the_port_or_without(public: str, signed: str) -> None:
    async with gateway(public_url=public) as house:
        webhook = twilio(signed, "CA1")
        assert (await house.send(Webhook(**{**fields(webhook), "url": f"{house.url}/answer"}))).status_code == 200


async def test_the_webhook_says_who_calls() -> None:
    async with gateway() as house:
        await house.ask("CA9")
        (news,) = house.told("answered")
        assert (news.call_id, news.caller, news.called) == ("CA9", "+15550100", "+15550101")


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"call_sid": {"a": 1}}', b"[" * 60_000])
async def test_a_verified_webhook_may_say_anything(body: bytes) -> None:
    async with gateway("jambonz") as house:
        good = basic(("call_sid", "from", "to"), as_json=True)(f"{house.url}/answer", "CA1")
        answered = await house.send(Webhook(**{**fields(good), "body": body}))
        assert answered.status_code == 200
        assert house.told("answered")[0].call_id == ""


async def test_status_callbacks_are_verified_and_told() -> None:
    async with gateway() as house:
        assert (await house.send(twilio(f"{house.url}/status", "CA1", CallStatus="ringing"))).status_code == 204
        forged = twilio(f"{house.url}/status", "CA1", token="54321", CallStatus="completed")
        assert (await house.send(forged)).status_code == 401
        assert [(news.call_id, news.reason) for news in house.told("status")] == [("CA1", "ringing")]


async def test_the_offered_subprotocol_is_taken() -> None:
    async with gateway() as house:
        url = await house.stream()
        signed = {"X-Twilio-Signature": twilio_signature(TOKEN, url)}
        async with connect(
            url,
            additional_headers=signed,
            subprotocols=["audio.example.com", "b"],
            proxy=None,  # type: ignore[list-item]
        ) as phone:
            assert phone.subprotocol == "audio.example.com"


async def test_mounted_into_fastapi() -> None:
    async with with_model() as other:
        session = other.gateway._session
        port = free_port()
        url = f"http://127.0.0.1:{port}/phone"
        phone = gateway_app(AGENT, public_url=url, verifier=TwilioVerifier(TOKEN), session=session)
        house = FastAPI()
        house.mount("/phone", phone)

        @house.get("/")
        def root() -> dict[str, str]:
            return {"house": "mine"}

        house.state.gateway = phone.state.gateway
        async with GatewayServer(house, port=port), httpx2.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/")).json() == {"house": "mine"}
            webhook = twilio(f"{url}/answer", "CA1")
            answered = await client.post(webhook.url, headers=dict(webhook.headers), content=webhook.body)
            assert answered.status_code == 200
            stream = answered.text.partition('url="')[2].partition('"')[0]
            assert stream.startswith(f"ws://127.0.0.1:{port}/phone/stream/")
            record = await FakeTwilio(call_id="CA1", secret=TOKEN).dial(stream, Listen(ms=300))
            assert record.spoken_ms >= 300
            assert (await client.get(f"{url}/healthz")).text == "ok"


@pytest.mark.parametrize("options", [{}, {"trust_forwarded": False}, {"verifier": TwilioVerifier(TOKEN)}])
def test_without_a_public_address_it_does_not_start(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        gateway_app(AGENT, **options)
    assert caught.value.path == "public_url"
    gateway_app(AGENT, verifier=TwilioVerifier(TOKEN), trust_forwarded=True)
    gateway_app(AGENT, allow_unsigned=True)


async def test_the_lifespan_ends_the_calls() -> None:
    async with with_model() as house:
        stream = await house.stream("CA1")
        calling = asyncio.create_task(FakeTwilio(call_id="CA1", secret=TOKEN).dial(stream, Wait(30)))
        await house.until("connected")
        app = house.server._config.app
        async with app.router.lifespan_context(app):  # type: ignore[union-attr]
            pass
        record = await calling
        assert (record.ended_by, record.code) == ("agent", 1001)


async def test_a_server_that_cannot_refuse_with_a_status_closes() -> None:
    """ASGI servers without the denial extension send 403 for a close before accept."""
    app = gateway_app(AGENT, public_url="https://h", verifier=TwilioVerifier(TOKEN))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/stream", "headers": [], "query_string": b"", "root_path": ""}
    await app({**scope, "scheme": "wss", "subprotocols": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_a_client_that_leaves_in_the_middle_of_its_webhook_is_no_error() -> None:
    app = gateway_app(AGENT, public_url="https://h", verifier=TwilioVerifier(TOKEN))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/answer", "headers": [], "query_string": b"", "scheme": "http"}
    await app({**scope, "root_path": "", "http_version": "1.1"}, receive, send)
    assert sent[0]["status"] == 408


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("uvicorn"):
            raise ImportError(f"No module named {name!r}", name=name)
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("realtime_transport.gateway")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"realtime-transport\[gateway\]"):
        importlib.import_module("realtime_transport.gateway")


async def test_numbers_in_json_are_fields_too() -> None:
    async with gateway("jambonz") as house:
        good = basic(("call_sid", "from", "to"), as_json=True)(f"{house.url}/answer", "CA1")
        body = json.dumps({"call_sid": 7, "from": 1555, "to": None}).encode()
        await house.send(Webhook(**{**fields(good), "body": body}))
        (news,) = house.told("answered")
        assert (news.call_id, news.caller, news.called) == ("7", "1555", "")
