"""Barge-in: what is silenced, what is said to the server, what is left in the record."""

from typing import Any

import pytest

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.session_shape import format_config
from realtime_transport.events import (
    UNSET,
    AssistantMessageItem,
    AudioConfig,
    AudioDoneEvent,
    AudioEvent,
    AudioHeardEvent,
    AudioInputConfig,
    AudioInterruptedEvent,
    AudioOutputConfig,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
    ConversationItemTruncated,
    Cut,
    ErrorEvent,
    FunctionCallItem,
    InputAudioBufferSpeechStarted,
    OutputAudioBufferClear,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RealtimeSessionConfig,
    Response,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseOptions,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerVad,
    TextDeltaEvent,
    TranscriptDeltaEvent,
    TurnDoneEvent,
)
from tests.conversation.client_case import Case, message

NO_INTERRUPT = RealtimeSessionConfig(
    audio=AudioConfig(input=AudioInputConfig(turn_detection=ServerVad(interrupt_response=False)))
)
OUTSIDE = ResponseOptions(conversation="none")
SERVER_PLAYS = Capabilities(server_plays_audio=True)


def speech_started(case: Case) -> None:
    case.server(InputAudioBufferSpeechStarted(item_id="item_u", audio_start_ms=0))


def truncations(case: Case) -> list[tuple[str, int]]:
    return [(frame.item_id, frame.audio_end_ms) for frame in case.sent(ConversationItemTruncate)]


def deletions(case: Case) -> list[str]:
    return [frame.item_id for frame in case.sent(ConversationItemDelete)]


def speaking(case: Case, seconds: float = 2.0) -> None:
    """Let a response run that has said ``seconds`` and goes on."""
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.speak(seconds)
    case.clear()


# --- one response ------------------------------------------------------------------------------------------------


def test_interrupting_speech_cancels_truncates_and_tells_once() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    event_id = case.do("interrupt")
    cancel, truncate = case.frames
    assert cancel == ResponseCancel(event_id=event_id, response_id="resp_1")
    assert isinstance(truncate, ConversationItemTruncate)
    assert (truncate.item_id, truncate.content_index, truncate.audio_end_ms) == ("item_a", 0, 500)
    (told,) = case.heard(AudioInterruptedEvent)
    assert told.by == "application"
    assert told.cuts == (Cut(response_id="resp_1", item_id="item_a", content_index=0, heard_ms=500, received_ms=2000),)
    assert case.settled == {}
    case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=500))
    case.done("resp_1", "cancelled")
    assert case.settled == {event_id: "acknowledged"}


def test_the_record_keeps_what_was_heard_beside_what_was_said() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.server(
        ResponseOutputAudioTranscriptDelta(response_id="resp_1", item_id="item_a", delta="one two three four five six")
    )
    case.speak(6.0)
    case.wait(3.0)
    case.do("interrupt")
    case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=3000))
    entry = case.talk.history_entry("item_a")
    assert entry is not None
    assert entry.heard_ms == 3000
    assert entry.heard_text == "one two three"


def test_a_second_interrupt_does_nothing() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    case.do("interrupt")
    case.clear()
    again = case.do("interrupt")
    assert case.frames == []
    assert case.events == []
    assert case.settled == {again: "acknowledged"}


def test_interrupting_silence_does_nothing() -> None:
    case = Case()
    event_id = case.do("interrupt")
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_late_deltas_of_a_cut_response_are_dropped_until_its_done() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    case.do("interrupt")
    case.clear()
    case.speak(1.0)
    case.speak(1.0, item_id="item_b")
    case.server(ResponseOutputAudioTranscriptDelta(response_id="resp_1", item_id="item_a", delta="late"))
    case.spoken()
    assert case.events == []
    assert case.talk.counts.stale == 4
    case.done("resp_1", "cancelled")
    assert case.names() == ["turn_done"]
    case.created("resp_2", ours=False)
    case.speak(0.5, item_id="item_c", response_id="resp_2")
    assert len(case.heard(AudioEvent)) == 1


def test_fm50_deltas_after_done_are_stale() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.done("resp_1")
    case.clear()
    case.speak(1.0)
    assert case.events == []
    assert case.talk.counts.stale == 1


