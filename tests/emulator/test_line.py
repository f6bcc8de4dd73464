"""The way out of a connection, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from realtime_transport.emulator import line as module
from realtime_transport.emulator.faults import FaultPlan, Faults
from realtime_transport.emulator.line import Line

pytestmark = pytest.mark.virtual_time


class Socket:
    def __init__(self) -> None:
        self.sent: list[tuple[float, str]] = []
        self.closed: tuple[int, str | None] | None = None
        self.reading = asyncio.Event()
        self.reading.set()

    async def receive(self) -> dict[str, Any]:
        raise NotImplementedError

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.reading.wait()
        self.sent.append((round(asyncio.get_running_loop().time(), 6), message["text"]))

    async def close(self, code: int, reason: str | None) -> None:
        self.closed = (code, reason)


class Wire:
    def __init__(self) -> None:
        self.cut: int | None = None
        self.frozen = False

    def cut_after(self, size: int) -> None:
        self.cut = size

    def freeze(self) -> None:
        self.frozen = True


class Running:
    def __init__(self, wire: Wire | None = None, **faults: Any) -> None:
        self.socket = Socket()
        self.line = Line(self.socket, FaultPlan(Faults(**faults), 1), wire)
        self.task = asyncio.create_task(self.line.run())

    async def __aenter__(self) -> Running:
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.line.close(1000, "")
        async with asyncio.timeout(10):
            await self.task

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.socket.sent]


async def test_frames_in_order_and_then_the_close() -> None:
    async with Running() as running:
        running.line.send("a", "one")
        running.line.send("a", "two")
        running.line.close(1001, "bye")
        running.line.close(4000, "too late")
        running.line.send("a", "never")
    assert running.texts == ["one", "two"]
    assert running.socket.closed == (1001, "bye")


async def test_each_frame_at_its_moment() -> None:
    async with Running(latency_ms=200) as running:
        running.line.send("a", "one")
        await asyncio.sleep(0.1)
        running.line.send("a", "two")
        await asyncio.sleep(1)
    assert running.socket.sent == [(0.2, "one"), (0.3, "two")]


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSENT_BYTES", 10)
    async with Running() as running:
        running.socket.reading.clear()
        running.line.send("a", "12345")
        await asyncio.sleep(0)
        running.line.send("a", "123456")
        running.line.send("a", "1234")
        running.line.send("a", "1")
        running.socket.reading.set()
    assert running.texts == ["12345"]
    assert running.socket.closed == (1008, "The client does not read.")


@pytest.mark.parametrize(("code", "closed"), [(None, None), (1011, (1011, "oops"))])
async def test_an_end_on_purpose(code: int | None, closed: tuple[int, str] | None) -> None:
    async with Running(close_after=1, close_code=code, close_reason="oops") as running:
        running.line.send("a", "one")
        running.line.send("a", "two")
        await running.task
    assert running.texts == ["one"]
    assert running.socket.closed == closed


@pytest.mark.parametrize("wire", [None, Wire()])
async def test_half_open(wire: Wire | None) -> None:
    async with Running(wire, freeze_after=1) as running:
        running.line.send("a", "one")
        running.line.send("a", "two")
        await asyncio.sleep(3600)
        running.line.send("a", "three")
        await asyncio.sleep(1)
        assert running.line.is_frozen
        assert not running.task.done()
    assert running.texts == ["one"]
    assert running.socket.closed is None
    assert wire is None or wire.frozen


async def test_a_cut_is_the_wires_matter() -> None:
    wire = Wire()
    async with Running(wire, cut_after_bytes=100):
        assert wire.cut == 100
