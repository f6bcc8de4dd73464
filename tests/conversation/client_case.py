"""A client conversation with a clock in hand, and short words for what servers say."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import ClientConversation, Limits, Settlement
from realtime_transport.events import (
    UNSET,
    AssistantMessageItem,
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    ClientEvent,
    ConversationItemAdded,
    ConversationItemDone,
    ErrorDetail,
    ErrorFrame,
    Item,
    OutputAudioPart,
    PcmFormat,
    RealtimeSessionConfig,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ServerEvent,
    ServerVad,
    SessionCreated,
    TransportEvent,
)
from realtime_transport.events.client import ResponseCreate
from realtime_transport.events.transport import RawEvent

EventT = TypeVar("EventT", bound=TransportEvent)
FrameT = TypeVar("FrameT", bound=ClientEvent)

SESSION = RealtimeSessionConfig(
    id="sess_1",
    model="gpt-realtime",
    instructions="Be brief.",
    output_modalities=("audio",),
    audio=AudioConfig(
        input=AudioInputConfig(format=PcmFormat(rate=24000), turn_detection=ServerVad(create_response=True)),
        output=AudioOutputConfig(format=PcmFormat(rate=24000), voice="marin"),
    ),
)

SECOND = 48_000
"""Bytes of a second of PCM16 at 24 kHz."""


def numbered() -> Callable[[str], str]:
    """Make ids: event_1, item_2, ...; the client role needs ids of no other kind."""
    count = itertools.count(1)

    def make(kind: str) -> str:
        assert kind in {"event", "item"}
        return f"{kind}_{next(count)}"

    return make


class Case:
    """One conversation, connected unless told otherwise; what it makes piles up here."""

    def __init__(
        self,
        *,
        capabilities: Capabilities | None = None,
        limits: Limits | None = None,
        session: Any = SESSION,
        connect: bool = True,
        **options: Any,
    ) -> None:
        self.talk = ClientConversation(
            capabilities=capabilities or Capabilities(), ids=numbered(), limits=limits or Limits(), **options
        )
        self.now = 100.0
        self.events: list[TransportEvent] = []
        self.frames: list[ClientEvent] = []
        self.settlements: list[Settlement] = []
        self._server_ids = itertools.count(1)
        if connect:
            self.talk.opened(self.now)
            self.server(SessionCreated(session=session))
            self.clear()

    def drain(self) -> None:
        self.events += [event for event in self.talk.events_received() if not isinstance(event, RawEvent)]
        self.frames += self.talk.frames_to_send()
        self.settlements += self.talk.settlements()

    def clear(self) -> None:
        """Forget what piled up."""
        self.drain()
        self.events, self.frames, self.settlements = [], [], []

    def server(self, *events: ServerEvent) -> None:
        """Let the server say something."""
        for event in events:
            self.talk.receive(event, self.now)
            self.drain()

    def wait(self, seconds: float) -> None:
        """Let time pass, waking where it is due."""
        end = self.now + seconds
        while (due := self.talk.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.talk.wake(self.now)
            self.drain()
        self.now = end

    def do(self, intent: str, *args: Any, **options: Any) -> str:
        """Call an intent; ``now`` is put where it belongs."""
        event_id: str = getattr(self.talk, intent)(*args, now=self.now, **options)
        self.drain()
        return event_id

    # --- looking -----------------------------------------------------------------------------------------------------

    def heard(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    def sent(self, kind: type[FrameT]) -> list[FrameT]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def types(self) -> list[str]:
        return [frame.type for frame in self.frames]

    @property
    def settled(self) -> dict[str, str]:
        """event_id -> outcome; an id settled twice fails the test."""
        ids = [settlement.event_id for settlement in self.settlements]
        assert len(ids) == len(set(ids)), f"settled twice: {ids}"
        return {settlement.event_id: settlement.outcome for settlement in self.settlements}

    # --- a server's words --------------------------------------------------------------------------------------------

    def created(self, response_id: str = "resp_1", *, ours: bool = True, **fields: Any) -> None:
        """Say that a response began: of our last request, or made by turn detection."""
        metadata = None
        if ours:
            (*_, create) = self.sent(ResponseCreate)
            assert create.response
            metadata = create.response.metadata
        fields = {"conversation_id": "conv_1", "status": "in_progress", "metadata": metadata, **fields}
        self.server(ResponseCreated(response=Response(id=response_id, **fields)))

    def done(self, response_id: str = "resp_1", status: str = "completed", **fields: Any) -> None:
        self.server(ResponseDone(response=Response(id=response_id, status=status, **fields)))

    def item(self, item: Item, response_id: str = "resp_1", previous: Any = UNSET) -> None:
        self.server(
            ResponseOutputItemAdded(response_id=response_id, item=item),
            ConversationItemAdded(item=item, previous_item_id=previous),
        )

    def item_done(self, item: Item, response_id: str = "resp_1") -> None:
        self.server(ConversationItemDone(item=item), ResponseOutputItemDone(response_id=response_id, item=item))

    def speak(self, seconds: float, item_id: str = "item_a", response_id: str = "resp_1", **fields: Any) -> None:
        """Say ``seconds`` of silence, in one delta."""
        data = bytes(2 * round(seconds * SECOND / 2))
        self.server(ResponseOutputAudioDelta(response_id=response_id, item_id=item_id, delta=data, **fields))

    def spoken(self, item_id: str = "item_a", response_id: str = "resp_1") -> None:
        self.server(ResponseOutputAudioDone(response_id=response_id, item_id=item_id))

    def refuse(self, code: str, event_id: Any = UNSET, message: str = "no") -> None:
        self.server(
            ErrorFrame(error=ErrorDetail(type="invalid_request_error", code=code, message=message, event_id=event_id))
        )

    def turn(self, seconds: float, item_id: str = "item_a", response_id: str = "resp_1", *, ours: bool = True) -> None:
        """Generate a whole spoken response."""
        self.created(response_id, ours=ours)
        self.item(message(item_id), response_id)
        self.speak(seconds, item_id, response_id)
        self.spoken(item_id, response_id)
        self.item_done(message(item_id, status="completed", transcript="word " * 10), response_id)
        self.done(response_id)


def message(item_id: str, *, status: str = "in_progress", transcript: str | None = None) -> AssistantMessageItem:
    """Make an item of the agent's."""
    content = () if transcript is None else (OutputAudioPart(transcript=transcript),)
    return AssistantMessageItem(id=item_id, status=status, content=content)
