"""Ask a server every question, each on a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from realtime_transport.conformance import probes_audio, probes_errors, probes_items, probes_responses, probes_session
from realtime_transport.conformance.line import Deviation, Line, Missing
from realtime_transport.conformance.probe import Finding, Probe, Report, Verdict
from realtime_transport.dialects import Dialect, dialect_for_url
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.secret import Secret
from realtime_transport.transports.errors import connect_error
from realtime_transport.transports.request import ConnectRequest, Dial

PATIENCE: Final = 10.0
"""Seconds that one wait may take: a model thinks for one or two."""

MAX_FRAME: Final = 16 * 1024 * 1024


def probes(only: str = "") -> tuple[Probe, ...]:
    """Give the probes, or those with a word in their area or name.

    Raises ``InvalidArgument`` when there are none.
    """
    rooms = (probes_session, probes_items, probes_responses, probes_audio, probes_errors)
    everything = tuple(probe for room in rooms for probe in room.PROBES)
    chosen = tuple(probe for probe in everything if only.casefold() in f"{probe.area} {probe.name}".casefold())
    if not chosen:
        names = ", ".join(dict.fromkeys(probe.area for probe in everything))
        raise InvalidArgument(f"no probe has {only!r} in its name; the areas are {names}", path="only")
    return chosen


async def check(
    url: str,
    *,
    api_key: str | Secret | None = None,
    model: str | None = None,
    dialect: Dialect | None = None,
    only: str = "",
    patience: float = PATIENCE,
    found: Callable[[Finding], object] = lambda _: None,
) -> Report:
    """Ask the server at ``url`` every question and report what it does.

    ``found`` is called with each finding as it comes. ``patience`` is in seconds, for each single wait. Raises
    ``ConnectError`` when the server cannot be reached at all, ``InvalidArgument`` for a word in ``only`` that no probe
    has, ``InsecureTransportError`` for a key over ``ws://`` to another machine.
    """
    spoken = dialect or dialect_for_url(url)
    chosen = probes(only)
    request = ConnectRequest(dialect=spoken, url=url, api_key=api_key, model=model)
    dials = {
        intent: await (request if intent is None else _with_intent(request, intent)).dial()
        for intent in {probe.intent for probe in chosen}
    }
    findings: list[Finding] = []
    for probe in chosen:
        findings.append(await _look(probe, dials[probe.intent], spoken, patience, is_first=not findings))
        found(findings[-1])
    return Report(url=next(iter(dials.values())).shown, dialect=spoken.name, findings=tuple(findings))


def _with_intent(request: ConnectRequest, intent: str) -> ConnectRequest:
    query = {**request.query, "intent": intent}
    return ConnectRequest(
        dialect=request.dialect, url=request.url, api_key=request.api_key, model=request.model, query=query
    )


async def _look(probe: Probe, dial: Dial, dialect: Dialect, patience: float, *, is_first: bool) -> Finding:
    """Run one probe. A server that cannot be reached for the first is not there; later, that is a finding."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    verdict: Verdict = "passed"
    why, line = "", None
    try:
        async with connect(
            dial.url,
            additional_headers=dial.headers,
            subprotocols=[Subprotocol(name) for name in dial.sub_protocols] or None,
            max_size=MAX_FRAME,
            open_timeout=patience,
            close_timeout=1.0,
        ) as socket:
            line = Line(socket, dialect, patience)
            await probe.run(line)
    except Deviation as error:
        verdict, why = "deviates", str(error)
    except Missing as error:
        verdict, why = "missing", str(error)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        verdict, why = "deviates", f"a frame is not of the shape it should have: {type(error).__name__} {error}"
    except Exception as error:
        if is_first:
            raise connect_error(error, dial.shown) from error
        verdict, why = "missing", f"{type(error).__name__}: {error}"
    evidence = tuple(line.notes) if line is not None else ()
    return Finding(probe=probe, verdict=verdict, why=why, evidence=evidence, seconds=loop.time() - began)
