"""The caller's pace: absolute deadlines on the loop's clock."""

from __future__ import annotations

import asyncio

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.cli.caller import chunks, speak, stay_silent


@pytest.mark.virtual_time
async def test_speaks_at_the_pace_of_a_person() -> None:
    sent: list[tuple[float, bytes]] = []
    told: list[float] = []
    loop = asyncio.get_running_loop()
    voice = bytes(range(256)) * 15  # 3,840 bytes: four chunks of 20 ms
    await speak(voice, lambda chunk: sent.append((loop.time(), chunk)), told.append)
    assert [round(at, 6) for at, _ in sent] == [0.0, 0.02, 0.04, 0.06]
    assert b"".join(chunk for _, chunk in sent) == voice
    assert told == [0.02, 0.04, 0.06, 0.08]


@pytest.mark.virtual_time
async def test_an_open_line_is_silence_until_cancelled() -> None:
    sent: list[bytes] = []
    line = asyncio.create_task(stay_silent(sent.append))
    await asyncio.sleep(2.5)
    line.cancel()
    await asyncio.gather(line, return_exceptions=True)
    assert 2480 <= PCM16_24K.ms(sum(map(len, sent))) <= 2520
    assert not any(b"".join(sent))


def test_the_last_chunk_may_be_short() -> None:
    assert [len(chunk) for chunk in chunks(bytes(1000))] == [960, 40]