def test_before_the_first_audio_the_response_is_cancelled_and_its_item_deleted_in_the_end() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    event_id = case.do("interrupt")
    assert case.sent(ResponseCancel) == [ResponseCancel(event_id=event_id, response_id="resp_1")]
    assert case.heard(AudioInterruptedEvent) == []
    case.item_done(message("item_a", status="incomplete"))
    case.done("resp_1", "cancelled")
    assert deletions(case) == ["item_a"]
    assert case.settled == {event_id: "acknowledged"}


def test_before_the_server_has_answered_the_request_dies_with_the_interrupt() -> None:
    case = Case()
    case.do("request_response", None)
    event_id = case.do("interrupt")
    assert case.sent(ResponseCancel) == [ResponseCancel(event_id=event_id, response_id=UNSET)]
    case.created("resp_1")
    case.item(message("item_a"))
    case.speak(1.0)
    assert case.heard(AudioEvent) == []
    case.done("resp_1", "cancelled")
    assert case.settled[event_id] == "acknowledged"
    assert deletions(case) == ["item_a"]


@pytest.mark.parametrize(("response_id", "named"), [("resp_1", "resp_1"), ("", UNSET)])
def test_a_cancel_that_the_server_found_nothing_for_is_sent_again_when_the_response_begins(
    response_id: str, named: object
) -> None:
    case = Case()
    case.do("request_response", None)
    event_id = case.do("interrupt")
    case.refuse("response_cancel_not_active", event_id)
    assert case.settled == {}
    case.created(response_id)
    assert [(frame.event_id, frame.response_id) for frame in case.sent(ResponseCancel)] == [
        (event_id, UNSET),
        (event_id, named),
    ]
    case.speak(1.0, response_id=response_id)
    assert case.heard(AudioEvent) == []
    case.done(response_id, "cancelled")
    assert case.settled[event_id] == "acknowledged"
    assert case.heard(ErrorEvent) == []


def test_a_request_that_meets_another_response_dies_with_it() -> None:
    case = Case()
    request = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    case.do("interrupt")
    assert [frame.response_id for frame in case.sent(ResponseCancel)] == ["resp_vad"]
    case.refuse("conversation_already_has_active_response", request)
    case.done("resp_vad", "cancelled")
    assert case.settled[request] == "dropped"
    assert len(case.sent(ResponseCreate)) == 1


def test_a_request_that_displaces_another_response_is_cancelled_when_it_begins() -> None:
    case = Case()
    request = case.do("request_response", None)
    case.created("resp_vad", ours=False)
    event_id = case.do("interrupt")
    case.done("resp_vad", "cancelled")
    assert case.settled[event_id] == "acknowledged"
    case.created("resp_1")
    assert [frame.response_id for frame in case.sent(ResponseCancel)] == ["resp_vad", "resp_1"]
    first, second = (str(frame.event_id) for frame in case.sent(ResponseCancel))
    assert first == event_id
    assert second.startswith("event_")
    assert second != first
    case.speak(1.0)
    assert case.heard(AudioEvent) == []
    case.done("resp_1", "cancelled")
    assert case.settled == {request: "acknowledged", event_id: "acknowledged"}


def test_without_cancel_a_request_on_its_way_goes_on() -> None:
    case = Case()
    case.do("request_response", None)
    event_id = case.do("interrupt", cancel_response=False)
    assert case.settled == {event_id: "acknowledged"}
    case.created("resp_1")
    case.speak(1.0)
    assert len(case.heard(AudioEvent)) == 1


def test_a_text_response_is_cancelled_and_what_was_written_stays() -> None:
    case = Case()
    case.created("resp_1", ours=False, output_modalities=("text",))
    case.item(AssistantMessageItem(id="item_a", status="in_progress"))
    case.server(ResponseOutputTextDelta(response_id="resp_1", item_id="item_a", delta="Hello"))
    case.do("interrupt")
    assert case.types() == ["response.cancel"]
    case.server(ResponseOutputTextDelta(response_id="resp_1", item_id="item_a", delta=" there"))
    case.done("resp_1", "cancelled")
    assert [event.delta for event in case.heard(TextDeltaEvent)] == ["Hello"]
    assert deletions(case) == []
    assert case.heard(AudioInterruptedEvent) == []


def test_a_message_of_a_text_response_is_never_deleted() -> None:
    case = Case()
    case.created("resp_1", ours=False, output_modalities=("text",))
    case.item(AssistantMessageItem(id="item_a", status="in_progress"))
    case.do("interrupt")
    case.done("resp_1", "cancelled")
    assert deletions(case) == []


