"""A phone call is a transport like any other: it keeps the contract, but for what one call cannot do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_transport.telephony import PhoneCall
from realtime_transport.telephony.codecs import Frame
from realtime_transport.testing.carriers import FakeTwilio
from realtime_transport.testing.contract import CHECKS, run_check
from realtime_transport.transports import LoopbackTransport

pytestmark = pytest.mark.virtual_time

OTHERWISE = {
    "connects_again": "a phone call is connected once",
    "connect_can_be_cancelled_anywhere": "it connects again",
    "connect_can_be_closed_anywhere": "it connects again",
    "what_waits_is_sent_before_the_end": "it counts frames, and the phone's formats take one more",
}
"""Check -> why a call cannot pass it."""


class Call(PhoneCall, LoopbackTransport):
    """A phone call with a model in memory."""


class Line:
    """A caller who says nothing and never hangs up."""

    def __init__(self) -> None:
        self._messages = FakeTwilio(lambda _: asyncio.sleep(0)).opening()

    async def receive(self) -> Frame | None:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: Frame) -> None:
        """Play it to nobody."""

    async def close(self, code: int, reason: str) -> None:
        """Hang up."""


def call(*args: Any, **options: Any) -> Call:
    return Call(Line(), *args, **options)


@pytest.mark.parametrize("name", sorted(CHECKS.keys() - OTHERWISE.keys()))
async def test_contract(name: str) -> None:
    await run_check(CHECKS[name], call)


def test_the_exceptions_are_checks() -> None:
    assert OTHERWISE.keys() <= CHECKS.keys()
