"""Throw client frames at the server: ``python scripts/fuzz_server.py --frames 100000 --seed 1``.

Three sorts of frames, in sessions of thirty: sound ones, which are not refused; ones with exactly one flaw, of every
field of the protocol, which are answered with exactly one error of the right code, parameter and event id; and wild
ones, changed in several places or scratched, which get one error at most. Most go to the pure server role, a share over
a real socket. After each session a written turn has to work. Besides, odd requests knock at the HTTP doors: none may be
answered with 5xx. Deterministic for a seed. Exits with 1 when anything was otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import json
import logging
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
from websockets.asyncio.client import ClientConnection, connect

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from fuzz_wire import Mutator

from realtime_transport.conversation.brains import Echo
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server_errors import ERRORS
from realtime_transport.emulator import Emulator
from realtime_transport.wire import Codec
from tests.conversation.client_frames import FRAMES, OUT_OF_PLACE, SCENE, TYPELESS, Expected, flaws, typeless
from tests.corpus import lines

FRAMES_OF_A_SESSION: Final = 30
SOCKET_SHARE: Final = 0.02
"""A frame takes half a millisecond over a socket, with the question after it that tells when it is answered."""
KNOCKS_SHARE: Final = 0.01
PATIENCE: Final = 10.0
NOTHING: Final = 0
"""The status of a request that is not answered."""
STEPS: Final = 2000
"""Looks at the clock after which a turn that has not ended never will."""
_WAYS: Final = ((0.55, "flawed"), (0.15, "sound"), (0.30, "wild"))
Frame = dict[str, Any]


@attrs.frozen
class Shot:
    """One frame, what it is and what has to be answered."""

    kind: str
    data: str | bytes
    expected: Sequence[Expected] | None
    """The errors; None when nobody can say but that there is one at most."""
    event_id: str | None = None


@attrs.define
class Tally:
    """What a run has reached."""

    frames: collections.Counter[str] = attrs.field(factory=collections.Counter)
    kinds: collections.Counter[str] = attrs.field(factory=collections.Counter)
    codes: collections.Counter[str] = attrs.field(factory=collections.Counter)
    statuses: collections.Counter[int] = attrs.field(factory=collections.Counter)
    turns: int = 0
    failures: list[str] = attrs.field(factory=list)

    def report(self) -> str:
        """Say it in a few lines."""
        tried = ", ".join(f"{count} {way}" for way, count in sorted(self.frames.items()))
        flawed = sum(kind.startswith("flawed: ") for kind in self.kinds)
        codes = "\n".join(f"  {count:>8} {code}" for code, count in self.codes.most_common())
        doors = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return "\n".join(
            [
                f"{self.frames.total()} frames tried ({tried}), {len(self.kinds)} kinds, {flawed} of them flaws",
                f"{self.turns} sessions talked to the end; {len(self.failures)} failures",
                f"answered:\n{codes}",
                f"odd requests over HTTP: {doors or 'none'}",
                *self.failures[:10],
            ]
        )


# --- frames ----------------------------------------------------------------------------------------------------------


class Gunner:
    """Makes frames of a seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        said = [line.frame for line in lines(besides=("beta", "translation")) if line.sender == "client"]
        self._wild = Mutator([*FRAMES, *said], rng)
        self._flawed = [*flaws(), *OUT_OF_PLACE]
        self._typeless = list(typeless())
        self._ids = itertools.count()

    def session(self, size: int) -> Iterator[Shot]:
        """Make the frames of one session. Wild ones come last: after them, nobody knows the state of the session."""
        ways = self._rng.choices([way for _, way in _WAYS], [share for share, _ in _WAYS], k=size)
        for way in sorted(ways, key=["flawed", "sound", "wild"].index):
            yield getattr(self, way)()

    def flawed(self) -> Shot:
        """Make a frame with one flaw."""
        if self._rng.random() < 0.05:
            kind, text, expected = self._rng.choice(self._typeless)
            return Shot(f"flawed: {kind}", text, [expected], TYPELESS)
        flaw = self._rng.choice(self._flawed)
        frame = {"event_id": self._id(), **flaw.frame}
        return Shot(f"flawed: {flaw.kind}", json.dumps(frame), [flaw.expected], frame["event_id"])

    def sound(self) -> Shot:
        """Make a frame with none, that is in its place in every idle session."""
        frame = {**self._rng.choice(_SOUND), "event_id": self._id()}
        return Shot(f"sound: {frame['type']}", json.dumps(frame), [], frame["event_id"])

    def wild(self) -> Shot:
        """Make a frame with any number of flaws, or bytes that are none."""
        return Shot("wild", _as_text(self._wild.frame()), None)

    def _id(self) -> str:
        return f"shot_{next(self._ids)}"


