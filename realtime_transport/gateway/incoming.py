"""A call that has arrived, and who is to answer it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import attrs

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session import RealtimeAgent, RealtimeSession
from realtime_transport.telephony import HangupOutcome, PhoneCall


@attrs.frozen(kw_only=True)
class IncomingCall:
    """One call, as far as it is known when somebody has to answer it."""

    carrier: str
    call_id: str
    stream_id: str
    transport: PhoneCall = attrs.field(repr=False)
    """What to build a ``RealtimeSession`` on; its ``hangup``, ``send_dtmf`` and ``collect_digits`` are the call's."""
    caller: str = ""
    called: str = ""
    """The numbers: from the stream, or from the webhook where the stream does not say them."""
    account_id: str = ""
    custom: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """What the answer document said about the call."""
    fields: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """All that the webhook said; empty without one."""
    _parting: set[asyncio.Task[HangupOutcome]] = attrs.field(
        factory=set[asyncio.Task[HangupOutcome]], init=False, repr=False, eq=False
    )

    def hang_up(self) -> None:
        """Begin to end the call: it ends when the caller has heard what the agent is saying.

        Returns at once, which is what a tool needs: one that waited for ``transport.hangup()`` would wait for the end
        of the very session that runs it. Make that tool ``reply="quiet"``, or its output asks for more words. When the
        caller speaks over the goodbye the call goes on.
        """
        parting = asyncio.ensure_future(self.transport.hangup())
        self._parting.add(parting)
        parting.add_done_callback(self._parted)

    def _parted(self, parting: asyncio.Task[HangupOutcome]) -> None:
        self._parting.discard(parting)
        _ = parting.cancelled() or parting.exception()  # the call was over before: that is what was wanted


Answerer: TypeAlias = RealtimeAgent[Any] | RealtimeSession[Any]
AgentSource: TypeAlias = RealtimeAgent[Any] | Callable[[IncomingCall], Answerer | Awaitable[Answerer]]
"""One agent for all calls, or a function (``async`` or not) that gives each call its agent or its session."""


async def session_for(source: AgentSource, call: IncomingCall, options: Mapping[str, Any]) -> RealtimeSession[Any]:
    """Return the session that answers ``call``; ``options`` are for sessions that are made here.

    Raises what the source raises, and ``InvalidArgument`` for what is neither an agent nor a session on this call.
    """
    asked = cast("Any", source)
    found = asked if _is(asked, RealtimeAgent) else asked(call)
    if inspect.isawaitable(found):
        found = await found
    if _is(found, RealtimeAgent):
        return RealtimeSession(found, call.transport, **options)
    if not _is(found, RealtimeSession):
        raise InvalidArgument(f"gave {type(found).__name__}, not a RealtimeAgent or RealtimeSession", path="agent")
    session: RealtimeSession[Any] = found
    if session.transport is not call.transport:
        raise InvalidArgument("gave a session on another transport than call.transport", path="agent")
    return session


def _is(found: object, kind: type) -> bool:
    """Say what somebody's function gave, which type checkers believe to know."""
    return isinstance(found, kind)
