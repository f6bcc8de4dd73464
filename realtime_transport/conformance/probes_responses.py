"""What is expected of responses: their order, their sums, one at a time, and how they are stopped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from realtime_transport.conformance.line import Frame, Line, expect
from realtime_transport.conformance.probe import Probe

_TEXT: Final[dict[str, Any]] = {"output_modalities": ["text"]}
_LONG: Final = "Tell me a long story about a lighthouse."
_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_TEXT_ORDER: Final = (
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
)
_AUDIO_ORDER: Final = (
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
)


async def _answer(line: Line, **response: Any) -> dict[str, Any]:
    """Ask, and give the ``response`` of its end."""
    await line.say("Say hello.", **response)
    return await _ended(line)


async def _ended(line: Line) -> dict[str, Any]:
    """Wait for the end of a response."""
    response: dict[str, Any] = (await line.until("response.done"))["response"]
    return response


def _reason(response: Frame) -> str:
    """Say why a response ended."""
    details: Any = response.get("status_details") or {}
    return str(details.get("reason"))


def _expect_order(line: Line, order: tuple[str, ...]) -> None:
    types = line.types()
    absent = [wire_type for wire_type in order if wire_type not in types]
    expect(not absent, f"never sent: {', '.join(absent)}")
    firsts = [types.index(wire_type) for wire_type in order]
    wrong = [
        f"{after} before {before}"
        for (before, one), (after, two) in pairwise(zip(order, firsts, strict=True))
        if one > two
    ]
    expect(not wrong, f"out of order: {', '.join(wrong)}")


async def writes(line: Line) -> None:
    """A written answer, event by event."""
    await line.until("session.created")
    response = await _answer(line, **_TEXT)
    expect(response.get("status") == "completed", f"the status is {response.get('status')!r}")
    _expect_order(line, _TEXT_ORDER)
    deltas = "".join(frame["delta"] for frame in line.of("response.output_text.delta"))
    whole = line.of("response.output_text.done")[-1]["text"]
    expect(deltas == whole, f"the deltas are {deltas!r}, the whole is {whole!r}")
    part = response["output"][0]["content"][0]
    expect(part.get("text") == whole, "response.done does not hold the text")


async def joins_the_conversation(line: Line) -> None:
    """A generated item is an item."""
    await line.until("session.created")
    await line.add("Say hello.")
    asked = await line.until("conversation.item.added")
    await line.send("response.create", response=_TEXT)
    added = await line.until("conversation.item.added")
    expect(added.get("previous_item_id") == asked["item"]["id"], "the answer does not follow the question")
    done = await line.until("response.done")
    expect(done["response"]["output"][0].get("id") == added["item"]["id"], "the answer is another item than announced")


async def speaks(line: Line) -> None:
    """A spoken answer: whole samples, and the words to it."""
    await line.until("session.created")
    response = await _answer(line)
    expect(response.get("status") == "completed", f"the status is {response.get('status')!r}")
    _expect_order(line, _AUDIO_ORDER)
    words = "".join(frame["delta"] for frame in line.of("response.output_audio_transcript.delta"))
    whole = [frame["transcript"] for frame in line.of("response.output_audio_transcript.done")]
    expect(whole, "no transcript")
    expect(words == "".join(whole), f"the deltas of the transcript are {words!r}, the whole is {''.join(whole)!r}")
    ids = {frame.get("response_id") for frame in line.of("response.output_audio.delta")}
    expect(ids == {response["id"]}, f"the deltas name the responses {ids}")


async def echoes_metadata(line: Line) -> None:
    """What the client wrote on it."""
    await line.until("session.created")
    response = await _answer(line, metadata={"check": "mine"}, **_TEXT)
    expect(response.get("metadata") == {"check": "mine"}, f"the metadata is {response.get('metadata')}")


async def counts(line: Line) -> None:
    """Usage that adds up."""
    await line.until("session.created")
    usage = (await _answer(line, **_TEXT)).get("usage")
    expect(usage, "no usage")
    assert usage is not None  # noqa: S101 - for the type checker
    total, parts = usage["total_tokens"], usage["input_tokens"] + usage["output_tokens"]
    expect(total == parts, f"total_tokens is {total}, input and output are {parts}")
    for side in ("input", "output"):
        details = usage[f"{side}_token_details"]
        kinds = sum(details.get(f"{kind}_tokens") or 0 for kind in ("text", "audio", "image"))
        expect(kinds == usage[f"{side}_tokens"], f"the {side} details add up to {kinds}")


async def tells_rate_limits(line: Line) -> None:
    """After the response."""
    await line.until("session.created")
    await _answer(line, **_TEXT)
    limits = (await line.until("rate_limits.updated"))["rate_limits"]
    expect({"name", "limit", "remaining", "reset_seconds"} <= set(limits[0]), f"a limit is {limits[0]}")


async def refuses_a_second(line: Line) -> None:
    """One at a time."""
    await line.until("session.created")
    await line.say(_LONG)
    await line.until("response.created")
    event_id = await line.send("response.create")
    error = await line.refusal(event_id)
    code = "conversation_already_has_active_response"
    expect(error.get("code") == code, f"the code is {error.get('code')!r}, not {code!r}")


async def is_cancelled(line: Line) -> None:
    """On request."""
    await line.until("session.created")
    await line.say(_LONG)
    await line.until("response.output_audio.delta")
    await line.send("response.cancel")
    response = await _ended(line)
    expect(response.get("status") == "cancelled", f"the status is {response.get('status')!r}")
    expect(_reason(response) == "client_cancelled", f"the reason is {_reason(response)!r}")
    again = await _answer(line, **_TEXT)
    expect(again.get("status") == "completed", "the next response is not possible")


async def refuses_to_cancel_nothing(line: Line) -> None:
    """A harmless error with its code."""
    await line.until("session.created")
    error = await line.refusal(await line.send("response.cancel"))
    code = "response_cancel_not_active"
    expect(error.get("code") == code, f"the code is {error.get('code')!r}, not {code!r}")


async def stays_outside(line: Line) -> None:
    """Out-of-band."""
    await line.until("session.created")
    question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello."}]}
    await line.send("response.create", response={"conversation": "none", "input": [question], **_TEXT})
    response = await _ended(line)
    expect(response.get("status") == "completed", f"the status is {response.get('status')!r}")
    expect(not line.of("conversation.item.added"), "its items are in the conversation")
    expect(not response.get("conversation_id"), "it says that it belongs to the conversation")


async def runs_beside(line: Line) -> None:
    """Out-of-band, while another one is running."""
    await line.until("session.created")
    await line.say(_LONG)
    await line.until("response.created")
    await line.send("response.create", response={"conversation": "none", "input": [], **_TEXT})
    await line.until("response.created")


async def calls_functions(line: Line) -> None:
    """The whole loop."""
    await line.until("session.created")
    await line.configure(tools=[_TOOL], **_TEXT)
    await line.say("What is the weather in Lisbon?", tool_choice={"type": "function", "name": "get_weather"})
    response = await _ended(line)
    calls = [item for item in response["output"] if item.get("type") == "function_call"]
    expect(calls, f"no function_call in the output, but {[item.get('type') for item in response['output']]}")
    deltas = "".join(frame["delta"] for frame in line.of("response.function_call_arguments.delta"))
    whole = line.of("response.function_call_arguments.done")
    expect(
        whole and whole[-1]["arguments"] == deltas == calls[0]["arguments"], "the arguments differ from their deltas"
    )
    output = {"type": "function_call_output", "call_id": calls[0]["call_id"], "output": "sunny, 21 degrees"}
    await line.send("conversation.item.create", item=output)
    await line.send("response.create")
    response = await _ended(line)
    expect(response.get("status") == "completed", f"after the output the status is {response.get('status')!r}")
    expect(response["output"], "after the output there is no answer")


def _probe(name: str, expects: str, breaks: str, run: Any) -> Probe:
    return Probe(area="responses", name=name, expects=expects, breaks=breaks, run=run)


PROBES: Final = (
    _probe("writes", "a written answer in order; the deltas add up to the whole", "captions", writes),
    _probe(
        "joins the conversation",
        "the answer is an item that follows the question",
        "the order of the history",
        joins_the_conversation,
    ),
    _probe("speaks", "a spoken answer in order, with its transcript", "hearing and reading the agent", speaks),
    _probe(
        "echoes metadata",
        "metadata of response.create comes back",
        "telling one's own responses from the server's",
        echoes_metadata,
    ),
    _probe("counts tokens", "usage adds up, in all and by modality", "budgets", counts),
    _probe("tells rate limits", "rate_limits.updated follows response.done", "pacing", tells_rate_limits),
    _probe(
        "one at a time",
        "a second response.create is conversation_already_has_active_response",
        "two voices at once",
        refuses_a_second,
    ),
    _probe("is cancelled", "response.cancel ends it as cancelled (client_cancelled)", "interrupting", is_cancelled),
    _probe(
        "nothing to cancel",
        "response.cancel without one is response_cancel_not_active",
        "an interruption that crosses the end",
        refuses_to_cancel_nothing,
    ),
    _probe(
        "stays outside",
        "conversation: none leaves the conversation as it is",
        "moderation beside the talk",
        stays_outside,
    ),
    _probe("runs beside", "an out-of-band response runs beside another", "moderation during the talk", runs_beside),
    _probe(
        "calls functions",
        "arguments in deltas, call_id, and an answer after the output",
        "every tool",
        calls_functions,
    ),
)
