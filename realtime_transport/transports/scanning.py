"""Finds whole WebSocket messages in a stream without running the protocol for each: pure, bytes in, bytes out.

Nearly all that a server of this family sends is one kind of frame: a text, whole, unmasked, uncompressed. Those are
cut out here. Every other frame goes to the protocol (``websockets``) unchanged and whole, so that the protocol stands
at the beginning of a frame whenever it is asked; and from the first thing that is not plainly right, everything goes
to it. ``scripts/fuzz_frames.py`` holds the result to the protocol alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TEXT: Final = 0x81
BINARY: Final = 0x82
"""These two are a message of their own."""
CLOSE: Final = 0x88
CONTROL: Final = frozenset({CLOSE, 0x89, 0x8A})
"""Close, ping and pong. They may stand between the fragments of a message."""
BEGINNINGS: Final = frozenset({0x01, 0x02})
"""The first fragment of a message."""
CONTINUATIONS: Final = frozenset({0x00, 0x80})
"""The fragments after it; the last has the high bit."""
LAST_FRAGMENT: Final = 0x80
MOST_CONTROL: Final = 125
"""Bytes in a control frame, by RFC 6455."""
MASKED: Final = 0x80
"""No server masks."""


class FrameScanner:
    """Cut messages out of the stream of one connection, from the first byte behind the handshake.

    ``deliver`` is given the payload of a text message, ``hand_over`` the bytes that the protocol has to see. While
    ``direct`` is false messages are handed over too, and from the first one that is handed over it is false: those
    after it must not overtake it. Whoever drains the protocol counts them off. A message above ``max_size`` is the
    protocol's to refuse.
    """

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        hand_over: Callable[[bytes], None],
        *,
        max_size: int,
    ) -> None:
        self.direct: bool = False
        self.queued: int = 0
        """Messages handed over and not counted off."""
        self._deliver = deliver
        self._hand_over = hand_over
        self.max_size: int = max_size
        # The beginning of a frame, until all of it is here: at most one message of ``max_size``.
        self._begun = bytearray()
        self._wanted = 0
        self._in_fragments = False
        self._fragments_size = 0
        self._given_up = False

    def receive(self, data: bytes | memoryview) -> None:
        """Take bytes of the stream; they may be overwritten afterwards."""
        rest = memoryview(data)
        while self._begun and rest and not self._given_up:
            missing = self._wanted - len(self._begun)
            self._begun += rest[:missing]
            rest = rest[missing:]
            if len(self._begun) == self._wanted:
                whole, self._begun = self._begun, bytearray()
                self._scan(memoryview(whole))
        if self._given_up:
            self._hand_over(bytes(rest))
        elif rest:
            self._scan(rest)

    @property
    def at_rest(self) -> bool:
        """Whether nothing that was handed over may still become a message, or wait to be taken."""
        return not (self.queued or self._in_fragments or self._given_up)

    def give_up(self) -> None:
        """Hand over everything from now on: what comes is no WebSocket."""
        self._given_up = True

    def end(self) -> None:
        """Hand over what was begun: the stream ends in the middle of a frame."""
        self._give_up(memoryview(self._begun))

    def _scan(self, data: memoryview) -> None:
        at, end = 0, len(data)
        while end - at >= 2:
            kind, size, start = data[at], data[at + 1], at + 2
            if size >= 126:
                if size >= MASKED:
                    self._give_up(data[at:])
                    return
                start += 2 if size == 126 else 8
                if start > end:
                    self._keep(data[at:], start - at)
                    return
                size = int.from_bytes(data[at + 2 : start], "big")
            if not self._is_plain(kind, size):
                self._give_up(data[at:])
                return
            stop = start + size
            if stop > end:
                self._keep(data[at:], stop - at)
                return
            if kind == TEXT and self.direct:
                self._deliver(bytes(data[start:stop]))
            else:
                self._pass_on(kind, size, data[at:stop])
                if kind == CLOSE:  # what follows a close is not ours to judge
                    self._give_up(data[stop:])
                    return
            at = stop
        if at < end:
            self._keep(data[at:], 2)

    def _is_plain(self, kind: int, size: int) -> bool:
        """Tell whether a frame may stand here, as far as its kind and size say."""
        if kind in (TEXT, BINARY):
            return size <= self.max_size and not self._in_fragments
        if kind in CONTROL:
            return size <= MOST_CONTROL
        # A fragment: the first where none is open, others where one is, and all of them together within the limit.
        goes_on = kind in CONTINUATIONS
        before = self._fragments_size if goes_on else 0
        return (goes_on or kind in BEGINNINGS) and goes_on is self._in_fragments and before + size <= self.max_size

    def _pass_on(self, kind: int, size: int, frame: memoryview) -> None:
        if kind in (TEXT, BINARY, LAST_FRAGMENT):
            self.queued += 1
            self.direct = False
            self._in_fragments = False
        elif kind not in CONTROL:
            self._in_fragments = True
            self._fragments_size = size if kind in BEGINNINGS else self._fragments_size + size
        self._hand_over(bytes(frame))

    def _keep(self, beginning: memoryview, wanted: int) -> None:
        self._begun += beginning
        self._wanted = wanted

    def _give_up(self, rest: memoryview) -> None:
        self.give_up()
        self._begun = bytearray()
        if rest:
            self._hand_over(bytes(rest))
