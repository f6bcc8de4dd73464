"""``realtime-transport gateway``: answer a carrier's calls with an agent, until a signal drains it."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from realtime_transport.cli.gateway_setup import SETUPS, control_for, directions, verifier_for
from realtime_transport.cli.loading import load_agent
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.gateway import AudioSocketServer, GatewayLimits, GatewayNews, GatewayServer, gateway_app
from realtime_transport.telephony import CallControl, TelephonyTransport
from realtime_transport.telephony.codecs import make_codec

if TYPE_CHECKING:
    from starlette.applications import Starlette

OPERATOR_TOKEN = "GATEWAY_OPERATOR_TOKEN"  # noqa: S105 - an environment variable's name


async def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, then wait for the calls; exit code 1 when some had to be cut off."""
    async with contextlib.AsyncExitStack() as stack:
        answer_url = f"{options.public_url.rstrip('/')}/answer" if options.public_url else ""
        control = control_for(options.carrier, os.environ, answer_url)
        if control is not None:
            await stack.enter_async_context(control)
        app = app_for(options, os.environ, control)
        server = await stack.enter_async_context(GatewayServer(app, host=options.host, port=options.port))
        if options.carrier == "audiosocket":
            tcp = AudioSocketServer(server.gateway, host=options.host, port=options.audiosocket_port)
            options.audiosocket_port = (await stack.enter_async_context(tcp)).port
        print(welcome(options, server.port), flush=True)
        cut = await server.run(options.drain)
        print(f"stopped, {cut} calls cut off" if cut else "stopped, no call was cut off", flush=True)
    return 1 if cut else 0


def app_for(
    options: argparse.Namespace, environment: Mapping[str, str], control: CallControl | None = None
) -> Starlette:
    """Make the application. Raises ``InvalidArgument`` with what the command line or the environment lacks."""
    make_codec(options.carrier)  # says which carriers there are
    setup = SETUPS.get(options.carrier)
    secured: dict[str, Any] = {"allow_unsigned": True}
    if not options.allow_unsigned:
        if setup is None:
            raise InvalidArgument(
                f"how {options.carrier} signs is not known here: make a gateway_app with a verifier of your own, or "
                "say --allow-unsigned to take calls from anybody"
            )
        verifier = verifier_for(setup, environment)
        secured = {"verifier": verifier, "stream_verifier": verifier if setup.vouches_for_streams else None}
        if options.public_url is None and not options.trust_forwarded:
            raise InvalidArgument(
                f"say --public-url https://...: where {options.carrier} reaches this machine (a tunnel gives you such "
                "an address), because that is what it signs"
            )
    key = environment.get("OPENAI_API_KEY")
    if not key and options.url is None:
        raise InvalidArgument("set OPENAI_API_KEY to talk to the real service, or name a server with --url")
    model = {"url": options.url, "model": options.model, "api_key": key}
    return gateway_app(
        load_agent(options.agent),
        carrier=options.carrier,
        public_url=options.public_url,
        trust_forwarded=options.trust_forwarded,
        operator_token=environment.get(OPERATOR_TOKEN),
        transport=functools.partial(TelephonyTransport, control=control),
        session={name: value for name, value in model.items() if value is not None},
        greet=not options.wait_for_caller,
        record_to=options.record,
        limits=GatewayLimits(max_calls=options.max_calls),
        tell=show,
        **secured,
    )


def welcome(options: argparse.Namespace, port: int) -> str:
    """Say where the gateway is, and what to enter at the carrier's console."""
    local = f"http://{options.host}:{port}"
    public = (options.public_url or local).rstrip("/")
    ws = public.replace("http", "ws", 1)
    setup = SETUPS.get(options.carrier)
    lines = [f"realtime-transport gateway for {options.carrier} on {local}"]
    if setup is None:
        lines.append(f"  the carrier's webhook  {public}/answer\n  or its stream          {ws}/stream")
    else:
        lines.append(f"Enter at {options.carrier}'s:")
        lines.append(
            directions(
                setup.console,
                http=public,
                ws=ws,
                ws_with_login=ws.replace("://", "://(username):(password)@", 1),
                host=urlsplit(public).hostname,
                audiosocket_port=options.audiosocket_port,
            )
        )
    if options.allow_unsigned:
        lines.append("NOTHING IS VERIFIED: whoever knows the address can make calls at your cost.")
    lines.append(f"Answered by {options.agent}. SIGTERM or Ctrl-C: no more calls, and wait for those there are.")
    return "\n".join(lines)


def show(news: GatewayNews) -> None:
    """Print one piece of news."""
    print(line(news, time.strftime("%H:%M:%S")), flush=True)


def line(news: GatewayNews, at: str) -> str:
    """Write one piece of news as a line: the time, the call, what happened."""
    numbers = f"{news.caller or '?'} -> {news.called or '?'}" if news.caller or news.called else ""
    lasted = f"{news.seconds:.1f} s" if news.seconds else ""
    said = "  ".join(filter(None, (numbers, lasted, news.reason)))
    return f"{at}  {news.call_id or '-':<34}  {news.kind:<9}  {said}".rstrip()
