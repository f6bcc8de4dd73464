"""The table: peers down, scenes across, and what came of each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from interop import equipment, servers
from interop.equipment import HERE, NotEquipped
from realtime_transport.emulator import clips

SCENES: Final = ("text", "audio", "tool", "interruption")
CELL_SECONDS: Final = 60.0
"""Far above what a cell needs (3): what waits for something by itself gives up after 20."""
LOG_LINES: Final = 40
"""Of a client that failed: enough for a traceback."""
CLIPS: Final = Path(clips.__file__).parent / "speech"

Verdict: TypeAlias = Literal["passed", "deviates", "not offered", "failed", "not installed"]

BY_EXIT: Final[Mapping[int, Verdict]] = {0: "passed", 3: "deviates", 4: "not offered"}
"""How a client says what it found, any other code being a failure; ``clients/ours.py`` has the same table."""


@attrs.frozen(kw_only=True)
class Cell:
    """One scene of one peer."""

    peer: str
    scene: str
    verdict: Verdict
    seen: str
    """What it saw, or why it failed."""
    is_expected: bool
    """Whether it passed, or came out as is known of this peer."""
    log: tuple[str, ...] = ()
    """The last that a client said before it failed."""


@attrs.frozen(kw_only=True)
class Peer:
    """One row: a client against a server, at least one of which is not ours."""

    name: str
    version: Callable[[], str]
    """Of the one that is not ours."""
    client: str
    """The program in ``clients/``."""
    runner: Callable[[], Path]
    """Installs and returns what runs it."""
    server: Callable[[str], AbstractContextManager[str]] = nullcontext
    """Makes the server of this row, given the address of ours."""
    known: Mapping[str, Verdict] = attrs.field(factory=dict[str, Verdict])
    """Scenes that do not pass with this peer, and how they come out. Observed anew in every run."""
    key: str = "any"
    options: tuple[str, ...] = ()
    """More arguments for the client."""


PEERS: Final = (
    Peer(
        name="openai {} (Python) -> ours",
        version=lambda: equipment.version_here("openai"),
        client="openai_python.py",
        runner=equipment.ours,
    ),
    Peer(
        name="openai-agents {} (Python) -> ours",
        version=lambda: equipment.version_pinned("requirements-agents.txt"),
        client="agents_python.py",
        runner=lambda: equipment.python_with("requirements-agents.txt"),
    ),
    Peer(
        name="@openai/agents-realtime {} -> ours",
        version=lambda: equipment.version_of_node("@openai/agents-realtime"),
        client="agents_node.mjs",
        runner=equipment.node,
    ),
    Peer(
        name="openai {} (node, TLS) -> ours",
        version=lambda: equipment.version_of_node("openai"),
        client="openai_node.mjs",
        runner=equipment.node,
        server=servers.secure_emulator,
    ),
    Peer(
        name="ours {} -> ours",
        version=lambda: equipment.version_here("realtime-transport"),
        client="ours.py",
        runner=equipment.ours,
    ),
    Peer(
        name="ours -> @copilotkit/aimock {}",
        version=lambda: equipment.version_of_node("@copilotkit/aimock"),
        client="ours.py",
        runner=equipment.ours,
        server=servers.aimock,
        known={"audio": "not offered", "interruption": "not offered"},
    ),
    Peer(
        name="ours -> LiteLLM proxy {} -> ours",
        version=lambda: equipment.version_pinned("requirements-litellm.txt"),
        client="ours.py",
        runner=equipment.ours,
        server=servers.litellm,
        key=servers.MASTER_KEY,
        # It asks for a response itself, after each transcript; the server must not have begun one.
        options=("no-create-response",),
    ),
)


def cells(peers: Sequence[Peer], address: str) -> Iterator[Cell]:
    """Run every scene of every peer, one after the other, against our server at ``address``."""
    for peer in peers:
        name = peer.name.format(peer.version())
        try:
            runner = peer.runner()
            with peer.server(address) as url:
                for scene in SCENES:
                    yield _cell(peer, name, scene, runner, url)
        except NotEquipped as error:
            for scene in SCENES:
                yield Cell(peer=name, scene=scene, verdict="not installed", seen=str(error), is_expected=False)


def _cell(peer: Peer, name: str, scene: str, runner: Path, url: str) -> Cell:
    command = [str(runner), str(HERE / "clients" / peer.client), url, scene, str(CLIPS), peer.key, *peer.options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CELL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        late = f"no end within {CELL_SECONDS:g} s"
        return Cell(peer=name, scene=scene, verdict="failed", seen=late, is_expected=False)
    verdict = BY_EXIT.get(done.returncode, "failed")
    said = (done.stderr if verdict == "failed" else done.stdout).strip().splitlines()
    return Cell(
        peer=name,
        scene=scene,
        verdict=verdict,
        seen=said[-1] if said else f"exit {done.returncode}",
        is_expected=verdict in {"passed", peer.known.get(scene)},
        log=tuple(said[-LOG_LINES:]) if verdict == "failed" else (),
    )
