"""The law of one tool call: from the model's wish to the answer that the model has seen.

What can be promised is this: a call runs at most once, and its output reaches the model exactly once in each session.
"Exactly once" for the run itself would need the tool's help. Whatever happens to a call, it ends in an output: a call
without one leaves the conversation silent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class CallState(enum.Enum):
    """Where a call stands."""

    RECEIVED = "received"
    """Complete, and not begun."""
    AWAITING_APPROVAL = "awaiting approval"
    """A person has to decide. Nobody deciding is a no."""
    STARTED = "started"
    """It runs, or was handed to whoever runs it. It never starts again."""
    DENIED = "denied"
    """It will not run; the model has to be told."""
    EXPIRED = "expired"
    """Its time was over, undecided or running. A result that comes later is not used."""
    UNKNOWN = "unknown"
    """It ran, and nobody knows how far: it was cancelled without stopping, or its process died."""
    DONE = "done"
    """Its output is known and waits to be sent."""
    SENT = "sent"
    """Its output left; the server has not confirmed it."""
    ACKED = "acknowledged"
    """The server has its output."""
    CONTINUED = "continued"
    """And the response that goes on from it was asked for, or is not wanted. The end."""


class CallInput(enum.Enum):
    """What can happen to a call."""

    ASK = "approval is needed"
    APPROVE = "approved"
    DENY = "denied"
    EXPIRE = "its time is over"
    START = "it starts"
    LOSE = "its outcome is lost"
    FINISH = "its output is known"
    SEND = "its output leaves"
    ACKNOWLEDGE = "the server confirms its output"
    RECONNECT = "a new session begins"
    CONTINUE = "its batch goes on"


TOOL_CALL: Final[Mapping[CallState, Mapping[CallInput, CallState]]] = {
    # FINISH without START: an unknown tool, unreadable arguments, a call that was withdrawn.
    CallState.RECEIVED: {
        CallInput.ASK: CallState.AWAITING_APPROVAL,
        CallInput.START: CallState.STARTED,
        CallInput.FINISH: CallState.DONE,
    },
    CallState.AWAITING_APPROVAL: {
        CallInput.APPROVE: CallState.STARTED,
        CallInput.DENY: CallState.DENIED,
        CallInput.EXPIRE: CallState.EXPIRED,
        CallInput.FINISH: CallState.DONE,
    },
    CallState.STARTED: {
        CallInput.FINISH: CallState.DONE,
        CallInput.EXPIRE: CallState.EXPIRED,
        CallInput.LOSE: CallState.UNKNOWN,
    },
    CallState.DENIED: {CallInput.FINISH: CallState.DONE},
    CallState.EXPIRED: {CallInput.FINISH: CallState.DONE},
    CallState.UNKNOWN: {CallInput.FINISH: CallState.DONE},
    CallState.DONE: {CallInput.SEND: CallState.SENT},
    # Sent without an answer and the connection gone: the new session starts without it, so sending again is safe there.
    CallState.SENT: {
        CallInput.ACKNOWLEDGE: CallState.ACKED,
        CallInput.RECONNECT: CallState.DONE,
    },
    # Confirmed outputs are items of the history, and are restored with it.
    CallState.ACKED: {CallInput.CONTINUE: CallState.CONTINUED},
    CallState.CONTINUED: {},
}
