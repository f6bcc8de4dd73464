"""A guardrail with hold-back: not one word of a forbidden answer is heard.

Audio waits until the words that go with it were checked; here all of them, because a card number may be spread over
two checks. Speech is generated several times faster than it is heard, so that costs less than it sounds. A trip cuts
the answer, tells the model why and asks for another one.

realtime-transport serve            # in another terminal
python examples/guardrail.py
"""

import asyncio
import re

from realtime_transport import GuardrailSettings, RealtimeAgent, RealtimeSession, RunContext, output_guardrail
from realtime_transport.session.events import AgentAudioEvent, GuardrailTrippedEvent


@output_guardrail
def no_card_numbers(context: RunContext[None], text: str) -> bool:
    """Never repeat a card number."""
    return re.search(r"\d{4} ?\d{4}", text) is not None


async def main() -> None:
    agent = RealtimeAgent(name="shop", instructions="You take orders.", output_guardrails=[no_card_numbers])
    settings = GuardrailSettings(every=1000, hold_ms=10_000)
    heard = 0
    async with RealtimeSession(agent, guardrails=settings, url="ws://127.0.0.1:8080/v1/realtime") as session:

        @session.on("audio")
        def play(event: AgentAudioEvent[None]) -> None:
            nonlocal heard
            heard += len(event.data)

        @session.on("guardrail_tripped")
        def tripped(event: GuardrailTrippedEvent[None]) -> None:
            print(f"{event.guardrail} stopped {event.text!r} after {heard} bytes of speech were heard")

        session.send_message("My card is 1234 5678, please repeat it.")
        await session.wait_for("guardrail_tripped", timeout=30)
        corrected = await session.wait_for(lambda event: event.name == "audio", timeout=30)
        print(f"{corrected.agent.name} answers again")


asyncio.run(main())
