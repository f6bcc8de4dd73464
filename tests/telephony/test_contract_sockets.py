"""The same contract over real sockets and in real time: fake carrier -> WebSocket or TCP -> our transport -> model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import ServerConnection, serve

from realtime_transport.conversation.brains import Script, hum
from realtime_transport.telephony import StreamSocket, WebsocketsSocket
from realtime_transport.testing.carriers import FAKES, CallRecord, Listen, Press, Speak, Wait
from tests.telephony.stage import GREETING_MS, QUIET, Stage
from tests.telephony.test_contract import TOLERANCE_MS, stage_for

INTERRUPTION = hum("excuse me")
GOODBYE = "Thank you and goodbye"
TURN = 0.005


@contextlib.asynccontextmanager
async def answering(stage: Stage) -> AsyncIterator[str]:
    """Be at the address where the carrier calls; give its URL."""
    if stage.carrier == "audiosocket":

        async def on_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await stage.answer(StreamSocket(reader, writer))

        async with await asyncio.start_server(on_stream, "127.0.0.1", 0) as server:
            yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:

        async def on_websocket(connection: ServerConnection) -> None:
            await stage.answer(WebsocketsSocket(connection))

        async with serve(on_websocket, "127.0.0.1", 0) as gateway:
            yield f"ws://127.0.0.1:{gateway.sockets[0].getsockname()[1]}/call"


async def interrupted(stage: Stage) -> None:
    """Hear something of the greeting, press a key, speak over the rest of it, and hang up."""
    stage.brain = QUIET
    script = (Listen(ms=500), Press("5"), Speak(INTERRUPTION), Wait(0.4))
    async with answering(stage) as url:
        stage.record = await stage.fake(call_id=f"CA-{stage.carrier}").dial(url, *script)


async def parted(stage: Stage) -> None:
    """Let the agent hang up after its last word, and listen to it."""

    async def goodbye(call: object, witness: object) -> None:
        stage.witness.outcomes.append(await stage.witness.call.hangup())

    stage.then = goodbye
    stage.brain = Script(otherwise=GOODBYE)
    async with answering(stage) as url:
        stage.record = await stage.fake(call_id=f"CA-{stage.carrier}").dial(url, Wait(30))


async def lag() -> float:
    """Measure for as long as it may how late this machine is, in milliseconds."""
    loop, worst = asyncio.get_running_loop(), 0.0
    try:
        while True:
            due = loop.time() + TURN
            await asyncio.sleep(TURN)
            worst = max(worst, (loop.time() - due) * 1000)
    except asyncio.CancelledError:
        return worst


async def all_at_once(stages: list[Stage], play: object) -> float:
    watching = asyncio.create_task(lag())
    async with asyncio.timeout(30):
        await asyncio.gather(*(play(stage) for stage in stages))  # type: ignore[operator]
    watching.cancel()
    return await watching


async def test_a_barge_in_on_every_carrier() -> None:
    stages = [stage_for(carrier) for carrier in FAKES]
    late = await all_at_once(stages, interrupted)
    for stage in stages:
        record = stage.record
        assert record.faults == (), stage.carrier
        assert record.ended_by == "caller", stage.carrier
        assert stage.witness.keys == "5", stage.carrier
        assert len(stage.witness.cuts) == 1, stage.carrier
        assert 500 <= record.spoken_ms < GREETING_MS, stage.carrier
        # What this machine is late by, once on each side, is nobody's fault.
        assert stage.difference <= TOLERANCE_MS + 2 * late, (stage.carrier, late, record.story())


async def test_the_last_word_on_every_carrier() -> None:
    stages = [stage_for(carrier) for carrier in FAKES]
    late = await all_at_once(stages, parted)
    for stage in stages:
        record = stage.record
        assert record.faults == (), stage.carrier
        assert record.ended_by == "agent", stage.carrier
        heard = sum(stage.witness.heard(record).values())
        assert heard == pytest.approx(len(hum(GOODBYE)) / 48, abs=TOLERANCE_MS + 2 * late), (stage.carrier, late)
        assert stage.difference <= TOLERANCE_MS + 2 * late, (stage.carrier, late)


async def test_a_refused_call_is_a_call_too() -> None:
    async def forbid(connection: ServerConnection, request: object) -> object:
        return connection.respond(403, "no signature")

    async def nobody(connection: ServerConnection) -> None:
        raise AssertionError

    async with serve(nobody, "127.0.0.1", 0, process_request=forbid) as gateway:  # type: ignore[arg-type]
        url = f"ws://127.0.0.1:{gateway.sockets[0].getsockname()[1]}/"
        record: CallRecord = await FAKES["twilio"]().dial(url, Wait(1))
    assert (record.refused, record.ended_by, record.heard) == (403, "agent", b"")
