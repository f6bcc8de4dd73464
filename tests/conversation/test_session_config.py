from typing import Any

import attrs
import pytest

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.session_config import SessionState, difference, merge
from realtime_transport.events import (
    UNSET,
    AudioConfig,
    AudioEvent,
    AudioInputConfig,
    AudioOutputConfig,
    ErrorEvent,
    FunctionTool,
    InputTranscription,
    McpTool,
    OutputAudioBufferStarted,
    PcmFormat,
    PcmuFormat,
    RealtimeSessionConfig,
    SemanticVad,
    ServerVad,
    SessionUpdate,
    SessionUpdated,
    TranscriptionSessionConfig,
)
from realtime_transport.exceptions import InvalidArgument, RequestTimeout, StateError
from tests.conversation.client_case import SESSION, Case

CLOCK = FunctionTool(name="clock")
SECRET = McpTool(server_label="docs", authorization="secret")


def vad(**fields: Any) -> RealtimeSessionConfig:
    return RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=ServerVad(**fields))))


# --- merge and difference ----------------------------------------------------------------------------------------


def test_merge_keeps_what_is_absent_and_takes_what_is_null() -> None:
    base = vad(threshold=0.5, silence_duration_ms=500)
    merged = merge(base, vad(threshold=0.7))
    assert merged == vad(threshold=0.7, silence_duration_ms=500)
    off = RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=None)))
    assert merge(base, off) == off


def test_merge_replaces_an_object_by_one_of_another_kind() -> None:
    semantic = RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=SemanticVad())))
    assert merge(vad(threshold=0.5), semantic) == semantic


def test_merge_keeps_unknown_fields_of_both() -> None:
    merged = merge(RealtimeSessionConfig(extra={"a": 1, "b": 1}), RealtimeSessionConfig(extra={"b": 2}))
    assert merged.extra == {"a": 1, "b": 2}


def test_difference_is_what_is_new() -> None:
    base = SESSION
    assert difference(base, base) is None
    assert difference(base, attrs.evolve(base, instructions="Hi.")) == RealtimeSessionConfig(instructions="Hi.")


def test_difference_sends_a_changed_value_whole_and_its_neighbours_not_at_all() -> None:
    wanted = merge(SESSION, vad(threshold=0.7))
    assert difference(SESSION, wanted) == vad(threshold=0.7, create_response=True)


def test_difference_of_unknown_fields_is_by_name() -> None:
    base = RealtimeSessionConfig(extra={"a": 1, "b": [1]})
    wanted = RealtimeSessionConfig(extra={"a": 1, "b": [2], "c": 3})
    assert difference(base, wanted) == RealtimeSessionConfig(extra={"b": [2], "c": 3})


# --- the state ---------------------------------------------------------------------------------------------------


def test_before_the_servers_first_word_everything_is_sent() -> None:
    state = SessionState()
    assert state.desired is None
    assert state.change("a", {"instructions": "Hi."}) == RealtimeSessionConfig(instructions="Hi.")
    assert state.desired == RealtimeSessionConfig(instructions="Hi.")


def test_wishes_outlive_an_echo_that_leaves_them_out() -> None:
    state = SessionState()
    state.accept(None, SESSION)
    state.change("a", {"tools": [SECRET]})
    state.accept("a", attrs.evolve(SESSION, tools=(McpTool(server_label="docs"),)))
    assert isinstance(state.desired, RealtimeSessionConfig)
    assert state.desired.tools == (SECRET,)
    assert state.change("b", {"tools": [SECRET]}) is None


def test_a_change_without_a_kind_is_of_the_kind_in_force() -> None:
    state = SessionState()
    state.accept(None, TranscriptionSessionConfig())
    change = {"audio": {"input": {"turn_detection": None}}}
    assert state.change("a", change) == TranscriptionSessionConfig(
        audio=AudioConfig(input=AudioInputConfig(turn_detection=None))
    )


