from realtime_transport.events import (
    ConversationItemDone,
    ErrorEvent,
    FunctionCallEvent,
    FunctionCallItem,
    McpApprovalRequestEvent,
    McpApprovalRequestItem,
    McpCallItem,
    McpError,
    McpListToolsItem,
    McpToolCallCompletedEvent,
    McpToolInfo,
    McpToolsListedEvent,
    ResponseOutputItemDone,
    UserMessageItem,
)
from tests.conversation.client_case import Case


def test_a_call_without_an_id_of_its_own_goes_by_its_items() -> None:
    case = Case()
    call = FunctionCallItem(id="item_f", name="clock")
    case.server(ResponseOutputItemDone(response_id="resp_1", item=call))
    assert [event.call_id for event in case.heard(FunctionCallEvent)] == ["item_f"]


def test_a_call_that_is_part_of_a_restored_history_is_not_told() -> None:
    case = Case()
    case.server(ConversationItemDone(item=FunctionCallItem(id="item_f", call_id="call_1", name="clock")))
    assert case.heard(FunctionCallEvent) == []


def test_a_call_that_nobody_says_the_response_of_is_not_told_twice() -> None:
    case = Case()
    call = FunctionCallItem(id="item_f", call_id="call_1", name="clock")
    case.created("resp_1", ours=False)
    case.server(ResponseOutputItemDone(item=call), ResponseOutputItemDone(item=call))
    assert [event.response_id for event in case.heard(FunctionCallEvent)] == ["resp_1"]


def test_an_approval_is_asked_for_once() -> None:
    case = Case()
    item = McpApprovalRequestItem(id="item_r", server_label="docs", name="delete", arguments='{"all":true}')
    case.server(ConversationItemDone(item=item), ResponseOutputItemDone(response_id="resp_1", item=item))
    assert case.heard(McpApprovalRequestEvent) == [
        McpApprovalRequestEvent(
            approval_request_id="item_r", server_label="docs", tool_name="delete", arguments='{"all":true}'
        )
    ]


def test_tools_are_told_once_and_an_empty_list_is_not() -> None:
    case = Case()
    case.server(ConversationItemDone(item=McpListToolsItem(id="item_l", server_label="docs")))
    assert case.heard(McpToolsListedEvent) == []
    full = McpListToolsItem(id="item_l", server_label="docs", tools=(McpToolInfo(name="search"),))
    case.server(ConversationItemDone(item=full), ConversationItemDone(item=full))
    assert case.heard(McpToolsListedEvent) == [McpToolsListedEvent(item=full)]


def test_a_hosted_call_tells_its_error() -> None:
    case = Case()
    failed = McpCallItem(id="item_m", server_label="docs", name="search", error=McpError(type="http_error", code=500))
    case.server(ConversationItemDone(item=failed), ConversationItemDone(item=failed))
    assert case.heard(McpToolCallCompletedEvent) == [McpToolCallCompletedEvent(item=failed, failed=True)]


def test_a_message_asks_for_nothing() -> None:
    case = Case()
    case.server(ConversationItemDone(item=UserMessageItem(id="item_u")))
    assert case.names() == ["item_update"]


def test_fm81_a_call_that_comes_again_with_other_arguments_is_reported_and_not_told() -> None:
    case = Case()
    case.created("resp_1", ours=False)
    for arguments in ("{}", "{}", '{"zone":"UTC"}', '{"zone":"UTC"}'):
        call = FunctionCallItem(id="item_f", call_id="call_1", name="clock", arguments=arguments)
        case.server(ResponseOutputItemDone(response_id="resp_1", item=call))
    assert [event.arguments for event in case.heard(FunctionCallEvent)] == ["{}"]
    assert len(case.heard(ErrorEvent)) == 1
