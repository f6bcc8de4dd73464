"""What is expected of a server that is told nonsense: an error that names the cause, and a session that goes on."""

from __future__ import annotations

from typing import Any, Final

from realtime_transport.conformance.line import Line, expect
from realtime_transport.conformance.probe import Probe


async def _still_talks(line: Line) -> None:
    await line.say("Say hello.", output_modalities=["text"])
    done = await line.until("response.done")
    expect(done["response"].get("status") == "completed", "the session talks no more")


async def unknown_type(line: Line) -> None:
    """An event that nobody knows."""
    await line.until("session.created")
    await line.refusal(await line.send("check.no_such_event"))
    await _still_talks(line)


async def no_json(line: Line) -> None:
    """Not even JSON."""
    await line.until("session.created")
    await line.send_text("{")
    await line.refusal()
    await _still_talks(line)


async def no_type(line: Line) -> None:
    """JSON, and no event."""
    await line.until("session.created")
    await line.send_text('{"event_id": "check_typeless"}')
    await line.refusal()
    await _still_talks(line)


async def no_base64(line: Line) -> None:
    """Audio that is none."""
    await line.until("session.created")
    await line.refusal(await line.send("input_audio_buffer.append", audio="!!! not base64 !!!"))
    await _still_talks(line)


async def missing_field(line: Line) -> None:
    """Something required is not there."""
    await line.until("session.created")
    await line.refusal(await line.send("conversation.item.truncate", item_id="check_x"))
    await _still_talks(line)


async def unknown_field(line: Line) -> None:
    """Something that is not in the protocol."""
    await line.until("session.created")
    event_id = await line.send("session.update", session={"type": "realtime", "check_no_such_field": 1})
    error = await line.refusal(event_id)
    expect(error.get("code") == "unknown_parameter", f"the code is {error.get('code')!r}")


async def has_a_shape(line: Line) -> None:
    """The payload of an error."""
    await line.until("session.created")
    error = await line.refusal(await line.send("check.no_such_event"))
    expect(error.get("type"), "it has no type")
    expect(error.get("message"), "it has no message")


def _probe(name: str, expects: str, breaks: str, run: Any) -> Probe:
    return Probe(area="errors", name=name, expects=expects, breaks=breaks, run=run)


PROBES: Final = (
    _probe("has a shape", "type and message are there", "telling people what to do", has_a_shape),
    _probe("unknown event", "an error with its event_id; the session lives", "awaiting an answer", unknown_type),
    _probe("no JSON", "an error; the session lives", "one bad frame ends a call", no_json),
    _probe("no type", "an error; the session lives", "one bad frame ends a call", no_type),
    _probe("no base64", "an error; the session lives", "noise instead of an error", no_base64),
    _probe("missing field", "an error with its event_id; the session lives", "awaiting an answer", missing_field),
    _probe("unknown field", "unknown_parameter", "a typing error in a config stays hidden", unknown_field),
)
