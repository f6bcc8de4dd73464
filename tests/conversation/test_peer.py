"""The pace of answers, and answers that come from outside."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import (
    CallMcp,
    CallTool,
    GenerationRequest,
    HangUp,
    Output,
    Pace,
    Pause,
    Reply,
    Say,
    Stop,
    Write,
)
from realtime_transport.conversation.brains import Echo, hum
from realtime_transport.conversation.mcp_script import ScriptedTool
from realtime_transport.conversation.peer import ServerPeer, speech_pieces
from realtime_transport.conversation.server import Close, ServerLimits
from realtime_transport.conversation.server_mcp import McpResult
from realtime_transport.events import (
    AssistantMessageItem,
    ErrorFrame,
    McpCallItem,
    McpError,
    McpListToolsItem,
    McpToolInfo,
    RealtimeSessionConfig,
    ResponseCancel,
    ResponseCreate,
    ResponseDone,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    SessionUpdate,
)
from realtime_transport.exceptions import DecodeError
from realtime_transport.wire import from_dict
from tests.conversation.serving import Canned, Served

SPEECH = Say(transcript="one two three four", audio=bytes(PCM16_24K.bytes_for(1000)))


def moments(served: Served, kind: type) -> list[float]:
    return [round(at, 6) for at, event in served.log if isinstance(event, kind)]


def test_speech_comes_faster_than_it_plays() -> None:
    served = Served(Canned(SPEECH), pace=4, chunk_ms=200)
    served.respond()
    served.wait(1)
    assert moments(served, ResponseOutputAudioDelta) == [0, 0.05, 0.1, 0.15, 0.2]
    assert moments(served, ResponseDone) == [0.25]


def test_a_late_wake_catches_up() -> None:
    served = Served(Canned(SPEECH), pace=1, chunk_ms=100)
    served.respond()
    served.now = 0.55
    served.peer.wake(served.now)
    served.collect()
    assert moments(served, ResponseOutputAudioDelta) == [0, *[0.55] * 5]
    served.wait(0.1)
    assert moments(served, ResponseOutputAudioDelta)[-1] == 0.6


def test_text_has_a_pace_too() -> None:
    served = Served(Canned(Reply(text="one two three")), pace=2)
    served.respond(output_modalities=["text"])
    served.wait(1)
    assert moments(served, ResponseOutputTextDelta) == [0, 0.03, 0.06]


def test_a_brain_may_change_the_pace_of_what_follows() -> None:
    served = Served(Canned([Write(text="one two"), Pace(times=1), Write(text=" three four")]), pace=6)
    served.respond(output_modalities=["text"])
    served.wait(1)
    assert moments(served, ResponseOutputTextDelta) == [0, 0.01, 0.02, 0.08]


def test_nothing_but_speech_and_words_takes_time() -> None:
    call = CallTool(name="f", call_id="call_1")
    served = Served(Canned([call, call, Pace(times=0.1), Write(text="Hi.")]), pace=0.5)
    served.respond()
    assert moments(served, ResponseFunctionCallArgumentsDone) == [0, 0]
    assert moments(served, ResponseOutputAudioTranscriptDelta) == [0]


def test_answers_that_come_at_the_same_time_take_turns() -> None:
    served = Served(Canned(Write(text="a b c"), Write(text="a b c")), pace=1)
    served.respond(output_modalities=["text"])
    served.respond(output_modalities=["text"], conversation="none")
    served.now = 1.0
    served.peer.wake(served.now)
    served.collect()
    said = [event.response_id for event in served.all(ResponseOutputTextDelta)]
    assert said == ["resp_0001", "resp_0002"] * 3


def test_thinking_takes_time() -> None:
    served = Served(Canned([Pause(ms=100), SPEECH]), latency_ms=400)
    served.respond()
    assert served.types[-1] == "response.created"
    served.wait(1)
    assert moments(served, ResponseDone) == [0.5]


def test_outputs_are_taken_when_they_are_due() -> None:
    taken: list[int] = []

    class Lazy:
        def answer(self, request: GenerationRequest) -> Iterable[Output]:
            for index in range(3):
                taken.append(index)
                yield SPEECH

    served = Served(Lazy(), pace=1)
    served.respond()
    assert taken == [0]
    served.wait(1)
    assert taken == [0, 1]
    served.send(ResponseCancel())
    served.wait(10)
    assert taken == [0, 1]


def test_a_brain_that_raises_fails_its_response_only() -> None:
    class Broken:
        def answer(self, request: GenerationRequest) -> Iterable[Output]:
            if request.turn == 1:
                raise KeyError("nobody")
            yield SPEECH

    served = Served(Broken())
    served.respond()
    details = served.last(ResponseDone).response.status_details
    assert details
    assert details.error
    assert (details.error.code, details.error.message) == ("brain_failed", "KeyError: 'nobody'")
    served.respond()
    assert served.last(ResponseDone).response.status == "completed"


def test_outputs_that_hold_nothing_are_passed_over_however_many() -> None:
    served = Served(Canned([*(Write(text="") for _ in range(5000)), Write(text="Hi.")]))
    served.respond()
    assert [event.delta for event in served.all(ResponseOutputAudioTranscriptDelta)] == ["Hi."]


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_a_reply_keeps_its_phase(modality: str) -> None:
    served = Served(Canned(Reply(text="Let me see.", phase="commentary")))
    served.respond(output_modalities=[modality])
    (message,) = served.conversation.items
    assert isinstance(message, AssistantMessageItem)
    assert message.phase == "commentary"


def test_a_brain_is_not_asked_on_once_the_connection_is_to_be_closed() -> None:
    taken: list[int] = []

    class Rude:
        def answer(self, request: GenerationRequest) -> Iterable[Output]:
            yield HangUp(code=4000, reason="Enough.")
            taken.append(1)
            yield SPEECH

    served = Served(Rude())
    served.respond()
    assert served.peer.closing == Close(4000, "Enough.")
    assert not served.peer.wants("resp_0001")
    assert taken == []


def test_nothing_is_due_once_the_session_is_over() -> None:
    served = Served(Canned([SPEECH] * 10), pace=1, limits=ServerLimits(session_seconds=5))
    served.respond()
    served.wait(5)
    assert served.codes == ["session_expired"]
    assert served.peer.next_deadline() is None


def test_words_alone_are_spoken_by_the_voice() -> None:
    served = Served(Canned(Reply(text="hello there")))
    served.respond()
    assert b"".join(event.delta for event in served.all(ResponseOutputAudioDelta)) == hum("hello there")
    transcript = "".join(event.delta for event in served.all(ResponseOutputAudioTranscriptDelta))
    assert transcript == "hello there"


# --- fed from outside ----------------------------------------------------------------------------------------------


def fed(pace: float | None = None) -> tuple[Served, str]:
    served = Served(pace=pace)
    served.respond()
    (request,) = served.peer.requests()
    assert served.peer.requests() == []
    return served, request.response_id


def test_a_driver_feeds_the_answer() -> None:
    served, response_id = fed()
    served.peer.feed(response_id, Write(text="Hello"), 1.0)
    served.peer.feed(response_id, Reply(text=" there."), 2.0)
    assert served.conversation.active_response_id == response_id
    served.peer.end(response_id, 3.0)
    assert served.conversation.active_response_id is None
    assert not served.peer.wants(response_id)


def test_what_was_fed_is_paced() -> None:
    served, response_id = fed(pace=1)
    served.wait(5)
    served.peer.feed(response_id, SPEECH, served.now)
    served.collect()
    served.peer.feed(response_id, Say(transcript="", audio=b""), served.now)
    served.peer.end(response_id, served.now)
    served.wait(0.9)
    assert served.peer.wants(response_id)
    served.wait(0.2)
    assert moments(served, ResponseOutputAudioDelta) == pytest.approx([5, 5.2, 5.4, 5.6, 5.8])
    assert moments(served, ResponseDone) == [6]


def test_nothing_is_due_while_a_driver_thinks() -> None:
    served, response_id = fed(pace=1)
    served.wait(1)
    assert served.peer.next_deadline() == 3600
    served.peer.end(response_id, served.now)
    assert not served.peer.wants(response_id)


def test_feeding_what_was_cancelled() -> None:
    served, response_id = fed()
    served.send(ResponseCancel())
    served.peer.feed(response_id, SPEECH, 1.0)
    served.peer.end(response_id, 1.0)
    assert served.all(ResponseOutputAudioDelta) == []
    assert served.peer.next_deadline() == 3600


def test_a_stop_ends_at_once() -> None:
    served, response_id = fed(pace=1)
    served.peer.feed(response_id, Stop(), 0)
    served.peer.feed(response_id, SPEECH, 0)
    assert not served.peer.wants(response_id)


def test_a_frame_that_could_not_be_read_is_answered() -> None:
    served = Served()
    served.peer.receive_unreadable(DecodeError("is required", path="audio"), ResponseCancel(event_id="mine"))
    served.collect()
    error = served.last(ErrorFrame).error
    assert (error.code, error.param, error.event_id) == ("missing_required_parameter", "audio", "mine")


# --- MCP servers ---------------------------------------------------------------------------------------------------

WEATHER = {"type": "mcp", "server_label": "weather", "server_url": "https://mcp.example", "require_approval": "never"}
CALL = CallMcp(server_label="weather", name="get_weather")


def call_mcp(served: Served) -> None:
    served.update(tools=[WEATHER])
    served.respond()


def outcome(served: Served) -> tuple[list[str], object, object]:
    """The tools that were listed, and what became of the call."""
    listing, call = served.conversation.items
    assert isinstance(listing, McpListToolsItem)
    assert isinstance(call, McpCallItem)
    failure = call.error.message if isinstance(call.error, McpError) else None
    return [tool.name for tool in listing.tools], call.output, failure


@pytest.mark.parametrize("runs_mcp", [True, False])
def test_a_server_that_exists_on_paper_answers_at_once(runs_mcp: bool) -> None:
    tools = (ScriptedTool(name="get_weather", output="21 degrees"),)
    served = Served(Canned(CALL), mcp={"weather": tools}, runs_mcp=runs_mcp)
    call_mcp(served)
    assert outcome(served) == (["get_weather"], "21 degrees", None)
    assert served.peer.mcp_requests() == []


def test_a_server_that_nobody_runs_cannot_be_reached() -> None:
    served = Served(Canned(CALL))
    call_mcp(served)
    assert served.types.count("mcp_list_tools.failed") == 1
    assert outcome(served) == ([], None, "Unknown tool: get_weather")
    assert served.peer.mcp_requests() == []


def test_a_server_that_the_driver_runs_is_its_to_ask() -> None:
    served = Served(Canned(CALL), runs_mcp=True)
    call_mcp(served)
    listing, run = served.peer.mcp_requests()
    assert served.peer.mcp_requests() == []
    served.conversation.mcp_listed(listing.item_id, [McpToolInfo(name="get_weather")])
    served.conversation.mcp_ran(run.item_id, McpResult(output="21 degrees"))
    assert outcome(served) == (["get_weather"], "21 degrees", None)


# --- by itself -----------------------------------------------------------------------------------------------------


def test_a_peer_of_its_own_making() -> None:
    peer = ServerPeer(Echo())
    assert peer.next_deadline() is None
    peer.open(100.0)
    assert peer.conversation.session.expires_at == 3600
    peer.receive(ResponseCreate(), 100.0)
    said = [event.type for event in peer.frames_to_send()]
    assert said[:3] == ["session.created", "response.created", "response.output_item.added"]
    assert peer.next_deadline() == pytest.approx(100.0 + 0.2 / 8)


def test_a_peer_of_its_own_making_reaches_no_mcp_server() -> None:
    peer = ServerPeer()
    peer.open(0.0)
    peer.receive(SessionUpdate(session=from_dict({"type": "realtime", "tools": [WEATHER]}, RealtimeSessionConfig)), 0.0)
    assert peer.mcp_requests() == []
    assert peer.frames_to_send()[-2].type == "mcp_list_tools.failed"


def test_the_servers_of_a_client_secret_are_listed_at_once() -> None:
    from_secret = from_dict({"tools": [WEATHER]}, RealtimeSessionConfig)
    tools = (ScriptedTool(name="get_weather"),)
    served = Served(mcp={"weather": tools}, defaults=from_secret)
    assert "mcp_list_tools.completed" in served.types


# --- pieces --------------------------------------------------------------------------------------------------------


@given(st.text(alphabet="ab ", max_size=40), st.integers(0, 2000), st.floats(0.01, 50))
def test_speech_joins_again(text: str, samples: int, chunk_ms: float) -> None:
    speech = Say(transcript=text, audio=bytes(2 * samples))
    pieces = speech_pieces(speech, chunk_ms)
    assert b"".join(piece.audio for piece in pieces if isinstance(piece, Say)) == speech.audio
    assert "".join(piece.transcript for piece in pieces if isinstance(piece, Say)) == (text if text.strip() else "")
