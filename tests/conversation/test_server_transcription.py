"""The caller's words: early, whole, by speaker, and with how certain they are."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.conversation.server_outbox import ServerOutbox, counted_ids
from realtime_transport.conversation.server_transcription import Transcription, Transcriptions
from realtime_transport.events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
    InputAudioBufferCommitted,
)
from realtime_transport.exceptions import ServerError
from tests.conversation.serving import PHRASE, Served, plain, silence

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


def test_the_end_of_a_transcription_word_for_word() -> None:
    served = spoken("whisper-1")
    assert plain(served.last(ConversationItemInputAudioTranscriptionCompleted)) == {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": served.last(InputAudioBufferCommitted).item_id,
        "content_index": 0,
        "transcript": "What is it?",
        "usage": {"type": "duration", "seconds": 2},
    }


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
    committed = served.last(InputAudioBufferCommitted)
    item: Any = served.conversation.items[0]
    assert item.id == committed.item_id
    assert plain(served.last(ConversationItemInputAudioTranscriptionSegment)) == {
        "type": "conversation.item.input_audio_transcription.segment",
        "item_id": committed.item_id,
        "content_index": 0,
        "id": "seg_0001",
        "speaker": "A",
        "start": 0.0,
        "end": 1.728,
        "text": "What is it?",
    }


@pytest.mark.parametrize(("ms", "end"), [(100.6664, 0.101), (1234.5678, 1.235), (20_000, 20.0)])
def test_a_stretch_of_speech_ends_with_its_audio_in_milliseconds(ms: float, end: float) -> None:
    out = ServerOutbox(counted_ids(1))
    words = Transcription(item_id="a", model="gpt-4o-transcribe-diarize", words="Hi.", ms=ms, due=0.0)
    Transcriptions(out, delay=0.0).tell_words(words)
    (segment,) = out.drain()
    assert isinstance(segment, ConversationItemInputAudioTranscriptionSegment)
    assert segment.end == end


def test_a_delta_word_for_word() -> None:
    out = ServerOutbox(counted_ids(1), lambda text: f"<{text}>")
    words = Transcription(item_id="a", model="gpt-4o-transcribe", words=" Hi", ms=500, due=0.0, with_logprobs=True)
    Transcriptions(out, delay=0.0).tell_words(words)
    (delta,) = out.drain()
    assert plain(delta) == {
        "type": DELTA,
        "item_id": "a",
        "content_index": 0,
        "delta": " Hi",
        "logprobs": [{"token": " Hi", "logprob": -0.01, "bytes": [32, 72, 105]}],
        "obfuscation": "< Hi>",
    }


def test_a_failure_word_for_word() -> None:
    served = spoken("gpt-4o-transcribe", transcriber=Fails())
    item_id = served.last(InputAudioBufferCommitted).item_id
    assert plain(served.last(ConversationItemInputAudioTranscriptionFailed)) == {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": item_id,
        "content_index": 0,
        "error": {
            "type": "server_error",
            "code": "DeploymentNotFound",
            "message": f"Input transcription failed for item '{item_id}'.",
            "param": None,
        },
    }


def test_words_are_told_in_order_each_when_it_is_due() -> None:
    out = ServerOutbox(counted_ids(1))
    waiting = Transcriptions(out, delay=0.5)
    assert waiting.deadline is None
    for item_id, due in (("a", 1.0), ("b", 2.0)):
        waiting.begin(Transcription(item_id=item_id, model="whisper-1", words="Hi.", ms=500, due=due))
    assert waiting.deadline == 1.5
    assert waiting.wake(1.4) == []
    assert [told.item_id for told in waiting.wake(1.5)] == ["a"]
    assert (waiting.deadline, len(out.drain())) == (2.5, 2)
    assert [told.item_id for told in waiting.wake(9.0)] == ["b"]
    assert waiting.deadline is None


def test_how_certain_the_words_are() -> None:
    served = spoken("gpt-4o-transcribe", include=["item.input_audio_transcription.logprobs"])
    first = served.all(ConversationItemInputAudioTranscriptionDelta)[0]
    assert first.logprobs
    assert (first.logprobs[0].token, first.logprobs[0].bytes) == ("What", (87, 104, 97, 116))
    whole = served.last(ConversationItemInputAudioTranscriptionCompleted).logprobs
    assert whole
    assert [each.token for each in whole] == ["What", " is", " it?"]