def test_every_wish_that_was_granted_is_kept() -> None:
    state = SessionState()
    state.accept(None, SESSION)
    for event_id, wish in (("a", {"tools": [SECRET]}), ("b", {"temperature": 0.7})):
        state.change(event_id, wish)
        state.accept(event_id, SESSION)
    assert state.desired == attrs.evolve(SESSION, tools=(SECRET,), extra={"temperature": 0.7})


def test_an_echo_in_the_answer_to_another_wish_of_ours_voids_nothing() -> None:
    state = SessionState()
    state.accept(None, SESSION)
    state.change("a", {"tools": [SECRET]})
    state.accept("a", SESSION)
    state.change("b", {"instructions": "Be long."})
    state.accept("b", attrs.evolve(SESSION, instructions="Be long.", tools=(McpTool(server_label="docs"),)))
    assert state.desired == attrs.evolve(SESSION, instructions="Be long.", tools=(SECRET,))


LOUD = attrs.evolve(SESSION, instructions="Louder.")
PCMU_IN = merge(SESSION, RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(format=PcmuFormat()))))


@pytest.mark.parametrize(
    ("wish", "word", "left"),
    [
        pytest.param({"tools": [SECRET]}, SESSION, {"tools": (SECRET,)}, id="nothing"),
        pytest.param({"tools": [SECRET]}, LOUD, {"tools": (SECRET,)}, id="something else"),
        pytest.param({"instructions": "Be long."}, LOUD, {}, id="the same"),
        pytest.param(
            {"temperature": 0.7, "top_p": 1},
            attrs.evolve(SESSION, extra={"top_p": 0}),
            {"extra": {"temperature": 0.7, "top_p": 0}},
            id="an unknown field",
        ),
        pytest.param(
            {"audio": {"input": {"noise_reduction": None}}},
            PCMU_IN,
            {"audio": AudioConfig(input=AudioInputConfig(noise_reduction=None))},
            id="another field of the same object",
        ),
        pytest.param(
            {"audio": {"input": {"format": "g711_alaw"}}}, PCMU_IN, {}, id="the same field of the same object"
        ),
        pytest.param(
            {"audio": {"input": {"noise_reduction": None}}},
            attrs.evolve(SESSION, audio=None),
            {},
            id="the whole object",
        ),
        pytest.param(
            {"turn_detection": {"threshold": 0.7}}, merge(SESSION, vad(threshold=0.9)), {}, id="what is never in part"
        ),
    ],
)
def test_a_wish_is_void_where_somebody_else_changed_the_same_and_only_there(
    wish: dict[str, Any], word: RealtimeSessionConfig, left: dict[str, Any]
) -> None:
    state = SessionState()
    state.accept(None, SESSION)
    state.change("a", wish)
    state.accept("a", SESSION)
    state.accept(None, word)
    assert state.desired == merge(word, RealtimeSessionConfig(**left))


def test_wishes_for_a_session_of_another_kind_stay_when_somebody_changes_this_one() -> None:
    state = SessionState()
    state.change("a", {"instructions": "Hi."})
    state.accept("a", TranscriptionSessionConfig())
    state.accept(None, TranscriptionSessionConfig(include=("item.input_audio_transcription.logprobs",)))
    assert state.desired == RealtimeSessionConfig(instructions="Hi.")


def test_a_session_of_another_kind_replaces_the_wishes() -> None:
    state = SessionState()
    state.change("a", {"instructions": "Hi."})
    transcription = TranscriptionSessionConfig()
    state.accept("a", transcription)
    assert state.desired == RealtimeSessionConfig(instructions="Hi.")
    assert state.acknowledged == transcription


def test_an_answer_to_nothing_of_ours_changes_no_wish() -> None:
    state = SessionState()
    state.change("a", {"instructions": "Hi."})
    state.accept(None, SESSION)
    assert isinstance(state.desired, RealtimeSessionConfig)
    assert state.desired.instructions == "Hi."


# --- in a conversation -------------------------------------------------------------------------------------------


