"""``realtime-transport serve``: the emulator alone, until a signal stops it."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

from realtime_transport.cli.overheard import recording_to
from realtime_transport.conversation.server import ServerLimits, ServerTraits
from realtime_transport.emulator import Emulator, WebhookTarget
from realtime_transport.emulator.faults import Faults, faults_read
from realtime_transport.emulator.padding import obfuscation
from realtime_transport.emulator.voices import ESPEAK, EspeakVoice
from realtime_transport.exceptions import InvalidArgument


async def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, then close every session with 1001."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with emulator(options) as server:
        print(directions(server.url, server.http_url, options.token, certificate=server.certificate), flush=True)
        if options.record is not None:
            print(f"Recordings go to {options.record}.", flush=True)
        if not EspeakVoice().is_available:
            print(f"{ESPEAK} is not installed: only recorded sentences are spoken, other words are hummed.", flush=True)
        await stop.wait()
        print("closing", flush=True)
    return 0


def emulator(options: argparse.Namespace) -> Emulator:
    """Make the server that the options describe. Raises what ``Emulator`` and the files that they name raise."""
    if options.session_limit <= 0:
        raise InvalidArgument(f"must be more than 0 seconds, not {options.session_limit:g}", path="--session-limit")
    return Emulator(
        options.brain,
        host=options.host,
        port=options.port,
        token=options.token,
        tls="self-signed" if options.self_signed else tuple(options.tls) if options.tls else None,
        pace=options.pace or None,
        latency_ms=options.latency,
        beta=options.beta,
        faults=faults(options.fault),
        observe=recording_to(options.record) if options.record is not None else None,
        max_sessions=options.max_sessions,
        webhook=webhook(options.webhook, options.webhook_secret),
        limits=ServerLimits(session_seconds=options.session_limit, tokens_per_minute=options.tokens_per_minute),
        traits=ServerTraits(rate_limits=options.rate_limits, padding=obfuscation),
    )


def webhook(url: str | None, secret: str | None) -> WebhookTarget | None:
    """Say where webhooks go; None where none are wanted."""
    if url is None:
        return None
    if secret is None:
        raise InvalidArgument("a webhook has to be signed: give --webhook-secret too", path="--webhook")
    return WebhookTarget(url=url, secret=secret)


def faults(words: Sequence[str]) -> Faults | None:
    """Read ``NAME=VALUE`` pairs; None without any, so that a script may have its own."""
    named: dict[str, str] = {}
    for word in words:
        name, given, value = word.partition("=")
        if not given:
            raise InvalidArgument(f"write NAME=VALUE, not {word!r}", path="--fault")
        named[name] = value
    return faults_read(named) if named else None


def directions(url: str, http_url: str, token: str | None, *, certificate: Path | None = None) -> str:
    """Say how to reach the server from the clients that people have."""
    key = token or "any"
    trust = f"\n  certificate        {certificate} (SSL_CERT_FILE={certificate} makes clients trust it)"
    return f"""\
realtime-transport emulator on {url}
  key                {key if token else "any, or none"}{trust if certificate else ""}

To reach it:
  this program       realtime-transport talk --url {url} --input question.wav --output answer.wav
  this library       RealtimeSession(agent, url="{url}", api_key="{key}")
  openai (Python)    AsyncOpenAI(base_url="{http_url}", api_key="{key}").realtime.connect(model="gpt-realtime")
  openai-agents      RealtimeRunner(agent).run(model_config={{"url": "{url}", "api_key": "{key}"}})
  anything else      OPENAI_BASE_URL={http_url} OPENAI_API_KEY={key}

Ctrl-C stops it."""
