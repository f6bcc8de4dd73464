"""What the server says, encoded before the clock starts: only the ``event_id`` is written into a frame at run time.

Ids must differ, because a client that drops duplicates would drop them all.
"""

from __future__ import annotations

import base64
import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

SESSION: dict[str, Any] = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_bench",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "instructions": "You are a benchmark.",
    "tools": [],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "prompt": None,
    "expires_at": 1_900_000_000,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
    },
    "include": None,
}
USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
AUDIO = {"a1k": 960, "a8k": 9_600, "a20k": 19_200}
"""Bytes of PCM16 at 24 kHz in one delta: 20, 200 and 400 ms."""

NUMBER = "#" * 12
Frame = Callable[[int], bytes]
"""Makes the n-th frame, header included, from what is encoded already."""


def text_frame(payload: bytes) -> bytes:
    """Wrap a text as a server does: unmasked, in one frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + struct.pack("!H", size) + payload
    return b"\x81\x7f" + struct.pack("!Q", size) + payload


def event(kind: str, **fields: Any) -> bytes:
    """Encode an event that is said once."""
    return text_frame(json.dumps({"type": kind, "event_id": f"event_{kind}"[:40], **fields}).encode())


def repeated(kind: str, **fields: Any) -> Frame:
    """Encode an event that is said often; its number stands wherever ``NUMBER`` does."""
    body = {"type": kind, "event_id": f"{kind[-8:]}_{NUMBER}", **fields}
    parts = text_frame(json.dumps(body, separators=(",", ":")).encode()).split(NUMBER.encode())
    return lambda n: (b"%012d" % n).join(parts)


def item(item_id: str, role: str, content: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }


def response(response_id: str, status: str, output: list[Any], usage: object = None) -> dict[str, Any]:
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None,
        "output": output,
        "conversation_id": "conv_bench",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}},
        "usage": usage,
        "metadata": None,
    }


def beginning(response_id: str, item_id: str) -> bytes:
    """Say that a response and its one item began."""
    entry = item(item_id, "assistant", [], "in_progress")
    place = {"response_id": response_id, "output_index": 0}
    part = {"type": "audio", "transcript": ""}
    return b"".join(
        (
            once("response.created", response_id, response=response(response_id, "in_progress", [])),
            once("response.output_item.added", response_id, item=entry, **place),
            once("conversation.item.added", response_id, previous_item_id=None, item=entry),
            once("response.content_part.added", response_id, item_id=item_id, content_index=0, part=part, **place),
        )
    )


def once(kind: str, unique: str, **fields: Any) -> bytes:
    """Encode an event under an id of its own."""
    return text_frame(json.dumps({"type": kind, "event_id": f"event_{kind}_{unique}", **fields}).encode())


def history(count: int) -> Iterator[bytes]:
    """Say that the conversation holds ``count`` messages of the caller's."""
    previous = None
    for number in range(count):
        content = [{"type": "input_text", "text": f"This is what was said as number {number}."}]
        entry = item(f"item_h{number}", "user", content)
        for kind in ("conversation.item.added", "conversation.item.done"):
            yield once(kind, str(number), previous_item_id=previous, item=entry)
        previous = entry["id"]


def audio_delta(size: int, response_id: str = "resp_bench", item_id: str = "item_bench") -> Frame:
    """Encode ``size`` bytes of speech."""
    sound = base64.b64encode(random.Random(1).randbytes(size)).decode()
    return repeated("response.output_audio.delta", **_place(response_id, item_id), delta=sound)


def _place(response_id: str, item_id: str) -> dict[str, Any]:
    return {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}


def _transcript_delta() -> Frame:
    return repeated("response.output_audio_transcript.delta", **_place("resp_bench", "item_bench"), delta=" words")


def _whole_responses() -> Frame:
    """Encode a response that begins and ends: two events that count as one."""
    spoken = item(f"item_{NUMBER}", "assistant", [{"type": "output_audio", "transcript": "Yes, of course. " * 6}])
    begun = repeated("response.created", response=response(f"resp_{NUMBER}", "in_progress", []))
    done = repeated("response.done", response=response(f"resp_{NUMBER}", "completed", [spoken], USAGE))
    return lambda n: begun(n) + done(n)


def make(name: str) -> Frame:
    """Encode the frame of a scenario."""
    if name in AUDIO:
        return audio_delta(AUDIO[name])
    return {"transcript": _transcript_delta, "response": _whole_responses}[name]()
