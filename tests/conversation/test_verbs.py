"""The verbs: one event each, under an id of ours or of the caller's."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.intents import MAX_APPEND_BYTES
from realtime_transport.conversation.translation import TranslationConversation
from realtime_transport.events import (
    UNSET,
    AnySession,
    AudioConfig,
    AudioInputConfig,
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputTextPart,
    McpApprovalResponseItem,
    OutputAudioBufferClear,
    RealtimeSessionConfig,
    ResponseCancel,
    ResponseCreate,
    ResponseOptions,
    SessionUpdate,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
    TranslationSessionCreated,
    UnknownClientEvent,
    UserMessageItem,
)
from realtime_transport.exceptions import InvalidArgument, StateError, UnsupportedOperation
from tests.conversation.client_case import SESSION, Case, numbered

HELLO = UserMessageItem(id="item_h", content=(InputTextPart(text="Hello"),))

VERBS: list[tuple[str, tuple[Any, ...], type[ClientEvent]]] = [
    ("update_session", ({"instructions": "Be long."},), SessionUpdate),
    ("append_audio", (b"\0\0",), InputAudioBufferAppend),
    ("commit_audio", (), InputAudioBufferCommit),
    ("clear_audio", (), InputAudioBufferClear),
    ("clear_output", (), OutputAudioBufferClear),
    ("create_item", (HELLO,), ConversationItemCreate),
    ("delete_item", ("item_x",), ConversationItemDelete),
    ("retrieve_item", ("item_x",), ConversationItemRetrieve),
    ("truncate_item", ("item_a", 0, 500), ConversationItemTruncate),
    ("function_call_output", ("call_1", "42"), ConversationItemCreate),
    ("mcp_response", ("item_r", True), ConversationItemCreate),
    ("reset_history", ([],), ConversationItemDelete),
    ("request_response", (None,), ResponseCreate),
    ("cancel_response", (), ResponseCancel),
    ("interrupt", (), ResponseCancel),
]


def ready(verb: str) -> Case:
    """Bring a conversation to where a verb has something to do."""
    case = Case(capabilities=Capabilities(server_plays_audio=verb == "clear_output"))
    if verb in {"truncate_item", "reset_history"}:
        case.turn(1.0, ours=False)
    if verb in {"cancel_response", "interrupt"}:
        case.created(ours=False)
    case.clear()
    return case


@pytest.mark.parametrize(("verb", "args", "kind"), VERBS, ids=[verb for verb, _, _ in VERBS])
def test_a_verb_sends_its_event_under_the_id_it_returns(verb: str, args: Any, kind: type[ClientEvent]) -> None:
    case = ready(verb)
    event_id = case.do(verb, *args)
    assert isinstance(case.frames[0], kind)
    assert case.frames[0].event_id == event_id


@pytest.mark.parametrize(("verb", "args", "kind"), VERBS, ids=[verb for verb, _, _ in VERBS])
def test_a_verb_takes_an_id_of_the_callers(verb: str, args: Any, kind: type[ClientEvent]) -> None:
    case = ready(verb)
    assert case.do(verb, *args, event_id="mine") == "mine"
    assert case.frames[0].event_id == "mine"


@pytest.mark.parametrize(("verb", "args", "kind"), VERBS, ids=[verb for verb, _, _ in VERBS])
def test_a_verb_needs_a_connection(verb: str, args: Any, kind: type[ClientEvent]) -> None:
    case = ready(verb)
    case.talk.close(case.now)
    case.clear()
    with pytest.raises(StateError, match=r"^not connected$"):
        case.do(verb, *args)
    case.drain()
    assert case.frames == []
    assert case.settlements == []


@pytest.mark.parametrize(("verb", "args", "kind"), VERBS, ids=[verb for verb, _, _ in VERBS])
def test_a_verb_refuses_an_id_that_is_open(verb: str, args: Any, kind: type[ClientEvent]) -> None:
    case = ready(verb)
    case.do("retrieve_item", "item_y", event_id="mine")
    case.clear()
    with pytest.raises(InvalidArgument, match=r"^event_id: 'mine' is the id of a request that is not settled$"):
        case.do(verb, *args, event_id="mine")
    case.drain()
    assert case.frames == []


def test_an_id_that_is_too_long_is_refused() -> None:
    case = Case()
    with pytest.raises(InvalidArgument, match=r"^event_id: must have at most 512 characters$"):
        case.do("clear_audio", event_id="x" * 513)
    case.do("clear_audio", event_id="x" * 512)


def test_an_approval_may_carry_a_reason() -> None:
    case = Case()
    case.do("mcp_response", "item_r", False, reason="too dangerous")
    case.do("mcp_response", "item_s", True)
    first, second = (frame.item for frame in case.sent(ConversationItemCreate))
    assert isinstance(first, McpApprovalResponseItem)
    assert (first.approval_request_id, first.approve, first.reason) == ("item_r", False, "too dangerous")
    assert isinstance(second, McpApprovalResponseItem)
    assert second.reason is UNSET


# --- any event ---------------------------------------------------------------------------------------------------


def test_any_event_gets_the_same_bookkeeping_as_its_verb() -> None:
    case = Case()
    first = case.do("send_event", ResponseCreate())
    case.do("send_event", ResponseCreate(response=ResponseOptions(instructions="two")))
    assert len(case.frames) == 1
    case.created()
    assert case.settled == {first: "acknowledged"}


def test_a_session_update_is_cut_down_to_what_differs() -> None:
    case = Case()
    wanted: AnySession = SESSION
    event_id = case.do("send_event", SessionUpdate(session=wanted))
    assert case.settled == {event_id: "acknowledged"}
    case.do("send_event", SessionUpdate(session=RealtimeSessionConfig(instructions="Be long.")))
    assert case.sent(SessionUpdate)[0].session == RealtimeSessionConfig(instructions="Be long.")


def test_changes_without_a_kind_are_of_the_kind_in_force() -> None:
    case = Case(session=TranscriptionSessionConfig())
    wanted = AudioConfig(input=AudioInputConfig(turn_detection=None))
    case.do("update_session", {"audio": {"input": {"turn_detection": None}}})
    assert [frame.session for frame in case.sent(SessionUpdate)] == [TranscriptionSessionConfig(audio=wanted)]


def test_an_event_that_is_not_known_goes_out_as_it_is() -> None:
    case = Case()
    event = UnknownClientEvent(type="vendor.thing", event_id="mine", raw={"type": "vendor.thing"})
    assert case.do("send_event", event) == "mine"
    assert case.frames == [event]
    assert case.talk.next_deadline() is None


def test_fields_that_are_not_known_are_kept() -> None:
    case = Case()
    case.do("send_event", ResponseCreate(extra={"vendor": 1}))
    assert case.frames[0].extra == {"vendor": 1}


def test_what_no_server_answers_is_known_not_to_be_settled() -> None:
    case = Case()
    assert case.talk.is_settled(ResponseCreate())
    assert not case.talk.is_settled(InputAudioBufferAppend(audio=b""))
    assert not case.talk.is_settled(UnknownClientEvent(type="vendor.thing", raw={}))


def test_a_transcription_can_be_finished_and_a_conversation_cannot() -> None:
    case = Case(session=TranscriptionSessionConfig())
    assert case.do("finish", timeout=5.0, event_id="mine") == "mine"
    case.wait(5.0)
    assert "mine" in case.settled
    with pytest.raises(UnsupportedOperation):
        Case().do("finish", timeout=5.0)


def test_the_short_way_of_an_append_counts_the_audio_and_makes_no_event() -> None:
    case = Case(session=attrs.evolve(SESSION, audio=AudioConfig(input=AudioInputConfig(turn_detection=None))))
    assert len({case.talk.append(bytes(2_400)) for _ in range(2)} - {None}) == 2
    assert case.talk.frames_to_send() == []
    case.do("commit_audio")
    with pytest.raises(StateError, match="0 ms"):
        case.do("commit_audio")


def not_connected() -> Case:
    return Case(connect=False)


def without_audio() -> Case:
    return Case(capabilities=Capabilities(carries_audio=False))


def something_waits() -> Case:
    case = Case()
    case.talk.clear_audio(case.now)
    return case


@pytest.mark.parametrize(
    ("case", "audio"),
    [
        (Case, bytearray(2)),
        (Case, b"\0"),
        (Case, bytes(MAX_APPEND_BYTES + 2)),
        (not_connected, b"\0\0"),
        (without_audio, b"\0\0"),
        (something_waits, b"\0\0"),
    ],
)
def test_what_needs_a_second_look_is_left_to_the_long_way(case: Callable[[], Case], audio: Any) -> None:
    assert case().talk.append(audio) is None


def test_the_largest_append_goes_the_short_way() -> None:
    assert Case().talk.append(bytes(MAX_APPEND_BYTES)) is not None


def test_a_translation_has_an_append_of_its_own() -> None:
    talk = TranslationConversation(ids=numbered())
    talk.opened(0.0)
    talk.receive(TranslationSessionCreated(session=TranslationSessionConfig()), 0.0)
    assert talk.append(b"\0\0") is None
