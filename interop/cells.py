"""The table: peers down, scenes across, and what came of each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from interop import equipment, servers
from interop.equipment import HERE, NotEquipped
from realtime_transport.emulator import clips

SCENES: Final = ("text", "audio", "tool", "interruption")
CELL_SECONDS: Final = 60.0
CLIPS: Final = Path(clips.__file__).parent / "speech"

Verdict: TypeAlias = Literal["passed", "failed", "not offered", "not installed"]


@attrs.frozen(kw_only=True)
class Cell:
    """One scene of one peer."""

    peer: str
    scene: str
    verdict: Verdict
    seen: str
    """What it saw, or why it failed."""


@attrs.frozen(kw_only=True)
class Peer:
    """One row: a client against a server, at least one of which is not ours."""

    name: str
    client: str
    """The program in ``clients/``."""
    runner: Callable[[], Path]
    """Installs and returns what runs it."""
    server: Callable[[str], AbstractContextManager[str]] = nullcontext
    """Makes the server of this row, given the address of ours."""
    lacks: tuple[str, ...] = ()
    """Scenes that this peer has nothing for."""
    key: str = "any"


@contextmanager
def _aimock(_: str) -> Iterator[str]:
    with servers.aimock() as address:
        yield address


PEERS: Final = (
    Peer(name="openai (Python) -> ours", client="openai_python.py", runner=equipment.ours),
    Peer(
        name="openai-agents (Python) -> ours",
        client="agents_python.py",
        runner=lambda: equipment.python_with("requirements-agents.txt"),
    ),
    Peer(name="@openai/agents-realtime -> ours", client="agents_node.mjs", runner=equipment.node),
    Peer(name="ours -> ours", client="ours.py", runner=equipment.ours),
    Peer(
        name="ours -> @copilotkit/aimock",
        client="ours.py",
        runner=equipment.ours,
        server=_aimock,
        lacks=("audio", "interruption"),  # it neither listens nor speaks
    ),
    Peer(
        name="ours -> LiteLLM proxy -> ours",
        client="ours.py",
        runner=equipment.ours,
        server=servers.litellm,
        key=servers.MASTER_KEY,
    ),
)


def cells(peers: Sequence[Peer], address: str) -> Iterator[Cell]:
    """Run every scene of every peer, one after the other, against our server at ``address``."""
    for peer in peers:
        try:
            runner = peer.runner()
            with peer.server(address) as url:
                for scene in SCENES:
                    yield _cell(peer, scene, runner, url)
        except NotEquipped as error:
            for scene in SCENES:
                yield Cell(peer=peer.name, scene=scene, verdict="not installed", seen=str(error))


def _cell(peer: Peer, scene: str, runner: Path, url: str) -> Cell:
    if scene in peer.lacks:
        return Cell(peer=peer.name, scene=scene, verdict="not offered", seen="the peer has nothing for it")
    command = [str(runner), str(HERE / "clients" / peer.client), url, scene, str(CLIPS)]
    if peer.key != "any":
        command.append(peer.key)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CELL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Cell(peer=peer.name, scene=scene, verdict="failed", seen=f"no end within {CELL_SECONDS:g} s")
    said = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip().splitlines()
    verdict: Verdict = "passed" if done.returncode == 0 else "failed"
    return Cell(peer=peer.name, scene=scene, verdict=verdict, seen=said[-1] if said else f"exit {done.returncode}")
