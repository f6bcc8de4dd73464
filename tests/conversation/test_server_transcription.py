"""The caller's words: early, whole, by speaker, and with how certain they are."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
)
from realtime_transport.exceptions import ServerError
from tests.conversation.serving import PHRASE, Served, silence

DELTA = "conversation.item.input_audio_transcription.delta"


class Knows:
    def transcribe(self, audio: bytes) -> str:
        return "What is it?"


class Fails:
    def transcribe(self, audio: bytes) -> str:
        raise ServerError("no", code="DeploymentNotFound")


def spoken(model: str, *, transcriber: Any = None, **session: Any) -> Served:
    served = Served(transcriber=transcriber or Knows())
    served.update(audio={"input": {"transcription": {"model": model}}}, **session)
    served.speak(PHRASE + silence(1000))
    served.wait(1)
    return served


@pytest.mark.parametrize(
    ("model", "deltas"),
    [("whisper-1", ["What is it?"]), ("gpt-4o-transcribe", ["What", " is", " it?"])],
)
def test_words_come_after_the_item(model: str, deltas: list[str]) -> None:
    served = spoken(model)
    assert [event.delta for event in served.all(ConversationItemInputAudioTranscriptionDelta)] == deltas
    assert served.types.index(DELTA) > served.types.index("conversation.item.done")
    assert not served.last(ConversationItemInputAudioTranscriptionCompleted).logprobs


def test_some_models_know_before_the_caller_has_stopped() -> None:
    served = spoken("gpt-realtime-whisper")
    assert served.types.index(DELTA) < served.types.index("input_audio_buffer.speech_stopped")
    assert [event.delta for event in served.all(ConversationItemInputAudioTranscriptionDelta)] == [
        "What",
        " is",
        " it?",
    ]
    assert served.last(ConversationItemInputAudioTranscriptionCompleted).transcript == "What is it?"


def test_an_early_model_that_fails_says_nothing_early() -> None:
    served = spoken("gpt-realtime-whisper", transcriber=Fails())
    assert DELTA not in served.types
    assert served.last(ConversationItemInputAudioTranscriptionFailed).error.code == "DeploymentNotFound"


def test_models_that_tell_speakers_apart() -> None:
    served = spoken("gpt-4o-transcribe-diarize")
    assert DELTA not in served.types
    segment = served.last(ConversationItemInputAudioTranscriptionSegment)
    assert (segment.text, segment.speaker, segment.start) == ("What is it?", "A", 0.0)
    assert segment.end
    assert segment.end > 1


def test_how_certain_the_words_are() -> None:
    served = spoken("gpt-4o-transcribe", include=["item.input_audio_transcription.logprobs"])
    first = served.all(ConversationItemInputAudioTranscriptionDelta)[0]
    assert first.logprobs
    assert (first.logprobs[0].token, first.logprobs[0].bytes) == ("What", (87, 104, 97, 116))
    whole = served.last(ConversationItemInputAudioTranscriptionCompleted).logprobs
    assert whole
    assert [each.token for each in whole] == ["What", " is", " it?"]
