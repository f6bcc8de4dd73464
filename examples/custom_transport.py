"""A medium of your own: one JSON frame per line over TCP. `check_transport` proves that it carries a conversation.

Beside `realtime-transport serve`, to which the far end here relays: python examples/custom_transport.py
"""

import asyncio
import contextlib
import threading
from concurrent.futures import Future

import websockets

from realtime_transport import ConnectRequest, RealtimeTransportLayer
from realtime_transport.testing import check_transport

LONGEST_LINE = 16 * 1024 * 1024


class TcpLines(RealtimeTransportLayer):
    async def _open(self, request: ConnectRequest) -> None:
        host, _, port = (request.url or "").removeprefix("tcp://").partition(":")
        reader, self._writer = await asyncio.open_connection(host, int(port), limit=LONGEST_LINE)
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        reason = "end of file"
        try:
            while line := await reader.readline():
                self.feed(line)
        except (OSError, ValueError) as error:  # a reset; a line above the limit
            reason = str(error)
        self.feed_closed(None, reason)

    async def _write(self, frame: bytes) -> None:
        self._writer.write(frame + b"\n")
        await self._writer.drain()

    async def _close(self, code: int, reason: str) -> None:
        self._reading.cancel()
        self._writer.close()
        await asyncio.wait({self._reading, asyncio.ensure_future(self._writer.wait_closed())})


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass lines on to a server as frames, and its frames back as lines, until either side leaves."""

    async def answers() -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while not writer.is_closing():
                writer.write(str(await server.recv()).encode() + b"\n")
        writer.close()

    async with websockets.connect("ws://127.0.0.1:8080/v1/realtime", max_size=LONGEST_LINE) as server:
        answering = asyncio.create_task(answers())
        with contextlib.suppress(websockets.ConnectionClosed, OSError):  # the checks hang up in the middle of a frame
            while line := await reader.readline():
                await server.send(line.decode())
        writer.close()
    await answering


async def far_end(address: Future[str]) -> None:
    listener = await asyncio.start_server(relay, "127.0.0.1", 0, limit=LONGEST_LINE)
    address.set_result("tcp://127.0.0.1:{1}".format(*listener.sockets[0].getsockname()))
    await listener.serve_forever()


threading.Thread(target=asyncio.run, args=[far_end(address := Future[str]())], daemon=True).start()
asyncio.run(check_transport(TcpLines, url=address.result(timeout=10)))  # it counts its loop's tasks: one of its own
print("TcpLines keeps the contract of a transport")
