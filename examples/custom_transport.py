"""A medium of your own: one JSON frame per line over plain TCP, in the 25 lines of `TcpLines`.

Connecting, the response queue, the playout ledger, interruption and history come with the base class; `check_transport`
proves that the medium carries them. The far end here relays to the emulator:

    realtime-transport serve            # in another terminal
    python examples/custom_transport.py
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
    """Carries the conversation as lines of JSON to the port on this machine that ``connect(url=...)`` names."""

    async def _open(self, request: ConnectRequest) -> None:
        port = int((request.url or "").rpartition(":")[2])
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=LONGEST_LINE)
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self.feed(line)
        self.feed_closed(None, "end of file")

    async def _write(self, frame: bytes) -> None:
        self._writer.write(frame + b"\n")
        await self._writer.drain()

    async def _close(self, code: int, reason: str) -> None:
        self._reading.cancel()
        self._writer.close()
        await asyncio.wait({self._reading, asyncio.ensure_future(self._writer.wait_closed())})


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def upstream() -> None:
        with contextlib.suppress(ConnectionError):
            async for line in reader:
                await server.send(line.decode())
        await server.close()

    async with websockets.connect("ws://127.0.0.1:8080/v1/realtime", max_size=LONGEST_LINE) as server:
        sending = asyncio.create_task(upstream())
        with contextlib.suppress(websockets.ConnectionClosed):
            while frame := await server.recv(decode=False):
                writer.write(frame + b"\n")
        writer.close()
        await sending


async def far_end(port: Future[int]) -> None:
    async with await asyncio.start_server(relay, "127.0.0.1", 0, limit=LONGEST_LINE) as server:
        port.set_result(server.sockets[0].getsockname()[1])
        await server.serve_forever()


# On a loop of its own: the checks count the tasks of theirs.
port: Future[int] = Future()
threading.Thread(target=asyncio.run, args=(far_end(port),), daemon=True).start()
asyncio.run(check_transport(TcpLines, url=f"tcp://127.0.0.1:{port.result(timeout=10)}"))
print("TcpLines keeps the contract of a transport")
