"""What the server says about the caller's side: speech, commits, transcripts, keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime_transport.conversation import finishing
from realtime_transport.conversation.core import Core
from realtime_transport.conversation.interruption import caller_spoke
from realtime_transport.conversation.normalize_errors import server_error
from realtime_transport.conversation.record import record
from realtime_transport.events.server import (
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    ServerEvent,
)
from realtime_transport.events.server_conversation import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
)
from realtime_transport.events.transport import (
    DtmfEvent,
    InputTimeoutEvent,
    InputTranscriptDeltaEvent,
    InputTranscriptDoneEvent,
    InputTranscriptFailedEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
)


def speech_started(core: Core, event: InputAudioBufferSpeechStarted, now: float) -> None:
    """Tell, and interrupt the agent where the session is set to."""
    core.emit(SpeechStartedEvent(item_id=event.item_id or None, audio_start_ms=_ms(event.audio_start_ms)))
    caller_spoke(core, now)


def speech_stopped(core: Core, event: InputAudioBufferSpeechStopped, now: float) -> None:
    """Tell; the server commits this speech by itself, and that is no answer to a commit of ours."""
    core.speech_item = event.item_id or ""
    core.emit(SpeechStoppedEvent(item_id=event.item_id or None, audio_end_ms=_ms(event.audio_end_ms)))


def committed(core: Core, event: InputAudioBufferCommitted, now: float) -> None:
    """Settle our oldest commit, unless turn detection made this one. A commit of ours never follows a stop."""
    record(core, event, now)
    finishing.committed(core, event.item_id or "")
    if event.item_id and event.item_id == core.speech_item:
        return
    core.requests.acknowledge("commit", result=event)


def cleared(core: Core, event: InputAudioBufferCleared, now: float) -> None:
    """Settle our oldest clear."""
    core.requests.acknowledge("clear", result=event)


def timeout_triggered(core: Core, event: InputAudioBufferTimeoutTriggered, now: float) -> None:
    """Tell that nobody spoke; the server commits the silence by itself."""
    core.speech_item = event.item_id or ""
    core.emit(
        InputTimeoutEvent(
            item_id=event.item_id or None,
            audio_start_ms=_ms(event.audio_start_ms),
            audio_end_ms=_ms(event.audio_end_ms),
        )
    )


def dtmf(core: Core, event: InputAudioBufferDtmfEventReceived, now: float) -> None:
    """Pass a key on."""
    core.emit(DtmfEvent(digit=event.event))


# --- transcription: at its own pace, also before the item that it belongs to ----------------------------------------


def transcription_delta(core: Core, event: ConversationItemInputAudioTranscriptionDelta, now: float) -> None:
    """Pass words of the caller on, and let the item grow."""
    if event.delta:
        core.emit(
            InputTranscriptDeltaEvent(item_id=event.item_id, content_index=event.content_index, delta=event.delta)
        )
    record(core, event, now)


def transcription_completed(core: Core, event: ConversationItemInputAudioTranscriptionCompleted, now: float) -> None:
    """Pass the caller's words on. Dialects that send snapshots mark them with a ``status``; those are not final."""
    if event.extra.get("status", "completed") != "completed":
        return
    core.emit(
        InputTranscriptDoneEvent(
            item_id=event.item_id,
            content_index=event.content_index,
            transcript=event.transcript,
            usage=event.usage or None,
        )
    )
    record(core, event, now)
    finishing.transcribed(core, event.item_id)


def transcription_failed(core: Core, event: ConversationItemInputAudioTranscriptionFailed, now: float) -> None:
    """Tell that the caller was not understood; nobody's request failed, and the conversation goes on."""
    core.emit(
        InputTranscriptFailedEvent(
            item_id=event.item_id, content_index=event.content_index, error=server_error(event.error)
        )
    )
    finishing.transcribed(core, event.item_id)


def transcription_segment(core: Core, event: ConversationItemInputAudioTranscriptionSegment, now: float) -> None:
    """Leave a stretch of speech with its speaker to listeners of ``*``: the whole transcript comes by itself."""


def _ms(value: object) -> int | None:
    return value if isinstance(value, int) else None


TABLE: Final[Mapping[type[ServerEvent], Callable[[Core, Any, float], None]]] = {
    InputAudioBufferSpeechStarted: speech_started,
    InputAudioBufferSpeechStopped: speech_stopped,
    InputAudioBufferCommitted: committed,
    InputAudioBufferCleared: cleared,
    InputAudioBufferTimeoutTriggered: timeout_triggered,
    InputAudioBufferDtmfEventReceived: dtmf,
    ConversationItemInputAudioTranscriptionDelta: transcription_delta,
    ConversationItemInputAudioTranscriptionCompleted: transcription_completed,
    ConversationItemInputAudioTranscriptionFailed: transcription_failed,
    ConversationItemInputAudioTranscriptionSegment: transcription_segment,
}
