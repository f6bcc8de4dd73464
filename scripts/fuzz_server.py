"""Throw client frames that are nearly right at the server: ``python scripts/fuzz_server.py --frames 100000 --seed 1``.

Two kinds. Damaged frames have one flaw that is known, so their error is known as well: its code has to be the right
one. Wild frames have any number of flaws: whatever comes back has to be of the protocol's shape. After every few
hundred, the session has to answer a question. ``--socket`` does it to the emulator over real sockets, and throws bodies
at its HTTP endpoints, none of which may answer with 5xx. Deterministic for a seed. Exit 1 if anything was found.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import copy
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from fuzz_wire import Mutator, at, places

from realtime_transport.conversation.brains import Script
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server_errors import ERRORS
from realtime_transport.events import ErrorFrame, ResponseDone
from realtime_transport.wire import Codec
from tests.conversation.test_server_fuzz import FRAMES
from tests.corpus import lines

PER_SESSION: Final = 300
CODES: Final = {row.code for row in ERRORS.values()}
FREE: Final = {"metadata", "parameters", "workflow_name"}
"""Objects of the client's own, in which every key is right."""
REQUIRED: Final = (
    ("conversation.item.create", ("item",)),
    ("conversation.item.delete", ("item_id",)),
    ("conversation.item.retrieve", ("item_id",)),
    ("conversation.item.truncate", ("item_id",)),
    ("conversation.item.truncate", ("audio_end_ms",)),
    ("input_audio_buffer.append", ("audio",)),
    ("session.update", ("session",)),
    ("session.update", ("session", "type")),
)
AGAIN: Final = (
    {"type": "response.cancel"},
    {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"], "tools": [],
     "tool_choice": "auto", "max_output_tokens": "inf", "audio": {"input": {"turn_detection": None}}}},
    {"type": "response.create", "response": {"conversation": "none", "input": [], "output_modalities": ["text"]}},
)  # fmt: skip
"""What every session has to be able to do, whatever was said to it before."""


@attrs.frozen
class Shot:
    """One frame, and the codes that may answer it; None where nobody can know."""

    data: bytes
    damage: str
    codes: frozenset[str | None] | None = None


@attrs.define
class Tally:
    """What a run has seen."""

    frames: int = 0
    sessions: int = 0
    damages: collections.Counter[str] = attrs.field(factory=collections.Counter)
    codes: collections.Counter[str] = attrs.field(factory=collections.Counter)
    faults: list[str] = attrs.field(factory=list)

    def report(self) -> str:
        """Say it in a few lines."""
        rows = [
            f"{self.frames} frames in {self.sessions} sessions, {len(self.faults)} faults",
            "damages: " + ", ".join(f"{count} {name}" for name, count in self.damages.most_common()),
            "codes answered: " + ", ".join(f"{count} {name}" for name, count in self.codes.most_common()),
        ]
        return "\n".join([*rows, *self.faults[:10]])


