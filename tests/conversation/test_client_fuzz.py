"""Whatever a server says, in whatever order: nothing raises, nothing grows, and every call comes to an end."""

from __future__ import annotations

from typing import Any

import attrs
import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation import Limits
from realtime_transport.events import (
    UNSET,
    AssistantMessageItem,
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    Conversation,
    ErrorDetail,
    FunctionCallItem,
    InputTextPart,
    McpApprovalRequestItem,
    McpCallItem,
    McpListToolsItem,
    McpToolInfo,
    OutputAudioPart,
    OutputTextPart,
    PcmuFormat,
    RateLimit,
    RealtimeSessionConfig,
    Response,
    ResponseOptions,
    ResponseOutputAudioDelta,
    ResponseStatusDetails,
    ServerEvent,
    ServerVad,
    TranscriptionSessionConfig,
    UnknownItem,
    UnknownObject,
    Usage,
    UserMessageItem,
)
from realtime_transport.events.registry import SERVER_EVENTS
from realtime_transport.exceptions import UsageError
from tests.conversation.client_case import SESSION, Case

IDS = st.sampled_from([UNSET, None, "", "one", "two", "event_1", "event_2", "item_2"])
NAMES = st.sampled_from(["", "one", "two", "item_2", "item_4"])
NUMBERS = st.sampled_from([0, 1, -1, 63, 10**9])
WORDS = st.sampled_from(["", "Hello", " there", "\ud800", "x" * 1000])
CODES = st.sampled_from(
    [UNSET, None, "conversation_already_has_active_response", "response_cancel_not_active", "invalid_value"]
)
PARTS = st.sampled_from([OutputAudioPart(), OutputTextPart(text="Hi"), InputTextPart(), OutputAudioPart(type="audio")])
ITEMS = st.builds(
    lambda item, item_id: attrs.evolve(item, id=item_id),
    st.sampled_from(
        [
            UserMessageItem(),
            AssistantMessageItem(status="in_progress"),
            AssistantMessageItem(status="completed", content=(OutputAudioPart(transcript="Hi"),)),
            FunctionCallItem(name="clock", call_id="call_1"),
            FunctionCallItem(name="clock", call_id=None, status="incomplete"),
            McpCallItem(server_label="docs", name="search", output="found"),
            McpListToolsItem(server_label="docs", tools=(McpToolInfo(name="search"),)),
            McpApprovalRequestItem(server_label="docs", name="search"),
            UnknownItem(type="vendor.thing"),
        ]
    ),
    IDS,
)
RESPONSES = st.builds(
    Response,
    id=IDS,
    status=st.sampled_from([UNSET, None, "completed", "cancelled", "odd"]),
    conversation_id=st.sampled_from([UNSET, None, "conv_1"]),
    metadata=st.sampled_from([UNSET, None, {}, {"rt_request": "event_1"}, {"rt_request": "event_2"}]),
    output=st.one_of(st.sampled_from([UNSET, None]), st.lists(ITEMS, max_size=2).map(tuple)),
    output_modalities=st.sampled_from([UNSET, None, (), ("text",), ("audio",)]),
    status_details=st.sampled_from([UNSET, None, ResponseStatusDetails(reason="turn_detected")]),
    usage=st.sampled_from([UNSET, None, Usage(), Usage(total_tokens=5, input_tokens=None)]),
    audio=st.sampled_from([UNSET, None, AudioConfig(output=AudioOutputConfig(format=PcmuFormat()))]),
)
SESSIONS = st.sampled_from(
    [
        SESSION,
        RealtimeSessionConfig(),
        RealtimeSessionConfig(audio=None, output_modalities=None),
        RealtimeSessionConfig(audio=AudioConfig(input=AudioInputConfig(turn_detection=None), output=None)),
        RealtimeSessionConfig(
            audio=AudioConfig(
                input=AudioInputConfig(turn_detection=ServerVad(interrupt_response=False)),
                output=AudioOutputConfig(format=UnknownObject(type="audio/opus")),
            )
        ),
        TranscriptionSessionConfig(),
    ]
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "event_id": st.sampled_from([UNSET, None, "e1", "e2"]),
    "response_id": IDS,
    "previous_item_id": IDS,
    "item_id": NAMES,
    "content_index": NUMBERS,
    "output_index": NUMBERS,
    "audio_start_ms": st.sampled_from([UNSET, None, 0, 5]),
    "audio_end_ms": st.sampled_from([UNSET, None, 0, 5]),
    "item": ITEMS,
    "part": PARTS,
    "response": RESPONSES,
    "session": SESSIONS,
    "error": st.builds(ErrorDetail, code=CODES, event_id=IDS, message=WORDS),
    "rate_limits": st.sampled_from([(), (RateLimit(),)]),
    "conversation": st.just(Conversation()),
    "delta": WORDS,
    "text": WORDS,
    "transcript": WORDS,
    "arguments": WORDS,
    "event": WORDS,
}
AUDIO = st.sampled_from([b"", b"\1", bytes(4800), bytes(9601)])


def events_of(cls: type[ServerEvent]) -> st.SearchStrategy[ServerEvent]:
    names = [field.name for field in attrs.fields(cls) if field.name in FIELDS]
    fields = {name: AUDIO if cls is ResponseOutputAudioDelta and name == "delta" else FIELDS[name] for name in names}
    return st.builds(cls, **fields)


SERVER = st.one_of([events_of(cls) for cls in SERVER_EVENTS.values()])
INTENTS = st.sampled_from(
    [
        ("request_response", (None,)),
        ("request_response", (ResponseOptions(conversation="none"),)),
        ("cancel_response", ()),
        ("interrupt", ()),
        ("create_item", (UserMessageItem(),)),
        ("delete_item", ("one",)),
        ("truncate_item", ("one", 0, 5)),
        ("update_session", ({"instructions": "Hi."},)),
        ("append_audio", (bytes(4800),)),
        ("commit_audio", ()),
        ("function_call_output", ("call_1", "42")),
        ("reset_history", ([],)),
        ("wait", (0.1,)),
        ("wait", (5.0,)),
    ]
)
CAPABILITIES = st.sampled_from(
    [
        Capabilities(),
        Capabilities(echoes_metadata=False, echoes_event_id=False),
        Capabilities(server_plays_audio=True, acknowledges_items=False),
        Capabilities(acknowledges_session_update=False, can_truncate=False, can_delete_items=False),
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(capabilities=CAPABILITIES, steps=st.lists(st.one_of(SERVER, SERVER, INTENTS), max_size=30))
def test_nothing_raises_and_every_call_is_settled_once(capabilities: Capabilities, steps: list[Any]) -> None:
    case = Case(capabilities=capabilities, limits=Limits(history_items=5))
    asked: set[str] = set()
    for step in steps:
        if isinstance(step, ServerEvent):
            case.server(step)
        elif step[0] == "wait":
            case.wait(*step[1])
        else:
            try:
                event_id = case.do(step[0], *step[1])
            except UsageError:
                continue
            if step[0] != "append_audio":
                asked.add(event_id)
    case.wait(200.0)
    case.talk.close(case.now)
    case.drain()
    assert set(case.settled) == asked
    assert len(case.talk.history) <= 5
    started, ended = case.names().count("turn_started"), case.names().count("turn_done")
    assert started == ended
