"""The contract suite itself: it passes what keeps the contract, and names what breaks it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from realtime_transport.exceptions import StateError
from realtime_transport.testing.contract import CHECKS, ContractBroken, check_transport, run_check
from realtime_transport.transports import LoopbackTransport

pytestmark = pytest.mark.virtual_time


async def test_the_loopback_keeps_it() -> None:
    await check_transport(LoopbackTransport)


class Forgetful(LoopbackTransport):
    """Leaves a task behind."""

    forgotten: asyncio.Task[None]

    async def _open(self, request: Any) -> None:
        self.forgotten = asyncio.create_task(asyncio.sleep(1000), name="forgotten")
        await super()._open(request)


class Reversing(LoopbackTransport):
    """Writes the frames of a burst in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[bytes] = []

    async def _write(self, frame: bytes) -> None:
        self.held.append(frame)
        if b'"message 1"' in frame:
            return
        while self.held:
            await super()._write(self.held.pop())


class Amnesiac(LoopbackTransport):
    """Forgets what happened while connecting."""

    async def connect(self, **asked: Any) -> None:
        await super().connect(**asked)
        await asyncio.sleep(10)


class Losing(LoopbackTransport):
    """Loses one frame of those that arrive."""

    count = 0

    def feed(self, data: str | bytes) -> None:
        self.count += 1
        if self.count != 7:
            super().feed(data)


class Shuffling(LoopbackTransport):
    """Hands on the frames of an answer in another order."""

    held: str | bytes | None = None

    def feed(self, data: str | bytes) -> None:
        if self.held is None and b"output_text.delta" in bytes(data):
            self.held = data
            return
        super().feed(data)
        held, self.held = self.held, None
        if held is not None:
            super().feed(held)


class Swallowing(LoopbackTransport):
    """Writes all frames but one."""

    count = 0

    async def _write(self, frame: bytes) -> None:
        self.count += 1
        if self.count != 5:
            await super()._write(frame)


class Repeating(LoopbackTransport):
    """Writes one frame twice."""

    async def _write(self, frame: bytes) -> None:
        await super()._write(frame)
        if b'"message 3"' in frame:
            await super()._write(frame.replace(b'"item_', b'"copy_'))


class Threaded(LoopbackTransport):
    """Has a thread feed what arrives."""

    async def _open(self, request: Any) -> None:
        await super()._open(request)
        feeding = threading.Thread(target=self.feed, args=('{"type": "vendor.thing"}',), name="sdk")
        feeding.start()
        feeding.join()


class Brittle(Threaded):
    """Breaks when it has a few frames to write."""

    count = 0

    async def _write(self, frame: bytes) -> None:
        self.count += 1
        if self.count > 5:
            raise OSError("the pipe broke")
        await super()._write(frame)


class Mojibake(LoopbackTransport):
    """Takes the bytes for Latin-1."""

    async def _write(self, frame: bytes) -> None:
        await super()._write(frame.decode("latin-1").encode())


class Leaking(LoopbackTransport):
    """Opens a pipe that nobody closes."""

    async def _open(self, request: Any) -> None:
        await super()._open(request)
        self.pipe = [open(fd, "rb" if n == 0 else "wb") for n, fd in enumerate(os.pipe())]  # noqa: SIM115, PTH123


class Tenacious(LoopbackTransport):
    """Takes its time to close, and aborts nothing."""

    async def _close(self, code: int, reason: str) -> None:
        await super()._close(code, reason)
        await asyncio.sleep(60)


class Unfinished(LoopbackTransport):
    """Says that it is closed and is not."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await super().close(code, reason)
        self._status = "connected"


@pytest.mark.parametrize(
    ("kind", "check", "complaint"),
    [
        (Forgetful, "connects_and_configures", "forgotten"),
        (Reversing, "calls_act_in_order", "order"),
        (Amnesiac, "connects_and_configures", "cannot be heard"),
        (Losing, "every_frame_arrives_in_its_order", r"of 51 frames .* there came 50"),
        (Shuffling, "a_turn", "changed their order"),
        (Swallowing, "calls_act_in_order", "1 of 100 messages never arrived: \\['message 8'\\]"),
        (Repeating, "calls_act_in_order", "100 messages arrived as 101"),
        (Mojibake, "large_frames_pass", "did not come back as it was sent"),
        (Leaking, "nothing_stays_open", "the closing of what 5 connections had opened"),
        (Threaded, "connects_again", r"feed was called on another thread \(sdk\)"),
        (Tenacious, "nothing_stays_open", r"close\(\) took 5\.0 s"),
        (Unfinished, "close_ends_connecting", "it is connected"),
    ],
)
async def test_what_breaks_it_is_found(kind: Any, check: str, complaint: str) -> None:
    made: list[LoopbackTransport] = []

    def make() -> LoopbackTransport:
        made.append(kind())
        return made[-1]

    try:
        with pytest.raises(AssertionError, match=complaint):
            await run_check(CHECKS[check], make)
    finally:
        for transport in made:
            await LoopbackTransport.close(transport)
            for task in [getattr(transport, "forgotten", None)]:
                if task is not None:
                    task.cancel()
            for end in getattr(transport, "pipe", []):
                end.close()
        await asyncio.sleep(0)


async def test_a_check_has_a_time_limit() -> None:
    async def endless(subject: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="it took longer than 30 s"):
        await run_check(endless, LoopbackTransport)


async def test_how_a_connection_ended_is_noted_and_what_was_made_is_closed() -> None:
    made: list[Brittle] = []

    def make() -> Brittle:
        made.append(Brittle())
        return made[-1]

    with pytest.raises(StateError) as caught:
        await run_check(CHECKS["calls_act_in_order"], make)
    assert caught.value.__notes__ == [
        "a connection had ended: OSError: the pipe broke",
        "feed was called on another thread (sdk): hand over with loop.call_soon_threadsafe",
    ]
    assert [transport.status for transport in made] == ["disconnected"]
    assert "StateError: not connected: this transport is disconnected\n    a connection had ended: OSError" in str(
        ContractBroken({"calls_act_in_order": caught.value})
    )


async def test_everything_that_fails_is_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async def holds(subject: Any) -> None:
        """Nothing is wrong."""

    async def broken(subject: Any) -> None:
        """Water flows uphill."""
        raise AssertionError("it does not")

    monkeypatch.setattr("realtime_transport.testing.contract.CHECKS", {"holds": holds, "broken": broken})
    with pytest.raises(ContractBroken, match=r"(?s)1 of 2 checks failed.*broken: Water flows uphill.*it does not") as e:
        await check_transport(LoopbackTransport)
    assert set(e.value.failures) == {"broken"}


def test_what_fails_is_all_that_is_printed() -> None:
    code = (
        "import asyncio\n"
        "from realtime_transport import LoopbackTransport\n"
        "from realtime_transport.testing import check_transport\n"
        "class Forgetful(LoopbackTransport):\n"
        "    async def _open(self, request):\n"
        "        self.forgotten = asyncio.create_task(asyncio.sleep(1000), name='forgotten')\n"
        "        await super()._open(request)\n"
        "try:\n"
        "    asyncio.run(check_transport(Forgetful))\n"
        "except AssertionError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "it leaves ['forgotten']" in ended.stdout
    assert ended.stderr == ""


def test_it_is_loaded_when_asked_for() -> None:
    code = (
        "import sys, realtime_transport.testing as testing\n"
        "assert 'realtime_transport.testing.contract' not in sys.modules\n"
        "assert testing.check_transport.__name__ == 'check_transport'\n"
        "assert not hasattr(testing, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
