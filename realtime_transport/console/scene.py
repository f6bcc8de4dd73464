"""What a call looks like at this moment: who speaks and how loud, what was said, what is going on.

Told of every event by name and of the time; draws nothing. Times are milliseconds since the view was opened.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.console.figures import CallFigures
from realtime_transport.console.sound import AgentSound, CallerSound
from realtime_transport.events import (
    AudioEvent,
    AudioInterruptedEvent,
    ConnectionChangeEvent,
    ConversationItemCreate,
    ErrorEvent,
    FunctionCallEvent,
    FunctionCallOutputItem,
    InputAudioBufferAppend,
    InputTranscriptDeltaEvent,
    InputTranscriptDoneEvent,
    SentEvent,
    SessionUpdatedEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TextDoneEvent,
    TranscriptDeltaEvent,
    TranscriptDoneEvent,
    TurnDoneEvent,
    TurnStartedEvent,
    UsageUpdateEvent,
)
from realtime_transport.exceptions import InvalidArgument

Speaker: TypeAlias = Literal["caller", "agent", "tool", "error"]

MAX_LINES: Final = 200
"""Lines kept: many screens of them. The recording has all."""
_MAX_TEXT: Final = 2000
"""Characters of one line: a minute of speech has a thousand."""
_PREFIX_MS: Final = 300
"""What turn detection adds before the first sound, unless the session says otherwise."""


@attrs.define
class Line:
    """One line of the conversation."""

    who: Speaker
    at_ms: float
    text: str = ""
    note: str = ""
    """What became of it: where it was cut, what a tool answered."""
    done: bool = False
    told: bool = False
    """Its text was written out; only its note is news."""


class Scene:
    """The state of a call, event by event."""

    def __init__(self) -> None:
        self.figures: CallFigures = CallFigures()
        self.caller: CallerSound = CallerSound()
        self.agent: AgentSound = AgentSound()
        self.lines: deque[Line] = deque(maxlen=MAX_LINES)
        self.connection: str = "connected"
        self.caller_speaks: bool = False
        self.thinking: bool = False
        """A response is being generated."""
        self.tool: str = ""
        """The name of the function that runs."""
        self._by_id: dict[str, Line] = {}
        self._formats = {"input": PCM16_24K, "output": PCM16_24K}
        self._prefix_ms = _PREFIX_MS
        self.handlers: Mapping[str, Callable[[Any, float], Line | None]] = {
            "connection_change": self._on_connection_change,
            "session_updated": self._on_session_updated,
            "sent": self._on_sent,
            "speech_started": self._on_speech_started,
            "speech_stopped": self._on_speech_stopped,
            "input_transcript_delta": self._on_input_transcript_delta,
            "input_transcript_done": self._on_input_transcript_done,
            "turn_started": self._on_turn_started,
            "turn_done": self._on_turn_done,
            "audio": self._on_audio,
            "audio_interrupted": self._on_audio_interrupted,
            "transcript_delta": self._on_transcript_delta,
            "transcript_done": self._on_transcript_done,
            "text_done": self._on_text_done,
            "function_call": self._on_function_call,
            "usage_update": self._on_usage_update,
            "error": self._on_error,
        }
        """Event name -> what takes it, with the time, and returns the line that it finished, if it did."""

    def agent_speaks(self, now_ms: float) -> bool:
        """Tell whether the agent is being heard."""
        return now_ms < self.agent.line.ends_ms

    def use(self, session: object) -> None:
        """Take the formats and turn detection of a session."""
        audio = getattr(session, "audio", None)
        for side, sound in (("input", self.caller), ("output", self.agent)):
            spelt = getattr(getattr(audio, side, None), "format", None)
            try:
                self._formats[side] = AudioFormat.parse(spelt)
            except InvalidArgument:
                continue
            sound.speak(spelt)
        detection = getattr(getattr(audio, "input", None), "turn_detection", None)
        padding = getattr(detection, "prefix_padding_ms", None)
        self._prefix_ms = padding if isinstance(padding, int) else _PREFIX_MS

    # --- the caller ----------------------------------------------------------------------------------------------

    def _on_sent(self, event: SentEvent, now_ms: float) -> Line | None:
        sent = event.event
        if isinstance(sent, InputAudioBufferAppend):
            self.caller.sent(sent.audio, now_ms)
            self.figures.sent_ms += self._formats["input"].ms(len(sent.audio))
        elif isinstance(sent, ConversationItemCreate) and isinstance(sent.item, FunctionCallOutputItem):
            self.tool = ""
            line = self._by_id.get(str(sent.item.call_id))
            if line is not None:
                line.note = f"{now_ms - line.at_ms:.0f} ms: {clean(str(sent.item.output))}"
                line.done = True
            return line
        return None

    def _on_speech_started(self, event: SpeechStartedEvent, now_ms: float) -> None:
        self.caller_speaks = True
        self.figures.turns += 1
        if event.item_id:
            # The words come after the answer has begun; the line stands where they were said.
            self._line("caller", event.item_id, now_ms)
        start = event.audio_start_ms
        first_sound = now_ms if start is None else self.caller.time_of(start + self._prefix_ms)
        self.figures.meter.speech_started(min(first_sound, now_ms) / 1000)

    def _on_speech_stopped(self, event: SpeechStoppedEvent, now_ms: float) -> None:
        self.caller_speaks = False
        line = self._by_id.get(event.item_id or "")
        if line is not None:
            line.note, line.done = f"spoke for {(now_ms - line.at_ms) / 1000:.1f} s", True  # until the words come
        self.figures.meter.speech_stopped(now_ms / 1000)

    def _on_input_transcript_delta(self, event: InputTranscriptDeltaEvent, now_ms: float) -> None:
        self._say("caller", event.item_id, event.delta, now_ms)

    def _on_input_transcript_done(self, event: InputTranscriptDoneEvent, now_ms: float) -> Line | None:
        line = self._by_id.get(event.item_id) or self._line("caller", event.item_id, now_ms)
        line.text, line.note, line.done = clean(event.transcript.strip())[:_MAX_TEXT], "", True
        return line if line.text else None

    # --- the agent -----------------------------------------------------------------------------------------------

    def _on_turn_started(self, event: TurnStartedEvent, now_ms: float) -> None:
        self.thinking = True
        self.figures.responses += 1
        self.figures.meter.created(event.response_id, now_ms / 1000)

    def _on_turn_done(self, _: TurnDoneEvent, now_ms: float) -> None:
        self.thinking = False

    def _on_audio(self, event: AudioEvent, now_ms: float) -> None:
        key = (event.response_id, event.item_id, event.content_index)
        self.agent.received(key, event.data, now_ms)
        self.figures.generated_ms += self._formats["output"].ms(len(event.data))
        self.figures.meter.audio(event.response_id, now_ms / 1000)

    def _on_transcript_delta(self, event: TranscriptDeltaEvent, now_ms: float) -> None:
        self._say("agent", event.item_id, event.delta, now_ms)

    def _on_transcript_done(self, event: TranscriptDoneEvent, now_ms: float) -> Line | None:
        return self._said(event.item_id, event.transcript, now_ms)

    def _on_text_done(self, event: TextDoneEvent, now_ms: float) -> Line | None:
        return self._said(event.item_id, event.text, now_ms)

    def _on_audio_interrupted(self, event: AudioInterruptedEvent, now_ms: float) -> Line | None:
        self.agent.interrupted(event)
        self.figures.interruptions += 1
        if event.by == "caller":
            self.figures.meter.interrupted(now_ms / 1000)
        line = None
        for cut in event.cuts:
            self.agent.response_done(cut.response_id)  # late audio is not emitted
            self.figures.cut_ms += cut.received_ms - cut.heard_ms
            line = self._by_id.get(cut.item_id) or self._line("agent", cut.item_id, now_ms)
            line.note = f"interrupted after {cut.heard_ms / 1000:.1f} s of {cut.received_ms / 1000:.1f} s"
            line.done = True
        return line

    # --- beside the talk -----------------------------------------------------------------------------------------

    def _on_function_call(self, event: FunctionCallEvent, now_ms: float) -> None:
        self.tool = clean(event.call_name)
        self.figures.tool_calls += 1
        line = self._line("tool", event.call_id, now_ms)
        line.text = clean(f"{event.call_name} {event.arguments}")

    def _on_usage_update(self, event: UsageUpdateEvent, _: float) -> None:
        self.figures.tokens = event.total

    def _on_session_updated(self, event: SessionUpdatedEvent, _: float) -> None:
        self.use(event.session)

    def _on_connection_change(self, event: ConnectionChangeEvent, _: float) -> None:
        self.connection = event.state

    def _on_error(self, event: ErrorEvent, now_ms: float) -> Line:
        self.figures.errors += 1
        line = self._line("error", "", now_ms)
        line.text, line.done = clean(str(event.error)), True
        return line

    # --- lines ---------------------------------------------------------------------------------------------------

    def _line(self, who: Speaker, line_id: str, now_ms: float) -> Line:
        line = Line(who, now_ms)
        if len(self.lines) == MAX_LINES:
            oldest = self.lines[0]
            self._by_id = {key: kept for key, kept in self._by_id.items() if kept is not oldest}
        self.lines.append(line)
        if line_id:
            self._by_id[line_id] = line
        return line

    def _say(self, who: Speaker, item_id: str, more: str, now_ms: float) -> None:
        line = self._by_id.get(item_id) or self._line(who, item_id, now_ms)
        line.text = (line.text + clean(more))[:_MAX_TEXT]

    def _said(self, item_id: str, text: str, now_ms: float) -> Line | None:
        line = self._by_id.get(item_id) or self._line("agent", item_id, now_ms)
        line.text = clean(text)[:_MAX_TEXT] or line.text
        already, line.done = line.done, True
        return None if already else line


def clean(text: str) -> str:
    """Make a text fit for a terminal: what came over the network must not move the cursor or colour the screen."""
    return "".join(character if character.isprintable() else " " for character in text)
