"""The measured process: one variant, one run. ``python -m bench.client JOB`` prints its figures as JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.adapters import Adapter, make
from bench.job import Job, Meter, faults

PAGE = 4096
LAG_STEP = 0.005
"""Seconds between two looks at how late the event loop is."""


async def receive(job: Job) -> dict[str, Any]:
    """Hear ``count`` events."""
    meter, adapter = Meter(job), make(job.variant)
    await adapter.open(job, meter.heard)
    await adapter.respond()
    await asyncio.wait_for(meter.done.wait(), 120)
    await adapter.close()
    return meter.figures()


async def send(job: Job) -> dict[str, Any]:
    """Append audio ``count`` times, as fast as the library lets its caller; the last byte is out when it has closed."""
    adapter, audio = make(job.variant), bytes(job.chunk)
    await adapter.open(job, _ignore)
    for _ in range(job.warm):
        await adapter.send(audio)
    cpu, page_faults = time.process_time(), faults()
    for _ in range(job.count):
        await adapter.send(audio)
    await adapter.close()
    return {"us": (time.process_time() - cpu) * 1e6 / job.count, "faults": (faults() - page_faults) / job.count}


async def idle(job: Job) -> dict[str, Any]:
    """Hold ``count`` connected sessions, and see what they weigh. The first few bring what all of them share."""
    adapters = [make(job.variant) for _ in range(job.warm + job.count)]
    for adapter in adapters[: job.warm]:
        await adapter.open(job, _ignore)
    before = _resident()
    for adapter in adapters[job.warm :]:
        await adapter.open(job, _ignore)
    weight = (_resident() - before) / job.count / 1024
    await asyncio.gather(*(adapter.close() for adapter in adapters))
    return {"kb": weight}


async def capacity(job: Job) -> dict[str, Any]:
    """Hold ``count`` calls at real time: 50 frames a second in, 20 appends a second out, each."""
    audio, calls = bytes(2_400), [make(job.variant) for _ in range(job.count)]
    for call in calls:
        await call.open(job, _ignore)
    talking = [asyncio.create_task(_talk(call, number / job.count, audio)) for number, call in enumerate(calls)]
    for call in calls:
        await call.respond()
    await asyncio.sleep(1.0)
    loop = asyncio.get_running_loop()
    cpu, wall, lags = time.process_time(), time.perf_counter(), []
    while time.perf_counter() - wall < job.seconds:
        due = loop.time() + LAG_STEP
        await asyncio.sleep(LAG_STEP)
        lags.append((loop.time() - due) * 1000)
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    for task in talking:
        task.cancel()
    lags.sort()
    # The server goes with this process: a close in good form of hundreds of calls would tell nothing.
    return {"share": share, "per_core": job.count / share, "p99": lags[int(len(lags) * 0.99)]}


async def _talk(call: Adapter, phase: float, audio: bytes) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time() + phase * 0.05
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        due += 0.05
        await call.send(audio)


async def barge_in(job: Job) -> dict[str, Any]:
    """Be interrupted ``count`` times; the server takes the times."""
    adapter = make(job.variant)
    await adapter.open(job, _ignore)
    await adapter.respond()
    await asyncio.sleep((job.count + job.warm) * 0.014 + 1.0)
    return {}


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def _ignore(_: object) -> None:
    pass


SCENARIOS: dict[str, Callable[[Job], Awaitable[dict[str, Any]]]] = {
    "receive": receive,
    "send": send,
    "idle": idle,
    "capacity": capacity,
    "barge_in": barge_in,
}


def main() -> None:
    """Do one run."""
    job = Job.from_json(sys.argv[1])
    if job.uvloop:
        import uvloop

        figures = uvloop.run(SCENARIOS[job.scenario](job))
    else:
        figures = asyncio.run(SCENARIOS[job.scenario](job))
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
