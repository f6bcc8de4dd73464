"""Listeners for the server's own types: they count as listeners of the transport."""

from __future__ import annotations

import asyncio

import pytest

from realtime_transport.events.server import ServerEvent
from realtime_transport.exceptions import SlowConsumer
from tests.transports.bare import Bare, idle

pytestmark = pytest.mark.virtual_time

VENDOR = '{"type": "vendor.thing"}'


async def test_fm93_closing_ends_those_who_hear_server_events_too() -> None:
    transport = Bare()
    await transport.connect()
    ends: list[str] = []

    async def quick(event: ServerEvent) -> None:
        await asyncio.sleep(0.5)
        ends.append("finished")

    async def endless(event: ServerEvent) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ends.append("cancelled")

    transport.on_server_event("vendor.thing", quick)
    transport.on_server_event("vendor.thing", endless)
    transport.feed(VENDOR)
    await idle()
    await transport.close()
    assert ends == ["finished", "cancelled"]


async def test_fm75_one_who_hears_server_events_may_close() -> None:
    transport = Bare()
    await transport.connect()
    after: list[str] = []

    async def close(event: ServerEvent) -> None:
        await transport.close()
        after.append(transport.status)

    transport.on_server_event("vendor.thing", close)
    transport.feed(VENDOR)
    began = asyncio.get_running_loop().time()
    while not after:
        await asyncio.sleep(0.01)
    assert after == ["disconnected"]
    assert asyncio.get_running_loop().time() - began < 0.5


async def test_fm73_one_who_hears_server_events_may_stop_the_reading() -> None:
    transport = Bare()
    await transport.connect()
    enough = asyncio.Event()
    errors: list[object] = []
    transport.on("error", lambda event: errors.append(event.error))

    async def slow(event: ServerEvent) -> None:
        await enough.wait()

    transport.on_server_event("vendor.thing", slow, overflow="block")
    for _ in range(300):
        transport.feed(VENDOR)
    await idle()
    room = asyncio.ensure_future(transport._room_to_read())
    await idle()
    assert not room.done()
    enough.set()
    await room
    for _ in range(600):
        transport.feed(VENDOR)
    (error,) = errors
    assert isinstance(error, SlowConsumer)
    assert error.event == "vendor.thing"
    await transport.close()
