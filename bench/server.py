"""The other side of every run, in a process of its own: says what is encoded already, as fast or as slow as asked.

Handshake and control frames are ``websockets``' Sans-I/O; what is measured goes straight into the socket.
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
import threading
import time
from typing import Any

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from bench import frames
from bench.job import Job

MOST_HEADER = 14
"""Bytes before the payload of a masked frame, at most."""
APPEND_BYTES = 1_280
"""What the shortest append of audio takes; nothing else that a client says in a send run is as long."""
BLOCK = 128 * 1024
"""Bytes handed to the socket at once in a blast: enough to keep it full, little enough to hear the client."""
TICK = 0.001
"""Seconds between two steps of the real-time clock of capacity runs."""
FRAME_SECONDS = 0.02
"""What a frame of a capacity run carries."""


class Session(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, job: Job, stage: Stage) -> None:
        self.job = job
        self.stage = stage
        self.websocket = ServerProtocol(max_size=None)
        self.transport: Any = None
        self.resumed = asyncio.Event()
        self.resumed.set()
        self.open = False
        self.deaf = False
        """Drop appends without a look: the client is measured, not the server."""
        self.skip = 0
        """Bytes of the frame at hand that are still to come."""
        self.begun = b""
        """The beginning of a frame, until it is whole."""
        self.truncated = asyncio.Event()
        self.playing: asyncio.Task[None] | None = None

    # --- the connection ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.stage.leave(self)
        self.resumed.set()
        if self.playing is not None:
            self.playing.cancel()

    def pause_writing(self) -> None:
        self.resumed.clear()

    def resume_writing(self) -> None:
        self.resumed.set()

    def eof_received(self) -> None:
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.deaf and self.job.scenario == "capacity":
            return
        if self.open:
            self._walk(data)
        else:
            self.websocket.receive_data(data)
        for event in self.websocket.events_received():
            if isinstance(event, Request):
                self.websocket.send_response(self.websocket.accept(event))
                self.open = True
                self._flush()
                self.say(frames.event("session.created", session=frames.SESSION))
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._hear(json.loads(event.data))
        self._flush()

    def _walk(self, data: bytes) -> None:
        """Give whole frames to the protocol, and pass over appends without unmasking them once the server is deaf."""
        passed = min(self.skip, len(data))
        self.skip -= passed
        data = self.begun + data[passed:]
        at = 0
        while len(data) - at >= MOST_HEADER or (len(data) > at and len(data) - at >= _frame_bytes(data, at)):
            size = _frame_bytes(data, at)
            if self.deaf and size >= APPEND_BYTES:
                self.skip = max(0, at + size - len(data))
            elif at + size > len(data):
                break
            else:
                self.websocket.receive_data(data[at : at + size])
            at += size
        self.begun = data[at:]

    def _flush(self) -> None:
        for data in self.websocket.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()

    def say(self, frame: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(frame)

    # --- the protocol --------------------------------------------------------------------------------------------

    def _hear(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "session.update":
            session = {**frames.SESSION, "instructions": event["session"].get("instructions", "")}
            self.say(frames.event("session.updated", session=session))
            self.deaf = self.job.scenario == "send"
        elif kind == "response.create" and self.playing is None:
            play = {"barge_in": self._barge_in, "capacity": self._real_time}.get(self.job.scenario, self._play)
            self.playing = asyncio.create_task(play())
        elif kind == "conversation.item.delete":  # the client was slow to start, and heard nothing yet
            self.truncated.set()
        elif kind == "conversation.item.truncate":
            self.truncated.set()
            fields = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
            self.say(frames.event("conversation.item.truncated", **fields))

    async def _play(self) -> None:
        for frame in frames.history(self.job.history):
            self.say(frame)
            await self.resumed.wait()
        self.say(frames.beginning("resp_bench", "item_bench"))
        make, total = frames.make(self.job.frame), self.job.count + self.job.warm + 100
        if self.job.rate:
            await self._pace(make, total)
            return
        block = bytearray()
        for number in range(total):
            block += make(number)
            if len(block) >= BLOCK:
                self.say(bytes(block))
                block.clear()
                await self.resumed.wait()
        self.say(bytes(block))

    async def _pace(self, make: frames.Frame, total: int) -> None:
        """Speak by a thread's clock: the event loop's own is good to a millisecond only."""
        loop = asyncio.get_running_loop()

        def speak() -> None:
            began = time.perf_counter()
            for number in range(total):
                if self.transport.is_closing():
                    return
                frame = make(number)
                time.sleep(max(0.0, began + number / self.job.rate - time.perf_counter()))
                loop.call_soon_threadsafe(self.say, frame)

        threading.Thread(target=speak, daemon=True).start()

    async def _real_time(self) -> None:
        self.deaf = True
        self.say(frames.beginning("resp_bench", "item_bench"))
        self.stage.join(self)

    async def _barge_in(self) -> None:
        """Let the agent speak, then the caller, and take the time until the truncation is here."""
        for number in range(self.job.count + self.job.warm):
            response_id, item_id = f"resp_{number}", f"item_{number}"
            self.say(frames.beginning(response_id, item_id))
            delta = frames.audio_delta(19_200, response_id, item_id)
            for piece in range(5):
                self.say(delta(number * 5 + piece))
            await asyncio.sleep(0.008)
            self.truncated.clear()
            heard = frames.once(
                "input_audio_buffer.speech_started", str(number), item_id=f"u{number}", audio_start_ms=0
            )
            began = time.perf_counter()
            self.say(heard)
            await self.truncated.wait()
            if number >= self.job.warm:
                self.stage.latencies.append((time.perf_counter() - began) * 1000)
            self.say(frames.once("response.done", str(number), response=frames.response(response_id, "cancelled", [])))
            await asyncio.sleep(0.002)
        self.transport.close()


def _frame_bytes(data: bytes, at: int) -> int:
    """Return the length of the masked frame that begins at ``at``; without its whole header, rather too much."""
    if len(data) - at < 2:
        return MOST_HEADER
    size = data[at + 1] & 0x7F
    wide = {126: 2, 127: 8}.get(size, 0)
    return 6 + wide + (int.from_bytes(data[at + 2 : at + 2 + wide], "big") if wide else size)


class Stage:
    """What the connections of one run share: the clock of capacity runs, and what the server measured."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.late: list[float] = []
        """How many milliseconds each step of the clock came late: a server that lags measures itself."""
        self._playing: list[Session] = []
        self._clock: asyncio.Task[None] | None = None

    def join(self, session: Session) -> None:
        self._playing.append(session)
        if self._clock is None:
            self._clock = asyncio.create_task(self._run())

    def leave(self, session: Session) -> None:
        if session in self._playing:
            self._playing.remove(session)

    async def _run(self) -> None:
        """Give every session a frame each 20 ms, spread over those 20 ms."""
        make = frames.make("a1k")
        phases = round(FRAME_SECONDS / TICK)
        step, loop = 0, asyncio.get_running_loop()
        began = loop.time()
        while True:
            frame = make(step)
            for session in self._playing[step % phases :: phases]:
                session.say(frame)
            step += 1
            await asyncio.sleep(max(0.0, began + step * TICK - loop.time()))
            self.late.append((loop.time() - began - step * TICK) * 1000)


async def serve(job: Job) -> None:
    """Listen, print the port, and stay until told to go."""
    stage = Stage()
    context = None
    if job.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(job.certificate)
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, gone.set)
    server = await loop.create_server(lambda: Session(job, stage), "127.0.0.1", 0, ssl=context, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await gone.wait()
    late = sorted(stage.late)
    print(json.dumps({"latencies": stage.latencies, "late": late[len(late) * 99 // 100] if late else 0.0}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Job.from_json(sys.argv[1])))
