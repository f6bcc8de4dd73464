"""The caller's side: speech, commits, transcripts, keys."""

from realtime_transport.events import (
    AudioConfig,
    AudioInputConfig,
    ConversationItemAdded,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
    DtmfEvent,
    ErrorDetail,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    InputAudioPart,
    InputTimeoutEvent,
    InputTranscriptDeltaEvent,
    InputTranscriptDoneEvent,
    InputTranscriptFailedEvent,
    ItemUpdateEvent,
    RealtimeSessionConfig,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TranscriptionDurationUsage,
    UserMessageItem,
)
from realtime_transport.exceptions import ServerError
from tests.conversation.client_case import Case, message

MANUAL = RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=None)))
SPOKEN = UserMessageItem(id="item_u", status="completed", content=(InputAudioPart(transcript=None),))


def test_speech_starts_and_stops() -> None:
    case = Case()
    case.server(
        InputAudioBufferSpeechStarted(item_id="item_u", audio_start_ms=320),
        InputAudioBufferSpeechStopped(item_id="item_u", audio_end_ms=1440),
    )
    assert case.events == [
        SpeechStartedEvent(item_id="item_u", audio_start_ms=320),
        SpeechStoppedEvent(item_id="item_u", audio_end_ms=1440),
    ]


def test_sparse_servers_name_nothing() -> None:
    case = Case()
    case.server(InputAudioBufferSpeechStarted(), InputAudioBufferSpeechStopped(), InputAudioBufferTimeoutTriggered())
    assert case.events == [
        SpeechStartedEvent(item_id=None, audio_start_ms=None),
        SpeechStoppedEvent(item_id=None, audio_end_ms=None),
        InputTimeoutEvent(item_id=None, audio_start_ms=None, audio_end_ms=None),
    ]


def test_silence_that_was_too_long_is_told() -> None:
    case = Case()
    case.server(InputAudioBufferTimeoutTriggered(item_id="item_u", audio_start_ms=672, audio_end_ms=5792))
    assert case.events == [InputTimeoutEvent(item_id="item_u", audio_start_ms=672, audio_end_ms=5792)]


def test_a_key_is_told() -> None:
    case = Case()
    case.server(InputAudioBufferDtmfEventReceived(event="#"))
    assert case.events == [DtmfEvent(digit="#")]


# --- commits -----------------------------------------------------------------------------------------------------


def test_a_commit_settles_with_committed() -> None:
    case = Case(session=MANUAL)
    case.do("append_audio", bytes(4800))
    event_id = case.do("commit_audio")
    case.server(InputAudioBufferCommitted(item_id="item_u"))
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result == InputAudioBufferCommitted(item_id="item_u")
    assert [item.id for item in case.talk.history] == ["item_u"]


def test_a_commit_settles_with_a_committed_that_names_nothing() -> None:
    case = Case()
    event_id = case.do("commit_audio")
    case.server(InputAudioBufferCommitted())
    assert case.settled == {event_id: "acknowledged"}


def test_a_commit_of_turn_detection_does_not_settle_ours() -> None:
    case = Case()
    case.server(InputAudioBufferSpeechStarted(item_id="item_u"), InputAudioBufferSpeechStopped(item_id="item_u"))
    event_id = case.do("commit_audio")
    case.server(InputAudioBufferCommitted(item_id="item_u"))
    assert case.settled == {}
    case.server(InputAudioBufferCommitted(item_id="item_v"))
    assert case.settled == {event_id: "acknowledged"}


def test_a_commit_of_silence_by_the_server_does_not_settle_ours() -> None:
    case = Case()
    event_id = case.do("commit_audio")
    case.server(InputAudioBufferTimeoutTriggered(item_id="item_u"), InputAudioBufferCommitted(item_id="item_u"))
    assert event_id not in case.settled


def test_a_clear_settles_with_cleared() -> None:
    case = Case()
    event_id = case.do("clear_audio")
    case.server(InputAudioBufferCleared(), InputAudioBufferCleared())
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result == InputAudioBufferCleared()


# --- transcripts -------------------------------------------------------------------------------------------------


def test_fm49_words_of_the_caller_go_to_their_item_whenever_they_come() -> None:
    case = Case()
    case.server(
        ConversationItemInputAudioTranscriptionDelta(item_id="item_u", delta="Hel"),
        ConversationItemAdded(item=SPOKEN),
        ConversationItemAdded(item=message("item_a"), previous_item_id="item_u"),
        ConversationItemInputAudioTranscriptionDelta(item_id="item_u", delta="lo"),
    )
    assert case.talk.history[0] == UserMessageItem(
        id="item_u", status="completed", content=(InputAudioPart(transcript="Hello"),)
    )
    case.clear()
    usage = TranscriptionDurationUsage(seconds=2)
    case.server(ConversationItemInputAudioTranscriptionCompleted(item_id="item_u", transcript="Hello!", usage=usage))
    assert case.heard(InputTranscriptDoneEvent) == [
        InputTranscriptDoneEvent(item_id="item_u", content_index=0, transcript="Hello!", usage=usage)
    ]
    (update,) = case.heard(ItemUpdateEvent)
    assert update.index == 0
    first, second = case.talk.history
    assert isinstance(first, UserMessageItem)
    assert first.content == (InputAudioPart(transcript="Hello!"),)
    assert second.id == "item_a"


def test_a_delta_without_words_is_not_told() -> None:
    case = Case()
    case.server(
        ConversationItemInputAudioTranscriptionDelta(item_id="item_u"),
        ConversationItemInputAudioTranscriptionDelta(item_id="item_u", delta="Hi"),
    )
    assert case.events == [InputTranscriptDeltaEvent(item_id="item_u", content_index=0, delta="Hi")]


def test_a_snapshot_is_not_final() -> None:
    case = Case()
    for status in "in_progress", "completed":
        case.server(
            ConversationItemInputAudioTranscriptionCompleted(
                item_id="item_u", transcript=f"said {status}", extra={"status": status}
            )
        )
    assert [event.transcript for event in case.heard(InputTranscriptDoneEvent)] == ["said completed"]


def test_a_failed_transcription_is_told_and_nobodys_request_fails() -> None:
    case = Case()
    event_id = case.do("clear_audio")
    case.server(
        ConversationItemInputAudioTranscriptionFailed(
            item_id="item_u", content_index=1, error=ErrorDetail(code="DeploymentNotFound")
        )
    )
    (told,) = case.heard(InputTranscriptFailedEvent)
    assert (told.item_id, told.content_index) == ("item_u", 1)
    assert isinstance(told.error, ServerError)
    assert told.error.code == "DeploymentNotFound"
    assert event_id not in case.settled


def test_a_segment_is_for_listeners_of_everything() -> None:
    case = Case()
    case.server(ConversationItemInputAudioTranscriptionSegment(item_id="item_u", text="Hi", speaker="A"))
    assert case.events == []