def test_text_in_a_spoken_response_stays_too() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.server(ResponseOutputTextDelta(response_id="resp_1", item_id="item_a", delta="Let me see."))
    case.item(message("item_b"))
    case.do("interrupt")
    case.done("resp_1", "cancelled")
    assert deletions(case) == ["item_b"]


def test_a_function_call_is_never_deleted() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(FunctionCallItem(id="item_f", call_id="call_1", name="clock"))
    case.do("interrupt")
    case.done("resp_1", "cancelled")
    assert deletions(case) == []


# --- audio that outlives its generation --------------------------------------------------------------------------


def test_fm58_after_generation_is_over_the_sound_is_cut_and_nothing_cancelled() -> None:
    case = Case()
    case.turn(3.0, ours=False)
    case.wait(1.0)
    event_id = case.do("interrupt")
    assert case.types()[-1] == "conversation.item.truncate"
    assert case.sent(ResponseCancel) == []
    assert truncations(case) == [("item_a", 1000)]
    case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=1000))
    assert case.settled == {event_id: "acknowledged"}


def test_what_was_heard_to_its_end_is_left_alone() -> None:
    case = Case()
    case.turn(1.0, ours=False)
    case.wait(1.0)
    case.clear()
    case.do("interrupt")
    assert case.frames == []
    assert case.events == []


def test_what_was_heard_to_its_end_a_moment_ago_is_left_alone_before_any_timer_ran() -> None:
    case = Case()
    case.turn(1.0, ours=False)
    case.now += 1.5
    case.do("interrupt")
    assert case.frames == []
    assert len(case.heard(AudioHeardEvent)) == 1


def test_of_four_queued_items_one_was_heard_one_in_part_and_two_not_at_all() -> None:
    case = Case()
    for number in "abcd":
        case.turn(2.0, item_id=f"item_{number}", response_id=f"resp_{number}", ours=False)
    case.wait(3.0)
    event_id = case.do("interrupt")
    assert truncations(case) == [("item_b", 1000)]
    assert deletions(case) == ["item_c", "item_d"]
    (told,) = case.heard(AudioInterruptedEvent)
    assert [(cut.item_id, cut.heard_ms) for cut in told.cuts] == [("item_b", 1000), ("item_c", 0), ("item_d", 0)]
    case.server(
        ConversationItemTruncated(item_id="item_b", audio_end_ms=1000),
        ConversationItemDeleted(item_id="item_c"),
        ConversationItemDeleted(item_id="item_d"),
    )
    assert case.settled == {event_id: "acknowledged"}
    assert [item.id for item in case.talk.history] == ["item_a", "item_b"]


def test_parts_of_one_item_are_deleted_only_if_nothing_of_it_was_heard() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.speak(1.0, content_index=0)
    case.spoken()
    case.speak(1.0, content_index=1)
    case.wait(1.0)
    case.do("interrupt")
    case.done("resp_1", "cancelled")
    assert truncations(case) == []
    assert deletions(case) == []


def test_a_later_part_of_an_item_is_truncated_by_its_own_index() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.speak(1.0)
    case.spoken()
    case.speak(1.0, content_index=1)
    case.wait(1.5)
    case.do("interrupt")
    (truncate,) = case.sent(ConversationItemTruncate)
    assert (truncate.content_index, truncate.audio_end_ms) == (1, 500)


def test_an_item_with_two_unheard_parts_is_deleted_once() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.speak(1.0, content_index=0)
    case.speak(1.0, content_index=1)
    case.do("interrupt")
    case.done("resp_1", "cancelled")
    assert deletions(case) == ["item_a"]


@pytest.mark.parametrize("fmt", [PCM16_24K, PCM16_16K, PCM16_8K, PCMU, PCMA], ids=str)
@pytest.mark.parametrize(("heard", "expected"), [(0.7504, 750), (0.0009, 0), (0.9999, 999), (0.001, 1)])
def test_audio_end_ms_is_whole_and_never_past_the_end(fmt: AudioFormat, heard: float, expected: int) -> None:
    output = AudioOutputConfig(format=format_config(fmt))
    case = Case(session=RealtimeSessionConfig(audio=AudioConfig(output=output)))
    case.now = 0.0
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    one_second = fmt.bytes_for(1000) / 48_000
    case.speak(one_second)
    case.wait(heard)
    case.do("interrupt")
    case.done("resp_1", "cancelled")
    if expected:
        assert truncations(case) == [("item_a", expected)]
        assert type(case.sent(ConversationItemTruncate)[0].audio_end_ms) is int
        assert deletions(case) == []
    else:
        assert truncations(case) == []
        assert deletions(case) == ["item_a"]


