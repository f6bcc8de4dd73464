"""MCP servers as the server role sees them: listing, calling, approving, and everything that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.conversation.brain import CallMcp, Reply
from realtime_transport.conversation.mcp_script import ScriptedTool
from realtime_transport.conversation.server_mcp import McpListing, McpResult, McpRun
from realtime_transport.events import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDone,
    ErrorFrame,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpError,
    McpListToolsItem,
    McpToolInfo,
    ResponseDone,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallFailed,
    ServerEvent,
)
from realtime_transport.events.server_conversation import McpListToolsFailed
from tests.conversation.serving import Canned, Served, plain, types

TOOLS = {
    "weather": (
        ScriptedTool(name="get_weather", description="Tells the weather.", output="21 degrees"),
        ScriptedTool(name="set_weather", error="Nobody can."),
    )
}
CALL = CallMcp(server_label="weather", name="get_weather", arguments='{"city": "Lisbon"}')


def tool(**more: Any) -> dict[str, Any]:
    return {"type": "mcp", "server_label": "weather", "server_url": "https://mcp.example", **more}


def listing(served: Served) -> McpListToolsItem:
    item = served.last(ConversationItemDone).item
    assert isinstance(item, McpListToolsItem)
    return item


def last_call(served: Served) -> McpCallItem:
    item = served.last(ConversationItemDone).item
    assert isinstance(item, McpCallItem)
    return item


# --- listing -------------------------------------------------------------------------------------------------------


def test_a_server_is_listed_once() -> None:
    served = Served(mcp=TOOLS)
    assert types(served.update(tools=[tool()])) == [
        "session.updated",
        "conversation.item.added",
        "mcp_list_tools.in_progress",
        "mcp_list_tools.completed",
        "conversation.item.done",
    ]
    assert [info.name for info in listing(served).tools] == ["get_weather", "set_weather"]
    assert types(served.update(tools=[tool()])) == ["session.updated"]
    assert len(served.update(tools=[tool(allowed_tools=["get_weather"])])) == 5
    assert [info.name for info in listing(served).tools] == ["get_weather"]


def test_the_session_of_a_client_secret_is_listed_too() -> None:
    from realtime_transport.events import RealtimeSessionConfig
    from realtime_transport.wire import from_dict

    served = Served(mcp=TOOLS, defaults=from_dict({"tools": [tool()]}, RealtimeSessionConfig))
    assert served.types[:2] == ["session.created", "conversation.item.added"]


@pytest.mark.parametrize(
    ("allowed", "names"),
    [
        ({"read_only": True}, ["a"]),
        ({"tool_names": ["b", "c"]}, ["b", "c"]),
        ({"tool_names": ["a", "b"], "read_only": True}, ["a"]),
        ([], []),
        (None, ["a", "b", "c"]),
    ],
)
def test_tools_that_are_not_allowed_are_not_listed(allowed: Any, names: list[str]) -> None:
    served = Served(runs_mcp=True)
    served.update(tools=[tool(allowed_tools=allowed)])
    (asked,) = served.peer.mcp_requests()
    assert isinstance(asked, McpListing)
    infos = [
        McpToolInfo(name="a", annotations={"readOnlyHint": True}),
        McpToolInfo(name="b", annotations={"readOnlyHint": False}),
        McpToolInfo(name="c", annotations=None),
    ]
    served.conversation.mcp_listed(asked.item_id, infos)
    served.collect()
    assert [info.name for info in listing(served).tools] == names


def test_a_server_that_cannot_be_reached() -> None:
    served = Served()
    served.update(tools=[tool()])
    assert served.types[-2:] == ["mcp_list_tools.failed", "conversation.item.done"]
    assert listing(served).tools == ()
    assert served.all(McpListToolsFailed)[0].item_id == listing(served).id


def test_news_of_a_listing_that_is_gone() -> None:
    served = Served(runs_mcp=True)
    served.update(tools=[tool()])
    (asked,) = served.peer.mcp_requests()
    served.send(ConversationItemDelete(item_id=asked.item_id))
    before = len(served.log)
    served.conversation.mcp_listed(asked.item_id, [])
    served.conversation.mcp_listed("mcpl_nobody", [])
    served.conversation.mcp_ran("mcp_nobody", McpResult(output=""))
    served.collect()
    assert len(served.log) == before


# --- calling -------------------------------------------------------------------------------------------------------


def test_a_call_runs_when_its_response_is_over() -> None:
    brain = Canned(CALL, Reply(text="It is 21 degrees."))
    served = Served(brain, mcp=TOOLS)
    served.update(tools=[tool(require_approval="never")])
    served.write("How is the weather?")
    sent = types(served.respond())
    assert sent == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
    ]
    (asked,) = served.last(ResponseDone).response.output or ()
    assert isinstance(asked, McpCallItem)
    assert (asked.error, asked.output, asked.arguments) == (None, None, CALL.arguments)
    assert (last_call(served).output, last_call(served).id) == ("21 degrees", asked.id)
    served.respond()
    assert brain.requests[0].mcp_tools[0][0] == "weather"
    assert brain.requests[1].tool_outputs == (("get_weather", "21 degrees"),)


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (CallMcp(server_label="weather", name="set_weather"), "tool_execution_error", "Nobody can."),
        (CallMcp(server_label="weather", name="make_weather"), "protocol_error", "Unknown tool: make_weather"),
        (CallMcp(server_label="moon", name="rise"), "protocol_error", "no MCP server 'moon'"),
    ],
)
def test_calls_that_fail(call: CallMcp, kind: str, says: str) -> None:
    never = {"never": {"tool_names": ["set_weather", "make_weather"]}}
    brain = Canned(call, ())
    served = Served(brain, mcp=TOOLS)
    served.update(tools=[tool(require_approval=never)])
    served.respond()
    if call.server_label == "moon":  # nobody knows it, so it needs an approval like any other
        asked = served.last(ConversationItemDone).item
        served.send(
            ConversationItemCreate(item=McpApprovalResponseItem(approval_request_id=str(asked.id), approve=True))
        )
    assert served.all(ResponseMcpCallFailed)
    error = last_call(served).error
    assert isinstance(error, McpError)
    assert error.type == kind
    assert says in str(error.message)
    served.respond()
    assert says in brain.requests[1].tool_outputs[0][1]


def test_the_driver_runs_what_is_not_on_paper() -> None:
    served = Served(Canned([Reply(text="Wait."), CALL]), runs_mcp=True)
    served.update(tools=[tool(require_approval="never")], output_modalities=["text"])
    served.peer.mcp_requests()
    served.respond()
    (asked,) = served.peer.mcp_requests()
    assert isinstance(asked, McpRun)
    assert (asked.name, asked.arguments, asked.tool.server_url) == (CALL.name, CALL.arguments, "https://mcp.example")
    assert served.types[-1] == "response.mcp_call.in_progress"
    served.conversation.mcp_ran(asked.item_id, McpResult(output="warm"))
    served.collect()
    assert last_call(served).output == "warm"
    assert [item.type for item in served.last(ResponseDone).response.output or ()] == ["message", "mcp_call"]


def test_a_call_outside_the_conversation_leaves_no_item() -> None:
    served = Served(Canned(CALL), mcp=TOOLS)
    served.update(tools=[tool(require_approval="never")])
    sent = types(served.respond(conversation="none", input=[]))
    assert "conversation.item.added" not in sent
    assert sent[-2:] == ["response.mcp_call.in_progress", "response.mcp_call.completed"]


# --- approving -----------------------------------------------------------------------------------------------------


def asking(**more: Any) -> tuple[Served, McpApprovalRequestItem, Canned]:
    brain = Canned(CALL, (), ())
    served = Served(brain, mcp=TOOLS)
    served.update(tools=[tool(**more)])
    served.respond()
    item = served.last(ConversationItemDone).item
    assert isinstance(item, McpApprovalRequestItem)
    return served, item, brain


def answer(served: Served, request_id: str, *, approve: bool) -> list[str]:
    item = McpApprovalResponseItem(approval_request_id=request_id, approve=approve)
    return types(served.send(ConversationItemCreate(item=item)))


@pytest.mark.parametrize(
    "asked",
    [{}, {"require_approval": "always"}, {"require_approval": {"always": {"tool_names": ["get_weather"]}}}],
)
def test_the_client_is_asked_first(asked: dict[str, Any]) -> None:
    served, item, brain = asking(**asked)
    assert (item.server_label, item.name, item.arguments) == ("weather", "get_weather", CALL.arguments)
    assert served.last(ResponseMcpCallArgumentsDone).arguments == CALL.arguments
    assert not any("mcp_call.in" in name for name in served.types)
    assert answer(served, str(item.id), approve=True) == [
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.added",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
    ]
    assert last_call(served).approval_request_id == item.id
    served.respond()
    assert brain.requests[1].tool_outputs == (("get_weather", "21 degrees"),)


def test_filters_say_what_needs_no_approval() -> None:
    for asked in ({"never": {"tool_names": ["get_weather"]}}, "never"):
        served = Served(Canned(CALL), mcp=TOOLS)
        served.update(tools=[tool(require_approval=asked)])
        served.respond()
        assert last_call(served).output == "21 degrees"


def test_what_is_denied_never_runs() -> None:
    served, item, brain = asking()
    assert answer(served, str(item.id), approve=False) == ["conversation.item.added", "conversation.item.done"]
    served.respond()
    assert (brain.requests[1].tool_outputs, brain.requests[1].words) == ((), "")


def test_answers_to_what_nobody_asks() -> None:
    served, item, _ = asking()
    answer(served, "mcpr_nobody", approve=True)
    served.write("Hello", "mine")
    answer(served, "mine", approve=True)
    answer(served, str(item.id), approve=False)
    answer(served, str(item.id), approve=True)
    assert served.codes == ["invalid_value"] * 3
    assert len([event for event in served.all(ConversationItemAdded) if isinstance(event.item, McpCallItem)]) == 0


# --- word for word -------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {}}


def brief(events: list[ServerEvent]) -> list[tuple[Any, ...]]:
    """Events as their type and all that they say besides."""
    frames = [plain(event) for event in events]
    return [(frame.pop("type"), frame) for frame in frames]


def test_a_listing_word_for_word() -> None:
    served = Served(mcp=TOOLS)
    served.write("Hi.", "item_1")
    item = {"type": "mcp_list_tools", "id": "mcpl_0001", "server_label": "weather"}
    tools = [
        {"name": "get_weather", "description": "Tells the weather.", "input_schema": SCHEMA, "annotations": None},
        {"name": "set_weather", "description": "", "input_schema": SCHEMA, "annotations": None},
    ]
    assert brief(served.update(tools=[tool()]))[1:] == [
        ("conversation.item.added", {"previous_item_id": "item_1", "item": {**item, "tools": []}}),
        ("mcp_list_tools.in_progress", {"item_id": "mcpl_0001"}),
        ("mcp_list_tools.completed", {"item_id": "mcpl_0001"}),
        ("conversation.item.done", {"previous_item_id": "item_1", "item": {**item, "tools": tools}}),
    ]


def test_a_call_of_a_response_word_for_word() -> None:
    served = Served(Canned([Reply(text="Wait."), CALL]), mcp=TOOLS)
    served.update(tools=[tool(require_approval="never")], output_modalities=["text"])
    asked: dict[str, Any] = {"type": "mcp_call", "id": "mcp_0001", "server_label": "weather", "name": "get_weather"}
    asked |= {"arguments": CALL.arguments, "error": None}
    where = {"item_id": "mcp_0001", "output_index": 1}
    assert brief(served.respond())[-3:] == [
        ("response.mcp_call.in_progress", where),
        ("response.mcp_call.completed", where),
        ("conversation.item.done", {"previous_item_id": "item_0001", "item": {**asked, "output": "21 degrees"}}),
    ]


@pytest.mark.parametrize(
    ("name", "how", "output", "error"),
    [
        ("get_weather", "completed", "21 degrees", None),
        ("set_weather", "failed", None, {"type": "tool_execution_error", "message": "Nobody can."}),
    ],
)
def test_an_approved_call_word_for_word(name: str, how: str, output: str | None, error: object) -> None:
    served = Served(Canned(CallMcp(server_label="weather", name=name)), mcp=TOOLS)
    served.update(tools=[tool()])
    served.respond()
    answered = McpApprovalResponseItem(id="yes", approval_request_id="mcpr_0001", approve=True)
    call: dict[str, Any] = {
        "type": "mcp_call",
        "id": "mcp_0001",
        "server_label": "weather",
        "name": name,
        "arguments": "{}",
    }
    call |= {"approval_request_id": "mcpr_0001"}
    where = {"item_id": "mcp_0001", "output_index": 0}
    assert brief(served.send(ConversationItemCreate(item=answered)))[2:] == [
        ("conversation.item.added", {"previous_item_id": "yes", "item": {**call, "output": None, "error": None}}),
        ("response.mcp_call.in_progress", where),
        (f"response.mcp_call.{how}", where),
        ("conversation.item.done", {"previous_item_id": "yes", "item": {**call, "output": output, "error": error}}),
    ]


def test_a_call_of_a_server_that_is_not_there_fails_with_the_code_of_json_rpc() -> None:
    served = Served(Canned(CallMcp(server_label="moon", name="rise")), mcp=TOOLS)
    served.respond()
    answer(served, "mcpr_0001", approve=True)
    assert last_call(served).error == McpError(
        type="protocol_error", code=-32602, message="There is no MCP server 'moon' in this session."
    )


@pytest.mark.parametrize(
    ("asked", "needed"),
    [
        ({"always": {"tool_names": ["get_weather"]}}, True),
        ({"always": {"tool_names": ["other"]}, "never": {"tool_names": ["get_weather"]}}, False),
        ({"always": {"tool_names": ["other"]}}, True),
        ({"always": {}, "never": {"tool_names": ["get_weather"]}}, False),
        ({"never": {"tool_names": ["other"]}}, True),
        ({"never": {}}, True),
    ],
)
def test_the_filters_of_approval(asked: dict[str, Any], needed: bool) -> None:
    served = Served(Canned(CALL), mcp=TOOLS)
    served.update(tools=[tool(require_approval=asked)])
    served.respond()
    assert ("response.mcp_call.in_progress" not in served.types) is needed


def test_a_refused_answer_names_the_request() -> None:
    served, item, _ = asking()
    answer(served, "mcpr_nobody", approve=True)
    answer(served, str(item.id), approve=False)
    answer(served, str(item.id), approve=False)
    for error, request_id in zip(served.all(ErrorFrame), ("mcpr_nobody", str(item.id)), strict=True):
        assert error.error.param == "item.approval_request_id"
        assert request_id in str(error.error.message)
