"""Mutate captured frames and decode them: ``python scripts/fuzz_wire.py --frames 1000000 --seed 1``.

Structure-aware: keys are deleted and renamed, values retyped, tags exchanged, values nested and parts of other frames
spliced in; some frames are cut or have bytes flipped afterwards. Each goes through a codec of a random role, family
and dialect, and what was typed goes back out. Deterministic for a seed. Exits with 1 if anything raised.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from realtime_transport.dialects import DIALECTS
from realtime_transport.events import UnknownClientEvent, UnknownServerEvent
from realtime_transport.wire import Codec
from realtime_transport.wire.json_text import parse
from tests.corpus import lines

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 1.5, 10**30, -(2**63), 1e308, "", "x", "AAAA", "AA!A", "AAA", "audio", "message",
    "realtime", "transcription", "\ud800", "\x00", "a" * 5000, [], {}, [None], [[]], {"type": "x"}, {"type": []},
    {"": {}}, {"\0raw": 1, "\0extra": {}}, [1, "2", None, {}],
]  # fmt: skip
DEEP = 40
"""Levels that ``nest`` may add: deeper than any schema, shallower than what JSON parsers refuse outright."""
MOST_PLACES = 2000
"""A frame with more values than this is not mutated further: repeats of repeats would fill the memory."""


@attrs.define
class Tally:
    """What a run has reached."""

    frames: int = 0
    kinds: collections.Counter[str] = attrs.field(factory=collections.Counter)
    failures: list[str] = attrs.field(factory=list)

    def report(self) -> str:
        """Say it in a few lines."""
        sound = sum(count for kind, count in self.kinds.items() if kind.endswith(" sound"))
        rows = [
            f"{self.frames} frames tried, {len(self.kinds)} kinds of outcome reached, {len(self.failures)} exceptions",
            f"{sound} decoded without a problem, {self.kinds['nothing']} were no frames at all",
        ]
        return "\n".join([*rows, *self.failures[:10]])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Walk every value inside ``value``."""
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield (*path, step)
        yield from places(each, (*path, step))


def at(frame: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        frame = frame[step]
    return frame


class Mutator:
    """Makes frames that nobody sends out of frames that somebody sent."""

    def __init__(self, frames: list[dict[str, Any]], rng: random.Random) -> None:
        self._frames = frames
        self._rng = rng
        self._words = sorted(
            {at(f, p) for f in frames for p in places(f) if p[-1] in ("type", "role", "status")} - {None}
        )
        self._ways: list[Callable[[Any, Any], None]] = [
            self._delete, self._retype, self._retag, self._nest, self._splice, self._rename, self._repeat
        ]  # fmt: skip

    def frame(self) -> bytes:
        """Make one frame."""
        frame = json.loads(json.dumps(self._rng.choice(self._frames)))
        for _ in range(self._rng.randint(0, 4)):
            paths = list(places(frame))
            if 0 < len(paths) < MOST_PLACES:
                path = self._rng.choice(paths)
                self._rng.choice(self._ways)(at(frame, path[:-1]), path[-1])
        text = json.dumps(frame, ensure_ascii=self._rng.random() < 0.5).encode(errors="surrogatepass")
        return self._scratch(text) if self._rng.random() < 0.05 else text

    def _delete(self, holder: Any, step: Any) -> None:
        del holder[step]

    def _retype(self, holder: Any, step: Any) -> None:
        holder[step] = json.loads(json.dumps(self._rng.choice(VALUES)))

    def _retag(self, holder: Any, step: Any) -> None:
        if isinstance(holder, dict):
            step = next((tag for tag in ("type", "role") if tag in holder), step)
        holder[step] = self._rng.choice(self._words)

    def _nest(self, holder: Any, step: Any) -> None:
        for _ in range(self._rng.choice([1, 1, 2, DEEP])):
            holder[step] = self._rng.choice([[holder[step]], {"type": holder[step]}])

    def _splice(self, holder: Any, step: Any) -> None:
        other = self._rng.choice(self._frames)
        holder[step] = json.loads(json.dumps(at(other, self._rng.choice(list(places(other))))))

    def _rename(self, holder: Any, step: Any) -> None:
        if isinstance(holder, dict):
            holder[self._rng.choice(["", "x", "type", "id", "content", "\0raw"])] = holder.pop(step)

    def _repeat(self, holder: Any, step: Any) -> None:
        holder[step] = [holder[step]] * self._rng.choice([2, 40])

    def _scratch(self, text: bytes) -> bytes:
        place = self._rng.randrange(len(text))
        if self._rng.random() < 0.5:
            return text[:place]
        return text[:place] + bytes([self._rng.randrange(256)]) + text[place + 1 :]


def codecs() -> list[tuple[Codec[Any, Any], Codec[Any, Any]]]:
    """Make every reader with the writer that could have sent its frames."""
    pairs: list[tuple[Codec[Any, Any], Codec[Any, Any]]] = []
    for dialect, family in itertools.product(DIALECTS.values(), ("realtime", "translation")):
        client = Codec(dialect, role="client", family=family)
        server = Codec(dialect, role="server", family=family)
        pairs += [(client, server), (server, client)]
    return pairs


def run(frames: int, seed: int) -> Tally:
    """Try so many frames."""
    rng = random.Random(seed)
    mutator = Mutator([line.frame for line in lines()], rng)
    pairs = codecs()
    tally = Tally()
    for _ in range(frames):
        data = mutator.frame()
        tally.frames += 1
        try:
            tally.kinds[outcome(data, *rng.choice(pairs))] += 1
        except Exception:  # noqa: BLE001  # the very thing this program looks for
            tally.failures.append(f"{data[:500]!r}\n{traceback.format_exc(limit=-4)}")
    return tally


def outcome(data: bytes, reader: Codec[Any, Any], writer: Codec[Any, Any]) -> str:
    """Decode one frame and, if it was understood, encode it again; name what came of it."""
    decoded = reader.decode(data)
    for each in decoded.problems:
        repr(each), str(each.error)
    if decoded.event is None:
        return "nothing"
    if decoded.event.raw != parse(data):
        raise AssertionError("decoding changed the frame")
    kind = type(decoded.event).__name__
    if not isinstance(decoded.event, UnknownClientEvent | UnknownServerEvent):
        writer.encode(decoded.event)
    return f"{kind} {'flawed' if decoded.problems else 'sound'}"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally = run(options.frames, options.seed)
    print(tally.report())
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