def _as_text(data: bytes) -> str | bytes:
    """What is no UTF-8 can only travel in a binary frame, and servers read those too."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


_SOUND: Final = tuple(
    frame
    for frame in (
        *(frame for frame in FRAMES if frame["type"] in {"input_audio_buffer.append", "input_audio_buffer.clear"}),
        {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}},
        {"type": "conversation.item.retrieve", "item_id": "mine"},
        {"type": "conversation.item.create", "item": {k: v for k, v in SCENE[0]["item"].items() if k != "id"}},
    )
)


# --- servers ---------------------------------------------------------------------------------------------------------


class Target(Protocol):
    """A session of a server."""

    async def ask(self, data: str | bytes) -> list[Frame]:
        """Say something; give what was answered at once."""
        ...

    async def turn(self) -> list[Frame]:
        """Have a written turn, beside whatever runs; give its frames."""
        ...


_LAST: Final = {"turn": "last"}
TURN: Final = {
    "type": "response.create",
    "response": {"conversation": "none", "input": [], "output_modalities": ["text"], "metadata": _LAST},
}


class InMemory:
    """The pure server role. Time passes from frame to frame."""

    def __init__(self) -> None:
        self._codec: Codec[Any, Any] = Codec(role="server")
        self._peer = ServerPeer(Echo(), pace=None)
        self._now = 0.0
        self._peer.open(self._now)
        self._drain()

    async def ask(self, data: str | bytes) -> list[Frame]:
        """Hand it to the codec and the peer."""
        decoded = self._codec.decode(data)
        if decoded.event is None or decoded.problems:
            self._peer.receive_unreadable(decoded.problems[0].error, decoded.event)
        else:
            self._peer.receive(decoded.event, self._now)
        self._now += 0.05
        self._peer.wake(self._now)
        return self._drain()

    async def turn(self) -> list[Frame]:
        frames = await self.ask(json.dumps(TURN))
        for _ in range(STEPS):
            deadline = self._peer.next_deadline()
            if deadline is None or _ended(frames):
                break
            self._now = max(self._now, deadline)
            self._peer.wake(self._now)
            frames += self._drain()
        return frames

    def _drain(self) -> list[Frame]:
        if self._peer.closing is not None:
            raise AssertionError(f"the server hung up: {self._peer.closing}")
        return [json.loads(self._codec.encode(event)) for event in self._peer.frames_to_send()]


class OverSocket:
    """The same over a socket. What answers a frame is what comes before the answer to a question after it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._fences = itertools.count()

    async def ask(self, data: str | bytes) -> list[Frame]:
        fence = f"fence_{next(self._fences)}"
        await self._socket.send(data)
        question = {"type": "conversation.item.retrieve", "item_id": fence, "event_id": fence}
        await self._socket.send(json.dumps(question))
        return (await self._until(lambda frame: (frame.get("error") or {}).get("event_id") == fence))[:-1]

    async def turn(self) -> list[Frame]:
        await self._socket.send(json.dumps(TURN))
        return await self._until(lambda frame: _ended([frame]))

    async def _until(self, last: Callable[[Frame], object]) -> list[Frame]:
        frames: list[Frame] = []
        async with asyncio.timeout(PATIENCE):
            while not frames or not last(frames[-1]):
                frames.append(json.loads(await self._socket.recv()))
        return frames


def _ended(frames: Sequence[Frame]) -> bool:
    done = (frame["response"] for frame in frames if frame["type"] == "response.done")
    return any(response.get("metadata") == _LAST and response["status"] == "completed" for response in done)


# --- shooting --------------------------------------------------------------------------------------------------------


async def hold(target: Target, shots: Sequence[Shot], tally: Tally, where: str) -> None:
    """Hold one session, and count what came of it."""
    shot: Shot | None = None
    try:
        for frame in SCENE:
            await target.ask(json.dumps(frame))
        for shot in shots:
            tally.frames[where] += 1
            tally.kinds[shot.kind] += 1
            errors = [frame["error"] for frame in await target.ask(shot.data) if frame["type"] == "error"]
            tally.codes.update(str(error["code"]) for error in errors)
            if wrong := _wrong(shot, errors):
                tally.failures.append(f"{shot.kind} ({where}): {wrong}\n  {shot.data[:400]!r}")
        if _ended(await target.turn()):
            tally.turns += 1
        else:
            tally.failures.append(f"no turn was possible after {[each.data[:200] for each in shots[-5:]]}")
    except Exception:  # noqa: BLE001  # the very thing this program looks for
        said = shot.data[:400] if shot is not None else ""
        tally.failures.append(f"{said!r} ({where})\n{traceback.format_exc(limit=-4)}")


