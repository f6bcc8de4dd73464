"""Let many sessions talk with the emulator in real time, and see whether it keeps up and whether its memory grows.

python scripts/load.py --sessions 200 --seconds 60

The server runs in a process of its own on one core, the callers in another process on another. Each caller streams
audio in real time all the while: a question, then silence, then the next. Measured inside the server: how late its
event loop is (asked every 10 ms), its memory and its share of the core; at the callers: from the last sound of a
question to the first of the answer. Exit 1 when the loop is more than 50 ms late at the 99th percentile, when memory
grows by more than a tenth after the first half, or when a question is not answered.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import msgspec

from realtime_transport import WebSocketTransport
from realtime_transport.audio import PCM16_24K
from realtime_transport.emulator import Emulator, Improviser, library
from realtime_transport.events import AudioEvent, ErrorEvent, SpeechStoppedEvent

ASKED_EVERY: Final = 0.01
LATE_MS: Final = 50.0
GROWTH: Final = 1.10
SILENCE_S: Final = 4.0
"""After each question: long enough to be found by turn detection and answered."""


# --- the server ------------------------------------------------------------------------------------------------------


class Watch:
    """Looks at the process it runs in: lateness since the last look, memory, processor time."""

    def __init__(self) -> None:
        self._late: list[float] = []

    async def run(self) -> None:
        """Ask the loop for a moment of its time, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + ASKED_EVERY
            await asyncio.sleep(ASKED_EVERY)
            self._late.append((loop.time() - due) * 1000)

    def report(self) -> Report:
        """Say what was seen since the last report."""
        late, self._late = sorted(self._late), []
        used = resource.getrusage(resource.RUSAGE_SELF)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        return Report(late_ms=late, resident=resident, cpu_s=used.ru_utime + used.ru_stime)


class Report(msgspec.Struct):
    """One line of the server's."""

    late_ms: list[float]
    resident: int
    cpu_s: float