def test_more_time_than_audio_truncates_at_what_was_received() -> None:
    case = Case()
    speaking(case, 1.0)
    case.wait(5.0)
    case.do("interrupt")
    assert truncations(case) == [("item_a", 1000)]


def test_each_response_counts_in_the_format_that_was_in_force_when_it_began() -> None:
    case = Case()
    case.turn(1.0, item_id="item_a", response_id="resp_a", ours=False)
    ulaw = AudioConfig(output=AudioOutputConfig(format=format_config(PCMU)))
    case.created("resp_b", ours=False, audio=ulaw)
    case.item(message("item_b"), "resp_b")
    case.speak(8000 / 48_000, item_id="item_b", response_id="resp_b")
    case.wait(1.5)
    case.do("interrupt")
    assert truncations(case) == [("item_b", 500)]


def test_reported_playout_believes_reports_only() -> None:
    case = Case(playout="reported")
    speaking(case)
    case.wait(1.0)
    case.talk.heard("item_a", 0, 320.7, case.now)
    case.talk.heard("item_unknown", 0, 320.7, case.now)
    case.do("interrupt")
    assert truncations(case) == [("item_a", 320)]


def test_reported_to_the_end_is_heard() -> None:
    case = Case(playout="reported")
    case.turn(1.0, ours=False)
    case.talk.heard("item_a", 0, 1000, case.now)
    case.drain()
    assert len(case.heard(AudioHeardEvent)) == 1


# --- the caller speaks -------------------------------------------------------------------------------------------


def test_barge_in_does_the_same_but_the_server_cancels_by_itself() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    speech_started(case)
    assert case.types() == ["conversation.item.truncate"]
    assert truncations(case) == [("item_a", 500)]
    assert case.names()[0] == "speech_started"
    (told,) = case.heard(AudioInterruptedEvent)
    assert told.by == "caller"
    case.clear()
    case.speak(1.0)
    assert case.events == []
    case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=500))
    case.done("resp_1", "cancelled")
    assert case.settled == {}


def test_what_barge_in_asks_for_goes_by_ids_of_its_own_and_is_settled_in_silence() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    for item_id in ("item_a", "item_b", "item_c", "item_d"):
        case.item(message(item_id))
    for item_id in ("item_a", "item_b"):
        case.speak(1.0, item_id=item_id)
    case.wait(0.5)
    speech_started(case)
    case.done("resp_1", "cancelled")
    assert deletions(case) == ["item_b", "item_c", "item_d"]
    assert [str(frame.event_id).partition("_")[0] for frame in case.frames] == ["event"] * 4
    assert len({frame.event_id for frame in case.frames}) == 4
    case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=500))
    case.server(*(ConversationItemDeleted(item_id=item_id) for item_id in deletions(case)))
    assert case.settled == {}


def test_barge_in_then_interrupt_does_nothing_more() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    speech_started(case)
    case.clear()
    event_id = case.do("interrupt")
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_a_burst_of_speech_interrupts_once() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    for _ in range(3):
        speech_started(case)
    assert len(case.heard(AudioInterruptedEvent)) == 1
    assert len(case.frames) == 1


def test_barge_in_that_crosses_done_still_truncates() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    case.done("resp_1", "cancelled")
    speech_started(case)
    assert truncations(case) == [("item_a", 500)]


def test_barge_in_while_nothing_sounds_tells_of_speech_only() -> None:
    case = Case()
    speech_started(case)
    assert case.names() == ["speech_started"]
    assert case.frames == []


def test_a_session_that_is_not_interrupted_by_speech_goes_on_speaking() -> None:
    case = Case(session=NO_INTERRUPT)
    speaking(case)
    speech_started(case)
    assert case.frames == []
    case.speak(0.5)
    assert len(case.heard(AudioEvent)) == 1


def test_a_request_that_is_younger_than_the_speech_is_not_touched() -> None:
    case = Case()
    case.do("request_response", None)
    speech_started(case)
    case.created("resp_1")
    case.speak(0.5)
    assert len(case.heard(AudioEvent)) == 1


