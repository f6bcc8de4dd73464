"""The whole server role: how a session begins and ends, and what it survives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.conversation.brain import CallTool, Output, Pause, Reply, Say, Stop
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.server import Close, ServerConversation, ServerLimits
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    FunctionCallOutputItem,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InputTextPart,
    RealtimeSessionConfig,
    ResponseCancel,
    ResponseCreate,
    ResponseOptions,
    SessionUpdate,
    UnknownClientEvent,
    UserMessageItem,
)
from realtime_transport.exceptions import DecodeError
from tests.conversation.serving import PHRASE, Canned, Served, plain, silence


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
