"""The law of the client role: every state it can be in and everything that may happen there.

Rules of this file, kept on purpose:

- Every transition of the three machines lives here, in ``TRANSITIONS``, and nowhere else. Other modules say what
  happened and obey the answer; none compares states to decide where to go next.
- The tables know nothing of ids, queues or time. They say WHICH things may follow each other; ``responses.py`` and
  ``interruption.py`` say to WHOM they happen.
- A missing entry is a value, not an accident: "this cannot happen here". What follows is the caller's to decide: our
  own mistake is raised at the call, the server's is counted and forgotten.

The pictures in ``docs/state-machine.md`` are drawn from these tables, and ``scripts/model_check.py`` walks them.

What is regretted: ``Slot.CONTENDED`` and ``Slot.OCCUPIED`` exist only because the server may make responses of its own
at any moment (turn detection), and tells us so after our own ``response.create`` has left.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, TypeVar, cast


class Connection(enum.Enum):
    """Whether the peer can be spoken to."""

    CLOSED = "closed"
    """Not connected, or closed on purpose: every intent is refused."""
    OPENING = "opening"
    """The medium is up; the server has not described its session yet."""
    OPEN = "open"
    """The session is known."""
    LOST = "lost"
    """The medium went away by itself."""


class ConnectionInput(enum.Enum):
    """What can happen to the connection."""

    OPENED = "the medium opened"
    ANNOUNCED = "the first session.created or session.updated"
    LOST = "the medium was lost"
    CLOSED = "closed by us"


class Slot(enum.Enum):
    """The one place for a response of the conversation. Responses outside it do not pass here."""

    IDLE = "idle"
    """No response is running and none was asked for: the next request may leave."""
    REQUESTED = "requested"
    """Our ``response.create`` left; the server has not answered."""
    ACTIVE = "active"
    """A response is running, and no request of ours is on its way."""
    CONTENDED = "contended"
    """A response that is not ours is running while our request is on its way: one of the two will be refused."""
    OCCUPIED = "occupied"
    """The server refused our request for a response that we have not heard of."""


class SlotInput(enum.Enum):
    """What can happen to the slot."""

    SENT = "our response.create leaves"
    OURS = "the response we asked for was created"
    THEIRS = "another response was created"
    DONE = "the running response is done"
    BUSY = "refused because a response is active"
    BUSY_PAST = "refused for a response that has ended since"
    REFUSED = "refused for another reason"
    OVERDUE = "our request was not answered in time"
    SILENT = "the running response says nothing more"
    RETRY = "time to ask again"


class Interruption(enum.Enum):
    """One response, from the moment it is asked for, as the listener gets it."""

    RUNNING = "running"
    CANCELLING = "cancelling"
    """``response.cancel`` was sent; what still comes is delivered."""
    CUT = "cut"
    """The listener was interrupted: what still comes is dropped. The server stops by itself, or need not."""
    CUT_CANCELLING = "cut, cancelling"
    """Interrupted, and ``response.cancel`` was sent."""
    OVER = "over"
    """``response.done`` came. Audio of it may still be playing, and be cut: that is the playout ledger's matter."""


class InterruptionInput(enum.Enum):
    """What can happen to a response."""

    CANCEL = "response.cancel leaves"
    CUT = "the listener is interrupted"
    DONE = "response.done"


CONNECTION: Final[Mapping[Connection, Mapping[ConnectionInput, Connection]]] = {
    Connection.CLOSED: {ConnectionInput.OPENED: Connection.OPENING},
    Connection.OPENING: {
        ConnectionInput.ANNOUNCED: Connection.OPEN,
        ConnectionInput.LOST: Connection.LOST,
        ConnectionInput.CLOSED: Connection.CLOSED,
    },
    Connection.OPEN: {
        ConnectionInput.LOST: Connection.LOST,
        ConnectionInput.CLOSED: Connection.CLOSED,
    },
    Connection.LOST: {
        ConnectionInput.OPENED: Connection.OPENING,
        ConnectionInput.CLOSED: Connection.CLOSED,
    },
}

SLOT: Final[Mapping[Slot, Mapping[SlotInput, Slot]]] = {
    Slot.IDLE: {
        SlotInput.SENT: Slot.REQUESTED,
        SlotInput.THEIRS: Slot.ACTIVE,
    },
    Slot.REQUESTED: {
        SlotInput.OURS: Slot.ACTIVE,
        SlotInput.THEIRS: Slot.CONTENDED,
        SlotInput.BUSY: Slot.OCCUPIED,
        SlotInput.BUSY_PAST: Slot.IDLE,
        SlotInput.REFUSED: Slot.IDLE,
        SlotInput.OVERDUE: Slot.IDLE,
    },
    Slot.ACTIVE: {
        SlotInput.DONE: Slot.IDLE,
        SlotInput.SILENT: Slot.IDLE,
        # The server runs one at a time: a new one says that the old one is over, whose done was lost.
        SlotInput.THEIRS: Slot.ACTIVE,
    },
    Slot.CONTENDED: {
        SlotInput.DONE: Slot.REQUESTED,
        SlotInput.SILENT: Slot.REQUESTED,
        SlotInput.OURS: Slot.ACTIVE,
        SlotInput.THEIRS: Slot.CONTENDED,
        SlotInput.BUSY: Slot.ACTIVE,
        SlotInput.BUSY_PAST: Slot.ACTIVE,
        SlotInput.REFUSED: Slot.ACTIVE,
        SlotInput.OVERDUE: Slot.ACTIVE,
    },
    Slot.OCCUPIED: {
        SlotInput.THEIRS: Slot.ACTIVE,
        SlotInput.RETRY: Slot.IDLE,
    },
}

INTERRUPTION: Final[Mapping[Interruption, Mapping[InterruptionInput, Interruption]]] = {
    Interruption.RUNNING: {
        InterruptionInput.CANCEL: Interruption.CANCELLING,
        InterruptionInput.CUT: Interruption.CUT,
        InterruptionInput.DONE: Interruption.OVER,
    },
    # No CANCEL below: at most one cancel per response. No CUT after CUT: a second interrupt does nothing.
    Interruption.CANCELLING: {
        InterruptionInput.CUT: Interruption.CUT_CANCELLING,
        InterruptionInput.DONE: Interruption.OVER,
    },
    Interruption.CUT: {
        InterruptionInput.CANCEL: Interruption.CUT_CANCELLING,
        InterruptionInput.DONE: Interruption.OVER,
    },
    Interruption.CUT_CANCELLING: {InterruptionInput.DONE: Interruption.OVER},
    Interruption.OVER: {},
}

TRANSITIONS: Final[Mapping[str, Mapping[enum.Enum, Mapping[enum.Enum, enum.Enum]]]] = {
    "connection": cast("Mapping[enum.Enum, Mapping[enum.Enum, enum.Enum]]", CONNECTION),
    "response": cast("Mapping[enum.Enum, Mapping[enum.Enum, enum.Enum]]", SLOT),
    "interruption": cast("Mapping[enum.Enum, Mapping[enum.Enum, enum.Enum]]", INTERRUPTION),
}
"""``[machine][state][input]``: what the pictures and the search read."""

StateT = TypeVar("StateT")
InputT = TypeVar("InputT")


def step(table: Mapping[StateT, Mapping[InputT, StateT]], state: StateT, happened: InputT) -> StateT | None:
    """Look up the state that follows, None when ``happened`` is not a thing that can happen in ``state``."""
    return table[state].get(happened)