def test_without_cancel_the_server_is_trusted_to_stop() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    case.do("interrupt", cancel_response=False)
    assert case.types() == ["conversation.item.truncate"]


def test_a_response_cancelled_before_is_not_cancelled_again() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    case.do("cancel_response")
    case.speak(0.5)
    assert len(case.heard(AudioEvent)) == 1  # cancelled, not interrupted: what comes is delivered
    case.do("interrupt")
    assert len(case.sent(ResponseCancel)) == 1
    assert truncations(case) == [("item_a", 500)]


# --- outside the conversation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard", [0.0, 0.5])
def test_speech_outside_the_conversation_is_silenced_but_not_repaired(heard: float) -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.done("resp_1")
    case.do("request_response", OUTSIDE)
    case.created("resp_2", conversation_id=None)
    case.item(message("item_o"), "resp_2")
    case.speak(2.0, item_id="item_o", response_id="resp_2")
    case.wait(heard)
    case.do("interrupt")
    (cancel,) = case.sent(ResponseCancel)
    assert cancel.response_id == "resp_2"
    assert truncations(case) == []
    case.done("resp_2", "cancelled", conversation_id=None)
    assert deletions(case) == []
    (told,) = case.heard(AudioInterruptedEvent)
    assert [cut.item_id for cut in told.cuts] == ["item_o"]


def test_speech_outside_the_conversation_is_cancelled_by_us_at_barge_in() -> None:
    case = Case()
    case.do("request_response", OUTSIDE)
    case.created("resp_2", conversation_id=None)
    case.speak(2.0, item_id="item_o", response_id="resp_2")
    case.wait(0.5)
    speech_started(case)
    assert [frame.response_id for frame in case.sent(ResponseCancel)] == ["resp_2"]
    case.clear()
    event_id = case.do("interrupt")
    assert case.sent(ResponseCancel) == []
    case.done("resp_2", "cancelled", conversation_id=None)
    assert case.settled == {event_id: "acknowledged"}


def test_a_response_outside_without_an_id_is_not_taken_for_one_that_speaks() -> None:
    """A server that names no response: what sounds is of the one before, and there is nobody to cancel."""
    case = Case()
    case.created("resp_1", ours=False)
    case.done("resp_1")
    case.server(ResponseCreated(response=Response(conversation_id="conv_1")))
    case.speak(2.0, response_id="")
    case.server(ResponseDone(response=Response(status="completed")))
    case.server(ResponseCreated(response=Response(conversation_id=None)))
    event_id = case.do("interrupt")
    assert case.sent(ResponseCancel) == []
    case.server(ConversationItemDeleted(item_id="item_a"))
    assert case.settled == {event_id: "acknowledged"}


@pytest.mark.parametrize("heard", [0.0, 0.5])
def test_speech_of_an_item_without_an_id_is_silenced_and_not_repaired(heard: float) -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.speak(2.0, item_id="")
    case.speak(2.0, item_id="item_b")
    case.wait(heard)
    case.do("interrupt")
    assert truncations(case) == []
    assert deletions(case) == ["item_b"]
    (told,) = case.heard(AudioInterruptedEvent)
    assert [cut.heard_ms for cut in told.cuts] == [heard * 1000, 0]


def test_what_plays_behind_speech_from_outside_is_repaired() -> None:
    case = Case()
    case.do("request_response", OUTSIDE)
    case.created("resp_2", conversation_id=None)
    case.speak(2.0, item_id="item_o", response_id="resp_2")
    case.turn(1.0, item_id="item_a", response_id="resp_1", ours=False)
    case.do("interrupt")
    assert deletions(case) == ["item_a"]


def test_a_silent_response_outside_is_left_alone() -> None:
    case = Case()
    case.do("request_response", OUTSIDE)
    case.created("resp_2", conversation_id=None)
    case.do("interrupt")
    assert case.sent(ResponseCancel) == []


def test_speech_outside_heard_to_its_end_is_told_and_not_recorded() -> None:
    case = Case()
    case.do("request_response", OUTSIDE)
    case.created("resp_2", conversation_id=None)
    case.speak(0.5, item_id="item_o", response_id="resp_2")
    case.done("resp_2", conversation_id=None)
    case.wait(0.5)
    assert len(case.heard(AudioHeardEvent)) == 1
    assert case.talk.history == ()


