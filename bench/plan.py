"""What is measured and what is wanted: scenarios, who takes part, and the targets, as tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PEERS = ("openai", "agents-model", "agents-session", "node")
EVERYBODY = ("floor", "own-floor", "transport", "session", *PEERS)
IN_MEMORY = (*EVERYBODY, "loopback")
OURS = ("floor", "own-floor", "transport", "session")
NAMES = {
    "floor": "`websockets`, nothing done",
    "own-floor": "the same with our connection class",
    "transport": "**our transport**",
    "session": "**our session**",
    "loopback": "our transport and its server over the loopback",
    "openai": "`openai` (Python), base64 decoded",
    "agents-model": "`openai-agents` (Python) model",
    "agents-session": "`openai-agents` (Python) session",
    "node": "`@openai/agents-realtime` (node) transport",
}
CONTAINS = {"transport": "own-floor", "session": "transport"}
"""Variant -> the floor that it contains. A run in which it beats that floor has measured something else."""


@dataclass(frozen=True)
class Scenario:
    """One row of the result: a kind of run, done by several variants."""

    name: str
    title: str
    job: dict[str, Any]
    variants: tuple[str, ...] = EVERYBODY
    figure: str = "us"
    """Which figure of a run counts."""
    repetitions: tuple[int, int] = (3, 7)
    """Quick and full."""
    gated: bool = False
    """The sanity gate holds here: processor time of a blast, where a floor cannot be undercut."""
    in_quick: bool = True
    climbs: bool = False
    """Each run is a search for the most sessions, up to the job's ``count``."""


def _receive(name: str, title: str, frame: str, count: int, **more: Any) -> Scenario:
    job = {"scenario": "receive", "frame": frame, "count": count, **more.pop("job", {})}
    return Scenario(name, title, job, **more)


BLAST: dict[str, Any] = {"gated": True, "variants": IN_MEMORY}
SCENARIOS: tuple[Scenario, ...] = (
    _receive("a1k", "receive 20 ms of audio (1.4 kB), blast", "a1k", 20_000, **BLAST),
    _receive("a8k", "receive 200 ms of audio (13 kB), blast", "a8k", 8_000, **BLAST),
    _receive("a20k", "receive 400 ms of audio (26 kB), blast", "a20k", 4_000, **BLAST),
    _receive("a1k-paced", "receive 20 ms of audio, 1,000 a second", "a1k", 3_000, job={"rate": 1000.0}),
    _receive("a8k-tls", "receive 200 ms over TLS, allocator as it comes", "a8k", 4_000,
             job={"tls": True, "default_allocator": True}),
    _receive("a8k-default", "receive 200 ms, allocator as it comes", "a8k", 4_000,
             job={"default_allocator": True}, variants=OURS, in_quick=False),
    _receive("a8k-uvloop", "receive 200 ms under uvloop", "a8k", 4_000, job={"uvloop": True}, variants=OURS),
    _receive("transcript", "receive a transcript delta, blast", "transcript", 20_000),
    _receive("response", "receive a response that begins and ends, blast", "response", 2_000),
    Scenario("send-960", "append 960 bytes of audio", {"scenario": "send", "count": 10_000, "chunk": 960}),
    Scenario("send-4800", "append 4,800 bytes of audio", {"scenario": "send", "count": 5_000, "chunk": 4_800}),
    Scenario("idle", "memory of one idle session, kB", {"scenario": "idle", "count": 200, "warm": 20},
             variants=("floor", "transport", "session", "openai", "agents-model", "agents-session"),
             figure="kb", repetitions=(2, 3)),
    Scenario("capacity", "processor share of 100 calls at real time (50 frames in, 20 appends out a second, each)",
             {"scenario": "capacity", "count": 100}, figure="share", repetitions=(2, 5),
             variants=("floor", "transport", "session", "agents-model", "agents-session")),
    Scenario("ladder", "calls at real time on one core before its loop comes 20 ms late (99th percentile)",
             {"scenario": "capacity", "count": 800}, figure="sessions", repetitions=(1, 1), in_quick=False,
             climbs=True, variants=("floor", "transport", "session", "agents-model", "agents-session")),
    Scenario("barge-in", "`speech_started` in to truncation out, ms, median of 300, both ways over the socket",
             {"scenario": "barge_in", "count": 300, "warm": 30}, figure="p50", repetitions=(2, 5),
             variants=("transport", "session", "agents-model", "agents-session")),
    _receive("history-10", "receive 20 ms of audio after 10 items", "a1k", 10_000, job={"history": 10},
             variants=("transport", "session")),
    _receive("history-10000", "receive 20 ms of audio after 10,000 items", "a1k", 10_000, job={"history": 10_000},
             variants=("transport", "session")),
)  # fmt: skip

IMPORTS = {
    "package": "import realtime_transport",
    "transport": "from realtime_transport import WebSocketTransport",
    "session": "from realtime_transport import RealtimeAgent, RealtimeSession, WebSocketTransport",
    "openai": "import openai, openai.types.realtime, openai.resources.realtime",
    "agents": "import agents.realtime",
}
"""What a program of each library begins with."""


@dataclass(frozen=True)
class Target:
    """A ratio that is wanted: ``above`` over ``below``, each a scenario and a variant."""

    title: str
    above: tuple[str, str]
    below: tuple[str, str]
    most: float
    more_is_better: bool = field(default=False)


def _ratio(title: str, scenario: str, ours: str, other: str, most: float) -> Target:
    return Target(title, (scenario, ours), (scenario, other), most)


TARGETS: tuple[Target, ...] = (
    _ratio("transport / floor, a8k blast", "a8k", "transport", "floor", 1.5),
    _ratio("transport / floor, a8k over TLS, default allocator", "a8k-tls", "transport", "floor", 0.7),
    _ratio("transport / floor, a1k at pace", "a1k-paced", "transport", "floor", 1.0),
    _ratio("session / floor, a8k blast", "a8k", "session", "floor", 1.8),
    _ratio("transport / openai, a8k blast", "a8k", "transport", "openai", 0.20),
    _ratio("transport / openai-agents model, a8k blast", "a8k", "transport", "agents-model", 0.30),
    _ratio("session / openai-agents session, a8k blast", "a8k", "session", "agents-session", 0.35),
    _ratio("transport / agents-realtime in node, a8k blast", "a8k", "transport", "node", 0.35),
    _ratio("send 960 bytes / floor", "send-960", "transport", "floor", 1.10),
    _ratio("idle memory of a transport / bare socket", "idle", "transport", "floor", 1.5),
    Target("import of the package / openai", ("import", "package"), ("import", "openai"), 0.30),
    Target("import of transport and session / openai", ("import", "session"), ("import", "openai"), 0.30),
    Target("calls at real time on one core, openai-agents session / session", ("ladder", "agents-session"),
           ("ladder", "session"), 0.40),
    Target("one event at 10,000 items / at 10", ("history-10000", "transport"), ("history-10", "transport"), 1.2),
)  # fmt: skip