def updated(case: Case, **fields: Any) -> None:
    session = case.talk.session
    assert isinstance(session, RealtimeSessionConfig)
    case.server(SessionUpdated(session=attrs.evolve(session, **fields)))


def test_an_update_sends_what_differs_and_settles_with_updated() -> None:
    case = Case()
    event_id = case.do("update_session", {"instructions": "Be long.", "voice": "marin"})
    assert case.sent(SessionUpdate) == [
        SessionUpdate(event_id=event_id, session=RealtimeSessionConfig(instructions="Be long."))
    ]
    assert case.settled == {}
    updated(case, instructions="Be long.")
    assert case.settled == {event_id: "acknowledged"}
    assert case.names() == ["session_updated"]


def test_an_update_of_nothing_is_acknowledged_at_once() -> None:
    case = Case()
    event_id = case.do("update_session", {"instructions": "Be brief."})
    assert case.frames == []
    assert case.settled == {event_id: "acknowledged"}


def test_updates_build_on_those_that_are_not_answered_yet() -> None:
    case = Case()
    case.do("update_session", {"turn_detection": {"threshold": 0.7}})
    case.do("update_session", {"turn_detection": {"silence_duration_ms": 900}})
    second = case.sent(SessionUpdate)[1].session
    assert second == vad(threshold=0.7, silence_duration_ms=900, create_response=True)


def test_tools_are_sent_empty_when_they_go_away() -> None:
    case = Case()
    case.do("update_session", {"tools": [CLOCK]})
    updated(case, tools=(CLOCK,))
    case.do("update_session", {"tools": []})
    assert case.sent(SessionUpdate)[1].session == RealtimeSessionConfig(tools=())


def test_fm66_a_refused_update_fails_and_is_no_wish_any_more() -> None:
    case = Case()
    event_id = case.do("update_session", {"instructions": "Be long."})
    case.refuse("invalid_value", event_id)
    assert case.settled == {event_id: "failed"}
    assert case.talk.desired_session == SESSION
    case.do("update_session", {"instructions": "Be long."})
    assert len(case.frames) == 2


def test_an_update_that_is_not_answered_times_out_and_is_no_wish_any_more() -> None:
    case = Case()
    event_id = case.do("update_session", {"instructions": "Be long."})
    case.wait(10.0)
    assert case.settled == {event_id: "timeout"}
    assert isinstance(case.settlements[0].error, RequestTimeout)
    assert case.talk.desired_session == SESSION


def test_a_server_that_never_acknowledges_is_given_a_moment_and_a_warning() -> None:
    case = Case(capabilities=Capabilities(acknowledges_session_update=False))
    event_id = case.do("update_session", {"instructions": "Be long."})
    case.wait(1.0)
    assert case.settled == {event_id: "acknowledged"}
    assert len(case.heard(ErrorEvent)) == 1
    desired = case.talk.desired_session
    assert isinstance(desired, RealtimeSessionConfig)
    assert desired.instructions == "Be long."
    assert case.talk.session == SESSION


def test_an_update_that_is_taken_for_accepted_leaves_a_later_one_open() -> None:
    case = Case(capabilities=Capabilities(acknowledges_session_update=False))
    case.do("update_session", {"instructions": "Be long."})
    case.wait(0.5)
    later = case.do("update_session", {"max_output_tokens": 70})
    case.wait(0.5)
    assert later not in case.settled
    assert case.talk.desired_session == attrs.evolve(SESSION, instructions="Be long.", max_output_tokens=70)
    case.wait(0.5)
    assert case.settled[later] == "acknowledged"


def test_fm66_the_voice_is_fixed_once_audio_came() -> None:
    case = Case()
    case.do("update_session", {"voice": "alloy"})
    updated(case, audio=merge(SESSION.audio, AudioConfig(output=AudioOutputConfig(voice="alloy"))))  # type: ignore[type-var]
    case.created(ours=False)
    case.speak(0.1)
    assert case.heard(AudioEvent)
    case.do("update_session", {"voice": "alloy", "instructions": "Be long."})
    assert case.sent(SessionUpdate)[-1].session == RealtimeSessionConfig(instructions="Be long.")
    frames = len(case.frames)
    why = "^the voice cannot change once the session has produced audio; start a new session$"
    with pytest.raises(StateError, match=why):
        case.do("update_session", {"voice": "marin"})
    case.drain()
    assert len(case.frames) == frames


