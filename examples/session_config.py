"""Everything a session can be told, and how to take it back: a change is merged, null switches off.

realtime-transport serve            # in another terminal
python examples/session_config.py
"""

import asyncio
from typing import Any

from realtime_transport import WebSocketTransport
from realtime_transport.wire import to_dict

EVERYTHING = {
    "instructions": "You answer the phone of a bakery.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "gpt-4o-mini-transcribe", "language": "en", "prompt": "bread and rolls"},
            "turn_detection": {"type": "server_vad", "threshold": 0.6, "silence_duration_ms": 400},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.1},
    },
    "tools": [{"type": "function", "name": "stock", "parameters": {"type": "object", "properties": {}}}],
    "tool_choice": "auto",
    "max_output_tokens": 500,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
}


def in_force(transport: WebSocketTransport) -> dict[str, Any]:
    return to_dict(transport.session) if transport.session else {}  # as the server last confirmed it


async def main() -> None:
    transport = WebSocketTransport()
    await transport.connect(url="ws://127.0.0.1:8080/v1/realtime", session=EVERYTHING)
    audio = in_force(transport)["audio"]
    print("set:    ", audio["input"]["turn_detection"], audio["output"]["voice"])

    # Only what is named changes; null switches off; an empty list takes the tools away.
    await transport.update_session(
        {"audio": {"input": {"turn_detection": None, "noise_reduction": None, "transcription": None}}, "tools": []}
    ).acknowledged()
    session = in_force(transport)
    print("cleared:", session["audio"]["input"]["turn_detection"], session["tools"])
    print("kept:   ", session["instructions"])
    await transport.close()


asyncio.run(main())
