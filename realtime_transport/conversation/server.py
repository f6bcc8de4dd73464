"""The server's side of a conversation: client events in, server events out, time passed in.

``ServerConversation`` composes the parts (session, the caller's turns, items, responses) and holds what belongs to
none of them: which event goes where, and how long the session lasts. It makes no words itself: it asks for them with a
``GenerationRequest`` and is fed with ``produce`` and ``finish``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from realtime_transport.conversation.brain import DeafTranscriber, GenerationRequest, HangUp, Output, Transcriber
from realtime_transport.conversation.server_checks import check_event
from realtime_transport.conversation.server_errors import refusal, unreadable
from realtime_transport.conversation.server_items import ItemChain, entry_of
from realtime_transport.conversation.server_mcp import McpRequest, McpResult, ServerMcp
from realtime_transport.conversation.server_outbox import Ids, Padding, ServerOutbox, no_padding
from realtime_transport.conversation.server_responses import RateLimitsWhen, ServerResponses
from realtime_transport.conversation.server_session import (
    DEFAULT_MODEL,
    PCM_RATES,
    ServerSession,
    Session,
    default_session,
)
from realtime_transport.conversation.server_turns import CallerTurns
from realtime_transport.conversation.session_views import input_format
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
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    Item,
    McpApprovalResponseItem,
    McpToolInfo,
    OutputAudioPart,
    SystemMessageItem,
    UserMessageItem,
)
from realtime_transport.events.registry import CLIENT_EVENTS
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.server import ServerEvent, SessionCreated, SessionUpdated, UnknownServerEvent
from realtime_transport.events.server_conversation import (
    ConversationItemAdded,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieved,
    ConversationItemTruncated,
)
from realtime_transport.events.session import TranscriptionSessionConfig
from realtime_transport.exceptions import DecodeError, ServerError


@attrs.frozen(kw_only=True)
class ServerLimits:
    """How long a session may last, and how much it may hold."""

    session_seconds: float = 3600.0
    """The live service ends a session after an hour."""
    input_buffer_seconds: float = 600.0
    """Audio that is not committed: nobody speaks longer without a gap. 29 MB."""
    retained_audio_bytes: int = 1024 * 1024
    """Sound of items, kept for brains and ``conversation.item.retrieve``: the last 20 seconds, and always the last
    item. Two hundred callers then take 200 MB, however long they talk."""
    tokens_per_minute: int | None = None
    """With a number, a response that begins when the account has spent it fails with ``rate_limit_exceeded``."""
    context_tokens: int = 28_672
    """What the model can read: the input window of gpt-realtime."""


@attrs.frozen(kw_only=True)
class ServerTraits:
    """Things that live servers do one way or another."""

    rate_limits: RateLimitsWhen = "after"
    """When ``rate_limits.updated`` is sent: ``after`` response.done as the live service does now, with response
    ``created`` as the beta did, or ``never`` as Azure and many clones do."""
    transcription_delay: float = 0.2
    """Seconds from a commit to the caller's words."""
    needs_session_type: bool = True
    """``session.update`` has to name its type; dialects with flat sessions have no such field, and have others that
    went with the beta."""
    pcm_rates: tuple[int, ...] = PCM_RATES
    """Samples per second of PCM that are spoken; the first is the default of the caller's side."""
    farewell: tuple[str, str] | None = None
    """The client event that ends a session, and its answer, where a protocol has them: Qwen's ``session.finish``."""
    padding: Padding = no_padding
    """Makes the ``obfuscation`` of text deltas; by default there is none."""


@attrs.frozen
class Close:
    """The server wants the connection closed, after its last frames."""

    code: int
    reason: str