# --- what goes wrong ---------------------------------------------------------------------------------------------


def test_fm59_a_refused_truncation_fetches_the_item_and_tells() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    event_id = case.do("interrupt")
    (truncate,) = case.sent(ConversationItemTruncate)
    case.refuse("invalid_value", truncate.event_id)
    (retrieve,) = case.sent(ConversationItemRetrieve)
    assert retrieve.item_id == "item_a"
    case.done("resp_1", "cancelled")
    case.server(ConversationItemRetrieved(item=message("item_a", status="incomplete", transcript="what is left")))
    assert case.settled == {event_id: "failed"}
    assert len(case.heard(ErrorEvent)) == 1
    entry = case.talk.history_entry("item_a")
    assert entry is not None


def test_deleting_what_the_server_never_had_is_as_good() -> None:
    case = Case()
    speaking(case)
    event_id = case.do("interrupt")
    (delete,) = case.sent(ConversationItemDelete)
    case.refuse("item_delete_invalid_item_id", delete.event_id)
    case.done("resp_1", "cancelled")
    assert case.settled == {event_id: "acknowledged"}
    assert case.heard(ErrorEvent) == []


def test_a_deletion_that_was_refused_or_not_answered_is_not_asked_for_again() -> None:
    case = Case()
    speaking(case)
    event_id = case.do("interrupt")
    (delete,) = case.sent(ConversationItemDelete)
    case.refuse("invalid_value", delete.event_id)
    case.done("resp_1", "cancelled")
    assert case.settled == {event_id: "failed"}
    assert deletions(case) == ["item_a"]


def test_an_interrupt_whose_truncation_is_not_answered_times_out() -> None:
    case = Case()
    speaking(case)
    case.wait(0.5)
    event_id = case.do("interrupt")
    case.done("resp_1", "cancelled")
    case.wait(10.0)
    assert case.settled == {event_id: "timeout"}


# --- what a server cannot do -------------------------------------------------------------------------------------


def test_a_server_that_does_not_acknowledge_truncation_is_not_waited_for() -> None:
    case = Case(capabilities=Capabilities(acknowledges_truncate=False))
    case.turn(2.0, ours=False)
    case.wait(1.0)
    event_id = case.do("interrupt")
    case.wait(1.0)
    assert case.settled == {event_id: "acknowledged"}


def test_a_server_without_truncate_and_delete_is_only_silenced() -> None:
    case = Case(capabilities=Capabilities(can_truncate=False, can_delete_items=False))
    for number in "ab":
        case.turn(2.0, item_id=f"item_{number}", response_id=f"resp_{number}", ours=False)
    case.wait(1.0)
    case.clear()
    event_id = case.do("interrupt")
    assert case.frames == []
    assert len(case.heard(AudioInterruptedEvent)) == 1
    assert case.settled == {event_id: "acknowledged"}
    entry = case.talk.history_entry("item_a")
    assert entry is not None
    assert entry.heard_ms == 1000


def test_where_the_server_plays_the_sound_is_cleared_and_nothing_truncated() -> None:
    case = Case(capabilities=SERVER_PLAYS)
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.server(OutputAudioBufferStarted(response_id="resp_1"))
    event_id = case.do("interrupt")
    assert case.types() == ["response.cancel", "output_audio_buffer.clear"]
    assert case.heard(AudioInterruptedEvent) == [AudioInterruptedEvent(cuts=(), by="application")]
    case.server(OutputAudioBufferCleared(response_id="resp_1"))
    case.done("resp_1", "cancelled")
    assert case.settled == {event_id: "acknowledged"}
    assert len(case.heard(AudioInterruptedEvent)) == 1
    assert deletions(case) == []


def test_where_the_server_plays_it_goes_on_after_generation() -> None:
    case = Case(capabilities=SERVER_PLAYS)
    case.created("resp_1", ours=False)
    case.server(OutputAudioBufferStarted(response_id="resp_1"))
    case.done("resp_1")
    case.do("interrupt")
    assert case.types() == ["output_audio_buffer.clear"]
    case.server(OutputAudioBufferCleared(response_id="resp_1"))
    case.clear()
    case.do("interrupt")
    assert case.frames == []


def test_where_the_server_plays_what_ended_needs_no_clear() -> None:
    case = Case(capabilities=SERVER_PLAYS)
    case.server(OutputAudioBufferStarted(response_id="resp_1"), OutputAudioBufferStopped(response_id="resp_1"))
    case.do("interrupt")
    assert case.frames == []


