"""The loopback: a whole conversation in memory, on virtual time."""

from __future__ import annotations

import pytest

from realtime_transport.testing.check_transport import CHECKS, run_check
from realtime_transport.transports import LoopbackTransport

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("name", CHECKS)
async def test_contract(name: str) -> None:
    await run_check(CHECKS[name], LoopbackTransport)
