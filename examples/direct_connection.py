"""The five calls of a direct connection: connect, listen, send a message, append audio, close.

realtime-transport serve            # in another terminal
python examples/direct_connection.py
"""

import asyncio

from realtime_transport import WebSocketTransport


async def main() -> None:
    transport = WebSocketTransport()
    transport.on("*", lambda frame: print("<", frame.event.type))
    transport.on("sent", lambda frame: print(">", frame.event.type))
    await transport.connect(
        url="ws://127.0.0.1:8080/v1/realtime", session={"audio": {"input": {"turn_detection": None}}}
    )
    transport.send_message("Hello!")
    await transport.wait_for("turn_done", timeout=30)
    transport.send_audio(bytes(24_000))  # half a second of PCM16; nobody confirms an append
    await transport.commit_audio().acknowledged()
    await transport.close()


asyncio.run(main())
