"""The floor: ``websockets`` hands over whole frames, and nobody looks at them."""

from __future__ import annotations

import asyncio
import base64
import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.adapters import Heard, url
from bench.job import Job
from realtime_transport.transports.connection import QuickConnection


class Floor:
    """``websockets`` as it comes, with the options that our transport uses."""

    connection: type[ClientConnection] = ClientConnection

    async def open(self, job: Job, heard: Heard) -> None:
        self._socket = await connect(
            url(job),
            compression=None,
            max_size=16 * 1024 * 1024,
            ssl=ssl.create_default_context(cafile=job.certificate) if job.tls else None,
            create_connection=self.connection,
        )
        self._job, self._heard = job, heard
        await self._socket.recv(decode=False)  # session.created
        await self._socket.send('{"type":"session.update","session":{"type":"realtime","instructions":"Hi."}}')
        await self._socket.recv(decode=False)  # session.updated
        audio = base64.b64encode(bytes(job.chunk)).decode()
        # Encoded before the clock starts: the floor knows nothing of audio.
        self._append = b'{"type":"input_audio_buffer.append","event_id":"event_0123456789abcdef","audio":"%b"}' % (
            audio.encode()
        )
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        recv, heard = self._socket.recv, self._heard
        try:
            while True:
                heard(await recv(decode=False))
        except ConnectionClosed:
            pass

    async def respond(self) -> None:
        await self._socket.send('{"type":"response.create"}')

    async def send(self, audio: bytes) -> None:
        await self._socket.send(self._append, text=True)

    async def close(self) -> None:
        await self._socket.close()
        await self._reading


class OwnFloor(Floor):
    """The connection of our transport, doing nothing: what our transport costs is above this."""

    connection = QuickConnection

    async def open(self, job: Job, heard: Heard) -> None:
        await super().open(job, heard)
        assert isinstance(self._socket, QuickConnection)
        for _ in ("session.created", "session.updated"):
            self._socket.taken()
        # At once: under uvloop an answer may be here before the task below has begun.
        self._socket.deliver_to(self._take, lambda: None, max_size=16 * 1024 * 1024)

    async def _read(self) -> None:
        await self._socket.wait_closed()

    def _take(self, message: bytes) -> bool:
        self._heard(message)
        return True
