"""One file per library that is measured. Each opens a connection, tells of every event, sends, and closes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from bench.job import Job

Heard = Callable[[Any], None]


class Adapter(Protocol):
    """What a run needs of a library."""

    async def open(self, job: Job, heard: Heard) -> None:
        """Connect and configure the session; from then on call ``heard`` with each event that the run is about."""

    async def respond(self) -> None:
        """Send ``response.create``, upon which the server begins."""

    async def send(self, audio: bytes) -> None:
        """Append audio, waiting for room where the library offers that."""

    async def close(self) -> None:
        """Close; what was sent is out."""


PLACES: dict[str, tuple[str, str]] = {
    "floor": ("floor", "Floor"),
    "own-floor": ("floor", "OwnFloor"),
    "transport": ("ours", "Transport"),
    "session": ("ours", "Session"),
    "loopback": ("ours", "Loopback"),
    "openai": ("openai_python", "OpenAI"),
    "agents-model": ("openai_agents", "Model"),
    "agents-session": ("openai_agents", "Session"),
}
"""Variant -> the module and class that drive it."""


def make(variant: str) -> Adapter:
    """Make the adapter of a variant. Raises ``ImportError`` when its library is not installed."""
    module, name = PLACES[variant]
    adapter: Adapter = getattr(importlib.import_module(f"bench.adapters.{module}"), name)()
    return adapter


def url(job: Job) -> str:
    """Say where the server of a run listens."""
    return f"{'wss' if job.tls else 'ws'}://localhost:{job.port}/v1/realtime?model=gpt-realtime"
