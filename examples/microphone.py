"""Microphone and speaker: talk to an agent, and talk over it. Needs the extra `mic` and a sound card.

OPENAI_API_KEY=... python examples/microphone.py
"""

import asyncio
import collections
import sys
from typing import Any

from realtime_transport import RealtimeAgent, RealtimeSession
from realtime_transport.session.events import AgentAudioEvent

RATE, BLOCK = 24_000, 480  # 20 ms of PCM16 mono, what the session speaks by default
QUEUED = 3_000  # blocks: a minute of speech, more than the server is ever ahead

try:
    import sounddevice
except (ImportError, OSError) as error:  # OSError: PortAudio itself is missing
    sys.exit(f"no sound: {error}. pip install 'realtime-transport[mic]', and apt install libportaudio2 on Debian")


async def main() -> None:
    loop = asyncio.get_running_loop()
    speaker: collections.deque[bytes] = collections.deque(maxlen=QUEUED)
    session = RealtimeSession(RealtimeAgent(name="friend", instructions="Chat in a friendly tone. Be brief."))
    rest = b""

    def play(event: AgentAudioEvent) -> None:
        nonlocal rest
        data, size = rest + event.data, BLOCK * 2
        whole = len(data) - len(data) % size
        speaker.extend(data[at : at + size] for at in range(0, whole, size))
        rest = data[whole:]

    def hush(_: object) -> None:
        nonlocal rest
        speaker.clear()
        rest = b""

    session.on("audio", play)
    session.on("audio_interrupted", hush)

    def block(indata: Any, outdata: Any, frames: int, time: Any, status: Any) -> None:  # on PortAudio's own thread
        loop.call_soon_threadsafe(session.send_audio, bytes(indata))
        outdata[:] = speaker.popleft() if speaker else bytes(len(outdata))

    async with session:
        with sounddevice.RawStream(RATE, BLOCK, dtype="int16", channels=1, callback=block):
            print("speak; Ctrl-C ends")
            await session.wait_for("disconnected", timeout=3600)


try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("bye")
except sounddevice.PortAudioError as error:
    sys.exit(f"no sound: {error}")
