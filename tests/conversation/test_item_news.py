import attrs
import pytest

from realtime_transport.events import (
    ConversationItemDone,
    ErrorEvent,
    FunctionCallEvent,
    FunctionCallItem,
    Item,
    McpApprovalRequestEvent,
    McpApprovalRequestItem,
    McpCallItem,
    McpError,
    McpListToolsItem,
    McpToolCallCompletedEvent,
    McpToolInfo,
    McpToolsListedEvent,
    ResponseMcpCallFailed,
    ResponseOutputItemDone,
    TransportEvent,
    UserMessageItem,
)
from realtime_transport.exceptions import ProtocolError
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


@pytest.mark.parametrize(
    ("item", "news"),
    [
        (FunctionCallItem(name="clock"), FunctionCallEvent),
        (McpApprovalRequestItem(server_label="docs", name="delete"), McpApprovalRequestEvent),
        (McpListToolsItem(server_label="docs", tools=(McpToolInfo(name="search"),)), McpToolsListedEvent),
        (McpCallItem(server_label="docs", name="search", output="found"), McpToolCallCompletedEvent),
    ],
)
def test_each_of_two_items_is_told(item: Item, news: type[TransportEvent]) -> None:
    case = Case()
    case.created("resp_1", ours=False)
    for item_id in ("item_1", "item_2", "item_1"):
        case.server(ResponseOutputItemDone(response_id="resp_1", item=attrs.evolve(item, id=item_id)))
    assert len(case.heard(news)) == 2


def test_a_hosted_call_is_told_by_its_item_or_by_its_failure_whichever_is_first() -> None:
    case = Case()
    item = McpCallItem(id="item_m", server_label="docs", name="search", error=McpError(type="http_error", code=500))
    case.server(ConversationItemDone(item=item), ResponseMcpCallFailed(item_id="item_m"))
    assert len(case.heard(McpToolCallCompletedEvent)) == 1


def test_an_item_without_an_id_is_told_without_one() -> None:
    case = Case()
    case.server(ResponseOutputItemDone(response_id="resp_1", item=FunctionCallItem(call_id="call_1", name="clock")))
    assert [event.item_id for event in case.heard(FunctionCallEvent)] == [""]


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
    errors = [(type(event.error), str(event.error)) for event in case.heard(ErrorEvent)]
    assert errors == [(ProtocolError, "call 'call_1' came again and says something else; the first counts")]
