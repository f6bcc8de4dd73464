"""The tap on the TCP connection, without one."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from realtime_transport.emulator.tcp import TappedTransport


class Plain:
    """A transport that writes down what is done to it."""

    def __init__(self) -> None:
        self.written = b""
        self.done: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


def tapped() -> tuple[TappedTransport, Plain]:
    plain = Plain()
    return TappedTransport(cast("asyncio.Transport", plain)), plain


def test_everything_passes() -> None:
    tap, plain = tapped()
    tap.write(b"abc")
    tap.resume_reading()
    tap.close()
    assert (plain.written, plain.done) == (b"abc", ["resume_reading", "close"])


def test_a_cut_in_the_middle() -> None:
    tap, plain = tapped()
    tap.cut_after(5)
    for piece in (b"abc", b"def"):
        tap.write(piece)
    assert (plain.written, plain.done) == (b"abcde", ["close"])


def test_frozen_means_both_ways() -> None:
    tap, plain = tapped()
    tap.freeze()
    tap.write(b"abc")
    tap.resume_reading()
    assert (plain.written, plain.done) == (b"", ["pause_reading"])
