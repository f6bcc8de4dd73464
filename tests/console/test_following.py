"""Stories: what the frames of a call come to, whole, cut, sparse or broken."""

from __future__ import annotations

from pathlib import Path

from realtime_transport.console.following import read_story
from realtime_transport.console.story import Mark, ResponseSpan, Span, Story, ToolSpan, Words
from realtime_transport.transports.recording import read_recording
from tests.console.calls import Tape, short_call


def told(path: Path) -> Story:
    return read_story(read_recording(path))


def test_a_call_is_told(tmp_path: Path) -> None:
    story = told(short_call(tmp_path))
    assert story.duration_ms == 8000
    # Turn detection counts the caller's audio, which began 100 ms into the recording.
    assert story.speech == (Span(begins_ms=400, ends_ms=3000), Span(begins_ms=5100, ends_ms=5700))
    assert story.responses == (
        ResponseSpan(begins_ms=2950, ends_ms=3000, response_id="resp_1", status="completed"),
        ResponseSpan(begins_ms=3310, ends_ms=5200, response_id="resp_2", status="cancelled"),
        ResponseSpan(begins_ms=5900, ends_ms=6020, response_id="resp_3", status="completed"),
    )
    assert story.tools == (ToolSpan(begins_ms=3000, ends_ms=3300, name="get_weather", answered=True),)
    assert [(s.begins_ms, s.heard_ms, round(s.ms)) for s in story.stretches] == [(3400, 1700, 3611), (6000, None, 609)]
    assert story.marks == (
        Mark(kind="connection", at_ms=10, text="connected"),
        Mark(kind="interrupted", at_ms=5100, text="interrupted by the caller"),
        Mark(kind="truncate", at_ms=5100, text="truncated at 1.70 s"),
        Mark(kind="error", at_ms=5300, text="response_cancel_not_active"),
        Mark(kind="connection", at_ms=8000, text="disconnected"),
    )
    assert story.words == (
        Words(who="caller", at_ms=400, text="What is the weather like in Lisbon today?"),
        Words(who="agent", at_ms=3400, text="It is sunny in", unheard="$Lisbon$, with a light wind."),
    )


def test_sound_lies_where_it_was_heard_and_the_rest_is_a_ghost(tmp_path: Path) -> None:
    story = told(short_call(tmp_path))
    sounding = [(at, story.agent.level(at) > 0.02, story.ghost.level(at) > 0.02) for at in (3000, 4000, 5500, 7500)]
    assert sounding == [(3000, False, False), (4000, True, False), (5500, False, True), (7500, False, False)]
    assert story.caller.level(1000) > 0.02
    assert story.caller.level(4000) == 0


def test_what_never_ended_lasts_to_the_end(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "call.jsonl")
    tape.put(100, "in", "input_audio_buffer.speech_started", audio_start_ms=None, item_id=None)
    tape.response(200, "resp_1")
    call = {"type": "function_call", "call_id": "c", "name": "slow", "arguments": "{}"}
    tape.put(300, "in", "response.output_item.done", response_id="resp_1", output_index=0, item=call)
    tape.put(900, "in", "rate_limits.updated", rate_limits=[])
    story = told(tape.save())
    assert story.duration_ms == 900
    assert story.speech == (Span(begins_ms=100, ends_ms=900),)
    assert story.responses[0].ends_ms == 900
    assert story.tools == (ToolSpan(begins_ms=300, ends_ms=900, name="slow", answered=False),)


def test_typed_and_written_words_are_words_too(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "call.jsonl")
    content = [{"type": "input_text", "text": "What is it"}, {"type": "input_text", "text": "called?"}]
    tape.put(100, "out", "conversation.item.create", item={"type": "message", "role": "user", "content": content})
    system = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be brief."}]}
    tape.put(110, "out", "conversation.item.create", item=system)
    part = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    tape.put(300, "in", "response.output_text.done", text="A fork.", **part)
    spoken = {**part, "item_id": "j"}
    tape.put(400, "in", "response.output_audio_transcript.delta", delta="Or a ", **spoken)
    tape.put(410, "in", "response.output_audio_transcript.delta", delta="spoon.", **spoken)
    tape.put(420, "in", "response.output_audio_transcript.done", transcript="", **spoken)
    assert told(tape.save()).words == (
        Words(who="caller", at_ms=100, text="What is it called?"),
        Words(who="agent", at_ms=300, text="A fork."),
        Words(who="agent", at_ms=400, text="Or a spoon."),
    )


def test_troubles_are_marked(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "call.jsonl")
    tape.put(100, "local", "audio_gap", direction="out", ms=40.0, reason="the outbox was full")
    tape.put(200, "local", "error", error={"class": "ListenerError", "message": "x"}, event_id=None, path="")
    tape.put(300, "local", "error", error={"class": "ServerError", "message": "x"}, event_id=None, path="")
    tape.put(400, "local", "error", error="?")
    tape.put(500, "in", "error", event_id="e", error={"type": "server_error", "message": "x"})
    assert [(mark.kind, mark.at_ms, mark.text) for mark in told(tape.save()).marks] == [
        ("gap", 100, "40 ms lost"),
        ("error", 200, "ListenerError"),
        ("error", 400, "error"),
        ("error", 500, "server_error"),
    ]


def test_what_cannot_be_read_or_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "call.jsonl")
    tape.put(100, "in", "vendor.thing", x=1)
    tape.put(110, "in", "response.output_audio.delta", delta=7)
    tape.put(120, "local", "audio_interrupted", cuts="all of them")
    tape.put(130, "local", "tea_time")
    tape.put(140, "in", "input_audio_buffer.speech_stopped", audio_end_ms=None, item_id=None)
    tape.response(150, "resp_9", status="completed")
    tape.put(
        160, "out", "conversation.item.create", item={"type": "function_call_output", "call_id": "x", "output": ""}
    )
    tape.interrupted(170, "resp_8", "item_8", 0)
    tape.put(50, "in", "vendor.thing")  # a clock does not go back
    story = told(tape.save())
    assert (story.duration_ms, story.speech, story.responses, story.tools, story.words) == (170, (), (), (), ())
    assert [mark.kind for mark in story.marks] == ["truncate"]


def test_formats_are_followed(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "call.jsonl")
    audio = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/opus"}}}
    tape.put(0, "in", "session.created", session={"type": "realtime", "audio": audio})
    tape.put(100, "out", "input_audio_buffer.append", audio="/v//" * 400)  # 1200 bytes of mu-law: 150 ms
    tape.put(5000, "in", "input_audio_buffer.speech_started", audio_start_ms=100, item_id="u")
    tape.put(5000, "in", "input_audio_buffer.speech_stopped", audio_end_ms=None, item_id="u")
    tape.agent(200, bytes(9600), "r", "i")
    story = told(tape.save())
    assert story.speech == (Span(begins_ms=200, ends_ms=5000),)
    assert [stretch.ms for stretch in story.stretches] == [200]
