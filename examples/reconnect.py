"""A connection that is lost and made anew: wait as long as the server asks, and tell it what was said so far.

Beside `realtime-transport serve`, which drops the first connection on purpose: python examples/reconnect.py
"""

import asyncio
from typing import Any

import attrs

from realtime_transport import WebSocketTransport
from realtime_transport.events.items import (
    AssistantMessageItem,
    ContentPart,
    InputAudioPart,
    InputTextPart,
    Item,
    OutputAudioPart,
    OutputTextPart,
    UserMessageItem,
)
from realtime_transport.exceptions import ConnectionFailed

URL = "ws://127.0.0.1:8080/v1/realtime"
LONGEST_WAIT = 8.0


async def connect_patiently(transport: WebSocketTransport, **how: Any) -> None:
    """Connect; try again, ever more slowly, as long as the error says that it may help."""
    wait = 0.5
    while True:
        try:
            return await transport.connect(**how)
        except ConnectionFailed as error:
            if not error.retryable or wait > LONGEST_WAIT:
                raise
            await asyncio.sleep(getattr(error, "retry_after", None) or wait)
            wait *= 2


def in_words(transport: WebSocketTransport) -> list[Item]:
    """Return the history as a new connection can take it: the protocol takes back no speech, only its words.

    Of an answer that was cut off the words that were heard; what has no words is left out.
    """
    spoken: list[Item] = []
    for item in transport.history:
        entry = transport.history_entry(item.id or "")
        heard = entry.heard_text if entry is not None else None
        if isinstance(item, UserMessageItem | AssistantMessageItem):
            parts = [_as_text(part, heard) for part in item.content]
            item = attrs.evolve(item, content=tuple(part for part in parts if part is not None))
            if not item.content:
                continue
        spoken.append(item)
    return spoken


def _as_text(part: ContentPart, heard: str | None) -> ContentPart | None:
    match part:
        case OutputAudioPart():
            words = part.transcript if heard is None else heard
            return OutputTextPart(text=words) if words else None
        case InputAudioPart():
            return InputTextPart(text=part.transcript) if part.transcript else None
        case _:
            return part


async def main() -> None:
    transport = WebSocketTransport()
    config = {"instructions": "Be brief."}
    await connect_patiently(transport, url=f"{URL}?fault.close_at=response.done&fault.close_code=1011", session=config)
    transport.send_message("Hello!")
    end = await transport.wait_for("disconnected", timeout=30)
    print(f"lost with {end.code}; clean: {end.clean}")

    said = in_words(transport)  # before connect, which begins a new history
    await connect_patiently(transport, url=URL, session=config)
    await transport.reset_history(said).acknowledged()
    print(f"{len(transport.history)} items are back: {[item.type for item in transport.history]}")
    await transport.close()


asyncio.run(main())
