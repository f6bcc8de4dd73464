"""Follow a recorded call from its first frame to its last, and tell its story."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

import attrs
import msgspec

from realtime_transport.audio.playline import Stretch
from realtime_transport.console.sound import AgentSound, CallerSound
from realtime_transport.console.story import Mark, MarkKind, PartKey, ResponseSpan, Span, Story, ToolSpan, Words
from realtime_transport.events import (
    AudioGapEvent,
    AudioInterruptedEvent,
    ConnectionChangeEvent,
    ConversationItemCreate,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemTruncate,
    ErrorFrame,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioBufferAppend,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemDone,
    ResponseOutputTextDone,
    SessionCreated,
    SessionUpdated,
)
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.transports.recording import RecordedFrame
from realtime_transport.wire import Codec, from_dict

_LOCAL: Final[Mapping[str, type[Any]]] = {
    cls.name: cls for cls in (AudioInterruptedEvent, AudioGapEvent, ConnectionChangeEvent)
}
"""Local frames that are read as what they were recorded from."""

_STATES_SHOWN: Final = frozenset({"connected", "reconnecting", "disconnected"})
"""The others last for a moment."""


def read_story(frames: Iterable[RecordedFrame]) -> Story:
    """Follow a recording and tell what happened. Frames that cannot be read are passed over."""
    follower = _Follower()
    for frame in frames:
        follower.follow(frame)
    return follower.story()


@attrs.define
class _Open:
    """Something that began, and may not have ended."""

    begins_ms: float
    name: str
    ends_ms: float | None = None


class _Follower:
    """Follows the frames and keeps what the story needs of them."""

    def __init__(self) -> None:
        self._now = 0.0
        self._received = Codec(role="client")
        self._sent = Codec(role="server")
        self._caller = CallerSound()
        self._agent = AgentSound()
        self._speech: list[_Open] = []
        """Named by the item that the speech becomes."""
        self._calls: dict[str, _Open] = {}
        self._responses: dict[str, ResponseSpan] = {}
        self._caller_words: dict[str, Words] = {}
        self._agent_words: dict[str, Words] = {}
        """By item. When they were heard, and how much of them, is known at the end."""
        self._marks: list[Mark] = []
        self._on: Mapping[type, Callable[[Any], None]] = {
            SessionCreated: self._session,
            SessionUpdated: self._session,
            InputAudioBufferAppend: self._append,
            InputAudioBufferSpeechStarted: self._speech_started,
            InputAudioBufferSpeechStopped: self._speech_stopped,
            ConversationItemInputAudioTranscriptionCompleted: self._caller_said,
            ConversationItemCreate: self._item_created,
            ConversationItemTruncate: self._truncated,
            ResponseCreated: self._response_created,
            ResponseDone: self._response_done,
            ResponseOutputAudioDelta: self._audio,
            ResponseOutputAudioTranscriptDelta: self._agent_says,
            ResponseOutputAudioTranscriptDone: self._agent_said,
            ResponseOutputTextDone: self._agent_wrote,
            ResponseOutputItemDone: self._item_done,
            ErrorFrame: self._error,
            AudioInterruptedEvent: self._interrupted,
            AudioGapEvent: self._gap,
            ConnectionChangeEvent: self._connection,
        }

    def follow(self, frame: RecordedFrame) -> None:
        self._now = max(self._now, frame.t_ms)
        event = self._local(frame.frame) if frame.side == "local" else self._framed(frame)
        handle = self._on.get(type(event))
        if handle is not None:
            handle(event)

    def _framed(self, frame: RecordedFrame) -> object:
        data = msgspec.json.encode(frame.frame)
        return self._received.decode(data).event if frame.side == "in" else self._sent.decode(data).event

    def _local(self, frame: dict[str, Any]) -> object:
        name = str(frame.get("type"))
        if name == "error":
            self._local_error(frame)
        try:
            return from_dict(frame, _LOCAL[name]) if name in _LOCAL else None
        except InvalidArgument:
            return None

    def story(self) -> Story:
        stretches = tuple(self._agent.line.stretches)
        end = max(self._now, self._caller.line.ends_ms, self._agent.line.ends_ms)
        return Story(
            duration_ms=end,
            caller=self._caller.envelope,
            agent=self._agent.heard,
            ghost=self._agent.ghost,
            speech=tuple(Span(begins_ms=s.begins_ms, ends_ms=s.ends_ms or end) for s in self._speech),
            stretches=stretches,
            responses=tuple(
                attrs.evolve(r, ends_ms=end) if r.status == "in_progress" else r for r in self._responses.values()
            ),
            tools=tuple(
                ToolSpan(begins_ms=c.begins_ms, ends_ms=c.ends_ms or end, name=c.name, answered=c.ends_ms is not None)
                for c in self._calls.values()
            ),
            marks=tuple(self._marks),
            words=tuple(
                sorted(
                    [*self._caller_words.values(), *(_heard(w, i, stretches) for i, w in self._agent_words.items())],
                    key=lambda words: words.at_ms,
                )
            ),
        )

    def _mark(self, kind: MarkKind, text: str, at_ms: float | None = None) -> None:
        self._marks.append(Mark(kind=kind, at_ms=self._now if at_ms is None else at_ms, text=text))

    # --- sound ---------------------------------------------------------------------------------------------------

    def _session(self, event: SessionCreated | SessionUpdated) -> None:
        audio = getattr(event.session, "audio", None)
        for side, sound in (("input", self._caller), ("output", self._agent)):
            sound.speak(getattr(getattr(audio, side, None), "format", None))

    def _append(self, event: InputAudioBufferAppend) -> None:
        self._caller.sent(event.audio, self._now)

    def _audio(self, event: ResponseOutputAudioDelta) -> None:
        key = (str(event.response_id or ""), event.item_id, event.content_index)
        self._agent.received(key, event.delta, self._now)

    def _interrupted(self, event: AudioInterruptedEvent) -> None:
        stop = self._agent.interrupted(event)
        if stop is not None:
            self._mark("interrupted", f"interrupted by the {event.by}", stop)

    # --- turns ---------------------------------------------------------------------------------------------------

    def _speech_started(self, event: InputAudioBufferSpeechStarted) -> None:
        start = event.audio_start_ms
        begins = self._caller.time_of(start) if isinstance(start, int) else self._now
        self._speech.append(_Open(begins, str(event.item_id or "")))

    def _speech_stopped(self, event: InputAudioBufferSpeechStopped) -> None:
        end = event.audio_end_ms
        for speech in self._speech[-1:]:
            speech.ends_ms = self._caller.time_of(end) if isinstance(end, int) else self._now

    def _response_created(self, event: ResponseCreated) -> None:
        response_id = str(event.response.id or "")
        self._responses[response_id] = ResponseSpan(
            begins_ms=self._now, ends_ms=self._now, response_id=response_id, status="in_progress"
        )

    def _response_done(self, event: ResponseDone) -> None:
        response_id = str(event.response.id or "")
        self._agent.response_done(response_id)
        begun = self._responses.get(response_id)
        if begun is not None:
            status = str(event.response.status or "completed")
            self._responses[response_id] = attrs.evolve(begun, ends_ms=self._now, status=status)

    # --- words ---------------------------------------------------------------------------------------------------

    def _caller_said(self, event: ConversationItemInputAudioTranscriptionCompleted) -> None:
        begun = next((speech.begins_ms for speech in self._speech if speech.name == event.item_id), self._now)
        self._caller_words[event.item_id] = Words(who="caller", at_ms=begun, text=event.transcript.strip())

    def _agent_says(self, event: ResponseOutputAudioTranscriptDelta) -> None:
        words = self._agent_words.get(event.item_id) or Words(who="agent", at_ms=self._now, text="")
        self._agent_words[event.item_id] = attrs.evolve(words, text=words.text + event.delta)

    def _agent_said(self, event: ResponseOutputAudioTranscriptDone) -> None:
        words = self._agent_words.get(event.item_id) or Words(who="agent", at_ms=self._now, text="")
        self._agent_words[event.item_id] = attrs.evolve(words, text=event.transcript or words.text)

    def _agent_wrote(self, event: ResponseOutputTextDone) -> None:
        self._agent_words[event.item_id] = Words(who="agent", at_ms=self._now, text=event.text)

    # --- tools and marks -----------------------------------------------------------------------------------------

    def _item_done(self, event: ResponseOutputItemDone) -> None:
        if isinstance(event.item, FunctionCallItem):
            self._calls.setdefault(str(event.item.call_id), _Open(self._now, str(event.item.name or "a tool")))

    def _item_created(self, event: ConversationItemCreate) -> None:
        item = event.item
        if isinstance(item, FunctionCallOutputItem):
            call = self._calls.get(str(item.call_id))
            if call is not None:
                call.ends_ms = self._now
            return
        texts = [getattr(part, "text", None) for part in getattr(item, "content", None) or ()]
        typed = " ".join(text for text in texts if isinstance(text, str))
        if typed and getattr(item, "role", "") == "user":
            words = Words(who="caller", at_ms=self._now, text=typed)
            self._caller_words[f"typed {len(self._caller_words)}"] = words

    def _truncated(self, event: ConversationItemTruncate) -> None:
        self._mark("truncate", f"truncated at {event.audio_end_ms / 1000:.2f} s")

    def _error(self, event: ErrorFrame) -> None:
        self._mark("error", str(event.error.code or event.error.type or "error"))

    def _local_error(self, frame: dict[str, Any]) -> None:
        error = frame.get("error")
        name = str(cast("dict[str, Any]", error).get("class")) if isinstance(error, dict) else "error"
        # The server's own errors are there as frames.
        if name != "ServerError":
            self._mark("error", name)

    def _gap(self, event: AudioGapEvent) -> None:
        self._mark("gap", f"{event.ms:.0f} ms lost")

    def _connection(self, event: ConnectionChangeEvent) -> None:
        if event.state in _STATES_SHOWN:
            self._mark("connection", event.state)


def _heard(words: Words, item_id: str, stretches: Iterable[Stretch[PartKey]]) -> Words:
    """Place words where they were heard, and part them where the voice was cut, as well as one can tell."""
    mine = [stretch for stretch in stretches if stretch.key[1] == item_id]
    generated = sum(stretch.ms for stretch in mine)
    if not generated:
        return words
    share = sum(stretch.ms if stretch.heard_ms is None else stretch.heard_ms for stretch in mine) / generated
    split = words.text.split(" ")
    count = round(len(split) * share)
    said, unheard = " ".join(split[:count]), " ".join(split[count:])
    return attrs.evolve(words, at_ms=mine[0].begins_ms, text=said, unheard=unheard)
