"""Responses: their order, their ends, one at a time, and those outside the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.audio import PCM16_24K, PCMU
from realtime_transport.conversation.brain import (
    CallMcp,
    CallTool,
    HangUp,
    Heard,
    Output,
    Pace,
    Pause,
    Reply,
    Say,
    Stop,
    Write,
)
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.server import ServerLimits, ServerTraits
from realtime_transport.events import (
    AssistantMessageItem,
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDone,
    ErrorFrame,
    FunctionCallOutputItem,
    InputAudioBufferTimeoutTriggered,
    InputAudioPart,
    InputImagePart,
    OutputAudioPart,
    OutputTextPart,
    RateLimitsUpdated,
    ResponseCancel,
    ResponseCreate,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallInProgress,
    ResponseOptions,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    UserMessageItem,
)
from realtime_transport.events.base import UNSET
from realtime_transport.wire import to_dict
from tests.conversation.serving import Canned, Served, plain, types

FUNCTION = {"type": "function", "name": "f", "description": "x" * 100, "parameters": {}}
HELLO = Say(transcript="Hello there.", audio=hum("hello there"))


def answered(*outputs: Output, ask: str | None = "Hi.", options: dict[str, Any] | None = None, **served: Any) -> Served:
    """A server that was asked once."""
    server = Served(Canned(outputs), **served)
    if ask is not None:
        server.write(ask)
    server.respond(**(options or {}))
    return server


def done(served: Served) -> dict[str, Any]:
    response: dict[str, Any] = plain(served.last(ResponseDone))["response"]
    return response


# --- order ---------------------------------------------------------------------------------------------------------


def test_speech_in_the_order_of_the_live_service() -> None:
    served = answered(HELLO)
    kinds = [kind for kind in served.types if not kind.endswith(".delta")]
    assert kinds == [
        "session.created",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    deltas = [kind for kind in served.types if kind.endswith(".delta")]
    assert deltas[0] == "response.output_audio_transcript.delta"
    assert b"".join(event.delta for event in served.all(ResponseOutputAudioDelta)) == HELLO.audio
    assert "".join(event.delta for event in served.all(ResponseOutputAudioTranscriptDelta)) == HELLO.transcript


def test_parts_are_called_by_two_names() -> None:
    served = answered(HELLO)
    frames = {kind: plain(event) for kind, event in ((event.type, event) for _, event in served.log)}
    assert frames["response.content_part.added"]["part"] == {"type": "audio", "transcript": ""}
    assert frames["response.content_part.done"]["part"] == {"type": "audio", "transcript": "Hello there."}
    item = frames["response.output_item.done"]["item"]
    assert item["content"] == [{"type": "output_audio", "transcript": "Hello there."}]
    assert frames["conversation.item.done"]["item"] == item
    assert done(served)["output"] == [item]
    assert frames["response.output_item.added"]["item"]["content"] == []
    assert frames["response.output_item.added"]["item"]["status"] == "in_progress"


def test_text_in_the_order_of_the_live_service() -> None:
    served = answered(Reply(text="Hello there."), options={"output_modalities": ["text"]})
    kinds = served.types[served.types.index("response.created") :]
    assert kinds == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert [event.delta for event in served.all(ResponseOutputTextDelta)] == ["Hello", " there."]
    assert done(served)["output"][0]["content"] == [{"type": "output_text", "text": "Hello there."}]


def test_a_function_call_in_the_order_of_the_live_service() -> None:
    served = answered(CallTool(name="get_weather", arguments='{"city": "Lisbon"}'))
    kinds = served.types[served.types.index("response.created") :]
    assert kinds == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    opened = plain(served.last(ResponseOutputItemAdded))["item"]
    assert (opened["arguments"], opened["status"], opened["name"]) == ("", "in_progress", "get_weather")
    assert len(opened["call_id"]) == len("call_") + 16
    arguments = served.last(ResponseFunctionCallArgumentsDone)
    deltas = served.all(ResponseFunctionCallArgumentsDelta)
    assert "".join(event.delta for event in deltas) == arguments.arguments == '{"city": "Lisbon"}'
    assert {event.call_id for event in deltas} == {arguments.call_id, opened["call_id"]} == {opened["call_id"]}
    assert arguments.name == "get_weather"
    assert done(served)["output"][0]["arguments"] == '{"city": "Lisbon"}'


def test_a_call_opens_while_the_message_before_it_is_open() -> None:
    served = answered(
        Write(text="One moment.", phase="commentary"), CallTool(name="f"), options={"output_modalities": ["text"]}
    )
    kinds = [kind for kind in served.types if ".delta" not in kind]
    begin = kinds.index("response.created")
    assert kinds[begin + 1 : -2] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_item.added",
        "conversation.item.added",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
    ]
    assert [event.output_index for event in served.all(ResponseOutputItemDone)] == [0, 1]
    assert [plain(event)["item"].get("phase") for event in served.all(ResponseOutputItemAdded)] == ["commentary", None]
    assert len(done(served)["output"]) == 2


def test_items_are_chained_as_the_live_service_tells_it() -> None:
    """``added`` is right; ``done`` of a generated item forgets a predecessor that is the first item."""
    served = Served(Canned(HELLO, HELLO))
    served.write("Hi.", "user_1")
    served.respond()
    served.write("Again.", "user_2")
    served.respond()
    added = [(event.item.id, event.previous_item_id) for event in served.all(ConversationItemAdded)]
    first, second = added[1][0], added[3][0]
    assert added == [("user_1", None), (first, "user_1"), ("user_2", first), (second, "user_2")]
    told = [event.previous_item_id for event in served.all(ConversationItemDone)]
    assert told == [None, None, first, "user_2"]


def test_an_answer_that_is_the_first_item() -> None:
    served = answered(HELLO, ask=None)
    assert [event.previous_item_id for event in served.all(ConversationItemDone)] == [None]


def test_an_empty_answer() -> None:
    served = answered()
    assert served.types[-3:] == ["response.created", "response.done", "rate_limits.updated"]
    assert (done(served)["status"], done(served)["output"]) == ("completed", [])


# --- what a response says about itself -----------------------------------------------------------------------------


def test_created_describes_the_response() -> None:
    served = answered(HELLO, options={"metadata": {"topic": "greeting"}, "max_output_tokens": 500})
    created: Any = plain(served.last(ResponseCreated))["response"]
    assert created == {
        "object": "realtime.response",
        "id": "resp_0001",
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": "conv_0001",
        "output_modalities": ["audio"],
        "max_output_tokens": 500,
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
        "usage": None,
        "metadata": {"topic": "greeting"},
    }
    ended = done(served)
    assert (ended["status"], ended["status_details"], ended["metadata"]) == ("completed", None, {"topic": "greeting"})


def test_overrides_hold_for_one_response() -> None:
    brain = Canned(HELLO, HELLO)
    served = Served(brain)
    served.update(tools=[{"type": "function", "name": "f", "parameters": {}}])
    served.respond(instructions="Whisper.", tools=[], tool_choice="none", audio={"output": {"voice": "echo"}})
    served.respond()
    first, second = brain.requests
    assert (first.session.instructions, first.session.tools, first.session.tool_choice) == ("Whisper.", (), "none")
    assert first.session.audio
    assert first.session.audio.output
    assert first.session.audio.output.voice == "echo"
    assert second.session.tools
    assert second.session.instructions != "Whisper."
    assert [request.turn for request in brain.requests] == [1, 2]


@pytest.mark.parametrize("nothing", [None, UNSET])
def test_an_override_may_be_empty_or_false_but_not_nothing(nothing: Any) -> None:
    brain = Canned(HELLO, HELLO)
    served = Served(brain)
    served.update(instructions="Whisper.", parallel_tool_calls=True)
    served.send(ResponseCreate(response=ResponseOptions(instructions="", parallel_tool_calls=False)))
    served.send(ResponseCreate(response=ResponseOptions(instructions=nothing, parallel_tool_calls=nothing)))
    assert [(request.session.instructions, request.session.parallel_tool_calls) for request in brain.requests] == [
        ("", False),
        ("Whisper.", True),
    ]


def test_speech_in_another_format() -> None:
    served = answered(HELLO, options={"audio": {"output": {"format": {"type": "audio/pcmu"}}}})
    sound = b"".join(event.delta for event in served.all(ResponseOutputAudioDelta))
    assert PCMU.ms(len(sound)) == pytest.approx(PCM16_24K.ms(len(HELLO.audio)), abs=1)


def test_padding_is_put_beside_text_and_never_beside_audio() -> None:
    served = answered(HELLO, traits=ServerTraits(padding=lambda text: "x" * (16 - len(text) % 16)))
    assert all(event.obfuscation for event in served.all(ResponseOutputAudioTranscriptDelta))
    assert "obfuscation" not in plain(served.last(ResponseOutputAudioDelta))


# --- ends ----------------------------------------------------------------------------------------------------------


def test_cancel_closes_what_is_open() -> None:
    served = answered(HELLO, pace=1, chunk_ms=100)
    served.wait(0.25)
    said = types(served.send(ResponseCancel()))
    assert said == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert done(served)["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done(served)["output"][0]["status"] == "incomplete"
    assert served.wait(10) == []
    assert len(served.all(ResponseOutputAudioDelta)) == 3


def test_cancel_in_text() -> None:
    served = answered(Reply(text="one two three"), pace=1, options={"output_modalities": ["text"]})
    served.send(ResponseCancel(response_id="resp_0001"))
    assert done(served)["output"][0]["content"][0]["text"] == "one"


@pytest.mark.parametrize("response_id", [None, "resp_0001", "resp_9"])
def test_nothing_to_cancel(response_id: str | None) -> None:
    served = answered(HELLO)
    (error,) = served.send(ResponseCancel(response_id=response_id))
    assert plain(error)["error"]["code"] == "response_cancel_not_active"


def test_one_response_at_a_time() -> None:
    served = answered(HELLO, pace=1)
    (error,) = served.respond()
    assert plain(error)["error"]["code"] == "conversation_already_has_active_response"
    assert "resp_0001" in plain(error)["error"]["message"]
    served.wait(5)
    assert types(served.respond())[0] == "response.created"


def test_a_response_that_fails() -> None:
    served = answered(Stop(error_type="tokens", code="rate_limit_exceeded", message="Slow down."))
    assert done(served)["status"] == "failed"
    assert done(served)["status_details"] == {
        "type": "failed",
        "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."},
    }
    assert done(served)["usage"]["total_tokens"] == 0
    assert served.types[-1] == "response.done"


def test_a_response_that_fails_in_the_middle() -> None:
    served = answered(HELLO, Stop(), Reply(text="never said"))
    assert (done(served)["status"], done(served)["output"][0]["status"]) == ("failed", "incomplete")
    assert done(served)["usage"]["output_tokens"] > 0


def test_a_response_that_is_filtered() -> None:
    served = answered(Stop(status="incomplete", reason="content_filter"))
    assert done(served)["status_details"] == {"type": "incomplete", "reason": "content_filter"}


def test_a_response_that_gets_too_long() -> None:
    served = answered(Reply(text="word " * 100), options={"output_modalities": ["text"], "max_output_tokens": 10})
    assert done(served)["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert len(served.all(ResponseOutputTextDelta)) < 15
    assert done(served)["status"] == "incomplete"


@pytest.mark.parametrize(("most", "status"), [(3, "completed"), (2, "incomplete")])
def test_a_response_may_be_exactly_as_long_as_it_may(most: int, status: str) -> None:
    three_tokens = CallTool(name="four", arguments="[1, 2]")
    served = answered(three_tokens, options={"max_output_tokens": most})
    assert done(served)["usage"]["output_tokens"] == 3
    assert done(served)["status"] == status


def test_sound_counts_while_it_is_spoken() -> None:
    ten_seconds = Say(transcript="", audio=PCM16_24K.silence(10_000))
    served = answered(ten_seconds, options={"max_output_tokens": 20})
    assert done(served)["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done(served)["usage"]["output_tokens"] == 24  # a chunk of 200 ms is 4


def test_what_comes_after_the_end_is_dropped() -> None:
    served = answered(HELLO)
    before = list(served.log)
    served.conversation.produce("resp_0001", HELLO, 0)
    served.conversation.finish("resp_0001", 0)
    assert served.conversation.frames_to_send() == []
    assert served.log == before


def test_an_item_that_is_deleted_while_it_is_written() -> None:
    served = answered(HELLO, pace=1)
    item_id = str(served.last(ResponseOutputItemAdded).item.id)
    served.send(ConversationItemDelete(item_id=item_id))
    said = types(served.wait(5))
    assert "conversation.item.done" not in said
    assert said[-3:] == ["response.output_item.done", "response.done", "rate_limits.updated"]


# --- outside the conversation --------------------------------------------------------------------------------------


def test_out_of_band_leaves_no_trace() -> None:
    served = answered(HELLO, options={"conversation": "none", "metadata": {"a": "b"}})
    assert done(served)["conversation_id"] is None
    assert done(served)["metadata"] == {"a": "b"}
    kinds = served.types[served.types.index("response.created") :]
    assert [kind for kind in kinds if kind.startswith("conversation.")] == []
    assert len(served.conversation.items) == 1


def test_out_of_band_runs_beside_the_conversation() -> None:
    served = Served(Canned(HELLO, HELLO), pace=1)
    served.respond()
    served.respond(conversation="none")
    assert served.codes == []
    assert len(served.all(ResponseCreated)) == 2
    served.send(ResponseCancel())
    assert done(served)["id"] == "resp_0001"
    served.send(ResponseCancel())
    assert served.codes == ["response_cancel_not_active"]
    served.send(ResponseCancel(response_id="resp_0002"))
    assert (done(served)["id"], done(served)["status"]) == ("resp_0002", "cancelled")


def test_not_too_many_beside_it() -> None:
    served = Served(Canned(*[HELLO] * 20), pace=1)
    for _ in range(17):
        served.respond(conversation="none")
    assert served.codes == ["too_many_active_responses"]
    assert "At most 16 responses" in str(served.last(ErrorFrame).error.message)


def test_the_response_of_the_conversation_is_not_one_of_those_beside_it() -> None:
    served = Served(Canned(*[HELLO] * 20), pace=1)
    served.respond()
    for _ in range(16):
        served.respond(conversation="none")
    assert served.codes == []
    served.respond(conversation="none")
    assert served.codes == ["too_many_active_responses"]


def test_its_own_input() -> None:
    brain = Canned(HELLO, HELLO, HELLO)
    served = Served(brain)
    served.write("In the conversation.", "user_1")
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Only here."}]}
    served.respond(conversation="none", input=[{"type": "item_reference", "id": "user_1"}, message])
    served.respond(conversation="none", input=[])
    served.respond(conversation="none")
    assert [request.words for request in brain.requests] == [
        "In the conversation. Only here.",
        "",
        "In the conversation.",
    ]
    assert [request.turn for request in brain.requests] == [0, 0, 0]


def test_sound_in_its_own_input_is_heard() -> None:
    class Counts:
        def transcribe(self, audio: bytes) -> str:
            return f"{len(audio)} bytes"

    brain = Canned(HELLO)
    served = Served(brain, transcriber=Counts())
    served.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    item = UserMessageItem(id="u", content=(InputAudioPart(audio=b"\xff" * 8000),))
    served.send(ResponseCreate(response=ResponseOptions(conversation="none", input=(item,))))
    (request,) = brain.requests
    assert request.heard == (Heard(item_id="u", audio=bytes(48_000), words="48000 bytes"),)
    assert request.items == (UserMessageItem(id="u", content=(InputAudioPart(),)),)
    assert done(served)["usage"]["input_token_details"]["audio_tokens"] == 10
    assert served.conversation.items == ()


def test_turns_are_counted_in_the_conversation_only() -> None:
    brain = Canned(*[HELLO] * 4)
    served = Served(brain)
    for conversation in ("auto", "none", "auto", "none"):
        served.respond(conversation=conversation, metadata={"of": conversation})
    assert [(request.turn, request.options.metadata) for request in brain.requests] == [
        (1, {"of": "auto"}),
        (0, {"of": "none"}),
        (2, {"of": "auto"}),
        (0, {"of": "none"}),
    ]


def test_a_reference_to_nothing() -> None:
    served = Served(Canned(HELLO))
    (error,) = served.respond(conversation="none", input=[{"type": "item_reference", "id": "nobody"}])
    assert plain(error)["error"]["code"] == "item_reference_invalid_item_id"
    assert plain(error)["error"]["param"] == "response.input[0].id"
    assert "'nobody'" in plain(error)["error"]["message"]


def test_a_rate_that_nobody_speaks() -> None:
    served = Served(Canned(HELLO))
    (error,) = served.respond(audio={"output": {"format": {"type": "audio/pcm", "rate": 8000}}})
    assert plain(error)["error"]["code"] == "integer_below_min_value"
    assert plain(error)["error"]["param"] == "response.audio.output.format.rate"
    other = answered(
        HELLO,
        options={"audio": {"output": {"format": {"type": "audio/pcm", "rate": 8000}}}},
        traits=ServerTraits(pcm_rates=(24_000, 8000)),
    )
    assert other.codes == []


# --- what the model reads ------------------------------------------------------------------------------------------


def test_a_window_that_overflows_loses_its_oldest_items() -> None:
    brain = Canned(HELLO)
    served = Served(brain, limits=ServerLimits(context_tokens=30))
    for name in ("a", "b", "c"):
        served.write(name * 40, f"user_{name}")
    served.respond()
    assert [item.id for item in brain.requests[0].items] == ["user_b", "user_c"]
    assert len(served.conversation.items) == 4


def test_a_window_that_overflows_without_truncation() -> None:
    served = Served(Canned(HELLO), limits=ServerLimits(context_tokens=30))
    served.update(truncation="disabled")
    served.write("x" * 400)
    (error,) = served.respond()
    assert plain(error)["error"]["code"] == "conversation_too_long"


@pytest.mark.parametrize(("window", "left"), [(42, "abc"), (41, "bc"), (28, "bc"), (27, "c"), (14, "c"), (13, "")])
def test_as_many_items_are_left_out_as_need_be(window: int, left: str) -> None:
    brain = Canned(HELLO)
    served = Served(brain, limits=ServerLimits(context_tokens=window))
    for name in ("a", "b", "c"):
        served.write(name * 40, name)  # 14 tokens each
    served.respond()
    assert "".join(item.id or "" for item in brain.requests[0].items) == left
    served.update(truncation="disabled")
    served.send(ResponseCancel())
    for item_id in [str(item.id) for item in served.conversation.items][3:]:
        served.send(ConversationItemDelete(item_id=item_id))
    served.respond()
    assert (served.codes[-1:] == ["conversation_too_long"]) is (left != "abc")


# --- tools ---------------------------------------------------------------------------------------------------------


def test_a_tool_loop() -> None:
    brain = Canned(CallTool(name="get_weather", call_id="call_mine"), HELLO)
    served = Served(brain)
    served.write("What is the weather?")
    served.respond()
    said = served.send(ConversationItemCreate(item=FunctionCallOutputItem(call_id="call_mine", output="21")))
    item = plain(said[0])["item"]
    assert item == {"type": "function_call_output", "id": item["id"], "call_id": "call_mine", "output": "21"}
    served.respond()
    assert brain.requests[1].tool_outputs == (("get_weather", "21"),)


def test_an_output_for_a_call_that_was_never_made() -> None:
    from realtime_transport.events import ConversationItemCreate as Create

    served = Served()
    (error,) = served.send(Create(event_id="mine", item=FunctionCallOutputItem(call_id="call_x", output="21")))
    assert plain(error)["error"]["code"] == "invalid_tool_call_id"
    assert plain(error)["error"]["event_id"] is None


def test_a_brain_is_told_what_was_heard_and_what_it_is_to_answer_with() -> None:
    brain = Canned((), ())
    served = Served(brain)
    sound = hum("a word")
    served.send(ConversationItemCreate(item=UserMessageItem(id="said", content=(InputAudioPart(audio=sound),))))
    served.respond()
    served.respond(output_modalities=["text"], conversation="none")
    assert [(request.response_id, request.modality) for request in brain.requests] == [
        ("resp_0001", "audio"),
        ("resp_0002", "text"),
    ]
    assert brain.requests[0].heard == (Heard(item_id="said", audio=sound, words=""),)


def test_every_event_names_its_response() -> None:
    frames = [plain(event) for _, event in answered(HELLO).log]
    assert {frame["response_id"] for frame in frames if "response_id" in frame} == {"resp_0001"}


def test_a_voice_that_was_heard_stays() -> None:
    served = Served(Canned(Write(text="Words."), HELLO, Write(text="Words.")))
    codes = []
    for voice in ("echo", "marin", "cedar"):
        served.respond()
        served.update(audio={"output": {"voice": voice}})
        codes.append(list(served.codes))
    assert codes == [[], ["cannot_update_voice"], ["cannot_update_voice"] * 2]


def test_words_without_sound_do_not_free_a_voice_that_was_heard() -> None:
    served = answered(HELLO, Say(transcript="Silently."))
    served.update(audio={"output": {"voice": "marin"}})
    assert served.codes == ["cannot_update_voice"]


def test_a_response_that_is_cancelled_before_its_first_word_costs_nothing() -> None:
    served = answered(HELLO, latency_ms=1000)
    assert types(served.send(ResponseCancel())) == ["response.done"]
    assert (done(served)["status"], done(served)["usage"]["total_tokens"]) == ("cancelled", 0)


@pytest.mark.parametrize(
    "approval", ["never", "always", {"never": {"tool_names": ["get"]}}, {"always": {"tool_names": ["get"]}}]
)
def test_an_mcp_call_runs_after_its_response_or_is_asked_for(approval: Any) -> None:
    served = Served(Canned([Write(text="Wait."), CallMcp(server_label="weather", name="get")]), runs_mcp=True)
    tool = {"type": "mcp", "server_label": "weather", "server_url": "https://mcp.example", "require_approval": approval}
    served.update(tools=[tool], output_modalities=["text"])
    sent = served.respond()
    runs_at_once = "never" in approval
    kind = "mcp_call" if runs_at_once else "mcp_approval_request"
    assert [item["type"] for item in done(served)["output"]] == ["message", kind]
    runs = [event.output_index for event in sent if isinstance(event, ResponseMcpCallInProgress)]
    assert runs == ([1] if runs_at_once else [])
    assert types(sent)[-1] == ("response.mcp_call.in_progress" if runs else "rate_limits.updated")


def test_outputs_that_are_not_for_the_client_are_not_written() -> None:
    served = Served(Canned(()), latency_ms=1000)
    served.respond()
    before = len(served.log)
    for output in (Pause(ms=1), Pace(times=2), HangUp()):
        served.conversation.produce("resp_0001", output, 0)
    served.collect()
    assert len(served.log) == before


# --- when it was heard ---------------------------------------------------------------------------------------------


def test_an_idle_caller_is_waited_for_from_the_end_of_the_sound() -> None:
    served = Served(
        Canned([Write(text="Well."), Pause(ms=3000), Say(transcript="Hello.", audio=bytes(48_000))]), pace=8
    )
    served.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    served.respond()
    served.wait(20)
    begun = [moment for moment, event in served.log if isinstance(event, ResponseOutputAudioDelta)]
    assert begun[0] >= 3
    assert served.at(ResponseDone) > begun[0]
    idle = next(moment for moment, event in served.log if isinstance(event, InputAudioBufferTimeoutTriggered))
    assert idle == pytest.approx(begun[0] + 1.0 + 5.0)


# --- what it costs -------------------------------------------------------------------------------------------------


def adds_up(usage: dict[str, Any]) -> None:
    given, made = usage["input_token_details"], usage["output_token_details"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == given["text_tokens"] + given["audio_tokens"] + given["image_tokens"]
    assert usage["output_tokens"] == made["text_tokens"] + made["audio_tokens"]
    cached = given["cached_tokens_details"]
    assert given["cached_tokens"] == sum(cached.values())
    assert all(cached[f"{kind}_tokens"] <= given[f"{kind}_tokens"] for kind in ("text", "audio", "image"))


def test_usage_adds_up_and_grows() -> None:
    served = Served(Canned(HELLO, HELLO, CallTool(name="f")))
    audio = InputAudioPart(audio=hum("a word or two"))
    served.send(ConversationItemCreate(item=UserMessageItem(content=(audio,))))
    spent = []
    for _ in range(3):
        served.respond()
        spent.append(done(served)["usage"])
        adds_up(spent[-1])
    assert spent[0]["input_token_details"]["audio_tokens"] == 10  # 0.98 s at 10 tokens a second
    assert spent[0]["output_token_details"]["audio_tokens"] == 16  # 0.76 s at 20 tokens a second, rounded up
    assert spent[0]["input_token_details"]["cached_tokens"] == 0
    assert spent[1]["input_tokens"] > spent[0]["input_tokens"]
    assert spent[1]["input_token_details"]["cached_tokens"] > 0
    assert spent[1]["input_token_details"]["cached_tokens"] % 64 == 0


def test_pictures_cost_too() -> None:
    served = Served(Canned(HELLO))
    picture = InputImagePart(image_url="data:image/png;base64,")
    written = AssistantMessageItem(content=(OutputTextPart(text="Look."), OutputAudioPart(transcript="Do.")))
    served.send(ConversationItemCreate(item=UserMessageItem(content=(picture,))), ConversationItemCreate(item=written))
    served.respond()
    adds_up(done(served)["usage"])
    assert done(served)["usage"]["input_token_details"]["image_tokens"] == 765


def test_other_instructions_spoil_the_cache() -> None:
    served = Served(Canned(HELLO, HELLO))
    served.respond()
    served.update(instructions="Something else " * 50)
    served.respond()
    assert done(served)["usage"]["input_token_details"]["cached_tokens"] == 0


def test_a_response_outside_neither_uses_nor_spoils_the_cache() -> None:
    served = Served(Canned(HELLO, HELLO, HELLO))
    cached = []
    for options in ({}, {"conversation": "none"}, {"conversation": "none", "instructions": "Something else."}, {}):
        served.respond(**options)
        cached.append(done(served)["usage"]["input_token_details"]["cached_tokens"] > 0)
    assert cached == [False, False, False, True]


def test_instructions_and_tools_cost_what_they_are_long() -> None:
    served = Served(Canned(*[()] * 3))
    costs = []
    for session in ({"instructions": ""}, {"instructions": "x" * 400}, {"tools": [FUNCTION]}):
        served.update(**session)
        served.respond()
        costs.append(done(served)["usage"]["input_tokens"])
    assert costs[0] == 1, "an empty list of tools"
    assert costs[1] == 101
    assert costs[2] > 120


def test_the_cache_knows_the_items_that_a_request_brings_by_their_ids() -> None:
    served = Served(Canned(*[()] * 4))
    cached = []
    for item_id in ("a", "a", "b", None):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x" * 4000}]}
        served.respond(input=[{**item, "id": item_id} if item_id else item])
        cached.append(done(served)["usage"]["input_token_details"]["cached_tokens"] > 1000)
    assert cached == [False, True, False, False]


def test_an_account_that_is_spent_refuses_and_says_for_how_long() -> None:
    served = answered(HELLO, ask="x" * 400, limits=ServerLimits(tokens_per_minute=60))
    served.wait(0.25)
    sent = types(served.respond())
    assert sent == ["response.created", "response.done"]
    assert done(served)["status"] == "failed"
    assert done(served)["status_details"] == {
        "type": "failed",
        "error": {
            "type": "tokens",
            "code": "rate_limit_exceeded",
            "message": "Rate limit reached for this model: 60 tokens per minute. Please try again in 0.750s.",
        },
    }
    served.wait(0.75)
    served.respond()
    assert done(served)["status"] == "completed"


def test_an_account_without_a_limit_is_never_refused() -> None:
    served = Served(Canned(*[Reply(text="word " * 40_000)] * 2))
    for _ in range(2):
        served.respond(output_modalities=["text"])
    (limit,) = plain(served.last(RateLimitsUpdated))["rate_limits"]
    assert (limit["remaining"], done(served)["status"]) == (0, "completed")


def test_rate_limits_come_after_the_response() -> None:
    served = answered(HELLO)
    (limit,) = plain(served.last(RateLimitsUpdated))["rate_limits"]
    total = done(served)["usage"]["total_tokens"]
    assert limit == {
        "name": "tokens",
        "limit": 40_000,
        "remaining": 40_000 - total,
        "reset_seconds": limit["reset_seconds"],
    }
    assert limit["reset_seconds"] == pytest.approx(total * 60 / 40_000, abs=1e-3)


def test_rate_limits_where_the_beta_had_them_and_nowhere() -> None:
    early = answered(HELLO, traits=ServerTraits(rate_limits="created"))
    assert early.types[early.types.index("response.created") + 1] == "rate_limits.updated"
    assert early.types[-1] == "response.done"
    (limit,) = plain(early.last(RateLimitsUpdated))["rate_limits"]
    assert (limit["remaining"], limit["reset_seconds"]) == (40_000, 0)
    assert "rate_limits.updated" not in answered(HELLO, traits=ServerTraits(rate_limits="never")).types


def test_a_pause_is_time() -> None:
    served = answered(Pause(ms=500), HELLO)
    assert served.types[-1] == "response.created"
    served.wait(0.5)
    assert served.types[-1] == "rate_limits.updated"


def test_words_without_sound_in_an_audio_response() -> None:
    served = answered(Write(text="Hi."))
    assert served.all(ResponseOutputAudioDelta) == []
    assert to_dict(served.last(ResponseOutputItemDone))["item"]["content"][0]["transcript"] == "Hi."


def test_sound_in_a_text_response_is_written() -> None:
    served = answered(HELLO, options={"output_modalities": ["text"]})
    assert done(served)["output"][0]["content"][0]["text"] == HELLO.transcript
