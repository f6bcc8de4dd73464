"""What is expected of the conversation's items: their chain, and what can be done to them."""

from __future__ import annotations

from typing import Any, Final

from realtime_transport.conformance.line import Frame, Line, expect
from realtime_transport.conformance.probe import Probe

_GONE: Final = "check_unknown"
_PICTURE: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
"""One grey pixel."""


async def _added(line: Line, text: str, **fields: Any) -> Frame:
    """Add a message and wait until it is there."""
    await line.add(text, **fields)
    return await line.until("conversation.item.added")


async def is_acknowledged(line: Line) -> None:
    """Added, then done."""
    await line.until("session.created")
    added = await _added(line, "one")
    expect(added["item"].get("id"), "the item has no id")
    done = await line.until("conversation.item.done")
    expect(done["item"].get("id") == added["item"]["id"], "conversation.item.done is about another item")
    expect(added["item"]["content"][0].get("text") == "one", "the text is not in it")


async def is_chained(line: Line) -> None:
    """Each names the one before."""
    await line.until("session.created")
    first, second = await _added(line, "one"), await _added(line, "two")
    expect(first.get("previous_item_id") is None, f"the first item follows {first.get('previous_item_id')!r}")
    expect(second.get("previous_item_id") == first["item"]["id"], "the second item does not follow the first")


async def is_inserted(line: Line) -> None:
    """Somewhere else than at the end."""
    await line.until("session.created")
    first, second = await _added(line, "one"), await _added(line, "three")
    between = await _added(line, "two", previous_item_id=first["item"]["id"])
    expect(between.get("previous_item_id") == first["item"]["id"], "it does not follow the one that was named")
    front = await _added(line, "zero", previous_item_id="root")
    expect(front.get("previous_item_id") is None, "'root' is not the front")
    last = await _added(line, "four")
    expect(last.get("previous_item_id") == second["item"]["id"], "an insertion moved the end")


async def keeps_ids(line: Line) -> None:
    """The client's own."""
    await line.until("session.created")
    added = await _added(line, "mine", item={"id": "check_mine"})
    expect(added["item"]["id"] == "check_mine", f"the id became {added['item']['id']!r}")


async def refuses_duplicates(line: Line) -> None:
    """The same id twice."""
    await line.until("session.created")
    await _added(line, "mine", item={"id": "check_mine"})
    event_id = await line.add("again", item={"id": "check_mine"})
    await line.refusal(event_id)


async def refuses_unknown_predecessors(line: Line) -> None:
    """Nothing is added."""
    await line.until("session.created")
    event_id = await line.add("lost", previous_item_id=_GONE)
    error = await line.refusal(event_id)
    code = "item_create_invalid_previous_item_id"
    expect(error.get("code") == code, f"the code is {error.get('code')!r}, not {code!r}")
    added = await _added(line, "found")
    expect(added.get("previous_item_id") is None, "the refused item is in the conversation")


async def is_retrieved(line: Line) -> None:
    """As it was."""
    await line.until("session.created")
    added = await _added(line, "one")
    await line.send("conversation.item.retrieve", item_id=added["item"]["id"])
    again = await line.until("conversation.item.retrieved")
    expect(again["item"]["content"][0].get("text") == "one", "it came back without its text")


async def is_deleted(line: Line) -> None:
    """And the chain closes."""
    await line.until("session.created")
    first, second = await _added(line, "one"), await _added(line, "two")
    await line.send("conversation.item.delete", item_id=second["item"]["id"])
    deleted = await line.until("conversation.item.deleted")
    expect(deleted.get("item_id") == second["item"]["id"], "another item was deleted")
    third = await _added(line, "three")
    expect(third.get("previous_item_id") == first["item"]["id"], "the next item follows the deleted one")


async def refuses_to_delete_nothing(line: Line) -> None:
    """An unknown id."""
    await line.until("session.created")
    await line.refusal(await line.send("conversation.item.delete", item_id=_GONE))


async def takes_tool_outputs(line: Line) -> None:
    """Only for calls that were made."""
    await line.until("session.created")
    output = {"type": "function_call_output", "call_id": _GONE, "output": "{}"}
    await line.send("conversation.item.create", item=output)
    error = await line.refusal()
    expect(error.get("code") == "invalid_tool_call_id", f"the code is {error.get('code')!r}")


async def takes_pictures(line: Line) -> None:
    """A message may hold one."""
    await line.until("session.created")
    content = [{"type": "input_image", "image_url": _PICTURE}, {"type": "input_text", "text": "look"}]
    added = await _added(line, "", item={"content": content})
    kinds = [part.get("type") for part in added["item"]["content"]]
    expect(kinds == ["input_image", "input_text"], f"the parts became {kinds}")


def _probe(name: str, expects: str, breaks: str, run: Any) -> Probe:
    return Probe(area="items", name=name, expects=expects, breaks=breaks, run=run)


PROBES: Final = (
    _probe(
        "is acknowledged",
        "conversation.item.added, then conversation.item.done",
        "nobody knows whether a message arrived",
        is_acknowledged,
    ),
    _probe("is chained", "each names the one before it in previous_item_id", "the order of the history", is_chained),
    _probe(
        "is inserted",
        "previous_item_id puts an item after another, 'root' at the front",
        "histories that are rewritten or resumed",
        is_inserted,
    ),
    _probe("keeps the client's id", "an item keeps the id it was given", "optimistic histories", keeps_ids),
    _probe(
        "refuses duplicate ids", "an id that is taken is an error", "histories that are resumed", refuses_duplicates
    ),
    _probe(
        "refuses unknown predecessors",
        "an unknown previous_item_id is an error with its code, and nothing is added",
        "items in the wrong place",
        refuses_unknown_predecessors,
    ),
    _probe("is retrieved", "conversation.item.retrieve gives it back", "audio of past turns", is_retrieved),
    _probe("is deleted", "conversation.item.delete takes it out, and the chain closes", "guardrails", is_deleted),
    _probe(
        "refuses to delete nothing",
        "an unknown id is an error",
        "deletions that are awaited",
        refuses_to_delete_nothing,
    ),
    _probe(
        "refuses stray tool outputs",
        "an output without its call is invalid_tool_call_id",
        "mistakes of a tool loop stay hidden",
        takes_tool_outputs,
    ),
    _probe("takes pictures", "a user's message may hold input_image", "agents that see", takes_pictures),
)
