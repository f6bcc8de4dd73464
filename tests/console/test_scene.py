"""Scenes: lines in the order of speaking, states that follow the events, nothing unbounded, nothing that bites."""

from __future__ import annotations

from typing import Any

from realtime_transport.console.scene import MAX_LINES, Line, Scene, clean
from realtime_transport.events import (
    AudioConfig,
    AudioEvent,
    AudioInputConfig,
    AudioInterruptedEvent,
    AudioOutputConfig,
    ConnectionChangeEvent,
    ConversationItemCreate,
    Cut,
    ErrorEvent,
    FunctionCallEvent,
    FunctionCallOutputItem,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    InputTranscriptDeltaEvent,
    InputTranscriptDoneEvent,
    PcmuFormat,
    RealtimeSessionConfig,
    SentEvent,
    ServerVad,
    SessionUpdatedEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TextDoneEvent,
    TranscriptDeltaEvent,
    TranscriptDoneEvent,
    TransportEvent,
    TurnDoneEvent,
    TurnStartedEvent,
    UnknownObject,
    Usage,
    UsageUpdateEvent,
)
from realtime_transport.exceptions import RequestTimeout


def put(scene: Scene, event: TransportEvent, now_ms: float) -> Line | None:
    return scene.handlers[event.name](event, now_ms)


def shown(scene: Scene) -> list[tuple[str, str, str, bool]]:
    return [(line.who, line.text, line.note, line.done) for line in scene.lines]


def started(item_id: str | None = "user_1", audio_start_ms: int | None = 0) -> SpeechStartedEvent:
    return SpeechStartedEvent(item_id=item_id, audio_start_ms=audio_start_ms)


def stopped(item_id: str | None = "user_1") -> SpeechStoppedEvent:
    return SpeechStoppedEvent(item_id=item_id, audio_end_ms=900)


def audio(ms: int, item_id: str = "item_1") -> AudioEvent:
    return AudioEvent(data=bytes(48 * ms), response_id="resp_1", item_id=item_id, content_index=0)


def cut(heard_ms: int, item_id: str = "item_1", by: Any = "caller") -> AudioInterruptedEvent:
    one = Cut(response_id="resp_1", item_id=item_id, content_index=0, heard_ms=heard_ms, received_ms=1000)
    return AudioInterruptedEvent(cuts=(one,), by=by)


def said(item_id: str = "item_1") -> dict[str, Any]:
    return {"response_id": "resp_1", "item_id": item_id, "content_index": 0}


def test_the_caller_stands_before_the_answer_though_the_words_come_after_it() -> None:
    scene = Scene()
    assert put(scene, started(), 1000) is None
    assert scene.caller_speaks
    put(scene, stopped(), 2500)
    assert not scene.caller_speaks
    put(scene, TranscriptDeltaEvent(delta="Two o'", **said()), 2600)
    assert shown(scene) == [("caller", "", "spoke for 1.5 s", True), ("agent", "Two o'", "", False)]
    put(scene, InputTranscriptDeltaEvent(item_id="user_1", content_index=0, delta="What "), 2700)
    done = put(
        scene, InputTranscriptDoneEvent(item_id="user_1", content_index=0, transcript=" What time? ", usage=None), 2800
    )
    assert done is scene.lines[0]
    assert put(scene, TranscriptDoneEvent(transcript="Two o'clock.", **said()), 2900) is scene.lines[1]
    assert shown(scene) == [("caller", "What time?", "", True), ("agent", "Two o'clock.", "", True)]


def test_words_without_speech_detection_and_an_empty_transcript() -> None:
    scene = Scene()
    put(scene, started(item_id=None, audio_start_ms=None), 0)
    put(scene, stopped(item_id=None), 10)
    assert shown(scene) == []
    empty = InputTranscriptDoneEvent(item_id="user_1", content_index=0, transcript="", usage=None)
    assert put(scene, empty, 20) is None
    put(scene, InputTranscriptDeltaEvent(item_id="user_2", content_index=0, delta="Hi"), 30)
    assert shown(scene) == [("caller", "", "", True), ("caller", "Hi", "", False)]
    assert put(scene, TextDoneEvent(text="Written.", **said()), 40) is scene.lines[2]


