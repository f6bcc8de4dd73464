"""A person's word before a tool runs: asked for, waited for, remembered when told so, and denied when it never comes.

A decision is bound to the call and to a hash of its arguments: what was read is what runs. ``always=True`` makes it
stick to the tool for the rest of the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

from realtime_transport.conversation.toolcalls import fingerprint
from realtime_transport.exceptions import StateError

DEFAULT_LIMIT = 300.0
"""Seconds a person has to decide. Undecided means no: silence is never consent."""


@attrs.frozen(kw_only=True)
class ApprovalRequest:
    """One call that waits for a decision. Hand it to ``session.approve`` or ``session.reject``."""

    kind: Literal["function", "mcp"]
    call_id: str
    """Of the call, or of the MCP approval request."""
    tool_name: str
    server_label: str | None = None
    """The hosted MCP server that wants to run it."""
    arguments: str
    """JSON text as the model wrote it: show this, not a summary, to the person who decides."""

    @property
    def fingerprint(self) -> str:
        """What the decision is bound to, beside the call id: the tool and its arguments."""
        return fingerprint(self.tool_name, self.arguments)

    @property
    def subject(self) -> tuple[str | None, str]:
        """What a sticky decision is about."""
        return (self.server_label, self.tool_name)


Reason: TypeAlias = Literal["decided", "sticky", "expired", "closed"]


@attrs.frozen(kw_only=True)
class Decision:
    """The answer to a request."""

    approved: bool
    message: str = ""
    """What the person wants the model to read on a refusal; empty for the default text."""
    reason: Reason = "decided"


@attrs.define
class _Waiting:
    request: ApprovalRequest
    decided: asyncio.Future[Decision]
    timer: asyncio.TimerHandle


class Approvals:
    """The calls that wait, and the decisions that stick."""

    def __init__(self, *, limit: float = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._waiting: dict[str, _Waiting] = {}
        self._sticky: dict[tuple[str | None, str], Decision] = {}

    @property
    def pending(self) -> tuple[ApprovalRequest, ...]:
        """The requests that wait for a decision, oldest first."""
        return tuple(waiting.request for waiting in self._waiting.values())

    def remembered(self, request: ApprovalRequest) -> Decision | None:
        """Return the sticky decision about this tool, if one was made."""
        return self._sticky.get(request.subject)

    async def decision(self, request: ApprovalRequest, ask: Callable[[], object] = lambda: None) -> Decision:
        """Wait until ``request`` is decided, expires or the session closes. Cancelling withdraws the request.

        ``ask`` is called once the request can be decided, so whoever hears it may decide at once.
        """
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[Decision] = loop.create_future()
        expired = Decision(approved=False, reason="expired")
        timer = loop.call_later(self._limit, self._settle, request.call_id, expired)
        self._waiting[request.call_id] = _Waiting(request, decided, timer)
        try:
            ask()
            return await decided
        finally:
            timer.cancel()
            self._waiting.pop(request.call_id, None)

    def decide(self, call: ApprovalRequest | str, decision: Decision, *, always: bool = False) -> ApprovalRequest:
        """Settle a waiting request, given itself or its call id, and remember the decision when ``always``.

        :raises StateError: when nothing waits under that id, or it waits with other arguments than those given.
        """
        call_id = call if isinstance(call, str) else call.call_id
        waiting = self._waiting.get(call_id)
        if waiting is None:
            raise StateError(f"no call {call_id!r} waits for approval: it was decided, withdrawn or expired")
        if not isinstance(call, str) and call.fingerprint != waiting.request.fingerprint:
            raise StateError(f"call {call_id!r} waits with other arguments than the ones given: look again")
        if always:
            self._sticky[waiting.request.subject] = attrs.evolve(decision, reason="sticky")
        self._settle(call_id, decision)
        return waiting.request

    def close(self) -> None:
        """Deny whatever still waits."""
        for call_id in list(self._waiting):
            self._settle(call_id, Decision(approved=False, reason="closed"))

    def _settle(self, call_id: str, decision: Decision) -> None:
        waiting = self._waiting.pop(call_id, None)
        if waiting is not None and not waiting.decided.done():
            waiting.decided.set_result(decision)
