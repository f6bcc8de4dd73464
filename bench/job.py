"""One run: a client process of one variant against a server process of its own, and the figures that come of it."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """What one run does. Handed to both processes, and to node, as JSON."""

    variant: str
    scenario: str
    """What is done: receive, send, idle, capacity, barge_in."""
    frame: str = "a8k"
    """What the server says over and over; see ``frames``."""
    count: int = 10_000
    """Events (or sessions, for idle and capacity)."""
    warm: int = 500
    """Events before the measuring begins: connections, caches and the adaptive interpreter have settled by then."""
    rate: float = 0.0
    """Frames a second, 0 for as fast as the client goes."""
    history: int = 0
    """Items that the conversation holds already."""
    chunk: int = 960
    """Bytes of audio in one append."""
    tls: bool = False
    default_allocator: bool = False
    """Leave the allocator as a user finds it, instead of equal for all."""
    uvloop: bool = False
    seconds: float = 4.0
    """How long a capacity run lasts."""
    port: int = 0
    certificate: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        return cls(**json.loads(text))


@dataclass
class Meter:
    """Counts events and measures the processor time of this process between two of them."""

    job: Job
    done: asyncio.Event = field(default_factory=asyncio.Event)
    seen: int = 0
    first_cpu: float = 0.0
    last_cpu: float = 0.0
    first_faults: int = 0
    last_faults: int = 0

    def heard(self, _: object = None) -> None:
        """Count one event. Called by every variant in the same way, so it costs all of them the same."""
        self.seen += 1
        if self.seen == self.job.warm:
            self.first_faults, self.first_cpu = faults(), time.process_time()
        elif self.seen == self.job.warm + self.job.count:
            self.last_cpu, self.last_faults = time.process_time(), faults()
            self.done.set()

    def figures(self) -> dict[str, Any]:
        return {
            "us": (self.last_cpu - self.first_cpu) * 1e6 / self.job.count,
            "faults": (self.last_faults - self.first_faults) / self.job.count,
        }


def faults() -> int:
    """Return the minor page faults of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