async def serve() -> None:
    """Run the server; answer each line of the input with a report. Ends with the input."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    watch = Watch()
    async with Emulator(Improviser) as server:
        watching = asyncio.create_task(watch.run())
        print(server.url, flush=True)
        while await reader.readline():
            print(msgspec.json.encode(watch.report()).decode(), flush=True)
        watching.cancel()


# --- the callers -----------------------------------------------------------------------------------------------------


@attrs.define
class Tally:
    """What the callers saw."""

    asked: int = 0
    answered: int = 0
    errors: list[str] = attrs.field(factory=list)
    waits_ms: list[float] = attrs.field(factory=list)


class Caller:
    """One session: asks, listens, asks again."""

    def __init__(self, tally: Tally, block_ms: float) -> None:
        self._tally = tally
        self._block = PCM16_24K.bytes_for(block_ms)
        self._loop = asyncio.get_running_loop()
        self._stopped_at: float | None = None

    async def talk(self, url: str, delay: float, until: float) -> None:
        """Connect after ``delay`` and talk until then."""
        await asyncio.sleep(delay)
        transport = WebSocketTransport()
        transport.on("speech_stopped", self._on_speech_stopped)
        transport.on("audio", self._on_audio)
        transport.on("error", self._on_error)
        async with transport:
            await transport.connect(url=url, timeout=30)
            question = library().audio("caller_hello") + PCM16_24K.silence(SILENCE_S * 1000)
            while self._loop.time() < until:
                await self._stream(transport, question)

    async def _stream(self, transport: WebSocketTransport, audio: bytes) -> None:
        due = self._loop.time()
        for at in range(0, len(audio), self._block):
            transport.send_audio(audio[at : at + self._block])
            due += PCM16_24K.ms(self._block) / 1000
            await asyncio.sleep(due - self._loop.time())

    def _on_speech_stopped(self, _: SpeechStoppedEvent) -> None:
        self._tally.asked += 1
        self._stopped_at = self._loop.time()

    def _on_audio(self, _: AudioEvent) -> None:
        if self._stopped_at is not None:
            self._tally.answered += 1
            self._tally.waits_ms.append((self._loop.time() - self._stopped_at) * 1000)
            self._stopped_at = None

    def _on_error(self, event: ErrorEvent) -> None:
        self._tally.errors.append(str(event.error))


class Server:
    """The server's process, as the callers see it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Server:
        """Start it on the first core, and move ourselves to another when there is one."""
        cores = sorted(os.sched_getaffinity(0))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            "--serve",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=16 * 1024 * 1024,
        )
        os.sched_setaffinity(process.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:] or cores)
        return cls(process)

    async def line(self) -> bytes:
        """Read what it says next."""
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            return await self._process.stdout.readline()

    async def report(self) -> Report:
        """Ask how it is."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return msgspec.json.decode(await self.line(), type=Report)

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def load(sessions: int, seconds: float, block_ms: float) -> int:
    """Run it and print the figures."""
    loop = asyncio.get_running_loop()
    server = await Server.start()
    url = (await server.line()).decode().strip()
    tally = Tally()
    ramp = min(10.0, seconds / 3)
    began = loop.time()
    callers = [
        asyncio.create_task(Caller(tally, block_ms).talk(url, ramp * number / sessions, began + ramp + seconds))
        for number in range(sessions)
    ]
    await asyncio.sleep(ramp)
    before = await server.report()  # what the connecting cost is told apart
    print(f"{sessions} sessions connected in {ramp:.0f} s; loop late by {percentiles(before.late_ms)}")
    print(f"{'after':>6}  {'loop late by, p50 / p99 / max':>30}  {'memory':>9}  {'core':>5}")
    reports, last, steps = [before], before, 6
    for step in range(steps):
        await asyncio.sleep(seconds / steps)
        report = await server.report()
        share = (report.cpu_s - last.cpu_s) / (seconds / steps)
        shown = f"{percentiles(report.late_ms):>30}  {report.resident / 2**20:>5.0f} MiB  {share:>5.0%}"
        print(f"{seconds / steps * (step + 1):>4.0f} s  {shown}", flush=True)
        reports.append(report)
        last = report
    results = await asyncio.gather(*callers, return_exceptions=True)
    await server.stop()
    tally.errors += [repr(result) for result in results if result is not None]
    return judge(tally, reports)


def percentiles(values: Sequence[float]) -> str:
    """Spell the middle, the 99th percentile and the worst, in milliseconds."""
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.1f} / {ordered[int(len(ordered) * 0.99)]:.1f} / {ordered[-1]:.1f} ms"


def judge(tally: Tally, reports: Sequence[Report]) -> int:
    """Print what was found; give the exit code."""
    late = sorted(ms for report in reports[1:] for ms in report.late_ms)
    p99 = late[int(len(late) * 0.99)]
    half, end = reports[len(reports) // 2].resident, reports[-1].resident
    print(f"{tally.asked} questions, {tally.answered} answered, {len(tally.errors)} errors")
    if tally.waits_ms:
        print(f"from the end of a question to its answer: {percentiles(tally.waits_ms)}")
    print(f"loop late by, all in all: {percentiles(late)}; middle {statistics.median(late):.2f} ms")
    wrong = [
        *(f"late by {p99:.1f} ms at the 99th percentile, more than {LATE_MS:g}" for _ in range(p99 > LATE_MS)),
        *(f"memory grew from {half >> 20} to {end >> 20} MiB" for _ in range(end > GROWTH * half)),
        *(["nobody was answered"] if not tally.answered else []),
        *(f"{tally.asked - tally.answered} unanswered" for _ in range(tally.answered < 0.98 * tally.asked)),
        *tally.errors[:5],
    ]
    print("; ".join(wrong) or "it kept up")
    return int(bool(wrong))


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Let many sessions talk with the emulator in real time.")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--block-ms", type=float, default=40.0, help="audio in one frame of a caller")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
        return 0
    return asyncio.run(load(given.sessions, given.seconds, given.block_ms))


if __name__ == "__main__":
    sys.exit(main())
