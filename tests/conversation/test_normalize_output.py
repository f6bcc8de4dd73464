"""What the agent says: audio, transcript, text, from tidy and from sparse servers."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.conversation import Limits
from realtime_transport.events import (
    AssistantMessageItem,
    AudioConfig,
    AudioDoneEvent,
    AudioEvent,
    AudioGapEvent,
    AudioOutputConfig,
    ConversationItemAdded,
    ConversationItemDeleted,
    ErrorEvent,
    OutputAudioPart,
    OutputTextPart,
    PcmuFormat,
    RealtimeSessionConfig,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseOptions,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    TextDeltaEvent,
    TextDoneEvent,
    TranscriptDeltaEvent,
    TranscriptDoneEvent,
    TransportEvent,
)
from tests.conversation.client_case import Case, message


def running(**options: object) -> Case:
    case = Case(**options)  # type: ignore[arg-type]
    case.created("resp_1", ours=False)
    case.item(message("item_a"))
    case.clear()
    return case


def audio(data: bytes, item_id: str = "item_a", index: int = 0) -> ResponseOutputAudioDelta:
    return ResponseOutputAudioDelta(response_id="resp_1", item_id=item_id, content_index=index, delta=data)


def words(delta: str, item_id: str = "item_a") -> ResponseOutputAudioTranscriptDelta:
    return ResponseOutputAudioTranscriptDelta(response_id="resp_1", item_id=item_id, delta=delta)


def words_done(transcript: str, item_id: str = "item_a") -> ResponseOutputAudioTranscriptDone:
    return ResponseOutputAudioTranscriptDone(response_id="resp_1", item_id=item_id, transcript=transcript)


def text(delta: str) -> ResponseOutputTextDelta:
    return ResponseOutputTextDelta(response_id="resp_1", item_id="item_a", delta=delta)


def text_done(whole: str) -> ResponseOutputTextDone:
    return ResponseOutputTextDone(response_id="resp_1", item_id="item_a", text=whole)


# --- audio -------------------------------------------------------------------------------------------------------


def test_audio_names_where_it_belongs() -> None:
    case = running()
    case.server(audio(b"\1\0", index=2))
    assert case.events == [AudioEvent(data=b"\1\0", response_id="resp_1", item_id="item_a", content_index=2)]


@settings(deadline=None)
@given(st.binary(max_size=64), st.lists(st.integers(0, 64), max_size=8))
def test_fm41_split_at_any_bytes_the_samples_stay_whole(data: bytes, cuts: list[int]) -> None:
    case = running()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        case.server(audio(data[start:end]))
    case.spoken()
    pieces = [event.data for event in case.heard(AudioEvent)]
    assert all(len(piece) % 2 == 0 and piece for piece in pieces)
    assert b"".join(pieces) == data[: len(data) // 2 * 2]
    assert len(case.heard(AudioGapEvent)) == len(data) % 2


def test_fm41_half_a_sample_at_the_end_is_dropped_with_a_word() -> None:
    case = running()
    case.server(audio(b"\1\2\3"))
    case.spoken()
    (gap,) = case.heard(AudioGapEvent)
    assert (gap.direction, gap.reason) == ("in", "the audio ended in the middle of a sample")
    assert 0 < gap.ms < 0.1
    assert case.names() == ["audio", "audio_gap", "audio_done"]


def test_half_a_sample_that_was_dropped_is_not_put_before_what_comes_after() -> None:
    case = running()
    case.server(audio(b"\1\2\3"))
    case.spoken()
    case.server(audio(b"\4\5"))
    assert [event.data for event in case.heard(AudioEvent)] == [b"\1\2", b"\4\5"]


def test_half_a_sample_of_one_part_does_not_go_to_another() -> None:
    case = running()
    case.server(audio(b"\1", index=0), audio(b"\2", index=1), audio(b"\3", index=0), audio(b"\4", index=1))
    assert [event.data for event in case.heard(AudioEvent)] == [b"\1\3", b"\2\4"]


def test_companded_audio_has_no_half_samples() -> None:
    case = running(session=RealtimeSessionConfig(audio=AudioConfig(output=AudioOutputConfig(format=PcmuFormat()))))
    case.server(audio(b"\1"), audio(b"\2\3"))
    assert [event.data for event in case.heard(AudioEvent)] == [b"\1", b"\2\3"]


def test_the_format_asked_for_counts_where_the_server_does_not_echo_it() -> None:
    case = Case()
    ulaw = AudioConfig(output=AudioOutputConfig(format=PcmuFormat()))
    case.do("request_response", ResponseOptions(audio=ulaw))
    case.created("resp_1")
    case.server(audio(b"\1"))
    assert [event.data for event in case.heard(AudioEvent)] == [b"\1"]


def test_the_end_of_audio_is_told_once() -> None:
    case = running()
    case.speak(0.1)
    case.spoken()
    case.spoken()
    assert len(case.heard(AudioDoneEvent)) == 1


def test_speech_that_goes_on_after_its_end_does_not_go_the_short_way() -> None:
    case = running()
    case.speak(0.1)
    assert case.talk.speech("event_1", "resp_1", "item_a", 0, bytes(480), case.now)
    case.spoken()
    assert not case.talk.speech("event_2", "resp_1", "item_a", 0, bytes(480), case.now)


def test_audio_without_an_end_ends_with_its_response() -> None:
    case = running()
    case.speak(0.1)
    case.server(words("hi"))
    case.done()
    assert case.names() == ["audio", "transcript_delta", "audio_done", "turn_done"]


def test_an_empty_delta_is_nothing() -> None:
    case = running()
    case.server(audio(b""))
    assert case.events == []


def test_the_history_holds_audio_when_asked_to() -> None:
    case = running(limits=Limits(keep_audio=True))
    case.server(audio(b"\1\0"), audio(b"\2\0"))
    (item,) = case.talk.history
    assert isinstance(item, AssistantMessageItem)
    assert item.content == (OutputAudioPart(audio=b"\1\0\2\0"),)


# --- words -------------------------------------------------------------------------------------------------------


def test_transcripts_grow_and_end() -> None:
    case = running()
    case.server(words("Hel"), words("lo"), words_done("Hello"))
    assert [event.delta for event in case.heard(TranscriptDeltaEvent)] == ["Hel", "lo"]
    assert [event.transcript for event in case.heard(TranscriptDoneEvent)] == ["Hello"]
    assert case.heard(ErrorEvent) == []
    (item,) = case.talk.history
    assert isinstance(item, AssistantMessageItem)
    assert item.content == (OutputAudioPart(transcript="Hello"),)


def test_texts_grow_and_end() -> None:
    case = running()
    case.server(text("Hel"), text("lo"))
    (item,) = case.talk.history
    assert isinstance(item, AssistantMessageItem)
    assert item.content == (OutputTextPart(text="Hello"),)
    case.server(text_done("Hello"))
    assert [event.delta for event in case.heard(TextDeltaEvent)] == ["Hel", "lo"]
    assert [event.text for event in case.heard(TextDoneEvent)] == ["Hello"]
    assert case.heard(ErrorEvent) == []


def test_a_text_that_ends_again_is_told_once() -> None:
    case = running()
    case.server(text("Hello"), text_done("Hello"), text_done("Hello"), text_done("Hello"))
    assert len(case.heard(TextDoneEvent)) == 1
    assert case.talk.counts.stale == 2


def test_a_part_may_end_in_each_of_its_kinds() -> None:
    case = running()
    case.speak(0.1)
    case.spoken()
    case.server(words_done("Hello"), text_done("Hello"))
    names = [name for name in case.names() if name != "item_update"]
    assert names == ["audio", "audio_done", "transcript_done", "text_done"]


def test_a_text_without_pieces_was_read_and_is_kept_when_its_response_is_interrupted() -> None:
    case = running()
    case.server(text_done("Hello"))
    case.do("interrupt")
    case.done(status="cancelled")
    assert case.types() == ["response.cancel"]


@pytest.mark.parametrize(("delta", "done", "kind"), [(words, words_done, "transcript"), (text, text_done, "text")])
def test_fm47_the_whole_counts_more_than_its_pieces_and_a_difference_is_reported(delta, done, kind: str) -> None:
    case = running()
    case.server(delta("Hel"), done("Hallo"))
    (told,) = case.heard(ErrorEvent)
    assert str(told.error) == f"the {kind} of a part differs from the sum of its deltas; the whole counts"
    (item,) = case.talk.history
    assert isinstance(item, AssistantMessageItem)
    (part,) = item.content
    assert isinstance(part, OutputAudioPart | OutputTextPart)
    assert "Hallo" in (getattr(part, "transcript", None), getattr(part, "text", None))


def test_fm47_an_end_without_pieces_is_whole() -> None:
    case = running()
    case.server(words_done("Hello"))
    assert case.heard(ErrorEvent) == []
    assert [event.transcript for event in case.heard(TranscriptDoneEvent)] == ["Hello"]


def test_fm47_words_before_their_item_are_told_at_once_and_recorded_when_it_comes() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    case.server(words("Hello"))
    assert len(case.heard(TranscriptDeltaEvent)) == 1
    assert case.talk.history == ()
    case.item(message("item_a"))
    (item,) = case.talk.history
    assert isinstance(item, AssistantMessageItem)
    assert item.content == (OutputAudioPart(transcript="Hello"),)


def test_parts_are_recorded() -> None:
    case = running()
    part = {"response_id": "resp_1", "item_id": "item_a"}
    case.server(ResponseContentPartAdded(**part, part=OutputAudioPart(type="audio", transcript="")))
    case.server(ResponseContentPartDone(**part, part=OutputAudioPart(type="audio", transcript="Hello")))
    (item,) = case.talk.history
    assert isinstance(item, AssistantMessageItem)
    assert item.content == (OutputAudioPart(transcript="Hello"),)


# --- late --------------------------------------------------------------------------------------------------------


def late_events() -> list[object]:
    part = {"response_id": "resp_1", "item_id": "item_a"}
    return [
        audio(b"\1\0"),
        ResponseOutputAudioDone(**part),
        words("late"),
        words_done("late"),
        text("late"),
        text_done("late"),
        ResponseContentPartAdded(**part, part=OutputAudioPart()),
        ResponseContentPartDone(**part, part=OutputAudioPart(transcript="late")),
    ]


@pytest.mark.parametrize("event", late_events(), ids=lambda event: event.type)
def test_fm50_what_comes_after_done_is_counted_and_dropped(event) -> None:
    case = running()
    case.done()
    case.clear()
    case.server(event)
    assert case.events == []
    assert case.talk.counts.stale == 1


@pytest.mark.parametrize("event", late_events(), ids=lambda event: event.type)
def test_fm50_what_comes_of_a_deleted_item_is_counted_and_dropped(event) -> None:
    case = running()
    case.server(ConversationItemDeleted(item_id="item_a"))
    case.clear()
    case.server(event)
    assert case.events == []
    assert case.talk.counts.stale == 1


def test_an_id_that_is_used_anew_is_not_late() -> None:
    case = running()
    case.server(ConversationItemDeleted(item_id="item_a"), ConversationItemAdded(item=message("item_a")))
    case.speak(0.1)
    assert len(case.heard(AudioEvent)) == 1


# --- outside -----------------------------------------------------------------------------------------------------


def test_fm46_words_outside_the_conversation_are_told_and_not_recorded() -> None:
    case = Case()
    case.do("request_response", ResponseOptions(conversation="none"))
    case.created("resp_1", conversation_id=None)
    case.server(words("Hello"), words_done("Hello"), text("a"))
    part = {"response_id": "resp_1", "item_id": "item_a"}
    case.server(ResponseContentPartAdded(**part, part=OutputAudioPart()))
    assert len(case.heard(TranscriptDoneEvent)) == 1
    assert case.talk.history == ()


PLACE: Any = {"response_id": "resp_o", "item_id": "item_o", "content_index": 2}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (ResponseOutputAudioDelta(delta=b"\1\0", **PLACE), AudioEvent(data=b"\1\0", **PLACE)),
        (ResponseOutputAudioDone(**PLACE), AudioDoneEvent(**PLACE)),
        (ResponseOutputAudioTranscriptDelta(delta="Hi", **PLACE), TranscriptDeltaEvent(delta="Hi", **PLACE)),
        (ResponseOutputAudioTranscriptDone(transcript="Hi", **PLACE), TranscriptDoneEvent(transcript="Hi", **PLACE)),
        (ResponseOutputTextDelta(delta="Hi", **PLACE), TextDeltaEvent(delta="Hi", **PLACE)),
        (ResponseOutputTextDone(text="Hi", **PLACE), TextDoneEvent(text="Hi", **PLACE)),
    ],
    ids=lambda event: event.type if isinstance(event, ServerEvent) else "",
)
def test_what_is_said_beside_another_response_names_its_own_place(said: ServerEvent, told: TransportEvent) -> None:
    case = Case()
    case.do("request_response", ResponseOptions(conversation="none"))
    case.created("resp_o", conversation_id=None)
    case.created("resp_1", ours=False)
    case.clear()
    case.server(said)
    assert case.events == [told]


def test_a_part_beside_a_response_that_was_interrupted_is_not_late() -> None:
    case = Case()
    case.do("request_response", ResponseOptions(conversation="none"))
    case.created("resp_o", conversation_id=None)
    case.created("resp_1", ours=False)
    case.do("interrupt")
    case.server(ResponseContentPartAdded(**PLACE, part=OutputAudioPart()))
    assert case.talk.counts.stale == 0


@settings(deadline=None)
@given(
    st.permutations(["a0", "a1", "b0", "b1", "c0", "c1"]).filter(
        lambda p: all(p.index(x + "0") < p.index(x + "1") for x in "abc")
    )
)
def test_fm46_interleaved_parts_are_never_mixed(order: list[str]) -> None:
    case = running()
    for piece in order:
        case.server(audio(piece.encode(), item_id=f"item_{piece[0]}"))
    for name in "abc":
        heard = [event.data.decode() for event in case.heard(AudioEvent) if event.item_id == f"item_{name}"]
        assert heard == [f"{name}0", f"{name}1"]
