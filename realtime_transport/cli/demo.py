"""``realtime-transport demo``: a whole conversation on this machine, shown while it runs and kept in three files."""

from __future__ import annotations

import argparse

from realtime_transport.audio import PCM16_24K
from realtime_transport.cli import demo_call
from realtime_transport.cli.call import hold, recorded
from realtime_transport.cli.exchange import Exchange
from realtime_transport.console.live import LiveView
from realtime_transport.emulator import Emulator, library
from realtime_transport.session import RealtimeSession
from realtime_transport.transports import WebSocketTransport

THINKING_MS = 300.0
"""What a model takes before its first word; without it the demo would look faster than anything real."""

LAST_WORDS_S = 20.0
"""How long the agent may still speak after the caller's last word."""


async def run(options: argparse.Namespace) -> int:
    """Hold the call, draw it, and say where everything is."""
    clips = library()
    caller = demo_call.caller_audio(clips.audio)
    transport = WebSocketTransport()
    exchange = Exchange(transport)
    view = LiveView(transport, total_s=PCM16_24K.ms(len(caller)) / 1000)
    async with (
        Emulator(lambda: demo_call.brain(clips.audio, clips.words), latency_ms=THINKING_MS) as server,
        recorded(transport, options.output) as files,
        RealtimeSession(demo_call.agent(), transport, config=demo_call.CONFIG, url=server.url) as session,
    ):
        with view:
            await hold(session, caller, exchange, last_words_s=LAST_WORDS_S, spoken=view.spoken)
    view.print_summary()
    print(files)
    return 0
