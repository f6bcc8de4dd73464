"""``realtime-transport talk``: an audio file asks, a model answers, and the answer is an audio file."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from realtime_transport.audio import PCM16_24K
from realtime_transport.audio.files import read_pcm16, write_wav
from realtime_transport.cli.call import hold, recorded
from realtime_transport.cli.exchange import Answer, Exchange
from realtime_transport.console.live import LiveView
from realtime_transport.exceptions import InvalidArgument, RealtimeError, RequestFailed
from realtime_transport.session import RealtimeAgent, RealtimeSession
from realtime_transport.transports import WebSocketTransport

CONFIG: Final[Mapping[str, Any]] = {
    "audio": {
        "input": {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": {"model": "gpt-4o-mini-transcribe"}},
        "output": {"format": {"type": "audio/pcm", "rate": 24000}},
    }
}
"""24 kHz PCM16 both ways, which the files are converted to, and the caller's words for the screen."""


async def run(options: argparse.Namespace) -> int:
    """Ask, listen to the end, and write the answer: whole, or not at all."""
    question = await asyncio.to_thread(read_pcm16, options.input)
    _check_writable(options.output)
    transport = WebSocketTransport()
    session: RealtimeSession[None] = RealtimeSession(
        RealtimeAgent(name="talk", instructions=options.instructions, voice=options.voice),
        transport,
        config=CONFIG,
        url=options.url,
        model=options.model,
        api_key=_key(options.url),
    )
    answer, exchange = Answer(transport, PCM16_24K), Exchange(transport)
    view = LiveView(transport, total_s=PCM16_24K.ms(len(question)) / 1000)
    async with AsyncExitStack() as stack:
        files = await stack.enter_async_context(recorded(transport, options.record)) if options.record else None
        await stack.enter_async_context(session)
        with view:
            await hold(session, question, exchange, last_words_s=options.timeout, spoken=view.spoken)
    _raise_if_failed(exchange)
    pcm = answer.pcm()
    if not pcm:
        raise RequestFailed("the model answered without speech")
    await asyncio.to_thread(write_wav, options.output, pcm)
    print(f"answer       {options.output}  ({PCM16_24K.ms(len(pcm)) / 1000:.1f} s)")
    if files is not None:
        print(files)
    return 0


def _key(url: str | None) -> str | None:
    key = os.environ.get("OPENAI_API_KEY")
    if not key and not url:
        raise InvalidArgument("set it to talk to the real service, or name a server with --url", path="OPENAI_API_KEY")
    return key


def _check_writable(output: Path) -> None:
    """Find out before the call, not after it, that its answer has no place to go."""
    if not output.parent.is_dir():
        raise InvalidArgument("no such folder", path=str(output.parent))


def _raise_if_failed(exchange: Exchange) -> None:
    """Raise the error of the last turn when it failed: there is no answer then."""
    last = exchange.turns[-1] if exchange.turns else None
    if last is not None and last.status == "failed":
        error = last.error
        raise error if isinstance(error, RealtimeError) else RequestFailed("the model failed to answer")
