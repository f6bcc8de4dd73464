"""Frames that are right by the letter and meant to cost: bombs, crumbs and floods, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from websockets.asyncio.server import ServerConnection

from realtime_transport.exceptions import PayloadTooLarge, ProtocolError
from realtime_transport.transports import WebSocketOptions, WebSocketTransport
from tests.transports.test_websocket import Handler, heard, saying, serving, soon

LIMIT = 1 << 20


async def test_fm44_a_compression_bomb_is_inflated_to_the_limit_and_no_further() -> None:
    """64 MB of one letter are 64 kB on the wire."""
    bomb = json.dumps({"type": "vendor.bomb", "filler": "x" * (64 * LIMIT)})

    async def throw(ws: ServerConnection) -> None:
        await ws.send(bomb)

    async with serving(saying(then=throw), compression="deflate") as url:
        transport = WebSocketTransport(options=WebSocketOptions(max_size=LIMIT, compression="deflate"))
        ends, errors = heard(transport, "disconnected"), heard(transport, "error")
        await transport.connect(url=url)
        transport.send_audio(b"\0\0")
        await soon(lambda: ends)
        assert ends[0].code == 1009
        assert [type(event.error) for event in errors] == [PayloadTooLarge]
        await transport.close()


async def test_fm44_compression_is_off_unless_asked_for() -> None:
    offered = list[str | None]()

    async def look(ws: ServerConnection) -> None:
        assert ws.request is not None
        offered.append(ws.request.headers.get("Sec-WebSocket-Extensions"))

    async with serving(saying(then=look)) as url, WebSocketTransport() as transport:
        await transport.connect(url=url)
        transport.send_audio(b"\0\0")
        await soon(lambda: offered)
    assert offered == [None]


async def crumbs(ws: ServerConnection) -> None:
    """Send one event a byte at a time, with an empty fragment between any two."""
    text = json.dumps({"type": "vendor.crumbs", "filler": "x" * 200})

    def pieces() -> Iterable[str]:
        for letter in text:
            yield letter
            yield ""

    await ws.send(pieces())


async def pings(ws: ServerConnection) -> None:
    """Send two thousand pings without waiting for one pong, then an event."""
    for number in range(2000):
        ws.protocol.send_ping(str(number).encode())
        ws.transport.writelines(ws.protocol.data_to_send())
    await ws.send(json.dumps({"type": "vendor.pings"}))


async def empties(ws: ServerConnection) -> None:
    """Send empty fragments inside one message that does not end: they never reach a limit of bytes."""
    ws.protocol.send_text(b"", fin=False)
    for _ in range(5000):
        ws.protocol.send_continuation(b"", fin=False)
    ws.transport.writelines(ws.protocol.data_to_send())


async def test_fm45_fragments_without_end_close_with_1009() -> None:
    async with serving(saying(then=empties)) as url:
        transport = WebSocketTransport()
        errors = heard(transport, "error")
        await transport.connect(url=url)
        transport.send_audio(b"\0\0")
        end = await transport.wait_for("disconnected", 60)  # thousands of frames, on however busy a machine
        assert end.code == 1009
        assert [(type(event.error), str(event.error)) for event in errors] == [
            (ProtocolError, "a message came in too many fragments")
        ]
        await transport.close()


@pytest.mark.parametrize("flood", [crumbs, pings])
async def test_fm45_crumbs_and_floods_are_borne(flood: Handler) -> None:
    async with serving(saying(then=flood)) as url, WebSocketTransport() as transport:
        ends, frames = heard(transport, "disconnected"), heard(transport, "*")
        await transport.connect(url=url)
        transport.send_audio(b"\0\0")
        await soon(lambda: any(str(event.event.type).startswith("vendor.") for event in frames))
        assert not ends
