"""What an idle connection holds. Counted in bytes that Python allocates, without its socket."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from realtime_transport import RealtimeAgent, RealtimeSession
from tests.bench.test_growth import Server, ignore

pytestmark = pytest.mark.virtual_time

WARM, COUNT = 5, 20


async def transport() -> Server:
    """Connect a transport that one listener hears."""
    medium = Server()
    await medium.connect(session={"instructions": "Hi."})
    medium.on("audio", ignore)
    return medium


async def session() -> RealtimeSession:
    """Connect a session that one listener hears."""
    around = RealtimeSession(RealtimeAgent(name="Ada", instructions="Hi."), Server())
    await around.connect()
    around.on("audio", ignore)
    return around


@pytest.mark.parametrize(("connected", "most"), [(transport, 19_000), (session, 35_000)])
async def test_an_idle_connection_weighs_little(
    connected: Callable[[], Awaitable[Server | RealtimeSession]], most: int
) -> None:
    """The ceilings leave a fifth for what is still to come; a set, a queue and a timer for each would break them."""
    held = [await connected() for _ in range(WARM)]  # they bring what all of them share
    gc.collect()
    tracemalloc.start()
    try:
        held += [await connected() for _ in range(COUNT)]
        gc.collect()
        weight = tracemalloc.get_traced_memory()[0] / COUNT
    finally:
        tracemalloc.stop()
    for each in held:
        await each.close()
    assert weight < most
