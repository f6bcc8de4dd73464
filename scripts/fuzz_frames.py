"""Hold the frame scanner to the protocol: random frames in random chunks, with it and without it.

python scripts/fuzz_frames.py --frames 1000000 --seed 1

Both ways have to say the same messages in the same order, answer with the same bytes and end in the same state, also
where whoever hears them asks for a pause, and where those that wait are taken late. Exit 1 at the first difference,
which is printed with its seed.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
from collections import deque
from typing import Final

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from realtime_transport.transports.scanning import FrameScanner

LIMIT: Final = 70_000
SIZES: Final = (0, 1, 2, 5, 124, 125, 126, 127, 128, 200, 1_500, 65_534, 65_535, 65_536, 65_537, LIMIT, LIMIT + 1)
USUAL: Final = (0x81,) * 12 + (0x82, 0x89, 0x8A)
FRAGMENTED: Final = (0x01, 0x02, 0x00, 0x00, 0x80, 0x80)
ODD: Final = (0x88, 0x08, 0x83, 0x8B, 0xC1, 0x91, 0x89, 0x09, 0x03, 0xFF)


class Peer:
    """One reader of the stream: the protocol, with or without the scanner before it.

    With it, messages are heard at once where they may be; the others wait, as in ``recv``, until somebody takes them.
    """

    def __init__(self, *, scanned: bool, direct: bool, pauses: random.Random | None = None) -> None:
        self.protocol = ClientProtocol(parse_uri("ws://localhost/"), max_size=LIMIT, state=State.OPEN)
        self.messages: list[tuple[bool, bytes]] = []
        self.answers = b""
        self._waiting: deque[tuple[bool, bytes]] = deque()
        self._pauses = pauses
        self._parts: list[bytes] = []
        self._text = False
        self._scanner = FrameScanner(self._deliver, self._protocol, max_size=LIMIT) if scanned else None
        self._direct = direct
        if self._scanner is not None:
            self._scanner.direct = direct

    def receive(self, chunk: bytes) -> None:
        """Take a piece of the stream, from a buffer that is used again."""
        if self._scanner is None:
            self._protocol(chunk)
            return
        buffer = bytearray(chunk)
        self._scanner.receive(memoryview(buffer))
        buffer[:] = b"\xaa" * len(buffer)

    def take(self, most: int) -> None:
        """Take messages that wait."""
        while self._waiting and most:
            self.messages.append(self._waiting.popleft())
            most -= 1
            if self._scanner is not None:
                self._scanner.queued -= 1
                self._scanner.direct = self._direct and not self._scanner.queued

    def end(self) -> None:
        """Take the end of the stream, and everything that waits."""
        if self._scanner is not None:
            self._scanner.end()
        self.protocol.receive_eof()
        self._drain()
        self.take(len(self._waiting))

    def outcome(self) -> object:
        """Give everything that can be seen from outside."""
        close = (self.protocol.close_code, self.protocol.close_reason, self.protocol.state)
        return self.messages, self.answers, close, repr(self.protocol.parser_exc)

    def _deliver(self, message: bytes) -> None:
        self.messages.append((True, message))
        if self._scanner is not None and self._pauses is not None and self._pauses.random() < 0.1:
            self._scanner.direct = False

    def _protocol(self, data: bytes) -> None:
        self.protocol.receive_data(data)
        self._drain()

    def _drain(self) -> None:
        for event in self.protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                if event.opcode is not Opcode.CONT:
                    self._text, self._parts = event.opcode is Opcode.TEXT, []
                self._parts.append(bytes(event.data))
                if event.fin:
                    self._waiting.append((self._text, b"".join(self._parts)))
        # Masks are random; what they cover is not.
        self.answers += b"".join(_unmasked(data) for data in self.protocol.data_to_send() if data)


def _unmasked(frame: bytes) -> bytes:
    size = frame[1] & 0x7F
    start = 2
    mask = frame[start : start + 4]
    return frame[:2] + bytes(byte ^ mask[i % 4] for i, byte in enumerate(frame[start + 4 : start + 4 + size]))


def frame(chance: random.Random) -> bytes:
    """Make a frame: mostly one that servers send, sometimes one that none should."""
    family = chance.choices((USUAL, FRAGMENTED, ODD), (90, 9, 1))[0]
    kind = chance.choice(family)
    size = chance.choice(SIZES[:9]) if kind & 0x08 else chance.choices(SIZES, (8,) * 11 + (1,) * 6)[0]
    if chance.random() < 0.002:
        size = chance.choice(SIZES)
    payload = chance.randbytes(size) if kind != 0x88 else struct.pack("!H", chance.choice((1000, 1001, 1005, 4000)))
    width = 0 if len(payload) < 126 else 1 if len(payload) < 65_536 else 2
    if chance.random() < 0.002:
        width = 2  # longer than needed
    mask = 0x80 if chance.random() < 0.0005 else 0
    head = (
        struct.pack("!BB", kind, mask | len(payload))
        if width == 0
        else struct.pack("!BBH", kind, mask | 126, len(payload))
        if width == 1
        else struct.pack("!BBQ", kind, mask | 127, len(payload))
    )
    return head + payload


def chunks(chance: random.Random, stream: bytes) -> list[bytes]:
    """Cut a stream where a network might."""
    ways = ((500, 5_000), (65_536,), (3, 65_536, 131_072), (1, 20, 200), (1, 2, 3))
    sizes = chance.choice(ways if len(stream) < 4_000 else ways[:3])  # a byte at a time through a long one takes long
    pieces, at = [], 0
    while at < len(stream):
        size = chance.choice(sizes)
        pieces.append(stream[at : at + size])
        at += size
    return pieces


def differs(seed: int) -> tuple[int, bool]:
    """Play one connection both ways; return how many frames it had, and whether the ways differ."""
    chance = random.Random(seed)
    stream = [frame(chance) for _ in range(chance.randrange(1, 60))]
    whole = b"".join(stream)
    if chance.random() < 0.3:
        whole = whole[: chance.randrange(len(whole) + 1)]
    if chance.random() < 0.05 and whole:
        at = chance.randrange(len(whole))
        whole = whole[:at] + bytes((chance.randrange(256),)) + whole[at + 1 :]
    plain = Peer(scanned=False, direct=False)
    scanned = Peer(scanned=True, direct=chance.random() < 0.7, pauses=chance)
    for piece in chunks(chance, whole):
        plain.receive(piece)
        scanned.receive(piece)
        scanned.take(chance.choice((0, 0, 1, 2, 100)))
    plain.end()
    scanned.end()
    return len(stream), plain.outcome() != scanned.outcome()


def main() -> None:
    """Fuzz until enough frames have passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    frames, connections = 0, 0
    while frames < options.frames:
        seed = options.seed * 1_000_003 + connections
        count, different = differs(seed)
        frames += count
        connections += 1
        if different:
            sys.exit(f"connection {seed} differs")
    print(f"{frames} frames on {connections} connections: no difference")


if __name__ == "__main__":
    main()
