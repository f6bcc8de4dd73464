"""A brain of your own behind the emulator: whatever makes answers, from a dictionary to a language model.

python examples/own_brain.py
"""

import asyncio
from collections.abc import AsyncIterator

from realtime_transport import WebSocketTransport
from realtime_transport.conversation.brain import CallTool, GenerationRequest, Output, Reply
from realtime_transport.emulator import AsyncBrain, Emulator


class Librarian(AsyncBrain):
    """One for each session: it may remember."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, request: GenerationRequest) -> AsyncIterator[Output]:
        self.asked += 1
        if request.tool_outputs:
            name, output = request.tool_outputs[-1]
            yield Reply(text=f"{name} says {output}.")
        elif "book" in request.words.casefold():
            await asyncio.sleep(0.1)  # a model would be asked here; it is cancelled when the response is
            yield CallTool(name="find_book", arguments='{"about": "bees"}')
        else:
            yield Reply(text=f"That was question {self.asked}: {request.words}")


async def main() -> None:
    async with Emulator(Librarian) as server:
        transport = WebSocketTransport()
        transport.on("function_call", lambda call: transport.send_function_call_output(call.call_id, "shelf seven"))
        await transport.connect(url=server.url, session={"output_modalities": ["text"]})
        for question in ("Good morning.", "Is there a book about bees?"):
            transport.send_message(question)
            print((await transport.wait_for("text_done", timeout=10)).text)
        await transport.close()


asyncio.run(main())
