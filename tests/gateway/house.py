"""A gateway on a real port, its carrier's webhooks signed as the carrier signs them, and a model behind it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import attrs
import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from realtime_transport.emulator import Emulator
from realtime_transport.gateway import Gateway, GatewayNews, GatewayServer, gateway_app
from realtime_transport.session import RealtimeAgent
from realtime_transport.telephony.signatures import (
    BasicAuthVerifier,
    GenesysVerifier,
    PlivoVerifier,
    TelnyxVerifier,
    TwilioVerifier,
    Verifier,
    VonageVerifier,
)
from realtime_transport.telephony.signatures.plivo import plivo_signature
from realtime_transport.telephony.signatures.twilio import twilio_signature

TOKEN = "12345"
SECRET = base64.b64encode(b"a client secret of Genesys's").decode()
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = base64.b64encode(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
AGENT = RealtimeAgent[Any](name="Receptionist", instructions="Be brief.")
PATIENCE = 40.0
"""Seconds for everything that happens in a house."""
FORM = "application/x-www-form-urlencoded"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# --- webhooks, as carriers make them ---------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Webhook:
    """One request, signed."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes


def twilio(url: str, call: str, token: str = TOKEN, **more: str) -> Webhook:
    form = {"CallSid": call, "From": "+15550100", "To": "+15550101", **more}
    signature = twilio_signature(token, url, form.items())
    headers = {"X-Twilio-Signature": signature, "Content-Type": FORM}
    return Webhook(url=url, method="POST", headers=headers, body=urlencode(form).encode())


def telnyx(url: str, call: str) -> Webhook:
    body = urlencode({"CallSid": call, "From": "+15550100", "To": "+15550101"}).encode()
    stamp = str(int(time.time()))
    signature = base64.b64encode(KEY.sign(stamp.encode() + b"|" + body)).decode()
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": stamp, "Content-Type": FORM}
    return Webhook(url=url, method="POST", headers=headers, body=body)


def plivo(url: str, call: str) -> Webhook:
    form = {"CallUUID": call, "From": "15550100", "To": "15550101"}
    signature = plivo_signature(TOKEN, url, "nonce", method="POST", fields=list(form.items()))
    headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "nonce", "Content-Type": FORM}
    return Webhook(url=url, method="POST", headers=headers, body=urlencode(form).encode())


def vonage(url: str, call: str) -> Webhook:
    body = json.dumps({"uuid": call, "from": "15550100", "to": "15550101"}).encode()
    headers = {"Authorization": f"Bearer {vonage_token(body)}", "Content-Type": "application/json"}
    return Webhook(url=url, method="POST", headers=headers, body=body)


def vonage_token(body: bytes | None = None) -> str:
    claims: dict[str, Any] = {"iat": int(time.time()), "iss": "Vonage"}
    if body is not None:
        claims["payload_hash"] = hashlib.sha256(body).hexdigest()
    head = {"typ": "JWT", "alg": "HS256"}
    signed = b".".join(_url64(json.dumps(part).encode()) for part in (head, claims))
    return (signed + b"." + _url64(hmac.digest(TOKEN.encode(), signed, "sha256"))).decode()


def _url64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def basic(names: tuple[str, str, str], *, as_json: bool = False) -> Callable[[str, str], Webhook]:
    """Make the webhook of a carrier that signs nothing and logs in."""

    def webhook(url: str, call: str) -> Webhook:
        fields = dict(zip(names, (call, "+15550100", "+15550101"), strict=True))
        headers = {"Authorization": f"Basic {base64.b64encode(b'gate:12345').decode()}"}
        if as_json:
            return Webhook(url=url, method="POST", headers=headers, body=json.dumps(fields).encode())
        return Webhook(url=f"{url}?{urlencode(fields)}", method="GET", headers=headers, body=b"")

    return webhook


WEBHOOKS: Mapping[str, Callable[[str, str], Webhook]] = {
    "twilio": twilio,
    "telnyx": telnyx,
    "plivo": plivo,
    "vonage": vonage,
    "exotel": basic(("CallSid", "CallFrom", "CallTo")),
    "jambonz": basic(("call_sid", "from", "to"), as_json=True),
    "asterisk": basic(("call_id", "caller", "called")),
    "audiosocket": basic(("call_id", "caller", "called")),
}

VERIFIERS: Mapping[str, Callable[[], Verifier]] = {
    "twilio": lambda: TwilioVerifier(TOKEN),
    "telnyx": lambda: TelnyxVerifier(PUBLIC_KEY),
    "plivo": lambda: PlivoVerifier(TOKEN),
    "vonage": lambda: VonageVerifier(TOKEN),
    "genesys": lambda: GenesysVerifier({"fake-key": SECRET}),
}


def verifier(carrier: str) -> Verifier:
    return VERIFIERS.get(carrier, lambda: BasicAuthVerifier("gate", TOKEN))()


# --- the gateway -----------------------------------------------------------------------------------------------------


@attrs.define
class House:
    """A gateway that runs, and what it has told."""

    url: str
    carrier: str
    server: GatewayServer
    client: httpx2.AsyncClient
    news: list[GatewayNews]
    heard: asyncio.Event

    @property
    def gateway(self) -> Gateway:
        return self.server.gateway

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    async def send(self, webhook: Webhook) -> httpx2.Response:
        """Send a webhook as the carrier does."""
        return await self.client.request(
            webhook.method, webhook.url, headers=dict(webhook.headers), content=webhook.body
        )

    async def ask(self, call: str = "CA0123") -> httpx2.Response:
        """Ask what to do with a call."""
        return await self.send(WEBHOOKS[self.carrier](f"{self.url}/answer", call))

    async def stream(self, call: str = "CA0123") -> str:
        """Ask, and return the stream's URL out of the document."""
        answered = await self.ask(call)
        assert answered.status_code == 200, answered.text
        found = re.search(r"ws://[^\"<]+", answered.text)
        assert found is not None, answered.text
        return found[0].replace("&amp;", "&")

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.client.get(self.url + path, **options)

    async def until(self, kind: str) -> None:
        """Wait until the gateway has told ``kind``."""
        while not self.told(kind):
            self.heard.clear()
            await self.heard.wait()

    def told(self, kind: str) -> list[GatewayNews]:
        return [news for news in self.news if news.kind == kind]


@contextlib.asynccontextmanager
async def gateway(carrier: str = "twilio", agent: Any = AGENT, **options: Any) -> AsyncIterator[House]:
    """Serve a gateway; unless told otherwise it verifies, and its public address is the one where it is."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    news: list[GatewayNews] = []
    heard = asyncio.Event()

    def tell(piece: GatewayNews) -> None:
        news.append(piece)
        heard.set()

    given = {"public_url": url, "verifier": verifier(carrier), "tell": tell, **options}
    app = gateway_app(agent, carrier=carrier, **given)
    async with (
        asyncio.timeout(PATIENCE),
        httpx2.AsyncClient(timeout=10) as client,
        GatewayServer(app, port=port) as server,
    ):
        yield House(url, carrier, server, client, news, heard)


@contextlib.asynccontextmanager
async def with_model(
    carrier: str = "twilio", agent: Any = AGENT, brain: Any = "improvise", **options: Any
) -> AsyncIterator[House]:
    """Serve a gateway with the emulator as its model, over a socket of its own."""
    async with Emulator(brain) as server:
        session = {"url": server.url, "api_key": "any"}
        async with gateway(carrier, agent, session=session, **options) as house:
            yield house
