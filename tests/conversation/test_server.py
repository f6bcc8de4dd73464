"""The whole server role: how a session begins and ends, and what it survives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_24K, PCMU
from realtime_transport.conversation.brain import CallMcp, CallTool, HangUp, Output, Pause, Reply, Say, Stop, Write
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.server import Close, ServerConversation, ServerLimits, ServerTraits
from realtime_transport.conversation.server_mcp import McpResult
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.events import (
    AssistantMessageItem,
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    ErrorFrame,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputAudioBufferSpeechStarted,
    InputAudioPart,
    InputTextPart,
    McpApprovalResponseItem,
    McpCallItem,
    McpToolInfo,
    OutputAudioBufferClear,
    OutputAudioPart,
    OutputTextPart,
    RealtimeSessionConfig,
    ResponseCancel,
    ResponseCreate,
    ResponseDone,
    ResponseOptions,
    SessionCreated,
    SessionUpdate,
    UnknownClientEvent,
    UserMessageItem,
)
from realtime_transport.exceptions import DecodeError, ServerError
from realtime_transport.wire import to_dict
from tests.conversation.serving import PHRASE, Canned, Served, plain, silence, types


def test_nothing_is_said_before_it_is_opened() -> None:
    conversation = ServerConversation(ids=counted_ids())
    conversation.wake(10_000)
    assert conversation.frames_to_send() == []
    assert conversation.next_deadline() is None


def test_ids_are_as_long_as_the_live_services() -> None:
    ids = counted_ids()
    assert (len(ids("item")), len(ids("sess")), len(ids("call"))) == (26, 26, 21)
    assert ids("item") != ids("item")


def test_an_hour_is_the_end() -> None:
    served = Served(limits=ServerLimits(session_seconds=60))
    served.now = 30
    assert served.peer.next_deadline() == 60
    served.wait(29)
    assert served.peer.closing is None
    (error,) = served.wait(1)
    assert plain(error)["error"]["code"] == "session_expired"
    assert plain(error)["error"]["message"] == "Your session hit the maximum duration of 1 minutes."
    assert served.peer.closing == Close(1001, plain(error)["error"]["message"])
    assert served.write("Hello?") == []
    assert served.wait(100) == []
    assert served.peer.next_deadline() is None


def test_the_clients_event_is_named_in_the_error() -> None:
    served = Served()
    (error,) = served.send(ResponseCancel(event_id="mine"))
    assert plain(error)["error"]["event_id"] == "mine"
    (error,) = served.send(ResponseCancel())
    assert plain(error)["error"]["event_id"] is None


def test_unreadable_frames_are_answered() -> None:
    served = Served()
    served.peer.receive_unreadable(DecodeError("not JSON"))
    served.peer.receive_unreadable(
        DecodeError("is required", path="audio"), UnknownClientEvent(type="x", event_id="mine")
    )
    served.peer.receive_unreadable(DecodeError("is required", path="type"), UnknownClientEvent(type=""))
    served.collect()
    assert served.codes == ["invalid_json", "missing_required_parameter", "invalid_event"]


def test_every_event_has_an_id_of_its_own() -> None:
    served = Served(Canned(Say(transcript="Hi.", audio=hum("hi"))))
    served.speak(silence(1000) + PHRASE + silence(1000))
    ids = [event.event_id for _, event in served.log]
    assert len(set(ids)) == len(ids)
    assert all(str(event_id).startswith("event_") for event_id in ids)


def test_a_pause_says_nothing() -> None:
    served = Served()
    served.respond()
    served.conversation.produce("resp_0001", Pause(ms=100), 0)
    assert served.conversation.frames_to_send() == []


def test_sound_inside_an_item_is_taken_though_its_words_cannot_be_had() -> None:
    class Fails:
        def transcribe(self, audio: bytes) -> str:
            raise ServerError("No such model.", code="DeploymentNotFound")

    brain = Canned()
    served = Served(brain, transcriber=Fails())
    item = UserMessageItem(id="u", content=(InputAudioPart(audio=PHRASE),))
    assert types(served.send(ConversationItemCreate(item=item))) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    served.respond()
    (heard,) = brain.requests[0].heard
    assert (heard.audio, heard.words) == (PHRASE, "")


@pytest.mark.parametrize("typed", [True, False])
def test_where_sessions_are_flat_the_temperature_of_the_beta_is_known(typed: bool) -> None:
    served = Served(traits=ServerTraits(needs_session_type=typed))
    served.update(temperature=0.8)
    served.respond(temperature=0.8)
    assert served.codes == (["unknown_parameter"] * 2 if typed else [])


# --- what it was made with -----------------------------------------------------------------------------------------


def test_the_end_is_told_in_the_calendars_time() -> None:
    conversation = ServerConversation(ids=counted_ids())
    conversation.open(100.0)
    assert conversation.session.expires_at == 3600
    assert Served().conversation.session.expires_at == 1_800_003_600


def test_a_client_secret_configures_the_session_it_opens() -> None:
    served = Served(defaults=RealtimeSessionConfig(instructions="From the secret."))
    assert served.last(SessionCreated).session.instructions == "From the secret."  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_the_first_rate_is_the_default_and_the_others_are_spoken(kind: Any) -> None:
    served = Served(kind=kind, traits=ServerTraits(pcm_rates=(16_000, 24_000)))
    assert plain(served.log[0][1])["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 16_000}
    update = served.update if kind == "realtime" else served.update_transcription
    for rate, answer in {24_000: "session.updated", 16_000: "session.updated", 48_000: "error"}.items():
        assert types(update(audio={"input": {"format": {"type": "audio/pcm", "rate": rate}}})) == [answer]


@pytest.mark.parametrize(("needed", "answer"), [(True, "error"), (False, "session.updated")])
def test_an_update_names_its_type_where_sessions_have_one(needed: bool, answer: str) -> None:
    update = SessionUpdate(session=RealtimeSessionConfig(), raw={"type": "session.update", "session": {}})
    served = Served(traits=ServerTraits(needs_session_type=needed))
    assert types(served.send(update)) == [answer]
    assert served.codes == (["missing_required_parameter"] if needed else [])
    if needed:
        assert served.last(ErrorFrame).error.param == "session.type"


# --- what a client may say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "code", "param", "message"),
    [
        (UnknownClientEvent(type=""), "invalid_event", None, "The 'type' field is missing."),
        (
            UnknownClientEvent(type="surprise"),
            "invalid_value",
            "type",
            "Invalid value: 'surprise'. Supported values are: 'conversation.item.create', "
            "'conversation.item.delete', 'conversation.item.retrieve', 'conversation.item.truncate', "
            "'input_audio_buffer.append', 'input_audio_buffer.clear', 'input_audio_buffer.commit', "
            "'output_audio_buffer.clear', 'response.cancel', 'response.create', 'session.update'.",
        ),
        (
            OutputAudioBufferClear(),
            "invalid_value",
            "type",
            "output_audio_buffer.clear is only supported over WebRTC and SIP connections.",
        ),
        (
            ConversationItemCreate(item=FunctionCallOutputItem(call_id="call_x", output="")),
            "invalid_tool_call_id",
            None,
            "Tool call ID 'call_x' not found in conversation.",
        ),
        (
            ResponseCreate(response=ResponseOptions(metadata={"k" * 65: ""})),
            "string_above_max_length",
            "response.metadata",
            "Invalid 'response.metadata': string too long. Expected a string with maximum length 64, "
            "but got a string with length 65 instead.",
        ),
    ],
)
def test_what_cannot_be_done_is_said(event: ClientEvent, code: str, param: str | None, message: str) -> None:
    served = Served()
    (refused,) = served.send(event)
    error = plain(refused)["error"]
    assert (error["code"], error["param"], error["message"]) == (code, param, message)


SOUND = PCMU.silence(500)


@pytest.mark.parametrize(
    "event",
    [
        ResponseCreate(),
        ResponseCancel(),
        OutputAudioBufferClear(),
        ConversationItemCreate(item=UserMessageItem(content=())),
        ConversationItemDelete(item_id="a"),
    ],
)
def test_nobody_answers_in_a_transcription_session(event: ClientEvent) -> None:
    served = Served(kind="transcription")
    (refused,) = served.send(event)
    assert plain(refused)["error"]["message"] == f"'{event.type}' is not supported in a transcription session."
    assert served.codes == ["invalid_value"]


def test_a_transcription_session_hears() -> None:
    served = Served(kind="transcription")
    served.update_transcription(audio={"input": {"turn_detection": None}})
    served.send(InputAudioBufferAppend(audio=silence(500)), InputAudioBufferClear())
    served.send(InputAudioBufferAppend(audio=silence(500)), InputAudioBufferCommit())
    assert served.codes == []
    assert len(served.conversation.items) == 1


# --- items ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        (
            UserMessageItem(content=(InputTextPart(text="Hi."), InputAudioPart(audio=silence(100), transcript="Ho."))),
            {
                "content": [
                    {"type": "input_text", "text": "Hi."},
                    {"type": "input_audio", "transcript": "Ho."},
                ],
                "role": "user",
                "status": "completed",
            },
        ),
        (
            AssistantMessageItem(content=(OutputAudioPart(), OutputTextPart(text="Hi."))),
            {
                "content": [
                    {"type": "output_audio", "transcript": None},
                    {"type": "output_text", "text": "Hi."},
                ],
                "role": "assistant",
                "status": "completed",
            },
        ),
        (
            FunctionCallItem(name="f", arguments="{}"),
            {"name": "f", "arguments": "{}", "call_id": "call_0000000000000001", "status": "completed"},
        ),
        (
            FunctionCallItem(name="f", arguments="{}", call_id="mine"),
            {"name": "f", "arguments": "{}", "call_id": "mine", "status": "completed"},
        ),
    ],
)
def test_an_item_is_shown_with_what_its_client_left_out(item: Any, shown: dict[str, Any]) -> None:
    served = Served()
    for said in served.send(ConversationItemCreate(item=item)):
        frame = plain(said)["item"]
        assert frame.pop("type") == item.type
        assert frame.pop("id") == "item_0001"
        assert frame == shown


def test_sound_inside_an_item_is_heard_in_the_sessions_format() -> None:
    class Counts:
        def transcribe(self, audio: bytes) -> str:
            return f"{PCM16_24K.ms(len(audio)):g} ms"

    brain = Canned()
    served = Served(brain, transcriber=Counts())
    served.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    spoken = InputAudioPart(audio=SOUND)
    served.send(ConversationItemCreate(item=UserMessageItem(content=(spoken, InputAudioPart(), spoken))))
    served.respond()
    (request,) = brain.requests
    assert request.words == "500 ms 500 ms"
    assert [PCM16_24K.ms(len(heard.audio)) for heard in request.heard] == [500, 500]


def test_an_item_is_retrieved_truncated_and_deleted() -> None:
    served = Served(Canned(Say(transcript="Hi.", audio=silence(500))))
    served.respond()
    (item,) = served.conversation.items
    said = served.send(
        ConversationItemTruncate(item_id="item_0001", audio_end_ms=200),
        ConversationItemRetrieve(item_id="item_0001"),
        ConversationItemDelete(item_id="item_0001"),
    )
    assert [plain(event) for event in said] == [
        {
            "type": "conversation.item.truncated",
            "item_id": "item_0001",
            "content_index": 0,
            "audio_end_ms": 200,
        },
        {"type": "conversation.item.retrieved", "item": plain(said[1])["item"]},
        {"type": "conversation.item.deleted", "item_id": "item_0001"},
    ]
    assert isinstance(item, AssistantMessageItem)
    assert served.conversation.items == ()


def test_the_id_of_a_turn_that_is_being_spoken_is_taken() -> None:
    served = Served()
    served.speak(silence(500) + PHRASE)
    announced = str(served.last(InputAudioBufferSpeechStarted).item_id)
    served.write("Hi.", announced)
    error = served.last(ErrorFrame).error
    assert (error.code, error.param) == ("item_create_duplicate_item_id", "item.id")
    assert error.message == f"Error adding item: an item with id '{announced}' already exists."
    assert served.conversation.items == ()


# --- MCP servers ---------------------------------------------------------------------------------------------------


def test_a_driver_asks_the_mcp_servers() -> None:
    served = Served(Canned(CallMcp(server_label="w", name="f")), runs_mcp=True)
    served.update(tools=[{"type": "mcp", "server_label": "w", "server_url": "https://mcp.example"}])
    (listing,) = served.peer.mcp_requests()
    served.conversation.mcp_listed(listing.item_id, [McpToolInfo(name="f")])
    served.respond()
    (asked,) = served.last(ResponseDone).response.output or ()
    served.send(ConversationItemCreate(item=McpApprovalResponseItem(approval_request_id=str(asked.id), approve=True)))
    (run,) = served.peer.mcp_requests()
    served.conversation.mcp_ran(run.item_id, McpResult(output="21 degrees"))
    call = served.conversation.items[-1]
    assert isinstance(call, McpCallItem)
    assert call.output == "21 degrees"
    assert served.conversation.mcp_requests() == []


def test_an_answer_to_what_nobody_asked_is_no_approval() -> None:
    served = Served()
    served.send(ConversationItemCreate(item=McpApprovalResponseItem(approval_request_id="a", approve=True)))
    assert (served.codes, served.conversation.items) == (["invalid_value"], ())


# --- how it ends ---------------------------------------------------------------------------------------------------


def test_nothing_follows_once_the_connection_is_to_be_closed() -> None:
    served = Served()
    served.respond()
    served.conversation.produce("resp_0001", HangUp(code=4000, reason="Enough."), 1.0)
    assert served.peer.closing == Close(4000, "Enough.")
    served.conversation.produce("resp_0001", Write(text="Hi."), 1.0)
    served.conversation.finish("resp_0001", 1.0)
    served.conversation.wake(10_000)
    assert served.conversation.frames_to_send() == []
    assert served.conversation.next_deadline() is None


def test_a_client_that_takes_leave_is_answered_where_the_protocol_has_words_for_it() -> None:
    served = Served(traits=ServerTraits(farewell=("session.finish", "session.finished")))
    served.write("Hi.")
    (answer,) = served.send(UnknownClientEvent(type="session.finish"))
    assert to_dict(answer) == {"type": "session.finished", "event_id": answer.event_id}
    assert served.peer.closing == Close(1000, "")
    assert served.codes == []


@pytest.mark.parametrize("word", ["session.finished", "session.leave"])
def test_no_other_word_takes_leave(word: str) -> None:
    served = Served(traits=ServerTraits(farewell=("session.finish", "session.finished")))
    served.send(UnknownClientEvent(type=word))
    assert (served.codes, served.peer.closing) == (["invalid_value"], None)


# --- silences ------------------------------------------------------------------------------------------------------

PATIENT = {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}


def end_by_finish(served: Served) -> None:
    served.conversation.finish("resp_0001", 2.0)


def end_by_cancel(served: Served) -> None:
    served.conversation.receive(ResponseCancel(), 2.0)


def end_by_failing(served: Served) -> None:
    served.conversation.produce("resp_0001", Stop(), 2.0)


@pytest.mark.parametrize("end", [end_by_finish, end_by_cancel, end_by_failing])
def test_the_silence_is_timed_from_the_end_of_a_response(end: Callable[[Served], None]) -> None:
    served = Served()
    served.update(audio=PATIENT)
    served.respond()
    end(served)
    assert served.conversation.next_deadline() == 7.0


def test_the_silence_is_timed_again_when_the_answer_to_it_fails() -> None:
    served = Served(Canned(Reply(text="One.")), limits=ServerLimits(tokens_per_minute=1))
    served.update(audio=PATIENT)
    served.respond()
    served.wait(2 * 5 + 3)
    assert [event.response.status for event in served.all(ResponseDone)].count("failed") >= 2


# --- anything, in any order ----------------------------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "item_0001", "item_0002", "item_0005", "root", "nobody"])
TEXT = UserMessageItem(content=(InputTextPart(text="Hi."),))

SIMPLE: dict[str, ClientEvent] = {
    "speech": InputAudioBufferAppend(audio=PHRASE),
    "silence": InputAudioBufferAppend(audio=silence(700)),
    "half a sample": InputAudioBufferAppend(audio=b"\1"),
    "commit": InputAudioBufferCommit(),
    "clear": InputAudioBufferClear(),
    "respond": ResponseCreate(),
    "respond outside": ResponseCreate(response=ResponseOptions(conversation="none")),
    "cancel": ResponseCancel(),
    "output": ConversationItemCreate(item=FunctionCallOutputItem(call_id="call_1", output="1")),
    "surprise": UnknownClientEvent(type="surprise"),
}
EVENTS: st.SearchStrategy[ClientEvent | str] = st.one_of(
    st.sampled_from(sorted(SIMPLE)),
    st.builds(
        lambda item_id, where: ConversationItemCreate(
            item=UserMessageItem(id=item_id, content=TEXT.content), previous_item_id=where
        ),
        IDS,
        st.one_of(st.none(), IDS),
    ),
    st.builds(lambda item_id: ConversationItemDelete(item_id=item_id), IDS),
    st.builds(lambda item_id: ConversationItemRetrieve(item_id=item_id), IDS),
    st.builds(
        lambda item_id, ms: ConversationItemTruncate(item_id=item_id, audio_end_ms=ms), IDS, st.integers(-1, 3000)
    ),
    st.builds(
        lambda modality, vad: SessionUpdate(
            session=RealtimeSessionConfig(output_modalities=(modality,), instructions=vad)
        ),
        st.sampled_from(["audio", "text", "both"]),
        st.text(max_size=3),
    ),
)
ANSWERS: list[list[Output]] = [
    [Say(transcript="one two three", audio=hum("one two three"))],
    [Reply(text="written or said"), CallTool(name="f", call_id="call_1")],
    [Stop()],
    [],
]
"""By number, because hypothesis prints what it draws, and sound has no end."""


class Lifecycle:
    """What every client relies on, whatever it does."""

    def __init__(self) -> None:
        self.open_responses: dict[str, str | None] = {}
        self.open_items: set[str] = set()
        self.chain: list[str] = []

    def see(self, frame: dict[str, Any]) -> None:
        handler = getattr(self, frame["type"].replace(".", "_"), None)
        if handler is not None:
            handler(frame)
        elif frame["type"].startswith("response.") and frame["type"] != "response.created":
            assert frame["response_id"] in self.open_responses
            assert frame["item_id"] in self.open_items

    def response_created(self, frame: dict[str, Any]) -> None:
        response = frame["response"]
        if response["conversation_id"] is not None:
            assert None not in [inside for inside in self.open_responses.values() if inside is None]
            assert all(inside is None for inside in self.open_responses.values())
        self.open_responses[response["id"]] = response["conversation_id"]

    def response_done(self, frame: dict[str, Any]) -> None:
        response, usage = frame["response"], frame["response"]["usage"]
        del self.open_responses[response["id"]]
        assert not self.open_items & {item["id"] for item in response["output"]}
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        assert response["status"] != "in_progress"

    def response_output_item_added(self, frame: dict[str, Any]) -> None:
        assert frame["response_id"] in self.open_responses
        self.open_items.add(frame["item"]["id"])

    def response_output_item_done(self, frame: dict[str, Any]) -> None:
        self.open_items.remove(frame["item"]["id"])
        assert frame["item"]["status"] in {"completed", "incomplete"}

    def conversation_item_added(self, frame: dict[str, Any]) -> None:
        item_id, previous = frame["item"]["id"], frame["previous_item_id"]
        assert item_id not in self.chain
        self.chain.insert(0 if previous is None else self.chain.index(previous) + 1, item_id)

    def conversation_item_deleted(self, frame: dict[str, Any]) -> None:
        self.chain.remove(frame["item_id"])


@settings(max_examples=150, deadline=None)
@given(
    events=st.lists(st.tuples(EVENTS, st.floats(0, 1)), max_size=25),
    answers=st.lists(st.integers(0, len(ANSWERS) - 1), min_size=1, max_size=10),
    pace=st.sampled_from([None, 1.0, 8.0]),
)
def test_whatever_a_client_does(
    events: list[tuple[ClientEvent | str, float]], answers: list[int], pace: float | None
) -> None:
    served, law = Served(Canned(*(ANSWERS[number] for number in answers)), pace=pace), Lifecycle()
    for event, seconds in events:
        served.send(SIMPLE[event] if isinstance(event, str) else event)
        served.wait(seconds)
    served.wait(60)
    for _, said in served.log:
        law.see(plain(said))
    assert law.open_responses == {}
    assert law.open_items == set()
    assert law.chain == [item.id for item in served.conversation.items]
    assert served.conversation.active_response_id is None


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_is_running(kind: Any) -> None:
    served = Served(Canned([Reply(text="Hi.")]), pace=1, kind=kind)
    served.respond()
    assert served.conversation.is_running("resp_0001") == (kind == "realtime")
    assert served.conversation.active_response_id == ("resp_0001" if kind == "realtime" else None)
