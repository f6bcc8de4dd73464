from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_transport.exceptions import StateError
from realtime_transport.gateway import AudioSocketServer, Gateway, GatewayLimits
from realtime_transport.testing.carriers import FAKES, Listen, Wait
from tests.gateway.house import AGENT, verifier, with_model


def unsigned(**limits: Any) -> Gateway:
    return Gateway(AGENT, carrier="audiosocket", allow_unsigned=True, limits=GatewayLimits(**limits))


async def ended(port: int, first: bytes) -> bytes:
    """Send the first bytes; return what comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_it_has_no_port_before_it_runs() -> None:
    with pytest.raises(StateError):
        _ = AudioSocketServer(unsigned()).port


@pytest.mark.parametrize(
    "first", [b"", b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", b"\x01\x00\x10short", b"\x01\x00\x10" + bytes(16)]
)
async def test_strangers_are_hung_up_on(first: bytes) -> None:
    limits = GatewayLimits(start_timeout=0.1)
    gateway = Gateway(AGENT, carrier="audiosocket", verifier=verifier("audiosocket"), limits=limits)
    async with AudioSocketServer(gateway, port=0) as tcp:
        assert await ended(tcp.port, first) == b""


async def test_silent_connections_do_not_pile_up() -> None:
    async with AudioSocketServer(unsigned(max_unstarted=2, start_timeout=5.0), port=0) as tcp:
        silent = [await asyncio.open_connection("127.0.0.1", tcp.port) for _ in range(2)]
        assert await ended(tcp.port, b"") == b""  # at once, not after five seconds
        for _, writer in silent:
            writer.close()


async def test_stopping_ends_the_calls() -> None:
    async with with_model("audiosocket", verifier=None, allow_unsigned=True) as house:
        async with AudioSocketServer(house.gateway, port=0) as tcp:
            # Without a token nobody has to be known, where that was said.
            calling = asyncio.create_task(Anonymous().dial(f"tcp://127.0.0.1:{tcp.port}", Wait(30)))
            await house.until("connected")
        record = await calling
        assert record.ended_by == "agent"
        await house.gateway.drain(5)


class Anonymous(FAKES["audiosocket"]):  # type: ignore[misc,name-defined]
    """An Asterisk that has not asked a webhook."""


async def test_a_uuid_of_ones_own_is_taken_where_nothing_is_verified() -> None:
    async with with_model("audiosocket", verifier=None, allow_unsigned=True) as house:
        async with AudioSocketServer(house.gateway, port=0) as tcp:
            record = await FAKES["audiosocket"]().dial(f"tcp://127.0.0.1:{tcp.port}", Listen(ms=300))
        assert record.spoken_ms >= 300
