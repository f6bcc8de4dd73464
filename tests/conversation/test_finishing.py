"""The end of a transcription session: every commit answered, the words of every turn there."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.conversation.core import MAX_ONCE
from realtime_transport.events import (
    AudioConfig,
    AudioInputConfig,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ErrorDetail,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    PcmFormat,
    PcmuFormat,
    ServerVad,
    TranscriptionSessionConfig,
)
from realtime_transport.exceptions import RequestTimeout, ServerError, UnsupportedOperation
from tests.conversation.client_case import Case


def transcribing(detection: Any = None, **more: Any) -> Case:
    inputs = AudioInputConfig(format=PcmFormat(rate=24000), turn_detection=detection)
    return Case(session=TranscriptionSessionConfig(audio=AudioConfig(input=inputs)), **more)


def committed(item_id: str) -> InputAudioBufferCommitted:
    return InputAudioBufferCommitted(item_id=item_id)


def words(item_id: str, **extra: Any) -> ConversationItemInputAudioTranscriptionCompleted:
    return ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript="hello", extra=extra)


def no_words(item_id: str) -> ConversationItemInputAudioTranscriptionFailed:
    return ConversationItemInputAudioTranscriptionFailed(
        item_id=item_id, error=ErrorDetail(type="transcription_error", message="no")
    )


def test_with_nothing_to_wait_for_it_is_settled_at_once() -> None:
    case = transcribing()
    event_id = case.do("finish", timeout=5.0)
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_what_is_in_the_buffer_is_committed_and_its_words_are_waited_for() -> None:
    case = transcribing()
    case.do("append_audio", bytes(9600))
    event_id = case.do("finish", timeout=5.0)
    assert len(case.sent(InputAudioBufferCommit)) == 1
    case.server(committed("item_1"))
    assert case.settled == {}
    case.server(words("item_1", status="in_progress"))
    assert case.settled == {}, "a snapshot is not the end"
    case.server(words("item_1"))
    assert case.settled == {event_id: "acknowledged"}


def test_less_than_the_server_takes_is_no_word() -> None:
    case = transcribing()
    case.do("append_audio", bytes(4798))
    event_id = case.do("finish", timeout=5.0)
    assert case.sent(InputAudioBufferCommit) == []
    assert case.settled == {event_id: "acknowledged"}


@pytest.mark.parametrize(("size", "commits"), [(799, 0), (800, 1)])
def test_how_much_the_server_takes_is_counted_in_the_format_of_the_session(size: int, commits: int) -> None:
    case = Case(session=TranscriptionSessionConfig(audio=AudioConfig(input=AudioInputConfig(format=PcmuFormat()))))
    case.do("append_audio", bytes(size))
    case.do("finish", timeout=5.0)
    assert len(case.sent(InputAudioBufferCommit)) == commits


def test_all_turns_count_and_failure_is_an_end_too() -> None:
    case = transcribing(ServerVad())
    case.server(committed("item_1"), committed("item_2"), committed("item_3"), words("item_2"))
    first, second = case.do("finish", timeout=5.0), case.do("finish", timeout=5.0)
    case.server(no_words("item_1"))
    assert case.settled == {}
    case.server(words("item_3"))
    assert case.settled == {first: "acknowledged", second: "acknowledged"}


def test_turn_detection_may_have_been_faster() -> None:
    """FM: the server took the audio a moment before our commit, which finds the buffer empty."""
    case = transcribing(ServerVad())
    case.do("append_audio", bytes(9600))
    event_id = case.do("finish", timeout=5.0)
    case.server(committed("item_1"))
    (commit,) = case.sent(InputAudioBufferCommit)
    case.server(words("item_1"))
    case.refuse("input_audio_buffer_commit_empty", commit.event_id)
    assert case.settled == {event_id: "acknowledged"}


def test_a_refused_commit_fails_it() -> None:
    case = transcribing()
    case.do("append_audio", bytes(9600))
    event_id = case.do("finish", timeout=5.0)
    (commit,) = case.sent(InputAudioBufferCommit)
    case.refuse("server_is_sorry", commit.event_id)
    assert case.settled == {event_id: "failed"}
    assert isinstance(case.settlements[0].error, ServerError)


def test_a_server_that_does_not_answer_the_commit() -> None:
    case = transcribing()
    case.do("append_audio", bytes(9600))
    event_id = case.do("finish", timeout=60.0)
    case.wait(11.0)
    assert case.settled == {event_id: "timeout"}


def test_words_that_never_come() -> None:
    case = transcribing()
    case.server(committed("item_1"))
    event_id = case.do("finish", timeout=5.0)
    case.wait(4.9)
    assert case.settled == {}
    case.wait(0.2)
    assert case.settled == {event_id: "timeout"}
    error = case.settlements[0].error
    assert isinstance(error, RequestTimeout)
    assert "5 s" in str(error)


def test_a_server_that_does_not_name_what_it_committed() -> None:
    case = transcribing()
    case.server(InputAudioBufferCommitted())
    event_id = case.do("finish", timeout=5.0)
    case.server(words("item_7"))
    assert case.settled == {event_id: "acknowledged"}


def test_words_of_an_unknown_turn_change_nothing() -> None:
    case = transcribing()
    case.server(committed("item_1"))
    event_id = case.do("finish", timeout=5.0)
    case.server(words("item_9"))
    assert case.settled == {}
    case.server(words("item_1"))
    assert case.settled == {event_id: "acknowledged"}


def test_turns_without_words_are_kept_within_bounds() -> None:
    case = transcribing()
    case.server(*(committed(f"item_{n}") for n in range(MAX_ONCE + 1)))
    event_id = case.do("finish", timeout=5.0)
    case.server(*(words(f"item_{n}") for n in range(2, MAX_ONCE + 1)))
    assert case.settled == {}, "no more were given up than have to be"
    case.server(words("item_1"))
    assert case.settled == {event_id: "acknowledged"}, "the oldest was given up"


def test_a_conversation_does_not_end_by_itself() -> None:
    case = Case()
    with pytest.raises(
        UnsupportedOperation, match=r"^a conversation has no end of its own: wait for 'turn_done', then close\(\)$"
    ):
        case.do("finish", timeout=5.0)
    case.server(committed("item_1"))
    assert case.talk._core.untranscribed == {}


def test_a_transcription_has_no_responses() -> None:
    with pytest.raises(UnsupportedOperation, match="no responses"):
        transcribing().do("request_response", None)