_CODES: Final = frozenset(row.code for row in ERRORS.values())


def _wrong(shot: Shot, errors: Sequence[Frame]) -> str:
    """Say what is wrong with the answer; nothing when it is right."""
    came = [(error["code"], error["param"], error["event_id"]) for error in errors]
    if shot.expected is None:
        sound = len(came) <= 1 and all(code in _CODES for code, _, _ in came)
        return "" if sound else f"answered with {came}"
    wanted = [(each.code, each.param, shot.event_id if each.names_event else None) for each in shot.expected]
    return "" if came == wanted else f"answered with {came}, not with {wanted}"


async def knock(host: str, port: int, rng: random.Random, tally: Tally) -> None:
    """Send one odd request over HTTP."""
    verb = rng.choice(["GET", "GET", "GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
    path = rng.choice(_PATHS) + rng.choice(_QUERIES)
    kind = rng.choice(["application/json", "application/sdp", "multipart/form-data; boundary=b", "text/plain", ""])
    body = rng.choice(_BODIES)
    upgrade = rng.choice(["", _UPGRADE])
    protocol = rng.choice(["", "Sec-WebSocket-Protocol: realtime, zz.\xe9\r\n"])
    key = rng.choice(
        [
            "",
            "Authorization: Bearer \xff\r\n",
            "Authorization: x\r\n",
            "Authorization: Bearer key\r\n",
            "api-key: key\r\n",
            "Authorization: Bearer ek_x\r\n",
        ]
    )
    head = f"{verb} {path} HTTP/1.1\r\nHost: x\r\n{key}{upgrade}{protocol}Content-Type: {kind}\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        async with asyncio.timeout(PATIENCE):
            line = await reader.readline()
        status = int(line.split()[1]) if line else NOTHING
    except TimeoutError:
        status = NOTHING
    finally:
        writer.close()
    tally.statuses[status] += 1
    if not NOTHING < status < 500:
        tally.failures.append(f"{status} to {request[:300]!r}")


_PATHS: Final = (
    "/v1/realtime", "/v1/realtime/client_secrets", "/v1/realtime/calls", "/v1/realtime/calls/rtc_x/accept",
    "/v1/realtime/calls/rtc_x/refer", "/v1/realtime/calls/rtc_x/hangup", "/v1/realtime/calls/rtc_x/reject",
    "/v1/realtime/translations", "/v1/realtime/translations/client_secrets", "/openai/v1/realtime", "/openai/realtime",
    "/voice-live/realtime", "/api-ws/v1/realtime", "/", "/no/such/path",
)  # fmt: skip
_UPGRADE: Final = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
_QUERIES: Final = (
    "",
    "",
    "",
    "",
    "",
    "?model=",
    "?intent=%00",
    "?call_id=x",
    "?faults=zz",
    "?latency_ms=zz",
    "?%ff=%fe",
    "/x",
)
_BODIES: Final = (
    b"", b"{", b"[]", b"null", b"{}", b'{"session": 7}', b'{"session": {"type": "x"}}', b'{"expires_after": []}',
    b'{"session": {"type": "realtime", "zz": 1}}', b'{"target_uri": 1}', b"\xff\xfe", b"v=0\r\n", b"--b\r\n\r\n--b--",
    b'{"expires_after": {"anchor": "x", "seconds": 1e999}}', b'{"status_code": "x"}',
)  # fmt: skip


async def run(frames: int, seed: int, *, target: Callable[[], Target] = InMemory) -> Tally:
    """Try so many frames: most of them in memory, a share over sockets; and knock at the doors."""
    rng = random.Random(seed)
    gunner, tally = Gunner(rng), Tally()
    over_socket = int(frames * SOCKET_SHARE)
    while tally.frames["in memory"] < frames - over_socket:
        await hold(target(), list(gunner.session(FRAMES_OF_A_SESSION)), tally, "in memory")
    async with Emulator(Echo, pace=None) as server:
        while tally.frames["over a socket"] < over_socket:
            async with connect(server.url, max_size=None) as socket:
                await hold(OverSocket(socket), list(gunner.session(FRAMES_OF_A_SESSION)), tally, "over a socket")
    for token in (None, "key"):
        async with Emulator(Echo, pace=None, token=token) as server:
            host, port = server.url.removeprefix("ws://").split("/")[0].rsplit(":", 1)
            for _ in range(int(frames * KNOCKS_SHARE / 2)):
                await knock(host, int(port), rng, tally)
    return tally


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # MCP servers that wild frames name are not there
    tally = asyncio.run(run(options.frames, options.seed))
    print(tally.report())
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
