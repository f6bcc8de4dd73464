"""Every fault by option, by script and by query: three ways to ask for it, one thing that happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import attrs
import pytest
import yaml
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime_transport.emulator import Emulator
from realtime_transport.emulator.faults import Faults

SCRIPT = {"otherwise": "One two three four five six seven eight nine ten."}


@attrs.define
class Met:
    """What a client met: refusal, frames with their moments, and the end."""

    status: int = 101
    retry_after: str | None = None
    texts: list[str] = attrs.field(factory=list[str])
    moments: list[float] = attrs.field(factory=list[float])
    close_code: int | None = None
    close_reason: str = ""

    @property
    def types(self) -> list[str]:
        return [json.loads(text)["type"] for text in self.texts]


async def meet(url: str, *, seconds: float = 5.0) -> Met:
    """Ask for one answer in text, and read to the end of it, or of the connection, or of patience."""
    met = Met()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds), connect(url, ping_interval=None, close_timeout=0.1) as socket:
            began = loop.time()
            for frame in (
                {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}},
                {"type": "response.create"},
            ):
                await socket.send(json.dumps(frame))
            while not met.texts or "rate_limits.updated" not in met.texts[-1]:
                met.texts.append(str(await socket.recv()))
                met.moments.append(loop.time() - began)
    except InvalidStatus as error:
        met.status = error.response.status_code
        met.retry_after = error.response.headers.get("Retry-After")
    except ConnectionClosed as error:
        met.close_code = error.rcvd.code if error.rcvd is not None else 1006
        met.close_reason = error.rcvd.reason if error.rcvd is not None else ""
    except TimeoutError:
        met.close_code = 0
    return met


async def by_option(_: Path, faults: dict[str, Any], **more: Any) -> Met:
    async with Emulator("script=" + write(_, {}), faults=Faults(**faults), pace=None) as server:
        return await meet(server.url, **more)


async def by_script(folder: Path, faults: dict[str, Any], **more: Any) -> Met:
    async with Emulator("script=" + write(folder, {"faults": faults}), pace=None) as server:
        return await meet(server.url, **more)


async def by_query(_: Path, faults: dict[str, Any], **more: Any) -> Met:
    async with Emulator("script=" + write(_, {}), pace=None) as server:
        asked = urlencode({f"fault.{name}": value for name, value in faults.items()})
        return await meet(f"{server.url}?{asked}", **more)


def write(folder: Path, more: dict[str, Any]) -> str:
    path = folder / "script.yaml"
    path.write_text(yaml.safe_dump({**SCRIPT, **more}))
    return str(path)


Way = Callable[..., Awaitable[Met]]
WAYS = pytest.mark.parametrize("way", [by_option, by_script, by_query])

WHOLE = [
    "session.created",
    "session.updated",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    *["response.output_text.delta"] * 10,
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


@WAYS
async def test_none(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {})
    assert met.types == WHOLE


@WAYS
async def test_status(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"status": 503, "retry_after": 2.0})
    assert (met.status, met.retry_after, met.texts) == (503, "2", [])


@WAYS
async def test_attempts(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"status": 503, "attempts": 0})
    assert met.status == 101


@WAYS
async def test_latency_and_jitter(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"latency_ms": 60.0, "jitter_ms": 40.0, "seed": 3})
    assert met.types == WHOLE
    assert met.moments[1] >= 0.06


@WAYS
async def test_stall(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"stall_after": 3, "stall_ms": 120.0})
    assert met.moments[3] >= 0.1
    assert met.types == WHOLE


@WAYS
async def test_withhold(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"withhold": "session.updated,conversation.item.*"})
    withheld = {"session.updated", "conversation.item.added", "conversation.item.done"}
    assert met.types == [name for name in WHOLE if name not in withheld]


@WAYS
async def test_lose_all(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"lose": 1.0}, seconds=0.3)
    assert (met.texts, met.close_code) == ([], 0)


@WAYS
async def test_duplicate(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"duplicate": 1.0})
    assert met.texts[0] == met.texts[1]
    assert met.types[:4] == ["session.created", "session.created", "session.updated", "session.updated"]


@WAYS
async def test_reorder(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"reorder": 1.0}, seconds=1.0)
    assert met.types[:4] == ["session.updated", "session.created", "response.output_item.added", "response.created"]


@WAYS
async def test_garble(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"garble": 1.0}, seconds=0.3)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        assert met.types


@WAYS
async def test_surprise(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"surprise": 1.0})
    assert met.types[:4] == ["vendor.surprise", "session.created", "vendor.surprise", "session.updated"]


@WAYS
async def test_read_delay(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"read_delay_ms": 80.0})
    assert met.moments[2] >= 0.16
    assert met.types == WHOLE


@WAYS
async def test_close_after_with_a_code(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"close_after": 4, "close_code": 1012, "close_reason": "restart"})
    assert (len(met.texts), met.close_code, met.close_reason) == (4, 1012, "restart")


@WAYS
async def test_close_at_without_a_frame(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"close_at": "response.output_text.*"})
    assert (met.types, met.close_code) == (WHOLE[:7], 1006)


@WAYS
async def test_cut(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"cut_after_bytes": 3000})
    assert met.close_code == 1006
    assert sum(len(text) for text in met.texts) < 3000


@WAYS
async def test_freeze(way: Way, tmp_path: Path) -> None:
    met = await way(tmp_path, {"freeze_after": 3}, seconds=0.4)
    assert (met.types, met.close_code) == (WHOLE[:3], 0)


@WAYS
async def test_the_same_seed_is_the_same_run(way: Way, tmp_path: Path) -> None:
    faults = {"seed": 11, "lose": 0.3, "duplicate": 0.2, "reorder": 0.2, "surprise": 0.2}
    first, second = [await way(tmp_path, faults, seconds=0.3) for _ in range(2)]
    assert first.types == second.types != WHOLE


def test_no_fault_is_forgotten_here() -> None:
    told = Path(__file__).read_text()
    assert [name for name in attrs.fields_dict(Faults) if f'"{name}"' not in told] == []
