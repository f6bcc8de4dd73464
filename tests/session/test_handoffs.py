import json
from typing import Any

import attrs
import pytest

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.context import ToolContext
from realtime_transport.session.handoffs import handoff


@attrs.frozen
class Reason:
    why: str


BILLING: RealtimeAgent[Any] = RealtimeAgent(name="Billing desk", handoff_description="Knows about invoices.")


def test_a_handoff_is_a_tool_to_the_model() -> None:
    definition = handoff(BILLING).definition()
    assert definition.name == "transfer_to_Billing_desk"
    assert definition.description == "Hand the conversation over to the agent 'Billing desk'. Knows about invoices."
    assert definition.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    assert handoff(RealtimeAgent(name="x")).description == "Hand the conversation over to the agent 'x'."


def test_name_and_description_can_be_chosen() -> None:
    way = handoff(BILLING, name="money", description="For money.")
    assert (way.name, way.description) == ("money", "For money.")


async def test_input_is_validated_and_announced(tool_context: ToolContext[Any]) -> None:
    heard: list[object] = []

    async def note(context: ToolContext[Any], reason: Reason) -> None:
        heard.extend((context, reason))

    way = handoff(BILLING, on_handoff=note, input_type=Reason)
    assert way.parameters["required"] == ["why"]
    with pytest.raises(InvalidArgument) as caught:
        way.read('{"why": 1}')
    assert caught.value.path == "$.why"
    await way.announce(tool_context, way.read(json.dumps({"why": "refund"})))
    assert heard == [tool_context, Reason("refund")]


async def test_without_an_input_type_whatever_the_model_wrote_is_ignored(tool_context: ToolContext[Any]) -> None:
    heard: list[object] = []
    way = handoff(BILLING, on_handoff=heard.append)
    await way.announce(tool_context, way.read("not json"))
    assert heard == [tool_context]
    await handoff(BILLING).announce(tool_context, None)


def test_an_input_nobody_takes_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="on_handoff"):
        handoff(BILLING, input_type=Reason)


def test_a_name_without_letters_needs_another() -> None:
    with pytest.raises(InvalidArgument, match="give handoff"):
        handoff(RealtimeAgent(name="???"))
