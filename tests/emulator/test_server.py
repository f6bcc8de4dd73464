"""Starting, stopping, and who may reach the server."""

from __future__ import annotations

import asyncio
import builtins
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from websockets.asyncio.client import connect

from realtime_transport.conversation.brain import Say
from realtime_transport.conversation.brains import Echo, Script
from realtime_transport.conversation.server import ServerLimits
from realtime_transport.emulator import Emulator
from realtime_transport.exceptions import InvalidArgument, MissingExtra, ServerError, StateError
from tests.emulator.calling import Caller, calling


async def test_a_free_port_of_this_machine() -> None:
    async with Emulator(Echo()) as first, Emulator(Echo()) as second:
        assert first.url == f"ws://127.0.0.1:{first.port}/v1/realtime"
        assert first.http_url == f"http://127.0.0.1:{first.port}/v1"
        assert first.port != second.port
        async with calling(first) as caller:
            await caller.write("Hi.")
            await caller.until("conversation.item.done")


async def test_an_ipv6_address_is_written_in_brackets() -> None:
    async with Emulator(Echo(), host="::1") as server:
        assert server.url == f"ws://[::1]:{server.port}/v1/realtime"
        async with calling(server):
            pass


class Deaf:
    """Fails at everything, as a transcriber may."""

    def transcribe(self, audio: bytes) -> str:
        raise ServerError("Not a word.", code="audio_unintelligible")


async def test_a_transcriber_that_fails_does_not_keep_it_from_starting() -> None:
    async with Emulator(Echo(), transcriber=Deaf(), pace=None) as server, calling(server) as caller:
        await caller.update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
        await caller.speak(bytes(48_000))
        await caller.send("input_audio_buffer.commit")
        failed = await caller.until("conversation.item.input_audio_transcription.failed")
        assert failed["error"]["code"] == "audio_unintelligible"


def test_nobody_else_may_reach_it_without_a_token() -> None:
    with pytest.raises(InvalidArgument) as raised:
        Emulator(Echo(), host="0.0.0.0")
    assert raised.value.path == "host"
    Emulator(Echo(), host="0.0.0.0", token="secret")


def test_there_is_no_address_before_it_runs() -> None:
    with pytest.raises(StateError):
        _ = Emulator(Echo()).url


async def test_starting_twice_and_stopping_twice() -> None:
    server = Emulator(Echo())
    async with server:
        with pytest.raises(StateError):
            await server.start()
    await server.stop()
    async with server, calling(server):
        pass


async def test_stopping_closes_every_session_with_1001() -> None:
    async with Emulator(Echo()) as server, calling(server) as first, calling(server) as second:
        await server.stop()
        assert await first.closed() == (1001, "The server is shutting down.")
        assert await second.closed() == (1001, "The server is shutting down.")


async def test_a_session_that_expires_is_closed_with_its_reason() -> None:
    async with Emulator(Echo(), limits=ServerLimits(session_seconds=0.05)) as server, calling(server) as caller:
        error = await caller.until("error")
        assert error["error"]["code"] == "session_expired"
        assert await caller.closed() == (1001, error["error"]["message"])


async def test_expiry_is_told_by_the_calendar() -> None:
    async with Emulator(Echo(), wall_clock=lambda: 1_800_000_000.0) as server, calling(server) as caller:
        assert caller.frames[0]["session"]["expires_at"] == 1_800_003_600


async def test_a_brain_for_all_or_one_each() -> None:
    made: list[Script] = []

    def make() -> Script:
        made.append(Script(otherwise=Say(transcript=str(len(made)))))
        return made[-1]

    for brain, count in ((make, 2), (Script(), 0), (Echo, 0)):
        made.clear()
        async with Emulator(brain) as server, calling(server), calling(server):
            assert len(made) == count


@pytest.mark.parametrize("name", ["speech", "echo", "improvise"])
async def test_brains_by_name(name: str) -> None:
    async with Emulator(name) as server, calling(server):
        pass


def test_a_brain_that_nobody_knows() -> None:
    with pytest.raises(InvalidArgument):
        Emulator("telepathy")


async def test_inside_somebody_elses_app() -> None:
    """The app alone, mounted under a path of another one."""
    import uvicorn

    inner = Emulator(Echo())

    def hello(_: Any) -> PlainTextResponse:
        return PlainTextResponse("hello")

    outer = Starlette(routes=[Route("/hello", hello), Mount("/fake", app=inner.app())])
    async with Emulator(Echo()) as borrowed:  # for its server only
        assert borrowed._server is not None
        borrowed._server.config.loaded_app = uvicorn.Config(outer, lifespan="off").app
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{borrowed.port}/hello")).text == "hello"
        async with connect(f"ws://127.0.0.1:{borrowed.port}/fake/v1/realtime") as socket:
            assert (await Caller(socket).next())["type"] == "session.created"
            await inner.stop()
            assert (await socket.wait_closed(), socket.close_code)[1] == 1001


# --- TLS -----------------------------------------------------------------------------------------------------------


def certificate(folder: Path) -> tuple[Path, Path]:
    from datetime import UTC, datetime, timedelta
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, key_pem


async def test_tls(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path)
    async with Emulator(Echo(), tls=(pem, key)) as server:
        assert server.url.startswith("wss://")
        assert server.http_url.startswith("https://")
        async with calling(server, ssl=ssl.create_default_context(cafile=pem)):
            pass


# --- without the extra ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
async def test_without_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == missing or (missing == "starlette" and name == "realtime_transport.emulator.app"):
            raise ImportError(name=missing)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra) as raised:
        await Emulator(Echo()).start()
    assert (raised.value.package, raised.value.extra) == (missing, "server")


async def test_a_certificate_of_its_own() -> None:
    server = Emulator(Echo(), host="localhost", tls="self-signed")
    async with server:
        assert server.url.startswith("wss://localhost:")
        assert server.certificate is not None
        kept = server.certificate
        assert (kept.parent / "key.pem").stat().st_mode & 0o077 == 0
        trust = ssl.create_default_context(cafile=kept)
        async with calling(server, ssl=trust):
            pass
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(server.url)
    assert server.certificate is None
    assert not kept.exists()


@pytest.mark.parametrize("content", ["", "no certificate"])
async def test_certificates_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    if content:
        certificate.write_text(content)
        key.write_text(content)
    with pytest.raises(InvalidArgument, match=r"certificate.pem and .*key.pem cannot be used"):
        await Emulator(Echo(), tls=(certificate, key)).start()


@pytest.mark.parametrize(("module", "package"), [("yaml", "pyyaml"), ("cryptography", "cryptography")])
async def test_what_the_extra_brings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, package: str
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == module:
            raise ImportError(name=module)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    brain = f"script={tmp_path / 'script.yaml'}" if module == "yaml" else "echo"

    async def start() -> None:
        await Emulator(brain, tls="self-signed").start()

    with pytest.raises(MissingExtra) as raised:
        await start()
    assert (raised.value.package, raised.value.extra) == (package, "server")


async def test_a_port_that_is_taken() -> None:
    async with Emulator(Echo()) as first:
        second = Emulator(Echo(), port=first.port, tls="self-signed")
        with pytest.raises(OSError, match="in use"):
            await second.start()
        assert second.certificate is None


async def test_serving_until_cancelled() -> None:
    server = Emulator(Echo())
    task = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(0)
    while True:
        try:
            _ = server.port
            break
        except StateError:
            await asyncio.sleep(0)
    async with calling(server) as caller:
        task.cancel()
        assert (await caller.closed())[0] == 1001
    with pytest.raises(asyncio.CancelledError):
        await task
