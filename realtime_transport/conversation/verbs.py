"""The verbs of the client role: everything an application can ask for, one method each.

A method builds the client event and hands it to ``send_event``, which checks it by the table in ``intents``.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from realtime_transport.conversation import composites, finishing
from realtime_transport.conversation.core import Core
from realtime_transport.conversation.intents import (
    MAX_APPEND_BYTES,
    SEND,
    Send,
    append_audio,
    as_bytes,
    request_response,
)
from realtime_transport.conversation.interruption import interrupt
from realtime_transport.conversation.session_shape import session_from
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.client import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from realtime_transport.events.items import Item, McpApprovalResponseItem
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.session import AnySession
from realtime_transport.exceptions import InvalidArgument, StateError

MAX_EVENT_ID_CHARS = 512
"""The server's limit on ``event_id``."""


class Intents(abc.ABC):
    """Ask the server for things.

    Every intent returns the ``event_id`` under which it is settled, exactly once, in ``settlements()``; each takes one
    of the caller's own. Two are never settled, because no server ever answers them: ``append_audio``, and
    ``send_event`` with an event that this library does not know.

    All raise StateError while not connected, InvalidArgument for a value that the server would refuse, and
    UnsupportedOperation for what cannot be done here at all; nothing was sent then, and nothing changed.
    """

    _core: Core
    _send: Mapping[type[ClientEvent], Send] = SEND

    @abc.abstractmethod
    def is_connected(self) -> bool:
        """Tell whether there is a server to ask."""

    def _event_id(self, event_id: Maybe[str]) -> str:
        """Take the caller's id, or make one; raises when there is nobody to send to."""
        if not self.is_connected():
            raise StateError("not connected")
        if not event_id:
            return self._core.ids("event")
        if len(event_id) > MAX_EVENT_ID_CHARS:
            raise InvalidArgument(f"must have at most {MAX_EVENT_ID_CHARS} characters", path="event_id")
        if event_id in self._core.requests:
            raise InvalidArgument(f"{event_id!r} is the id of a request that is not settled", path="event_id")
        return event_id

    def send_event(self, event: ClientEvent, now: float) -> str:
        """Send any client event, with the same checks and the same bookkeeping as the verb for it.

        A ``response.create`` waits for its turn, a ``session.update`` is cut down to what differs. An event of a type
        that this library does not know goes out as it is.
        """
        event_id = self._event_id(event.event_id)
        if event.event_id != event_id:
            event = attrs.evolve(event, event_id=event_id)
        send = self._send.get(type(event))
        if send is None:
            self._core.outbox.frames.append(event)
        else:
            send(self._core, event, now)
        return event_id

    # --- the session -------------------------------------------------------------------------------------------------

    def update_session(
        self, changes: Mapping[str, Any] | AnySession, now: float, *, event_id: str | None = None
    ) -> str:
        """Change the session: a deep merge into what is in force, of which only what differs is sent.

        ``changes`` is a config object or a mapping, in the GA shape or with the flat names of the beta (not mixed).
        Acknowledged by ``session.updated``, or at once when nothing differs. Raises StateError for another voice once
        the agent has spoken.
        """
        session = session_from(changes, self._core.session.desired)
        return self.send_event(SessionUpdate(event_id=event_id, session=session), now)

    def finish(self, now: float, *, timeout: float, event_id: str | None = None) -> str:
        """Let the server say the last of what it was given; settled when it has, or after ``timeout`` seconds.

        For a transcription session: commits what is in the buffer and waits for all words. Raises
        UnsupportedOperation in a conversation.
        """
        event_id = self._event_id(event_id)
        finishing.finish(self._core, event_id, now, timeout)
        return event_id

    def is_settled(self, event: ClientEvent) -> bool:
        """Tell whether ``send_event`` settles an event: not audio, and nothing that this library does not know."""
        return type(event) in self._send and type(event) is not InputAudioBufferAppend

    # --- the caller's audio ------------------------------------------------------------------------------------------

    def append_audio(self, data: bytes | bytearray | memoryview, now: float, *, event_id: str | None = None) -> str:
        """Append audio in ``input_format``, whole samples; above 15 MiB in several events. Never settled."""
        event = InputAudioBufferAppend(event_id=self._event_id(event_id), audio=as_bytes(data))
        append_audio(self._core, event, now)
        return str(event.event_id)

    def append(self, audio: bytes) -> str | None:
        """Count an append of the usual kind, whose frame the driver writes by itself, and return its event id.

        The short way of ``append_audio``, without an event. None, and no effect, where there is anything to check, to
        convert, to split or to wait behind.
        """
        core = self._core
        if (
            type(audio) is not bytes
            or len(audio) > MAX_APPEND_BYTES
            or len(audio) % core.session.input_format.frame_bytes
            or not core.capabilities.carries_audio
            or core.outbox.frames
            or InputAudioBufferAppend not in self._send
            or not self.is_connected()
        ):
            return None
        core.uncommitted_bytes += len(audio)
        return core.ids("event")

    def commit_audio(self, now: float, *, event_id: str | None = None) -> str:
        """Make a user item of what was appended. Raises StateError for less than 100 ms without turn detection."""
        return self.send_event(InputAudioBufferCommit(event_id=event_id), now)

    def clear_audio(self, now: float, *, event_id: str | None = None) -> str:
        """Throw away what was appended and not committed."""
        return self.send_event(InputAudioBufferClear(event_id=event_id), now)

    def clear_output(self, now: float, *, event_id: str | None = None) -> str:
        """Stop the sound where the server plays it (WebRTC, SIP); elsewhere use ``interrupt``."""
        return self.send_event(OutputAudioBufferClear(event_id=event_id), now)

    # --- items -------------------------------------------------------------------------------------------------------

    def create_item(
        self, item: Item, now: float, *, previous_item_id: Maybe[str] = UNSET, event_id: str | None = None
    ) -> str:
        """Add an item at the end, or after ``previous_item_id`` (``"root"``: in front). It gets an id if it has none.

        Raises InvalidArgument for an id that is too long or taken, UnsupportedOperation for audio of the agent's.
        """
        event = ConversationItemCreate(event_id=event_id, item=item, previous_item_id=previous_item_id)
        return self.send_event(event, now)

    def delete_item(self, item_id: str, now: float, *, event_id: str | None = None) -> str:
        """Remove an item."""
        return self.send_event(ConversationItemDelete(event_id=event_id, item_id=item_id), now)

    def retrieve_item(self, item_id: str, now: float, *, event_id: str | None = None) -> str:
        """Ask for an item as the server has it, audio included; it is the ``result`` of the settlement."""
        return self.send_event(ConversationItemRetrieve(event_id=event_id, item_id=item_id), now)

    def truncate_item(
        self, item_id: str, content_index: int, audio_end_ms: int, now: float, *, event_id: str | None = None
    ) -> str:
        """Keep ``audio_end_ms`` of an item that the agent spoke in this session; more than it has counts as all of it.

        Raises StateError for any other item, InvalidArgument for less than 1 ms. ``interrupt`` does this by itself.
        """
        event = ConversationItemTruncate(
            event_id=event_id, item_id=item_id, content_index=content_index, audio_end_ms=audio_end_ms
        )
        return self.send_event(event, now)

    def function_call_output(
        self, call_id: str, output: str, now: float, *, respond: bool = True, event_id: str | None = None
    ) -> str:
        """Answer a function call and, with ``respond``, let the model go on; settled when both are.

        Follow-ups that have to wait are one response together, however many outputs came.
        """
        event_id = self._event_id(event_id)
        composites.function_call_output(self._core, event_id, call_id, output, now, respond=respond)
        return event_id

    def mcp_response(
        self,
        approval_request_id: str,
        approve: bool,
        now: float,
        *,
        reason: str | None = None,
        event_id: str | None = None,
    ) -> str:
        """Answer a hosted tool's request for approval."""
        item = McpApprovalResponseItem(
            approval_request_id=approval_request_id, approve=approve, reason=UNSET if reason is None else reason
        )
        return self.create_item(item, now, event_id=event_id)

    def reset_history(self, items: Sequence[Item], now: float, *, event_id: str | None = None) -> str:
        """Make the conversation be ``items``, with as few deletes and creates as possible; settled when all are.

        Items are the same when their ids and contents are. What an earlier reset asked for counts as done. Other items
        that are on their way, or on their way out, are left to it: ``items`` may have been made before that showed.
        Raises, before anything is sent, InvalidArgument with the path of an item that the protocol cannot create or
        move, such as audio of the agent's (the message names the alternative), and UnsupportedOperation where the
        server cannot delete items and some would have to go.
        """
        event_id = self._event_id(event_id)
        composites.reset_history(self._core, event_id, items, now)
        return event_id

    # --- responses ---------------------------------------------------------------------------------------------------

    def request_response(
        self,
        options: ResponseOptions | None,
        now: float,
        *,
        automatic: bool = False,
        event_id: str | None = None,
    ) -> str:
        """Ask for a response: at once, or when those before it are done. Acknowledged by ``response.created``.

        Several ``automatic`` requests with the same options that have to wait are one response together. With
        ``conversation="none"`` it runs beside the others.
        """
        event = ResponseCreate(event_id=self._event_id(event_id), response=options or UNSET)
        request_response(self._core, event, now, automatic=automatic)
        return str(event.event_id)

    def cancel_response(self, now: float, response_id: str | None = None, *, event_id: str | None = None) -> str:
        """Stop generating the running response, or the one named. What was generated stays, and plays on.

        Acknowledged by ``response.done``; at once when there is nothing to stop. A second cancel of the same response
        sends nothing and is settled with the first.
        """
        return self.send_event(ResponseCancel(event_id=event_id, response_id=response_id), now)

    def interrupt(self, now: float, *, cancel_response: bool = True, event_id: str | None = None) -> str:
        """Silence the agent and leave on both sides only what was heard; settled when every part of it is.

        ``cancel_response=False`` leaves the response to a server that stops it by itself. With nothing to interrupt it
        does nothing and is acknowledged at once. Requests that wait in the queue stay there.
        """
        event_id = self._event_id(event_id)
        interrupt(self._core, event_id, now, cancel_response=cancel_response)
        return event_id
