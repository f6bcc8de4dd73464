"""Transcription of the caller: at its own pace, beside the conversation."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

import attrs

from realtime_transport.conversation.server_outbox import ServerOutbox
from realtime_transport.conversation.server_usage import transcription_usage
from realtime_transport.events.server import ErrorDetail
from realtime_transport.events.server_conversation import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
)

_WHOLE_AT_ONCE: Final = ("whisper-1",)
"""Models that send their words as one delta; the others stream."""


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

    def begin(self, item_id: str, model: str, words: str, ms: float, now: float, failure: str = "") -> None:
        """Start to transcribe an item that was committed at ``now``."""
        self._waiting.append(
            Transcription(item_id=item_id, model=model, words=words, ms=ms, due=now + self._delay, failure=failure)
        )

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
        pieces = [words] if transcription.model in _WHOLE_AT_ONCE else re.findall(r"\s*\S+", words)
        for piece in filter(None, pieces):
            self._out.send(
                ConversationItemInputAudioTranscriptionDelta(item_id=item_id, delta=piece, **self._out.padding(piece))
            )
        self._out.send(
            ConversationItemInputAudioTranscriptionCompleted(
                item_id=item_id,
                transcript=words,
                usage=transcription_usage(transcription.model, transcription.ms, words),
            )
        )
