"""Everything a session can be told, and how to take it back: a change is merged, null switches off.

realtime-transport serve            # in another terminal
python examples/session_config.py
"""

import asyncio

from realtime_transport import WebSocketTransport

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


async def main() -> None:
    transport = WebSocketTransport()
    await transport.connect(url="ws://127.0.0.1:8080/v1/realtime", session=EVERYTHING)
    print("set:    ", transport.session.audio.input.turn_detection, transport.session.audio.output.voice)

    # Only what is named changes; null switches off; an empty list takes the tools away.
    await transport.update_session(
        {"audio": {"input": {"turn_detection": None, "noise_reduction": None, "transcription": None}}, "tools": []}
    ).acknowledged()
    print("cleared:", transport.session.audio.input.turn_detection, transport.session.tools)
    print("kept:   ", transport.session.instructions)
    await transport.close()


asyncio.run(main())
