"""``realtime-transport serve``: the emulator alone, until a signal stops it."""

from __future__ import annotations

import argparse
import asyncio
import signal

from realtime_transport.emulator import Emulator


async def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, then close every session with 1001."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Emulator(options.brain, host=options.host, port=options.port, token=options.token) as server:
        print(directions(server.url, server.http_url, options.token), flush=True)
        await stop.wait()
        print("closing", flush=True)
    return 0


def directions(url: str, http_url: str, token: str | None) -> str:
    """Say how to reach the server from the clients that people have."""
    key = token or "any"
    return f"""\
realtime-transport emulator on {url}
  key                {key if token else "any, or none"}

To reach it:
  this program       realtime-transport talk --url {url} --input question.wav --output answer.wav
  this library       RealtimeSession(agent, url="{url}", api_key="{key}")
  openai (Python)    AsyncOpenAI(base_url="{http_url}", api_key="{key}").realtime.connect(model="gpt-realtime")
  openai-agents      RealtimeRunner(agent).run(model_config={{"url": "{url}", "api_key": "{key}"}})
  anything else      OPENAI_BASE_URL={http_url} OPENAI_API_KEY={key}

Ctrl-C stops it."""
