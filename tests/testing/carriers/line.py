"""An application for tests of the fakes themselves: says what it is told, writes down what it hears and when."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import attrs

from realtime_transport.telephony.codecs import CarrierCodec, Frame
from realtime_transport.testing.carriers import FakeSocket


@attrs.define
class Application:
    """``plan`` is what to do: a number of seconds to wait, or messages to send."""

    plan: list[Any]
    closes: tuple[int, str] | None = None
    heard: list[tuple[float, Frame]] = attrs.field(factory=list)

    async def __call__(self, phone: FakeSocket) -> None:
        loop = asyncio.get_running_loop()
        listening = asyncio.create_task(self._listen(phone))
        for step in self.plan:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                for message in [step] if isinstance(step, str | bytes) else step:
                    await phone.send(message)
        if self.closes is not None:
            await phone.close(*self.closes)
        await listening
        assert loop.is_running()

    async def _listen(self, phone: FakeSocket) -> None:
        while (message := await phone.receive()) is not None:
            self.heard.append((asyncio.get_running_loop().time(), message))

    def texts(self) -> list[str]:
        return [message for _, message in self.heard if isinstance(message, str)]

    def events(self, word: str, key: str = "event") -> list[tuple[float, dict[str, Any]]]:
        """Return the JSON messages of a kind, with their times."""
        found = [(at, json.loads(message)) for at, message in self.heard if isinstance(message, str)]
        return [(round(at, 3), message) for at, message in found if message.get(key) == word]


def started(codec: CarrierCodec, *opening: Frame) -> CarrierCodec:
    """Return a codec that knows its call."""
    for message in opening:
        codec.receive(message)
    codec.replies()
    return codec