def test_the_agent_thinks_speaks_and_is_cut() -> None:
    scene = Scene()
    put(scene, TurnStartedEvent(response_id="resp_1", out_of_band=False, requested=False), 0)
    assert scene.thinking
    put(scene, audio(1000), 100)
    put(scene, TranscriptDoneEvent(transcript="A long story.", **said()), 150)
    assert [scene.agent_speaks(at) for at in (100, 1099, 1100)] == [True, True, False]
    line = put(scene, cut(300), 400)
    assert line is scene.lines[0]
    assert not scene.agent_speaks(401)
    assert shown(scene) == [("agent", "A long story.", "interrupted after 0.3 s of 1.0 s", True)]
    # The server says the words of a cut part again, at its end.
    assert put(scene, TranscriptDoneEvent(transcript="", **said()), 410) is None
    done = TurnDoneEvent(
        response_id="resp_1", status="cancelled", reason=None, error=None, usage=None, output=(), out_of_band=False
    )
    put(scene, done, 420)
    assert not scene.thinking
    assert put(scene, cut(0, "never_spoken"), 430) is scene.lines[1]
    assert scene.figures.interruptions == 2


def test_a_tool_runs_and_answers() -> None:
    scene = Scene()
    call = FunctionCallEvent(call_id="call_1", call_name="look\x1b[2J", arguments="{}", item_id="i", response_id="r")
    put(scene, call, 100)
    assert scene.tool == "look [2J"
    output = FunctionCallOutputItem(call_id="call_1", output="sunny")
    assert put(scene, SentEvent(event=ConversationItemCreate(item=output)), 350) is scene.lines[0]
    assert scene.tool == ""
    assert shown(scene) == [("tool", "look [2J {}", "250 ms: sunny", True)]
    unknown = FunctionCallOutputItem(call_id="call_2", output="")
    assert put(scene, SentEvent(event=ConversationItemCreate(item=unknown)), 400) is None
    assert put(scene, SentEvent(event=InputAudioBufferCommit()), 400) is None


def test_formats_and_padding_are_those_of_the_session() -> None:
    scene = Scene()
    scene.use(None)
    sides = AudioConfig(
        input=AudioInputConfig(format=PcmuFormat(), turn_detection=ServerVad(prefix_padding_ms=100)),
        output=AudioOutputConfig(format=UnknownObject(type="audio/opus")),
    )
    put(scene, SessionUpdatedEvent(session=RealtimeSessionConfig(audio=sides)), 0)
    for now_ms in range(0, 1000, 20):
        put(scene, SentEvent(event=InputAudioBufferAppend(audio=b"\xff" * 160)), now_ms)
    assert scene.figures.sent_ms == 1000
    put(scene, started(audio_start_ms=700), 900)  # the first sound was at 800
    put(scene, cut(0), 950)
    put(scene, cut(0, by="application"), 999)
    assert [round(seconds, 3) for seconds in scene.figures.meter.barge_ins] == [0.15]


def test_troubles_usage_and_connection() -> None:
    scene = Scene()
    line = put(scene, ErrorEvent(error=RequestTimeout("no\nanswer")), 0)
    assert line is not None
    assert (line.who, line.text, line.done) == ("error", "no answer", True)
    put(scene, UsageUpdateEvent(usage=Usage(total_tokens=1), total=Usage(total_tokens=5), response_id="r"), 0)
    assert scene.figures.tokens == Usage(total_tokens=5)
    put(scene, ConnectionChangeEvent(state="reconnecting", previous="connected"), 0)
    assert scene.connection == "reconnecting"


def test_lines_and_their_length_are_bounded() -> None:
    scene = Scene()
    for number in range(MAX_LINES + 50):
        put(scene, TranscriptDeltaEvent(delta="x" * 3000, **said(f"item_{number}")), number)
    assert len(scene.lines) == MAX_LINES
    assert {len(line.text) for line in scene.lines} == {2000}
    # One that left is a new one.
    put(scene, TranscriptDeltaEvent(delta="again", **said("item_0")), 999)
    assert scene.lines[-1].text == "again"


def test_what_came_over_the_network_cannot_move_the_cursor() -> None:
    assert clean("a\x1b[31mb\r\n\tc\u202e\u200b☎ü") == "a [31mb   c  ☎ü"
