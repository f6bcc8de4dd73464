"""What the agent says, while it says it: audio, transcript, text.

The hot path: an audio delta comes fifty times a second and more. What is late (of a response that was interrupted or is
over, of an item that was deleted) is dropped here, once, in ``Core.running``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from realtime_transport.conversation.core import Core
from realtime_transport.conversation.record import record
from realtime_transport.conversation.turns import Part, Turn
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.server_response import (
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
)
from realtime_transport.events.transport import (
    AudioDoneEvent,
    AudioEvent,
    AudioGapEvent,
    TextDeltaEvent,
    TextDoneEvent,
    TranscriptDeltaEvent,
    TranscriptDoneEvent,
)
from realtime_transport.exceptions import ProtocolError

# --- audio -------------------------------------------------------------------------------------------------------


def audio_delta(core: Core, event: ResponseOutputAudioDelta, now: float) -> None:
    """Pass whole samples on and count them; half a sample waits for its other half."""
    item_id, index = event.item_id, event.content_index
    turn = core.running(event.response_id, item_id, now)
    if turn is None:
        return
    audio = turn.format or core.format_of(turn)
    part = turn.part(item_id, index)
    data = part.whole_samples(event.delta, audio.frame_bytes)
    if not data or not core.playout.received(turn.id, item_id, index, len(data), audio, now):
        return
    part.speaks = core.session.spoke = True
    core.outbox.events.append(
        AudioEvent(data=data, response_id=turn.id, item_id=item_id, content_index=index),
    )
    if core.limits.keep_audio:
        _record(core, turn, event, now)


def audio_done(core: Core, event: ResponseOutputAudioDone, now: float) -> None:
    """Tell that a part is generated, once."""
    turn = core.running(event.response_id, event.item_id, now)
    if turn is not None:
        close_audio(core, turn, event.item_id, event.content_index, now)


def close_audio(core: Core, turn: Turn, item_id: str, content_index: int, now: float) -> None:
    """End the audio of a part; half a sample that is left over is dropped, and said to be."""
    part = turn.part(item_id, content_index)
    if not part.close("audio"):
        return
    part.speaks = False
    if part.half_sample:
        gap = core.format_of(turn).ms(len(part.half_sample))
        part.half_sample = b""
        core.emit(AudioGapEvent(direction="in", ms=gap, reason="the audio ended in the middle of a sample"))
    core.playout.finished(turn.id, item_id, content_index, now)
    core.emit(AudioDoneEvent(response_id=turn.id, item_id=item_id, content_index=content_index))


# --- words -------------------------------------------------------------------------------------------------------


def transcript_delta(core: Core, event: ResponseOutputAudioTranscriptDelta, now: float) -> None:
    """Pass spoken words on."""
    turn = core.running(event.response_id, event.item_id, now)
    if turn is None:
        return
    turn.part(event.item_id, event.content_index).says(event.delta)
    core.emit(
        TranscriptDeltaEvent(
            delta=event.delta, response_id=turn.id, item_id=event.item_id, content_index=event.content_index
        )
    )
    _record(core, turn, event, now)


def transcript_done(core: Core, event: ResponseOutputAudioTranscriptDone, now: float) -> None:
    """Pass all spoken words of a part on, once."""
    turn = core.running(event.response_id, event.item_id, now)
    if turn is None or not _close_words(
        core, turn.part(event.item_id, event.content_index), "transcript", event.transcript
    ):
        return
    core.emit(
        TranscriptDoneEvent(
            transcript=event.transcript,
            response_id=turn.id,
            item_id=event.item_id,
            content_index=event.content_index,
        )
    )
    _record(core, turn, event, now)


def text_delta(core: Core, event: ResponseOutputTextDelta, now: float) -> None:
    """Pass written words on."""
    turn = core.running(event.response_id, event.item_id, now)
    if turn is None:
        return
    part = turn.part(event.item_id, event.content_index)
    part.written = True
    part.says(event.delta)
    core.emit(
        TextDeltaEvent(delta=event.delta, response_id=turn.id, item_id=event.item_id, content_index=event.content_index)
    )
    _record(core, turn, event, now)


def text_done(core: Core, event: ResponseOutputTextDone, now: float) -> None:
    """Pass all written words of a part on, once."""
    turn = core.running(event.response_id, event.item_id, now)
    if turn is None or not _close_words(core, turn.part(event.item_id, event.content_index), "text", event.text):
        return
    turn.part(event.item_id, event.content_index).written = True
    core.emit(
        TextDoneEvent(text=event.text, response_id=turn.id, item_id=event.item_id, content_index=event.content_index)
    )
    _record(core, turn, event, now)


def _close_words(core: Core, part: Part, kind: str, whole: str) -> bool:
    """Compare the whole with its pieces, whose word counts less; False when the end came before."""
    if not part.close(kind):
        core.counts.stale += 1
        return False
    if part.said_otherwise(whole):
        core.outbox.report(ProtocolError(f"the {kind} of a part differs from the sum of its deltas; the whole counts"))
    return True


def content_part(core: Core, event: ResponseContentPartAdded | ResponseContentPartDone, now: float) -> None:
    """Record a part; what is in it comes with its own events."""
    turn = core.running(event.response_id, event.item_id, now)
    if turn is not None:
        _record(core, turn, event, now)


def _record(core: Core, turn: Turn, event: ServerEvent, now: float) -> None:
    if not turn.out_of_band:
        record(core, event, now)


TABLE: Final[Mapping[type[ServerEvent], Callable[[Core, Any, float], None]]] = {
    ResponseOutputAudioDelta: audio_delta,
    ResponseOutputAudioDone: audio_done,
    ResponseOutputAudioTranscriptDelta: transcript_delta,
    ResponseOutputAudioTranscriptDone: transcript_done,
    ResponseOutputTextDelta: text_delta,
    ResponseOutputTextDone: text_done,
    ResponseContentPartAdded: content_part,
    ResponseContentPartDone: content_part,
}
