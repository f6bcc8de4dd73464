"""The command line's words: one parser, one function per verb that adds its options."""

from __future__ import annotations

import argparse
from pathlib import Path

from realtime_transport.transports.request import DEFAULT_MODEL


def parser() -> argparse.ArgumentParser:
    """Build the parser of ``realtime-transport`` with all its verbs."""
    root = argparse.ArgumentParser(
        prog="realtime-transport",
        description="Hold a spoken conversation with a realtime model, or run a server to hold one with.",
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    _talk(verbs.add_parser("talk", help="speak an audio file to a model and write what it answers"))
    _serve(verbs.add_parser("serve", help="run the emulator: a server that needs no key"))
    _demo(verbs.add_parser("demo", help="hold a whole conversation here, with the emulator as the other side"))
    _gateway(verbs.add_parser("gateway", help="answer phone calls: a carrier on one side, your agent on the other"))
    _check(verbs.add_parser("check", help="ask any server of this family how far it keeps the protocol"))
    return root


def _talk(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--input", type=Path, required=True, metavar="FILE", help="what the caller says (any format, rate, channels)"
    )
    verb.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="where to write the answer, a mono 24 kHz WAV"
    )
    verb.add_argument("--url", help="the server (ws:// or wss://); without it the real service, with OPENAI_API_KEY")
    verb.add_argument("--model", help=f"the model to talk to (default {DEFAULT_MODEL})")
    verb.add_argument(
        "--instructions", default="Answer briefly, in the caller's language.", help="the agent's briefing"
    )
    verb.add_argument("--voice", help="the agent's voice; the server's default otherwise")
    verb.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="give up waiting for the answer after this"
    )
    verb.add_argument(
        "--record", type=Path, metavar="DIR", help="also write call.wav, call.jsonl and timeline.png here"
    )


def _serve(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--host", default="127.0.0.1", help="address to bind; anything but loopback needs --token")
    verb.add_argument("--port", type=int, default=8080, help="port to bind, 0 for a free one (default 8080)")
    verb.add_argument("--token", help="the only API key this server accepts; any key without it")
    verb.add_argument(
        "--brain",
        default="speech",
        metavar="WORD",
        help="what answers: speech (espeak-ng, or recorded sentences without it), echo (the caller's own voice), "
        "improvise (words with a hum), script=FILE (YAML or Python), chat=URL#MODEL (a chat completions endpoint; "
        "its key in CHAT_API_KEY)",
    )
    secure = verb.add_mutually_exclusive_group()
    secure.add_argument("--tls", type=Path, nargs=2, metavar=("CERT", "KEY"), help="serve wss:// with these PEM files")
    secure.add_argument("--self-signed", action="store_true", help="serve wss:// with a certificate made for this run")
    verb.add_argument("--record", type=Path, metavar="DIR", help="record every session into a folder of its own here")
    verb.add_argument(
        "--pace", type=float, default=8.0, help="speech is sent so many times faster than real time; 0 for at once"
    )
    verb.add_argument("--latency", type=float, default=0.0, metavar="MS", help="how long the model thinks first")
    verb.add_argument(
        "--session-limit", type=float, default=3600.0, metavar="SECONDS", help="a session ends after this (3600)"
    )
    verb.add_argument("--max-sessions", type=int, default=1000, metavar="N", help="more are refused with 429 (1000)")
    verb.add_argument(
        "--rate-limits",
        choices=("after", "created", "never"),
        default="after",
        help="when rate_limits.updated is sent: after response.done, after response.created, or never",
    )
    verb.add_argument(
        "--tokens-per-minute", type=int, metavar="N", help="responses fail with rate_limit_exceeded once they are spent"
    )
    verb.add_argument(
        "--webhook", metavar="URL", help="where realtime.call.incoming goes when POST /emulator/calls rings"
    )
    verb.add_argument("--webhook-secret", metavar="SECRET", help="what webhooks are signed with: whsec_... or any text")
    verb.add_argument("--beta", action="store_true", help="serve the beta protocol to those who ask for it")
    verb.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="let something go wrong, repeatable: latency_ms=200, close_at=response.created, seed=7, ...",
    )


def _demo(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--output", type=Path, default=Path("out/demo"), metavar="DIR", help="where the three files go (out/demo)"
    )


def _gateway(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--carrier", required=True, metavar="NAME", help="who brings the calls: twilio, telnyx, ...")
    verb.add_argument(
        "--agent",
        required=True,
        metavar="MODULE:NAME",
        help="a RealtimeAgent, or a function (call) -> agent or session that is asked for every call",
    )
    verb.add_argument(
        "--public-url", metavar="URL", help="where the carrier reaches this gateway (https://...): signatures cover it"
    )
    verb.add_argument(
        "--trust-forwarded", action="store_true", help="take the public address from X-Forwarded-* of your proxy"
    )
    verb.add_argument("--allow-unsigned", action="store_true", help="take calls from anybody who knows the address")
    verb.add_argument("--host", default="127.0.0.1", help="address to bind (default 127.0.0.1)")
    verb.add_argument("--port", type=int, default=8090, help="port to bind, 0 for a free one (default 8090)")
    verb.add_argument(
        "--audiosocket-port", type=int, default=9092, metavar="PORT", help="port for AudioSocket (default 9092)"
    )
    verb.add_argument("--url", help="the model's server; without it the real service, with OPENAI_API_KEY")
    verb.add_argument("--model", help=f"the model to talk to (default {DEFAULT_MODEL})")
    verb.add_argument("--max-calls", type=int, default=50, metavar="N", help="calls at once; more hear the busy tone")
    verb.add_argument("--wait-for-caller", action="store_true", help="let the caller speak first")
    verb.add_argument(
        "--drain", type=float, default=3600.0, metavar="SECONDS", help="how long SIGTERM waits for calls (default 3600)"
    )
    verb.add_argument("--record", type=Path, metavar="DIR", help="record every call into a folder of its own here")


def _check(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("url", metavar="URL", help="the server (ws:// or wss://)")
    verb.add_argument("--api-key", metavar="KEY", help="what the server wants; OPENAI_API_KEY otherwise")
    verb.add_argument("--model", help="the model to ask for")
    verb.add_argument("--dialect", metavar="NAME", help="how the server spells things; told by its address otherwise")
    verb.add_argument("--only", metavar="WORD", default="", help="only what has this word in its area or name")
    verb.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="for each single answer (10)")
    verb.add_argument("--evidence", action="store_true", help="show the last frames of what did not pass")
    verb.add_argument("--json", action="store_true", help="write the whole report to standard output, frames included")