class Gun:
    """Makes shots."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._frames = [
            *FRAMES,
            *(line.frame for line in lines(besides=("beta", "translation")) if line.sender == "client"),
        ]
        self._wild = Mutator(self._frames, rng)
        self._damages: tuple[Callable[[], Shot | None], ...] = (
            self._unknown_field, self._wrong_type, self._missing, self._unknown_type, self._no_type, self._no_json,
            self._no_base64,
        )  # fmt: skip

    def shot(self) -> Shot:
        """Make one: half of them damaged, half of them wild."""
        while True:
            made = self._rng.choice(self._damages)() if self._rng.random() < 0.5 else Shot(self._wild.frame(), "wild")
            if made is not None:
                return made

    def _sound(self, wire_type: str = "") -> dict[str, Any]:
        fitting = [frame for frame in FRAMES if wire_type in {"", frame["type"]}]
        return copy.deepcopy(self._rng.choice(fitting))

    def _unknown_field(self) -> Shot | None:
        frame = self._sound()
        objects = [(), *(path for path in places(frame) if isinstance(at(frame, path), dict))]
        path = self._rng.choice([path for path in objects if not FREE & set(path)])
        at(frame, path)["check_no_such_field"] = 1
        return _damaged(frame, "unknown field", "unknown_parameter")

    def _wrong_type(self) -> Shot | None:
        frame = self._sound()
        leaves = [
            path for path in places(frame)
            if isinstance(at(frame, path), str) and not FREE & set(path) and path[-1] not in {"type", "event_id"}
        ]  # fmt: skip
        if not leaves:
            return None
        path = self._rng.choice(leaves)
        at(frame, path[:-1])[path[-1]] = self._rng.choice([True, [7], 1.5])
        return _damaged(frame, "wrong type", "invalid_type", "invalid_value")

    def _missing(self) -> Shot | None:
        wire_type, path = self._rng.choice(REQUIRED)
        frame = self._sound(wire_type)
        del at(frame, path[:-1])[path[-1]]
        return _damaged(frame, "missing field", "missing_required_parameter")

    def _unknown_type(self) -> Shot:
        return _damaged({**self._sound(), "type": "response.explain"}, "unknown type", "invalid_value")

    def _no_type(self) -> Shot:
        frame = self._sound()
        del frame["type"]
        return _damaged(frame, "no type", "invalid_event")

    def _no_json(self) -> Shot:
        text = json.dumps(self._sound()).encode()
        return Shot(text[: self._rng.randrange(1, len(text) - 1)], "no JSON", frozenset({"invalid_json"}))

    def _no_base64(self) -> Shot:
        junk = self._rng.choice(["!", "AA A", "AAAA=", "AA==AA=="])
        return _damaged({"type": "input_audio_buffer.append", "audio": junk}, "no base64", "invalid_value")


def _damaged(frame: dict[str, Any], damage: str, *codes: str) -> Shot:
    return Shot(json.dumps({**frame, "event_id": "shot"}).encode(), damage, frozenset(codes))


class Target:
    """One session in memory."""

    def __init__(self) -> None:
        self._codec = Codec(role="server")
        self._peer = ServerPeer(Script(otherwise="Alive."), pace=None)
        self._now = 0.0
        self._peer.open(self._now)
        self._peer.frames_to_send()

    def fire(self, data: bytes) -> list[Any]:
        """Let it have a frame; give what it says within half a second."""
        decoded = self._codec.decode(data)
        if decoded.event is None or decoded.problems:
            self._peer.receive_unreadable(decoded.problems[0].error, decoded.event)
        else:
            self._peer.receive(decoded.event, self._now)
        self._now += 0.5
        self._peer.wake(self._now)
        said = self._peer.frames_to_send()
        for event in said:
            self._codec.encode(event)  # whatever went in, what comes out has the protocol's own shape
        return said

    def is_alive(self) -> bool:
        """Ask it something."""
        said = [event for frame in AGAIN for event in self.fire(json.dumps(frame).encode())]
        ends = [event.response.status for event in said if isinstance(event, ResponseDone)]
        return self._peer.closing is None and "completed" in ends


def judge(shot: Shot, errors: list[Any]) -> str:
    """Say what is wrong with the answer to a shot; empty when nothing is."""
    if len(errors) > 1:
        return f"{len(errors)} errors for one frame"
    for error in errors:
        if error.type != "invalid_request_error" or error.code not in CODES or not error.message:
            return f"an error of another shape: {error}"
    if shot.codes is None:
        return ""
    if not errors:
        return "no error"
    return "" if errors[0].code in shot.codes else f"{errors[0].code} instead of {', '.join(map(str, shot.codes))}"


def run(frames: int, seed: int) -> Tally:
    """Shoot so often, at one session after the other."""
    rng = random.Random(seed)
    gun, tally = Gun(rng), Tally()
    while tally.frames < frames:
        target = Target()
        tally.sessions += 1
        for _ in range(min(PER_SESSION, frames - tally.frames)):
            shot = gun.shot()
            tally.frames += 1
            tally.damages[shot.damage] += 1
            try:
                said = target.fire(shot.data)
            except Exception as error:  # noqa: BLE001  # the very thing this program looks for
                tally.faults.append(f"{type(error).__name__}: {error}: {shot.data[:300]!r}")
                target = Target()
                continue
            errors = [event.error for event in said if isinstance(event, ErrorFrame)]
            tally.codes.update(str(error.code) for error in errors)
            wrong = judge(shot, errors)
            if wrong:
                tally.faults.append(f"{shot.damage}: {wrong}: {shot.data[:300]!r}")
        if not target.is_alive():
            tally.faults.append(f"session {tally.sessions} of seed {seed} answers no more")
    return tally


async def run_over_sockets(frames: int, seed: int) -> Tally:
    """Shoot at the emulator, over one socket after the other, and at its HTTP endpoints."""
    import httpx2
    from websockets.asyncio.client import connect

    from realtime_transport.emulator import Emulator

    rng = random.Random(seed)
    gun, tally = Gun(rng), Tally()
    async with Emulator(lambda: Script(otherwise="Alive.")) as server, httpx2.AsyncClient() as http:
        while tally.frames < frames:
            tally.sessions += 1
            async with connect(server.url, max_size=None) as socket:
                for _ in range(min(PER_SESSION, frames - tally.frames)):
                    shot = gun.shot()
                    tally.frames += 1
                    tally.damages[shot.damage] += 1
                    await socket.send(shot.data.decode(errors="replace"))
                for frame in AGAIN:
                    await socket.send(json.dumps(frame))
                async for said in _said(socket):
                    if said["type"] == "error":
                        tally.codes[str(said["error"].get("code"))] += 1
                    if said["type"] == "response.done" and not said["response"].get("conversation_id"):
                        break
                else:
                    tally.faults.append(f"session {tally.sessions} of seed {seed} answers no more")
            for path in ("client_secrets", "translations/client_secrets", "calls"):
                body = gun.shot().data
                answer = await http.post(f"{server.http_url}/realtime/{path}", content=body)
                tally.codes[f"HTTP {answer.status_code}"] += 1
                if answer.status_code >= 500:
                    tally.faults.append(f"HTTP {answer.status_code} from {path}: {body[:300]!r}")
    return tally


async def _said(socket: Any) -> Any:
    """Give what comes, until nothing does for ten seconds."""
    while True:
        try:
            async with asyncio.timeout(10):
                yield json.loads(await socket.recv())
        except (TimeoutError, OSError):
            return


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Throw client frames that are nearly right at the server.")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--socket", action="store_true", help="over real sockets")
    given = parser.parse_args()
    tally = asyncio.run(run_over_sockets(given.frames, given.seed)) if given.socket else run(given.frames, given.seed)
    print(tally.report())
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
