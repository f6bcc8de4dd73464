"""One call from the command line: the caller speaks from a file, the line stays open until the answer was heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from realtime_transport.cli.caller import speak, stay_silent
from realtime_transport.cli.exchange import Exchange
from realtime_transport.exceptions import RequestFailed, RequestTimeout
from realtime_transport.session import RealtimeSession
from realtime_transport.transports import RealtimeTransportLayer
from realtime_transport.transports.recorder import Recorder

DETECTION_S = 3.0
"""How long turn detection may take to notice speech that has been sent whole."""


async def hold(
    session: RealtimeSession[None],
    caller: bytes,
    exchange: Exchange,
    *,
    last_words_s: float,
    spoken: Callable[[float], None] | None = None,
) -> None:
    """Speak ``caller`` into a connected session, then keep the line open until the conversation has come to rest.

    ``spoken`` is told the seconds said so far. Raises ``RequestFailed`` when no speech was detected, ``RequestTimeout``
    when the agent is not done ``last_words_s`` after the caller, ``ConnectionLost`` when the line goes dead.
    """
    await speak(caller, session.send_audio, spoken)
    open_line = asyncio.create_task(stay_silent(session.send_audio))
    try:
        await _within(DETECTION_S, exchange.heard_speech(), RequestFailed("the server heard no speech in the input"))
        late = RequestTimeout(f"the agent was not done {last_words_s:g} s after the caller", reason="timeout")
        await _within(last_words_s, exchange.rest(), late)
    finally:
        open_line.cancel()
        await asyncio.gather(open_line, return_exceptions=True)


async def _within(seconds: float, wait: Awaitable[None], error: RequestFailed) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wait
    except TimeoutError:
        raise error from None


@attrs.frozen
class Files:
    """What a recorded call leaves behind."""

    wav: Path
    jsonl: Path
    picture: Path

    def __str__(self) -> str:
        return f"both voices  {self.wav}\nevery frame  {self.jsonl}\npicture      {self.picture}"


@asynccontextmanager
async def recorded(transport: RealtimeTransportLayer, folder: Path) -> AsyncGenerator[Files]:
    """Record everything inside the block into ``folder`` and draw its picture at the end."""
    from realtime_transport.console.timeline import draw_timeline

    recorder = Recorder(folder)
    recorder.attach(transport)
    files = Files(recorder.wav_path, recorder.jsonl_path, folder / "timeline.png")
    try:
        yield files
    finally:
        await recorder.close()
    await asyncio.to_thread(draw_timeline, files.jsonl, files.picture)