def test_where_the_server_plays_barge_in_is_its_own_business() -> None:
    case = Case(capabilities=SERVER_PLAYS)
    case.created("resp_1", ours=False)
    case.server(OutputAudioBufferStarted(response_id="resp_1"))
    speech_started(case)
    assert case.frames == []
    assert case.heard(AudioInterruptedEvent) == []
    case.server(OutputAudioBufferCleared(response_id="resp_1"))
    assert [told.by for told in case.heard(AudioInterruptedEvent)] == ["caller"]
    case.server(ResponseOutputAudioTranscriptDelta(response_id="resp_1", item_id="item_a", delta="late"))
    assert case.heard(TranscriptDeltaEvent) == []


def test_where_the_server_plays_a_response_before_its_sound_is_cleared_too() -> None:
    case = Case(capabilities=SERVER_PLAYS)
    case.created("resp_1", ours=False)
    case.do("interrupt")
    assert case.types() == ["response.cancel", "output_audio_buffer.clear"]
    assert case.sent(OutputAudioBufferClear)
    assert case.heard(AudioInterruptedEvent) == []
    case.clear()
    case.do("interrupt")
    assert case.frames == []


def test_where_the_server_plays_a_response_on_its_way_is_cleared_too() -> None:
    case = Case(capabilities=SERVER_PLAYS)
    case.do("request_response", None)
    case.do("interrupt")
    assert case.types() == ["response.create", "response.cancel", "output_audio_buffer.clear"]


# --- all orders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", range(8))
@pytest.mark.parametrize("by", ["interrupt", "speech"])
def test_at_any_moment_of_a_turn_the_record_and_the_turn_come_to_an_end(moment: int, by: str) -> None:
    """Interrupt between any two events of a turn: one ``turn_done``, heard <= received, nothing left to wait for."""
    case = Case()
    steps: list[Any] = [
        lambda: case.do("request_response", None),
        lambda: case.created("resp_1"),
        lambda: case.item(message("item_a")),
        lambda: case.speak(1.0),
        lambda: case.speak(1.0),
        lambda: case.spoken(),
        lambda: case.item_done(message("item_a", status="completed", transcript="words")),
        lambda: case.done("resp_1"),
    ]
    for number, step in enumerate(steps):
        step()
        case.wait(0.3)
        if number == moment:
            if by == "interrupt":
                case.do("interrupt")
            else:
                speech_started(case)
    for truncate in case.sent(ConversationItemTruncate):
        assert 0 < truncate.audio_end_ms <= 2000
        case.server(ConversationItemTruncated(item_id="item_a", audio_end_ms=truncate.audio_end_ms))
    for delete in case.sent(ConversationItemDelete):
        case.server(ConversationItemDeleted(item_id=delete.item_id))
    case.wait(5.0)
    assert len(case.heard(TurnDoneEvent)) == 1
    assert len(case.heard(AudioInterruptedEvent)) <= 1
    assert len(case.heard(AudioDoneEvent)) <= 1
    assert set(case.settled.values()) <= {"acknowledged"}
    assert case.talk.next_deadline() is None


@pytest.mark.parametrize(("kept", "expected"), [(500, [500]), (1500, [1500, 1000])])
def test_what_the_application_has_cut_off_is_not_given_back(kept: int, expected: list[int]) -> None:
    case = Case()
    case.turn(2.0, ours=False)
    case.do("truncate_item", "item_a", 0, kept)
    case.wait(1.0)
    case.do("interrupt")
    assert [ms for _, ms in truncations(case)] == expected


def test_an_item_that_is_being_deleted_is_silenced_and_no_more() -> None:
    case = Case()
    case.turn(2.0, ours=False)
    case.turn(2.0, item_id="item_b", response_id="resp_2", ours=False)
    case.wait(1.0)
    for item_id in ("item_a", "item_b"):
        case.do("delete_item", item_id)
    case.clear()
    case.do("interrupt")
    assert case.frames == []
    assert len(case.heard(AudioInterruptedEvent)) == 1


def test_an_unheard_message_that_is_being_deleted_is_not_deleted_again() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.do("interrupt")
    case.do("delete_item", "item_a")
    case.done("resp_1", "cancelled")
    assert deletions(case) == ["item_a"]