def test_the_voice_is_fixed_where_the_server_plays_too() -> None:
    case = Case()
    case.server(OutputAudioBufferStarted())
    with pytest.raises(StateError, match="voice"):
        case.do("update_session", {"voice": "alloy"})


def test_fm66_the_kind_of_a_session_cannot_change() -> None:
    case = Case()
    with pytest.raises(
        InvalidArgument, match=r"^session\.type: this is a realtime session: its kind cannot change$"
    ) as refused:
        case.do("update_session", TranscriptionSessionConfig())
    assert refused.value.path == "session.type"
    assert case.frames == []


def test_a_sideband_socket_hears_the_answers_to_others() -> None:
    case = Case()
    updated(case, instructions="Somebody else's.")
    assert case.settled == {}
    session = case.talk.session
    assert isinstance(session, RealtimeSessionConfig)
    assert session.instructions == "Somebody else's."


def test_what_somebody_else_changed_is_asked_for_again() -> None:
    case = Case()
    ours = {"instructions": "Be long.", "turn_detection": {"threshold": 0.7}}
    case.do("update_session", ours)
    changed = vad(threshold=0.7, create_response=True)
    updated(case, instructions="Be long.", audio=changed.audio)
    updated(case, instructions="Somebody else's.", audio=changed.audio)
    case.clear()
    event_id = case.do("update_session", ours)
    wanted = RealtimeSessionConfig(instructions="Be long.")
    assert case.sent(SessionUpdate) == [SessionUpdate(event_id=event_id, session=wanted)]


def test_what_a_server_does_not_echo_is_still_wished_when_somebody_else_changes_something() -> None:
    case = Case()
    secret = McpTool(server_label="m", server_url="https://m", authorization="hunter2")
    case.do("update_session", RealtimeSessionConfig(tools=(secret,)))
    updated(case, tools=(attrs.evolve(secret, authorization=UNSET),))
    updated(case, tools=(attrs.evolve(secret, authorization=UNSET),), instructions="Somebody else's.")
    case.clear()
    case.do("update_session", RealtimeSessionConfig(tools=(secret,)))
    assert case.sent(SessionUpdate) == []


def test_formats_follow_what_is_acknowledged() -> None:
    case = Case()
    case.do("update_session", {"input_audio_format": "g711_ulaw"})
    assert case.talk.input_format.encoding == "pcm16"
    updated(case, audio=AudioConfig(input=AudioInputConfig(format=PcmuFormat()), output=UNSET))
    assert case.talk.input_format.encoding == "pcmu"
    assert case.talk.output_format.rate == 24000


def test_transcription_settings_are_merged_and_sent_whole() -> None:
    case = Case()
    case.do("update_session", {"input_audio_transcription": {"model": "whisper-1", "language": "en"}})
    case.do("update_session", {"input_audio_transcription": {"language": "de"}})
    whole = AudioInputConfig(transcription=InputTranscription(model="whisper-1", language="de"))
    assert case.sent(SessionUpdate)[1].session.audio == AudioConfig(input=whole)


def test_a_new_epoch_knows_nothing_of_the_old_session() -> None:
    case = Case()
    case.do("update_session", {"instructions": "Be long."})
    case.talk.connection_lost(case.now)
    assert case.talk.desired_session is not None
    case.talk.opened(case.now)
    assert case.talk.session is None
    assert case.talk.desired_session is None


def test_a_format_object_may_be_given() -> None:
    case = Case()
    case.do("update_session", {"audio": {"input": {"format": PcmFormat(rate=16000)}}})
    assert case.sent(SessionUpdate)[0].session.audio == AudioConfig(
        input=AudioInputConfig(format=PcmFormat(rate=16000))
    )
