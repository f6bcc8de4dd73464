"""Transcription of the caller: at its own pace, beside the conversation."""

from __future__ import annotations

import re
from collections import deque
from typing import Any, Final

import attrs

from realtime_transport.conversation.server_outbox import ServerOutbox
from realtime_transport.conversation.server_usage import transcription_usage
from realtime_transport.events.server import ErrorDetail
from realtime_transport.events.server_conversation import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
)
from realtime_transport.events.usage import LogProb

_WHOLE_AT_ONCE: Final = ("whisper-1",)
"""Models that send their words as one delta; the others stream."""

_EARLY: Final = ("gpt-realtime-whisper",)
"""Models whose words come while the caller still speaks: before ``speech_stopped``, and before there is an item."""

_WHO_SPOKE: Final = "diarize"
"""In the name of models that tell speakers apart: they send a segment for each stretch of speech."""

_CERTAIN: Final = -0.01
"""Logarithm of the probability of every word: what is known by heart is known for sure."""


def is_early(model: str) -> bool:
    """Tell whether a model transcribes while the caller speaks."""
    return model in _EARLY


@attrs.frozen(kw_only=True)
class Transcription:
    """One user item whose words are due."""

    item_id: str
    model: str
    words: str
    ms: float
    """Length of the audio."""
    due: float
    failure: str = ""
    """Code of the failure; empty when it succeeds."""
    with_logprobs: bool = False
    told: bool = False
    """The words went out already, all but the last event."""


class Transcriptions:
    """What is still to be told about the caller's words, in order."""

    def __init__(self, out: ServerOutbox, *, delay: float) -> None:
        self._out = out
        self._delay = delay
        # Bounded by the items of the conversation: one each, and each is due within ``delay``.
        self._waiting: deque[Transcription] = deque()

    @property
    def deadline(self) -> float | None:
        """When the next words are due."""
        return self._waiting[0].due if self._waiting else None

    def begin(self, transcription: Transcription) -> None:
        """Start to transcribe an item that was committed when its ``due`` says."""
        self._waiting.append(attrs.evolve(transcription, due=transcription.due + self._delay))

    def tell_words(self, transcription: Transcription) -> None:
        """Send the words one by one, or what takes their place."""
        item_id, words, model = transcription.item_id, transcription.words, transcription.model
        if _WHO_SPOKE in model:
            seconds = round(transcription.ms / 1000, 3)
            segment = ConversationItemInputAudioTranscriptionSegment(
                item_id=item_id, id=self._out.ids("seg"), speaker="A", start=0.0, end=seconds, text=words
            )
            self._out.send(segment)
            return
        for piece in filter(None, [words] if model in _WHOLE_AT_ONCE else _pieces(words)):
            self._out.send(
                ConversationItemInputAudioTranscriptionDelta(
                    item_id=item_id, delta=piece, **self._logprobs(transcription, piece), **self._out.padding(piece)
                )
            )

    def _logprobs(self, transcription: Transcription, words: str) -> dict[str, Any]:
        if not transcription.with_logprobs:
            return {}
        pieces = _pieces(words)
        return {"logprobs": tuple(LogProb(token=p, logprob=_CERTAIN, bytes=tuple(p.encode())) for p in pieces)}

    def wake(self, now: float) -> list[Transcription]:
        """Tell the words that are due; return them."""
        done: list[Transcription] = []
        while self._waiting and self._waiting[0].due <= now:
            done.append(self._waiting.popleft())
            self._tell(done[-1])
        return done

    def _tell(self, transcription: Transcription) -> None:
        item_id, words = transcription.item_id, transcription.words
        if transcription.failure:
            error = ErrorDetail(
                type="server_error",
                code=transcription.failure,
                message=f"Input transcription failed for item '{item_id}'.",
                param=None,
            )
            self._out.send(ConversationItemInputAudioTranscriptionFailed(item_id=item_id, error=error))
            return
        if not transcription.told:
            self.tell_words(transcription)
        self._out.send(
            ConversationItemInputAudioTranscriptionCompleted(
                item_id=item_id,
                transcript=words,
                **self._logprobs(transcription, words),
                usage=transcription_usage(transcription.model, transcription.ms, words),
            )
        )


def _pieces(words: str) -> list[str]:
    """Split into words that keep the space before them."""
    return re.findall(r"\s*\S+", words)
