"""Faults as a client meets them: at the handshake, in the stream, in the TCP connection."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import Emulator
from realtime_transport.emulator.faults import Faults
from tests.emulator.calling import Caller, calling


async def refused(server: Emulator, query: str = "") -> Any:
    with pytest.raises(InvalidStatus) as raised:
        async with connect(server.url + query):
            pass
    return raised.value.response


async def test_a_status_and_when_to_come_back() -> None:
    async with Emulator(Echo(), faults=Faults(status=429, retry_after=1.5, attempts=1)) as server:
        response = await refused(server)
        assert (response.status_code, response.headers["Retry-After"]) == (429, "1.5")
        assert json.loads(response.body)["error"]["code"] == "fault_injected"
        async with calling(server):
            pass


async def test_by_the_number_of_the_connection() -> None:
    def unlucky(number: int) -> Faults:
        return Faults(status=503) if number == 2 else Faults()

    async with Emulator(Echo(), faults=unlucky) as server:
        async with calling(server):
            pass
        response = await refused(server)
        assert response.status_code == 503
        assert "Retry-After" not in response.headers
        async with calling(server):
            pass


async def test_by_the_url_of_the_client() -> None:
    async with Emulator(Echo()) as server:
        assert (await refused(server, "?fault.status=500")).status_code == 500
        unreadable = await refused(server, "?fault.mood=bad")
        assert unreadable.status_code == 400
        assert json.loads(unreadable.body)["error"]["param"] == "fault.mood"
        async with calling(server, "?fault.close_at=session.updated&fault.close_code=1011") as caller:
            await caller.update(instructions="Be brief.")
            assert (await caller.closed())[0] == 1011
        async with calling(server):
            pass


async def test_an_end_without_a_close_frame() -> None:
    async with Emulator(Echo()) as server, calling(server, "?fault.close_after=1") as caller:
        assert (await caller.closed())[0] == 1006


async def test_an_end_in_the_middle_of_a_frame() -> None:
    async with Emulator(Echo()) as server, connect(server.url + "?fault.cut_after_bytes=100") as socket:
        caller = Caller(socket)
        assert (await caller.closed())[0] == 1006


async def test_half_open_answers_not_even_pings() -> None:
    half_open = Faults(freeze_after=1)
    async with Emulator(Echo(), faults=half_open) as server, calling(server, ping_interval=None) as caller:
        pong = await caller.socket.ping()
        await caller.write("Are you there?")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.shield(pong)
        await server.stop()
        assert (await caller.closed())[0] == 1006
        pong.cancel()


async def test_a_slow_reader_reads_everything() -> None:
    async with Emulator(Echo(), faults=Faults(read_delay_ms=20)) as server, calling(server) as caller:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(5):
            await caller.send("surprise")
        for _ in range(5):
            await caller.until("error")
        assert loop.time() - began >= 0.1


async def test_translations_have_the_same_door() -> None:
    async with Emulator(Echo(), token="secret") as server:
        address = server.url + "/translations?fault.close_after=1&fault.close_code=4001"
        with pytest.raises(InvalidStatus) as raised:
            async with connect(address):
                pass
        assert raised.value.response.status_code == 401
        headers = {"Authorization": "Bearer secret"}
        async with connect(address, additional_headers=headers) as socket:
            assert (await Caller(socket).closed())[0] == 4001
