"""Everything that can be said on a transport: one method for each thing the protocol knows.

Each acts at once, in call order, never blocks and may be called from inside a listener. Each returns a ``SendReceipt``.
Each takes an ``event_id`` of the caller's own, which the server's ``error`` then names. All raise ``StateError`` when
not connected or called from another thread, ``InvalidArgument`` for values that the server would refuse and
``UnsupportedOperation`` for what this transport or dialect cannot do; nothing was sent then.
"""

from __future__ import annotations

import abc
import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from realtime_transport import wire
from realtime_transport.conversation import ClientConversation
from realtime_transport.events.base import UNSET
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.items import (
    AssistantMessageItem,
    ContentPart,
    InputImagePart,
    InputTextPart,
    Item,
    OutputTextPart,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.events.objects import ProtocolObject
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.session import AnySession
from realtime_transport.events.transport import McpApprovalRequestEvent
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.transports.receipts import SendReceipt

MessageRole: TypeAlias = Literal["user", "system", "assistant"]

_MESSAGES: Final[Mapping[str, Callable[..., Item]]] = {
    "user": UserMessageItem,
    "system": SystemMessageItem,
    "assistant": AssistantMessageItem,
}
_IMAGES: Final[Mapping[bytes, str]] = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""First bytes of the formats that the service takes."""


class Sending(abc.ABC):
    """The verbs of a transport."""

    _conversation: ClientConversation
    _codec: wire.Codec[ServerEvent, ClientEvent]
    _muted: bool

    @abc.abstractmethod
    def _now(self) -> float:
        """Return the time, when something may be sent; raise ``StateError`` when not."""

    @abc.abstractmethod
    def _receipt(self, event_id: str, *, answered: bool = True) -> SendReceipt:
        """Carry away what the conversation made of a call, and give its receipt."""

    @abc.abstractmethod
    def _audio_receipt(self, event_id: str) -> SendReceipt:
        """Carry away an append of audio, which makes frames and nothing else, and give its receipt."""

    @abc.abstractmethod
    def _append_now(self, audio: bytes) -> SendReceipt | None:
        """Send audio the short way and give its receipt; None, and no effect, where it has to go the long way."""

    # --- anything --------------------------------------------------------------------------------------------------

    def send_event(self, event: ClientEvent | Mapping[str, Any], *, event_id: str | None = None) -> SendReceipt:
        """Send any client event, as an object or as a dict in GA names, known to this library or not.

        What is known gets the same checks as the verb for it: a ``response.create`` waits for its turn, a
        ``session.update`` is cut down to what differs.
        """
        now = self._now()
        if not isinstance(event, ClientEvent):
            event = self._codec.event({**event, "event_id": event_id} if event_id else event)
        elif event_id:
            event = self._codec.event({**wire.to_dict(event), "event_id": event_id})
        sent = self._conversation.send_event(_checked(event), now)
        return self._receipt(sent, answered=self._conversation.is_settled(event))

    # --- messages --------------------------------------------------------------------------------------------------

    def send_message(
        self,
        message: str | Sequence[ContentPart],
        *,
        role: MessageRole = "user",
        respond: bool = True,
        event_id: str | None = None,
    ) -> SendReceipt:
        """Add a message and, with ``respond``, ask for a response to it.

        The receipt is acknowledged by the response's beginning, without ``respond`` by the message's arrival. Raises
        ``InvalidArgument`` for a role that the protocol does not have, and for what is neither text nor parts.
        """
        if role not in _MESSAGES:
            raise InvalidArgument(f"no role {role!r}; there are {', '.join(_MESSAGES)}", path="role")
        item = _MESSAGES[role](content=_parts(message, role))
        receipt = self.create_item(item, event_id=event_id)
        return self.request_response() if respond else receipt

    def add_image(
        self,
        image: str | bytes,
        *,
        text: str | None = None,
        detail: Literal["auto", "low", "high"] | str | None = None,
        respond: bool = False,
        event_id: str | None = None,
    ) -> SendReceipt:
        """Show the model a picture: PNG or JPEG bytes, or a ``data:`` URL; ``text`` goes before it.

        Raises ``InvalidArgument`` for bytes that are neither. URLs of other kinds are passed on; nothing is fetched.
        """
        picture = InputImagePart(image_url=_data_url(image), detail=UNSET if detail is None else detail)
        parts: list[ContentPart] = [picture] if text is None else [InputTextPart(text=text), picture]
        return self.send_message(parts, respond=respond, event_id=event_id)

    # --- the caller's audio ----------------------------------------------------------------------------------------

    def send_audio(self, audio: bytes, *, commit: bool = False, event_id: str | None = None) -> SendReceipt:
        """Send the caller's speech, in the input format of the session, whole samples, any length.

        Await the receipt when sending faster than real time: audio that would wait longer than the transport's backlog
        allows is given up, oldest first, and told as ``audio_gap``. While muted nothing is sent.
        """
        now = self._now()
        if self._muted:
            return self._receipt("", answered=False)
        receipt = None if event_id else self._append_now(audio)
        if receipt is None:
            receipt = self._audio_receipt(self._conversation.append_audio(audio, now, event_id=event_id))
        return self.commit_audio() if commit else receipt

    def commit_audio(self, *, event_id: str | None = None) -> SendReceipt:
        """Make a user item of what was sent: the end of a turn, where no turn detection finds it."""
        return self._receipt(self._conversation.commit_audio(self._now(), event_id=event_id))

    def clear_audio(self, *, event_id: str | None = None) -> SendReceipt:
        """Throw away what was sent and not committed."""
        return self._receipt(self._conversation.clear_audio(self._now(), event_id=event_id))

    def clear_output(self, *, event_id: str | None = None) -> SendReceipt:
        """Stop the sound where the server plays it (WebRTC, SIP); elsewhere use ``interrupt``."""
        return self._receipt(self._conversation.clear_output(self._now(), event_id=event_id))

    def mute(self, muted: bool = True) -> None:
        """Stop sending audio, or go on: ``send_audio`` does nothing while muted. What waits already still goes out."""
        self._muted = muted

    @property
    def muted(self) -> bool:
        """Whether ``send_audio`` does nothing."""
        return self._muted

    # --- items -----------------------------------------------------------------------------------------------------

    def create_item(
        self,
        item: Item | Mapping[str, Any],
        *,
        previous_item_id: str | None = None,
        event_id: str | None = None,
    ) -> SendReceipt:
        """Add an item at the end, or after ``previous_item_id`` (``"root"``: in front)."""
        after = UNSET if previous_item_id is None else previous_item_id
        return self._receipt(
            self._conversation.create_item(_item(item), self._now(), previous_item_id=after, event_id=event_id)
        )

    def delete_item(self, item_id: str, *, event_id: str | None = None) -> SendReceipt:
        """Remove an item."""
        return self._receipt(self._conversation.delete_item(item_id, self._now(), event_id=event_id))

    def retrieve_item(self, item_id: str, *, event_id: str | None = None) -> SendReceipt:
        """Ask for an item with its audio: ``(await receipt.acknowledged()).item``."""
        return self._receipt(self._conversation.retrieve_item(item_id, self._now(), event_id=event_id))

    def truncate_item(
        self, item_id: str, audio_end_ms: int, *, content_index: int = 0, event_id: str | None = None
    ) -> SendReceipt:
        """Keep the first ``audio_end_ms`` of an item that the agent spoke. ``interrupt`` does this by itself."""
        return self._receipt(
            self._conversation.truncate_item(item_id, content_index, audio_end_ms, self._now(), event_id=event_id)
        )

    def reset_history(
        self,
        items: Sequence[Item | Mapping[str, Any]] | Callable[[tuple[Item, ...]], Sequence[Item | Mapping[str, Any]]],
        *,
        event_id: str | None = None,
    ) -> SendReceipt:
        """Make the conversation be ``items``, or what a function makes of it, with as few events as possible.

        Acknowledged when the server has confirmed all. Raises ``InvalidArgument``, before anything is sent, for what
        cannot be created (audio of the agent's: send its text), and names its place.
        """
        now = self._now()
        wanted = items(self._conversation.history) if callable(items) else items
        return self._receipt(self._conversation.reset_history([_item(i) for i in wanted], now, event_id=event_id))

    def send_function_call_output(
        self, call_id: str, output: str, *, respond: bool = True, event_id: str | None = None
    ) -> SendReceipt:
        """Answer a ``function_call`` and, with ``respond``, let the model go on; acknowledged when both happened.

        Follow-ups that have to wait become one response, however many outputs came.
        """
        return self._receipt(
            self._conversation.function_call_output(call_id, output, self._now(), respond=respond, event_id=event_id)
        )

    def send_mcp_response(
        self,
        request: McpApprovalRequestEvent | str,
        approved: bool,
        *,
        reason: str | None = None,
        event_id: str | None = None,
    ) -> SendReceipt:
        """Approve or refuse what an ``mcp_approval_request`` asks, given as the event or its id."""
        asked = request if isinstance(request, str) else request.approval_request_id
        return self._receipt(
            self._conversation.mcp_response(asked, approved, self._now(), reason=reason, event_id=event_id)
        )

    # --- responses -------------------------------------------------------------------------------------------------

    def request_response(
        self,
        options: ResponseOptions | Mapping[str, Any] | None = None,
        *,
        automatic: bool = False,
        event_id: str | None = None,
    ) -> SendReceipt:
        """Ask for a response: now, or when those before it are done. Acknowledged by ``response.created``.

        ``automatic`` requests with the same options that have to wait become one. ``{"conversation": "none"}`` runs
        beside the conversation at once.
        """
        made = wire.from_dict(options, ResponseOptions) if isinstance(options, Mapping) else options
        checked = None if made is None else _checked(made)
        return self._receipt(
            self._conversation.request_response(checked, self._now(), automatic=automatic, event_id=event_id)
        )

    def cancel_response(self, response_id: str | None = None, *, event_id: str | None = None) -> SendReceipt:
        """Stop generating the running response, or the one named; what was generated plays on (see ``interrupt``)."""
        return self._receipt(self._conversation.cancel_response(self._now(), response_id, event_id=event_id))

    def interrupt(self, *, cancel_response: bool = True, event_id: str | None = None) -> SendReceipt:
        """Silence the agent and leave on both sides only what was heard.

        Emits ``audio_interrupted`` when anything was cut: drop what is queued for the speaker. Acknowledged when the
        server has done its part; at once when there was nothing to interrupt.
        """
        return self._receipt(
            self._conversation.interrupt(self._now(), cancel_response=cancel_response, event_id=event_id)
        )

    def heard(self, item_id: str, ms: float, *, content_index: int = 0) -> None:
        """Report how much of a part the listener has heard, from its beginning (``playout="reported"``)."""
        self._conversation.heard(item_id, content_index, ms, self._now())
        self._receipt("", answered=False)

    # --- the session -----------------------------------------------------------------------------------------------

    def update_session(
        self,
        changes: AnySession | Mapping[str, Any] | None = None,
        *,
        event_id: str | None = None,
        **fields: Any,
    ) -> SendReceipt:
        """Change the session: ``update_session(instructions="...", turn_detection=None)``.

        A deep merge into what is in force, of which only what differs is sent; ``None`` switches off. Takes a config
        object, a mapping or keywords, in GA's shape or with the beta's flat names. Acknowledged by ``session.updated``,
        at once when nothing differs. Raises ``StateError`` for another voice once the agent has spoken.
        """
        if changes is not None and fields:
            raise InvalidArgument("give a config or keywords, not both", path="session")
        wanted = fields if changes is None else changes
        if isinstance(wanted, ProtocolObject):
            wanted = cast("AnySession", _checked(wanted))
        return self._receipt(self._conversation.update_session(wanted, self._now(), event_id=event_id))

    async def finish(self, timeout: float = 30.0) -> None:
        """Let the server say the last of what it was given; what it says is heard as ever, then this returns.

        A transcription: commits what is in the buffer (100 ms or more) and waits for the words of all that was
        committed; the connection stays open. A translation: ends the session, after which the server closes.

        Raises ``RequestTimeout`` when that takes longer than ``timeout`` seconds, ``ConnectionLost`` when the
        connection ends first, and ``UnsupportedOperation`` in a conversation, which ends with ``close()``. Cancelling
        takes nothing back.
        """
        await self._receipt(self._conversation.finish(self._now(), timeout=timeout)).acknowledged()


def _checked(value: Any) -> Any:
    """Return a caller's object if it can be spelt; raise ``InvalidArgument`` with a path while nothing has happened."""
    wire.to_dict(value)
    return value


def _parts(message: object, role: MessageRole) -> tuple[ContentPart, ...]:
    if isinstance(message, str):
        return (_text(message, role),)
    kind = type(message).__name__
    if isinstance(message, bytes) or not isinstance(message, Sequence):
        raise InvalidArgument(
            f"must be a text or a list of content parts, not {kind}; a whole item goes to create_item()", path="message"
        )
    return tuple(cast("Sequence[ContentPart]", message))


def _item(item: Item | Mapping[str, Any]) -> Item:
    return wire.item_from_dict(item) if isinstance(item, Mapping) else cast("Item", _checked(item))


def _text(message: str, role: MessageRole) -> ContentPart:
    return OutputTextPart(text=message) if role == "assistant" else InputTextPart(text=message)


def _data_url(image: str | bytes) -> str:
    if isinstance(image, str):
        return image
    kind = next((kind for magic, kind in _IMAGES.items() if image.startswith(magic)), None)
    if kind is None:
        raise InvalidArgument("is neither PNG nor JPEG", path="image")
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"
