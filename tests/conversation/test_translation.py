"""The client role of a translation: what it says, what it refuses, what listeners hear, and how it ends."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.core import Limits
from realtime_transport.conversation.translation import TranslationConversation, translation_capabilities
from realtime_transport.events import (
    AudioEvent,
    AudioGapEvent,
    ClientEvent,
    ErrorEvent,
    InputAudioBufferCommit,
    InputTranscriptDeltaEvent,
    RawEvent,
    RealtimeSessionConfig,
    SessionUpdate,
    SessionUpdatedEvent,
    SystemMessageItem,
    TranscriptDeltaEvent,
    TranslationInputAudioBufferAppend,
    TranslationInputTranscriptDelta,
    TranslationOutputAudioDelta,
    TranslationOutputTranscriptDelta,
    TranslationSessionClose,
    TranslationSessionClosed,
    TranslationSessionConfig,
    TranslationSessionCreated,
    TranslationSessionUpdate,
    TranslationSessionUpdated,
    UnknownClientEvent,
    UnknownServerEvent,
    Usage,
)
from realtime_transport.events.session import (
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
)
from realtime_transport.exceptions import (
    ConnectionLost,
    InvalidArgument,
    RequestTimeout,
    ServerError,
    StateError,
    UnsupportedOperation,
)
from tests.conversation.client_case import Case, numbered


def session(language: str = "en", **more: Any) -> TranslationSessionConfig:
    audio = TranslationAudioConfig(
        input=TranslationInputConfig(transcription=None), output=TranslationOutputConfig(language=language)
    )
    return TranslationSessionConfig(**{"type": "translation", "id": "sess_1", "audio": audio, **more})


class Translating(Case):
    talk: TranslationConversation  # type: ignore[assignment]

    def __init__(self, **options: Any) -> None:
        super().__init__(connect=False)
        self.talk = TranslationConversation(ids=numbered(), **options)
        self.open()

    def open(self) -> None:
        self.talk.opened(self.now)
        self.server(TranslationSessionCreated(session=session()))
        self.clear()


@pytest.fixture
def case() -> Translating:
    return Translating()


def test_it_goes_on_counting_what_others_have_spent() -> None:
    talk = TranslationConversation(ids=numbered())
    talk.opened(0.0, spent=Usage(total_tokens=5))
    assert talk.usage == Usage(total_tokens=5)


# --- the session -------------------------------------------------------------------------------------------------


def test_an_update_sends_what_differs_and_no_type(case: Translating) -> None:
    changes = {"type": "translation", "audio": {"input": {"transcription": None}, "output": {"language": "es"}}}
    event_id = case.do("update_session", changes)
    (update,) = case.sent(TranslationSessionUpdate)
    expected = TranslationSessionConfig(
        audio=TranslationAudioConfig(output=TranslationOutputConfig(language="es")),
    )
    assert update == TranslationSessionUpdate(event_id=event_id, session=expected)
    assert case.settled == {}
    case.server(TranslationSessionUpdated(session=session("es")))
    assert case.settled == {event_id: "acknowledged"}
    assert case.heard(SessionUpdatedEvent) == [SessionUpdatedEvent(session=session("es"))]
    assert case.talk.session == session("es")


def test_an_update_without_a_difference_is_settled_at_once(case: Translating) -> None:
    event_id = case.do("update_session", {"audio": {"output": {"language": "en"}}})
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_a_refused_update_fails_and_is_told(case: Translating) -> None:
    event_id = case.do("update_session", {"audio": {"output": {"language": "xx"}}})
    case.refuse("invalid_value", event_id)
    assert case.settled == {event_id: "failed"}
    assert [type(event.error) for event in case.heard(ErrorEvent)] == [ServerError]
    assert case.talk.desired_session == session()


@pytest.mark.parametrize("changes", [{"type": "realtime"}, RealtimeSessionConfig(), 5])
def test_a_session_of_another_kind_is_refused(case: Translating, changes: Any) -> None:
    with pytest.raises(InvalidArgument, match="translation"):
        case.do("update_session", changes)


@pytest.mark.parametrize(
    ("verb", "arguments", "options"),
    [
        ("update_session", ({"audio": {"output": {"language": "es"}}},), {}),
        ("append_audio", (b"\0\0",), {}),
        ("finish", (), {"timeout": 1.0}),
    ],
)
def test_a_verb_takes_an_id_of_the_callers(
    case: Translating, verb: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    assert case.do(verb, *arguments, event_id="mine", **options) == "mine"
    assert [frame.event_id for frame in case.frames] == ["mine"]


def test_a_server_that_can_less_and_a_caller_in_a_hurry_are_heeded() -> None:
    case = Translating(
        capabilities=translation_capabilities(Capabilities(acknowledges_session_update=False, carries_audio=False)),
        limits=Limits(unanswered_grace=0.5, request_timeout=2.0),
    )
    with pytest.raises(UnsupportedOperation, match="carries no audio"):
        case.do("append_audio", bytes(2))
    update = case.do("update_session", {"audio": {"output": {"language": "es"}}})
    end = case.do("send_event", TranslationSessionClose())
    case.wait(0.5)
    assert case.settled == {update: "acknowledged"}
    case.wait(1.5)
    assert case.settled == {update: "acknowledged", end: "timeout"}


# --- audio -------------------------------------------------------------------------------------------------------


def test_audio_goes_out_in_its_own_event_and_is_never_settled(case: Translating) -> None:
    event_id = case.do("append_audio", b"\x01\x02" * 10)
    assert case.frames == [TranslationInputAudioBufferAppend(event_id=event_id, audio=b"\x01\x02" * 10)]
    assert not case.talk.is_settled(case.frames[0])
    assert case.settlements == []


def test_much_audio_goes_out_in_parts(case: Translating) -> None:
    case.do("append_audio", bytes(16 * 1024 * 1024))
    assert [len(append.audio) for append in case.sent(TranslationInputAudioBufferAppend)] == [15 << 20, 1 << 20]


@pytest.mark.parametrize("audio", [b"\x00", "text", [0, 0]])
def test_what_is_no_audio_is_refused(case: Translating, audio: Any) -> None:
    with pytest.raises(InvalidArgument, match="audio"):
        case.do("append_audio", audio)
    assert case.frames == []


# --- what listeners hear -----------------------------------------------------------------------------------------


def test_words_and_speech_come_without_ids(case: Translating) -> None:
    case.server(
        TranslationInputTranscriptDelta(delta="hello", elapsed_ms=200),
        TranslationOutputTranscriptDelta(delta="hola", elapsed_ms=200),
        TranslationOutputAudioDelta(delta=b"\x01\x02", elapsed_ms=400),
        UnknownServerEvent(type="session.vendor.thing"),
    )
    assert case.events == [
        InputTranscriptDeltaEvent(item_id="", content_index=0, delta="hello"),
        TranscriptDeltaEvent(delta="hola", response_id="", item_id="", content_index=0),
        AudioEvent(data=b"\x01\x02", response_id="", item_id="", content_index=0),
    ]
    assert case.talk.counts.unknown == 1


def test_the_wire_event_comes_first_and_says_when(case: Translating) -> None:
    delta = TranslationOutputAudioDelta(delta=b"\x01\x02", elapsed_ms=400)
    case.talk.receive(delta, case.now)
    first, second = case.talk.events_received()
    assert first == RawEvent(event=delta)
    assert isinstance(second, AudioEvent)


@given(st.lists(st.binary(max_size=7), max_size=20))
def test_only_whole_samples_are_heard_and_the_rest_is_told(pieces: list[bytes]) -> None:
    case = Translating()
    case.server(*(TranslationOutputAudioDelta(delta=piece) for piece in pieces))
    whole = b"".join(pieces)
    heard = [event.data for event in case.heard(AudioEvent)]
    assert b"".join(heard) == whole[: len(whole) // 2 * 2]
    assert all(data and len(data) % 2 == 0 for data in heard)
    case.server(TranslationSessionClosed())
    half = [AudioGapEvent(direction="in", ms=1 / 48, reason="the audio ended in the middle of a sample")]
    assert case.heard(AudioGapEvent) == half[: len(whole) % 2]


def test_half_a_sample_of_one_connection_is_not_heard_in_the_next(case: Translating) -> None:
    case.server(TranslationOutputAudioDelta(delta=b"\x01"))
    case.talk.connection_lost(case.now)
    case.open()
    case.server(TranslationOutputAudioDelta(delta=b"\x02\x03"), TranslationSessionClosed())
    assert [event.data for event in case.heard(AudioEvent)] == [b"\x02\x03"]
    assert case.heard(AudioGapEvent) == []


# --- the end -----------------------------------------------------------------------------------------------------


def test_the_end_is_settled_when_everything_was_said(case: Translating) -> None:
    event_id = case.do("finish", timeout=30.0)
    assert case.frames == [TranslationSessionClose(event_id=event_id)]
    case.server(TranslationOutputAudioDelta(delta=b"\x01\x02"), TranslationOutputTranscriptDelta(delta="adiós"))
    assert case.settled == {}
    assert case.names() == ["audio", "transcript_delta"]
    case.server(TranslationSessionClosed())
    assert case.settled == {event_id: "acknowledged"}
    assert case.settlements[0].result == TranslationSessionClosed()


def test_ending_twice_asks_once_and_waits_for_the_same_end(case: Translating) -> None:
    first, second = case.do("finish", timeout=30.0), case.do("send_event", TranslationSessionClose())
    assert len(case.frames) == 1
    case.server(TranslationSessionClosed())
    third = case.do("finish", timeout=30.0)
    assert case.settled == dict.fromkeys((first, second, third), "acknowledged")


def test_the_end_may_come_too_late(case: Translating) -> None:
    event_id = case.do("finish", timeout=30.0)
    case.wait(29.9)
    case.talk.wake(case.now)  # in vain
    case.drain()
    assert case.settled == {}
    case.wait(0.2)
    assert case.settled == {event_id: "timeout"}
    error = case.settlements[0].error
    assert isinstance(error, RequestTimeout)
    assert str(error) == "the server did not answer 'close' within 30 s"


def test_the_end_may_never_come(case: Translating) -> None:
    event_id = case.do("finish", timeout=30.0)
    case.talk.connection_lost(case.now, ConnectionLost("gone", close_code=1006))
    case.drain()
    assert case.settled == {event_id: "failed"}


def test_no_audio_follows_the_end_until_the_next_connection(case: Translating) -> None:
    case.do("finish", timeout=30.0)
    with pytest.raises(StateError, match=r"^the translation is being finished: it takes no more audio$"):
        case.do("append_audio", bytes(2))
    case.talk.close(case.now)
    case.open()
    case.do("append_audio", bytes(2))
    assert case.types() == ["session.input_audio_buffer.append"]
    case.do("finish", timeout=30.0)
    case.server(TranslationSessionClosed())
    case.talk.close(case.now)
    case.open()
    case.do("finish", timeout=30.0)
    assert case.types() == ["session.close"]


def test_nothing_is_asked_of_nobody(case: Translating) -> None:
    case.talk.close(case.now)
    with pytest.raises(StateError, match="not connected"):
        case.do("finish", timeout=1.0)


# --- what there is not -------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, ...]] = {
    "commit_audio": (),
    "clear_audio": (),
    "clear_output": (),
    "create_item": (SystemMessageItem(content=()),),
    "delete_item": ("item_1",),
    "retrieve_item": ("item_1",),
    "truncate_item": ("item_1", 0, 100),
    "mcp_response": ("mcpr_1", True),
    "function_call_output": ("call_1", "{}"),
    "reset_history": ([],),
    "request_response": (None,),
    "cancel_response": (),
    "interrupt": (),
}


@pytest.mark.parametrize("intent", REFUSED)
def test_verbs_of_a_conversation_are_refused_with_an_alternative(case: Translating, intent: str) -> None:
    with pytest.raises(UnsupportedOperation, match=r"send_audio\(\)|finish\(\)"):
        case.do(intent, *REFUSED[intent])
    assert (case.frames, case.settlements) == ([], [])


@pytest.mark.parametrize(
    "event",
    [
        InputAudioBufferCommit(),
        SessionUpdate(session=RealtimeSessionConfig()),
        UnknownClientEvent(type="response.create", raw={"type": "response.create"}),
    ],
    ids=lambda event: event.type,
)
def test_events_of_a_conversation_are_refused_in_any_shape(case: Translating, event: ClientEvent) -> None:
    with pytest.raises(UnsupportedOperation, match="translation"):
        case.do("send_event", event)
    assert case.frames == []


def test_an_event_that_nobody_knows_goes_out(case: Translating) -> None:
    event = UnknownClientEvent(type="session.vendor.hint", raw={"type": "session.vendor.hint"})
    case.do("send_event", event)
    assert case.types() == ["session.vendor.hint"]
    assert not case.talk.is_settled(event)
    assert case.talk.is_settled(TranslationSessionClose())


def test_capabilities_say_so() -> None:
    some = Capabilities(session_limit=60.0, acknowledges_session_update=False)
    assert translation_capabilities(some) == attrs.evolve(
        some,
        can_delete_items=False,
        can_truncate=False,
        manual_commit_under_vad=False,
        out_of_band_responses=False,
        reports_usage=False,
    )
