"""A transport alone: the direct line to the API, without agents. Says one thing, hears the answer, keeps the speech.

realtime-transport serve            # in another terminal
python examples/standalone_transport.py
"""

import asyncio

from realtime_transport import WebSocketTransport
from realtime_transport.audio.files import write_wav
from realtime_transport.events import AudioEvent, TranscriptDeltaEvent


async def main() -> None:
    transport = WebSocketTransport()
    speech = bytearray()

    @transport.on("audio")
    def hear(event: AudioEvent) -> None:
        speech.extend(event.data)  # PCM16, 24 kHz, mono: the session's output format

    @transport.on("transcript_delta")
    def read(event: TranscriptDeltaEvent) -> None:
        print(event.delta, end="", flush=True)

    await transport.connect(url="ws://127.0.0.1:8080/v1/realtime", session={"instructions": "Be brief."})
    try:
        transport.send_message("Hello!")
        done = await transport.wait_for("turn_done", timeout=30)
        print(f"\n{done.status}, {done.usage.total_tokens if done.usage else 0} tokens, {len(speech) / 48000:.1f} s")
        write_wav("answer.wav", bytes(speech))
    finally:
        await transport.close()


asyncio.run(main())
