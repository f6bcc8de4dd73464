"""Interpret: speech goes in, speech in another language comes out, on the clock of the input.

realtime-transport serve            # in another terminal
python examples/translation.py
"""

import asyncio

from realtime_transport.emulator import library
from realtime_transport.transports import TranslationTransport


async def main() -> None:
    heard = bytearray()
    transport = TranslationTransport()
    transport.on("audio", lambda event: heard.extend(event.data))
    transport.on("transcript_delta", lambda event: print(event.delta, end="", flush=True))
    await transport.connect(
        url="ws://127.0.0.1:8080/v1/realtime/translations",
        session={"audio": {"output": {"language": "es"}, "input": {"transcription": {"model": "whisper-1"}}}},
    )
    for name in ("caller_hello", "caller_city"):
        transport.send_audio(library().audio(name))
    await transport.finish(timeout=30)  # nothing of the end is lost
    print(f"\n{len(heard) / 48_000:.1f} s of translated speech")
    await transport.close()


asyncio.run(main())
