"""A server in memory for tests: say things to it, let time pass, read what it said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import Brain, GenerationRequest, Output, Transcriber
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.mcp_script import ScriptedServers
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import ServerConversation, ServerLimits, ServerTraits
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.events import (
    ClientEvent,
    ConversationItemCreate,
    ErrorFrame,
    InputAudioBufferAppend,
    InputTextPart,
    RealtimeSessionConfig,
    ResponseCreate,
    ResponseOptions,
    ServerEvent,
    SessionUpdate,
    TranscriptionSessionConfig,
    UserMessageItem,
)
from realtime_transport.wire import from_dict, to_dict

EventT = TypeVar("EventT", bound=ServerEvent)

PHRASE = hum("what is the weather like")
"""Two seconds of something that turn detection takes for speech."""


def silence(ms: float) -> bytes:
    return PCM16_24K.silence(ms)


class Canned:
    """Gives the answers it was given, one per request; nothing when they are used up."""

    def __init__(self, *answers: Output | Iterable[Output]) -> None:
        self._answers = [[a] if hasattr(a, "__attrs_attrs__") else list(a) for a in answers]  # type: ignore[call-overload]
        self.requests: list[GenerationRequest] = []

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        self.requests.append(request)
        return self._answers.pop(0) if self._answers else []


class Served:
    """A ``ServerPeer``, a clock, and everything that was said so far."""

    def __init__(
        self,
        brain: Brain | None = None,
        *,
        pace: float | None = None,
        latency_ms: float = 0.0,
        chunk_ms: float = 200,
        transcriber: Transcriber | None = None,
        limits: ServerLimits | None = None,
        traits: ServerTraits | None = None,
        mcp: ScriptedServers | None = None,
        runs_mcp: bool = False,
        **conversation: Any,
    ) -> None:
        self.conversation = ServerConversation(
            ids=counted_ids(4),
            transcriber=transcriber,
            limits=limits,
            traits=traits,
            **conversation,
        )
        self.peer = ServerPeer(
            brain,
            conversation=self.conversation,
            pace=pace,
            latency_ms=latency_ms,
            chunk_ms=chunk_ms,
            mcp=mcp,
            runs_mcp=runs_mcp,
        )
        self.now = 0.0
        self.log: list[tuple[float, ServerEvent]] = []
        self.peer.open(self.now, unix_time=1_800_000_000.0)
        self.collect()

    # --- acting ---

    def send(self, *events: ClientEvent) -> list[ServerEvent]:
        """Say something; give what the server says at once."""
        before = len(self.log)
        for event in events:
            self.peer.receive(event, self.now)
            self.collect()
        return [event for _, event in self.log[before:]]

    def update(self, **session: Any) -> list[ServerEvent]:
        """Change the session, in the protocol's own words."""
        config = from_dict({"type": "realtime", **session}, RealtimeSessionConfig)
        return self.send(SessionUpdate(session=config))

    def update_transcription(self, **session: Any) -> list[ServerEvent]:
        config = from_dict({"type": "transcription", **session}, TranscriptionSessionConfig)
        return self.send(SessionUpdate(session=config))

    def write(self, text: str, item_id: str | None = None) -> list[ServerEvent]:
        """Write a user message."""
        item = UserMessageItem(content=(InputTextPart(text=text),))
        if item_id is not None:
            item = UserMessageItem(id=item_id, content=(InputTextPart(text=text),))
        return self.send(ConversationItemCreate(item=item))

    def respond(self, **options: Any) -> list[ServerEvent]:
        """Ask for a response."""
        return self.send(ResponseCreate(response=from_dict(options, ResponseOptions)))

    def speak(self, audio: bytes, chunk_ms: float = 20) -> list[ServerEvent]:
        """Send audio as a microphone does, in real time."""
        size, before = PCM16_24K.bytes_for(chunk_ms), len(self.log)
        for at in range(0, len(audio), size):
            self.send(InputAudioBufferAppend(audio=audio[at : at + size]))
            self.wait(chunk_ms / 1000)
        return [event for _, event in self.log[before:]]

    def wait(self, seconds: float) -> list[ServerEvent]:
        """Let time pass, waking the server when it asks for it."""
        until, before = self.now + seconds, len(self.log)
        while (due := self.peer.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.peer.wake(self.now)
            self.collect()
        self.now = until
        return [event for _, event in self.log[before:]]

    def collect(self) -> None:
        self.log += [(self.now, event) for event in self.peer.frames_to_send()]

    # --- reading ---

    @property
    def types(self) -> list[str]:
        return [event.type for _, event in self.log]

    def all(self, kind: type[EventT]) -> list[EventT]:
        return [event for _, event in self.log if isinstance(event, kind)]

    def last(self, kind: type[EventT]) -> EventT:
        return self.all(kind)[-1]

    def at(self, kind: type[ServerEvent]) -> float:
        """When the last event of a kind was said."""
        return [moment for moment, event in self.log if isinstance(event, kind)][-1]

    @property
    def codes(self) -> list[str | None]:
        return [event.error.code or None for event in self.all(ErrorFrame)]


def types(events: Iterable[ServerEvent]) -> list[str]:
    return [event.type for event in events]


def plain(event: ServerEvent) -> dict[str, Any]:
    """An event as JSON values, without its id."""
    frame = to_dict(event)
    del frame["event_id"]
    return frame
