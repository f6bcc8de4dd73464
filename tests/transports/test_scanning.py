"""The scanner cuts out what is plainly a message and leaves the protocol nothing but whole frames."""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from realtime_transport.transports.scanning import FrameScanner

FUZZ = Path(__file__).parents[2] / "scripts" / "fuzz_frames.py"


def fuzz() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz_frames", FUZZ)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_frames"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("block", range(4))
def test_it_says_what_the_protocol_says(block: int) -> None:
    """A short run of ``scripts/fuzz_frames.py``; that has passed millions of frames."""
    differs = fuzz().differs
    assert [seed for seed in range(block * 100, block * 100 + 100) if differs(seed)[1]] == []


def frame(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((kind, size)) + payload
    return struct.pack("!BBH", kind, 126, size) + payload


class Stream:
    """A scanner, and where what comes out of it went."""

    def __init__(self, *, direct: bool = True, max_size: int = 1_000) -> None:
        self.out: list[tuple[str, bytes]] = []
        self.scanner = FrameScanner(
            lambda message: self.out.append(("message", message)),
            lambda data: self.out.append(("protocol", data)),
            max_size=max_size,
        )
        self.scanner.direct = direct


HELLO = frame(0x81, b"hello")
LONG = frame(0x81, b"x" * 300)
PING = frame(0x89, b"?")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 100, 10_000])
def test_messages_come_whole_however_they_are_cut(size: int) -> None:
    stream = Stream()
    whole = HELLO + LONG + PING + HELLO
    for at in range(0, len(whole), size):
        stream.scanner.receive(whole[at : at + size])
    assert stream.out == [
        ("message", b"hello"),
        ("message", b"x" * 300),
        ("protocol", PING),
        ("message", b"hello"),
    ]
    assert stream.scanner.queued == 0


def test_what_is_not_direct_goes_to_the_protocol_and_is_counted() -> None:
    stream = Stream(direct=False)
    begun, goes_on, ended = frame(0x01, b"a"), frame(0x00, b"b"), frame(0x80, b"c")
    for each in (HELLO, frame(0x82, b"bytes"), begun, PING, goes_on, ended):
        stream.scanner.receive(each)
    assert [kind for kind, _ in stream.out] == ["protocol"] * 6
    assert stream.scanner.queued == 3


def test_a_delivery_may_stop_the_next_one() -> None:
    stream = Stream()

    def full(message: bytes) -> None:
        stream.out.append(("message", message))
        stream.scanner.direct = False

    stream.scanner._deliver = full
    stream.scanner.receive(HELLO + HELLO)
    assert stream.out == [("message", b"hello"), ("protocol", HELLO)]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(bytes((0xC1, 5)) + b"hello", id="compressed"),
        pytest.param(bytes((0x81, 0x85)) + b"maskhello", id="masked"),
        pytest.param(frame(0x83, b"hello"), id="of a kind that is not defined"),
        pytest.param(frame(0x09, b"?"), id="a ping in fragments"),
        pytest.param(frame(0x89, b"?" * 126), id="a ping too long"),
        pytest.param(frame(0x81, b"x" * 1_001), id="a message too long"),
        pytest.param(frame(0x80, b"x"), id="the end of no message"),
        pytest.param(frame(0x01, b"x") + frame(0x81, b"y"), id="a message inside of another"),
        pytest.param(frame(0x01, b"x" * 600) + frame(0x80, b"x" * 600), id="fragments that are too much together"),
        pytest.param(frame(0x88, b"\x03\xe8"), id="a close"),
    ],
)
def test_from_the_first_odd_frame_everything_goes_to_the_protocol(odd: bytes) -> None:
    stream = Stream()
    stream.scanner.receive(HELLO + odd + HELLO)
    stream.scanner.receive(HELLO)
    assert stream.out[0] == ("message", b"hello")
    assert {kind for kind, _ in stream.out[1:]} == {"protocol"}
    assert b"".join(data for _, data in stream.out[1:]) == odd + HELLO + HELLO


def test_the_protocol_sees_the_beginning_of_a_frame_that_never_ended() -> None:
    stream = Stream()
    stream.scanner.receive(LONG[:100])
    stream.scanner.end()
    stream.scanner.end()
    assert stream.out == [("protocol", LONG[:100])]


def test_what_is_no_websocket_goes_to_the_protocol() -> None:
    stream = Stream()
    stream.scanner.give_up()
    stream.scanner.receive(b"HTTP/1.1 404")
    assert stream.out == [("protocol", b"HTTP/1.1 404")]
