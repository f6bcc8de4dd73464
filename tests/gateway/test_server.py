from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from realtime_transport.exceptions import StateError
from realtime_transport.gateway import GatewayServer, gateway_app
from realtime_transport.testing.carriers import FakeTwilio, Wait
from tests.gateway.house import AGENT, TOKEN, gateway, with_model
from tests.transports.certificates import Authority


def server(**options: Any) -> GatewayServer:
    return GatewayServer(gateway_app(AGENT, allow_unsigned=True), port=0, **options)


def test_it_has_no_port_before_it_runs() -> None:
    with pytest.raises(StateError):
        _ = server().port


async def test_it_listens_on_ipv6_too() -> None:
    async with server(host="::1") as here:
        reader, writer = await asyncio.open_connection("::1", here.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"ok")
        writer.close()


async def test_frames_do_not_wait_for_acknowledgements() -> None:
    """Thirty answers, each with a header and a body of its own: with Nagle's algorithm 40 ms apart, 1.2 s together."""
    loop = asyncio.get_running_loop()
    async with server() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        began = loop.time()
        for _ in range(30):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
        assert loop.time() - began < 0.9
        writer.close()


async def test_it_speaks_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.server_context("localhost")
    (pem,) = tmp_path.glob("localhost*.pem")
    async with server(tls=(str(pem), str(pem))) as here:
        tls = authority.client_context()
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port, ssl=tls, server_hostname="localhost")
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"ok")
        writer.close()


async def test_leaving_ends_the_calls() -> None:
    async with with_model() as house:
        calling = asyncio.create_task(FakeTwilio(secret=TOKEN).dial(await house.stream(), Wait(30)))
        await house.until("connected")
    record = await calling
    assert (record.ended_by, record.code) == ("agent", 1001)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains(number: int) -> None:
    async with gateway() as house:
        running = asyncio.create_task(house.server.run(5))
        await asyncio.sleep(0)
        os.kill(os.getpid(), number)
        assert await running == 0
        assert house.gateway.draining


async def test_a_second_signal_does_not_wait() -> None:
    async with with_model() as house:
        calling = asyncio.create_task(FakeTwilio(secret=TOKEN).dial(await house.stream(), Wait(30)))
        await house.until("connected")
        running = asyncio.create_task(house.server.run(60))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await house.until("draining")
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 1
        calling.cancel()


async def test_a_drain_has_a_limit() -> None:
    async with with_model() as house:
        calling = asyncio.create_task(FakeTwilio(secret=TOKEN).dial(await house.stream(), Wait(30)))
        await house.until("connected")
        running = asyncio.create_task(house.server.run(0.05))
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 1
        calling.cancel()


async def test_a_refusal_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway() as house:
        record = await FakeTwilio().dial(f"{house.websocket_url}/stream", Wait(1))
        assert record.refused == 401
    assert [entry.message for entry in caplog.records if entry.levelname == "ERROR"] == []