class ServerConversation:
    """One session of a server; ``open`` begins it.

    ``ids`` makes ids from prefixes; ``model`` comes from the URL. ``defaults`` is laid under whatever the client asks
    for (a session that was configured when its client secret was made). ``transcriber`` knows the caller's words.
    """

    def __init__(
        self,
        *,
        ids: Ids,
        model: str = DEFAULT_MODEL,
        kind: Literal["realtime", "transcription"] = "realtime",
        defaults: Session | None = None,
        transcriber: Transcriber | None = None,
        limits: ServerLimits | None = None,
        traits: ServerTraits | None = None,
    ) -> None:
        limits, traits = limits or ServerLimits(), traits or ServerTraits()
        self.closing: Close | None = None
        """Set when the connection is to be closed once the frames are sent."""
        self._chain = ItemChain(retained_audio_bytes=limits.retained_audio_bytes)
        self._out = ServerOutbox(self._chain.fresh(ids), traits.padding)
        nobodys = default_session(model, session_id=ids("sess"), kind=kind, input_rate=traits.pcm_rates[0])
        self._session = ServerSession(nobodys, pcm_rates=traits.pcm_rates)
        if defaults is not None:
            self._session.update(SessionUpdate(session=defaults))
        self._mcp = ServerMcp(self._out, self._session, self._chain)
        self._transcriber = transcriber or DeafTranscriber()
        self._responses = ServerResponses(
            self._out,
            self._session,
            self._chain,
            self._mcp,
            self._transcriber,
            context_tokens=limits.context_tokens,
            tokens_per_minute=limits.tokens_per_minute,
            rate_limits=traits.rate_limits,
        )
        self._turns = CallerTurns(
            self._out,
            self._session,
            self._chain,
            self._responses,
            self._transcriber,
            input_buffer_seconds=limits.input_buffer_seconds,
            transcription_delay=traits.transcription_delay,
        )
        self.needs_session_type: bool = traits.needs_session_type
        """As in the traits. Who carries the frames sets it when their dialect has no such field."""
        self._farewell = traits.farewell
        self._seconds = limits.session_seconds
        self._expires: float | None = None
        """When the session ends; None before it has begun."""
        self._handlers: Mapping[type[ClientEvent], Callable[[Any, float], None]] = {
            SessionUpdate: self._on_session_update,
            InputAudioBufferAppend: self._turns.append,
            InputAudioBufferCommit: self._turns.commit,
            InputAudioBufferClear: self._turns.clear,
            OutputAudioBufferClear: self._on_output_clear,
            ConversationItemCreate: self._on_item_create,
            ConversationItemRetrieve: self._on_item_retrieve,
            ConversationItemTruncate: self._on_item_truncate,
            ConversationItemDelete: self._on_item_delete,
            ResponseCreate: self._on_response_create,
            ResponseCancel: self._on_response_cancel,
        }

    # --- what a driver turns ---------------------------------------------------------------------------------------

    def open(self, now: float, unix_time: float = 0.0) -> None:
        """Begin: ``session.created`` is the first frame. ``unix_time`` is the calendar's, for ``expires_at`` only."""
        self._expires = now + self._seconds
        self._session.config = attrs.evolve(self._session.config, expires_at=int(unix_time + self._seconds))
        self._out.send(SessionCreated(session=self._session.config))
        self._mcp.configure()

    @property
    def session(self) -> Session:
        """What is in force."""
        return self._session.config

    @property
    def items(self) -> tuple[Item, ...]:
        """The conversation so far, in order, without its sound."""
        return tuple(entry.item for entry in self._chain)

    @property
    def active_response_id(self) -> str | None:
        """The response of the conversation that is running."""
        return self._responses.active.id if self._responses.active is not None else None

    def is_running(self, response_id: str) -> bool:
        """Tell whether a response, in the conversation or outside it, still takes outputs; none does at the end."""
        return self.closing is None and self._responses.get(response_id) is not None

    def receive(self, event: ClientEvent, now: float) -> None:
        """Take what the client said. What is wrong with it is answered with an ``error`` frame and changes nothing."""
        if self.closing is not None:
            return
        try:
            self._dispatch(event, now)
        except ServerError as error:
            self._out.refuse(error, event.event_id or None)
        self._turns.settle(now)

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None = None) -> None:
        """Answer a frame that the codec could not read, or not whole; ``event`` is what it made of it."""
        self._out.refuse(unreadable(error), event.event_id or None if event is not None else None)

    def generations(self) -> list[GenerationRequest]:
        """Hand over the responses that want words; feed each with ``produce`` and end it with ``finish``."""
        requests, self._responses.requests = self._responses.requests, []
        return requests

    def produce(self, response_id: str, output: Output, now: float) -> None:
        """Say, write or call in a response. One that is over (cancelled meanwhile) takes no more, in silence."""
        if self.closing is not None:
            return
        if isinstance(output, HangUp):
            self.closing = Close(output.code, output.reason)
            return
        self._responses.produce(response_id, output, now)
        self._turns.settle(now)

    def finish(self, response_id: str, now: float) -> None:
        """End a response well; one that is over stays as it is, and so does all once the connection is to be closed."""
        if self.closing is not None:
            return
        self._responses.finish(response_id, now)
        self._turns.settle(now)

    def mcp_requests(self) -> list[McpRequest]:
        """Hand over what MCP servers are to be asked; answer each with ``mcp_listed`` or ``mcp_ran``."""
        requests, self._mcp.requests = self._mcp.requests, []
        return requests

    def mcp_listed(self, item_id: str, tools: Sequence[McpToolInfo] | None) -> None:
        """Take the tools of an MCP server; None when it did not tell them."""
        self._mcp.listed(item_id, tools)

    def mcp_ran(self, item_id: str, result: McpResult) -> None:
        """Take what an MCP tool returned."""
        self._mcp.ran(item_id, result)

    def frames_to_send(self) -> list[ServerEvent]:
        """Hand over what goes to the client."""
        return self._out.drain()

    def next_deadline(self) -> float | None:
        """When ``wake`` has something to do; None before the session has begun and once it is over."""
        if self.closing is not None or self._expires is None:
            return None
        due = self._turns.deadline
        return self._expires if due is None else min(due, self._expires)

    def wake(self, now: float) -> None:
        """Do what is due."""
        if self.closing is not None or self._expires is None:
            return
        self._turns.wake(now)
        self._turns.settle(now)
        if now >= self._expires:
            error = refusal("session_expired", minutes=self._seconds / 60)
            self._out.refuse(error)
            self.closing = Close(1001, error.message)

    # --- events ----------------------------------------------------------------------------------------------------

    def _dispatch(self, event: ClientEvent, now: float) -> None:
        handler = self._handlers.get(type(event))
        if handler is None and self._farewell is not None and event.type == self._farewell[0]:
            self._say_farewell(self._farewell[1])
            return
        if handler is None:
            raise _unknown(event)
        if isinstance(self.session, TranscriptionSessionConfig) and type(event) not in _IN_TRANSCRIPTION:
            raise refusal("not_in_transcription", value=event.type)
        if not isinstance(event, SessionUpdate):  # which checks itself once its kind is known
            check_event(event, beta=not self.needs_session_type)
        handler(event, now)

    def _say_farewell(self, answer: str) -> None:
        self._out.send(UnknownServerEvent(type=answer))
        self.closing = Close(1000, "")

    def _on_session_update(self, event: SessionUpdate, _: float) -> None:
        if self.needs_session_type and event.raw is not None and "type" not in event.raw["session"]:
            raise refusal("missing", param="session.type")
        self._session.update(event, beta=not self.needs_session_type)
        self._turns.configure()
        self._out.send(SessionUpdated(session=self.session))
        self._mcp.configure()

    def _on_output_clear(self, _: OutputAudioBufferClear, __: float) -> None:
        raise refusal("no_output_buffer")

    def _on_item_create(self, event: ConversationItemCreate, _: float) -> None:
        item_id = str(event.item.id) if event.item.id else self._out.ids("item")
        if item_id == self._turns.announced:
            raise refusal("duplicate_item", param="item.id", item_id=item_id)
        previous = self._chain.place(item_id, event.previous_item_id)
        if isinstance(event.item, FunctionCallOutputItem) and not self._chain.has_call(event.item.call_id):
            raise refusal("no_such_call", call_id=event.item.call_id)
        if isinstance(event.item, McpApprovalResponseItem):
            self._mcp.check_approval(event.item)
        item = _completed(event.item, item_id, self._out.ids)
        entry = entry_of(item, input_format(self.session), self._transcriber)
        self._chain.insert(item_id, entry, previous)
        self._out.send(ConversationItemAdded(previous_item_id=previous, item=entry.item))
        self._out.send(ConversationItemDone(previous_item_id=previous, item=entry.item))
        if isinstance(event.item, McpApprovalResponseItem):
            self._mcp.approve(event.item)

    def _on_item_retrieve(self, event: ConversationItemRetrieve, _: float) -> None:
        item = self._chain.with_audio(event.item_id, input_format(self.session))
        self._out.send(ConversationItemRetrieved(item=item))

    def _on_item_truncate(self, event: ConversationItemTruncate, _: float) -> None:
        self._chain.truncate(event.item_id, event.content_index, event.audio_end_ms)
        self._out.send(
            ConversationItemTruncated(
                item_id=event.item_id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
            )
        )

    def _on_item_delete(self, event: ConversationItemDelete, _: float) -> None:
        self._chain.delete(event.item_id)
        self._out.send(ConversationItemDeleted(item_id=event.item_id))

    def _on_response_create(self, event: ResponseCreate, now: float) -> None:
        self._responses.create(event.response or ResponseOptions(), now)

    def _on_response_cancel(self, event: ResponseCancel, now: float) -> None:
        self._responses.cancel(event.response_id or None, now)


_IN_TRANSCRIPTION: Final = frozenset(
    {SessionUpdate, InputAudioBufferAppend, InputAudioBufferCommit, InputAudioBufferClear}
)
"""What a client may say where nobody answers."""


def _unknown(event: ClientEvent) -> ServerError:
    """Say what is wrong with an event of no known type."""
    if not event.type:
        return refusal("no_type")
    supported = ", ".join(f"'{name}'" for name in sorted(CLIENT_EVENTS))
    return refusal("unknown_value", param="type", value=event.type, supported=supported)


def _completed(item: Item, item_id: str, ids: Ids) -> Item:
    """Fill in what a client may leave out of an item."""
    if isinstance(item, FunctionCallItem):
        return attrs.evolve(item, id=item_id, status="completed", call_id=item.call_id or ids("call"))
    if isinstance(item, SystemMessageItem | UserMessageItem | AssistantMessageItem):
        parts = tuple(
            attrs.evolve(part, transcript=part.transcript or None)
            if isinstance(part, InputAudioPart | OutputAudioPart)
            else part
            for part in item.content
        )
        return attrs.evolve(item, id=item_id, status="completed", content=parts)
    return attrs.evolve(item, id=item_id)
