"""Hold long calls under virtual time, with everything that people do in them, and see whether anything grows.

python scripts/soak.py --calls 10 --minutes 55 --seed 1

Each call is a session over the loopback: two agents that hand over to each other, tools that answer, fail and dawdle,
speech found by turn detection, barge-ins, typed messages, pictures, updates, deletions, out-of-band responses. After
each call the client's history has to be the server's, every receipt settled, no task left; memory is printed at the
end of each. Exit 1 when a call ends otherwise, or when the last third of the calls needs more memory than the second.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from realtime_transport import (
    LoopbackTransport,
    RealtimeAgent,
    RealtimeSession,
    SendReceipt,
    ToolContext,
    function_tool,
)
from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import CallTool, GenerationRequest, Output, Pause, Reply, Stop
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server import ServerConversation
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.exceptions import RealtimeError
from realtime_transport.testing import virtual_time

WORDS: Final = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
BLOCK: Final = 960
"""Bytes of 20 ms: how a sound card or a carrier hands audio over."""
REST_S: Final = 60.0
"""Longer than anything in a call may take to come to an end."""


class Moody:
    """A model that answers at length or briefly, calls tools or fails, as chance will have it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def answer(self, request: GenerationRequest) -> Iterable[Output]:
        """Say what chance says."""
        chance = self._chance
        yield Pause(ms=chance.choice((0, 40, 400)))
        yield Reply(text=" ".join(chance.choices(WORDS, k=chance.randint(1, 30))))
        if request.turn == 0 or request.tool_outputs or chance.random() > 0.35:
            return
        tools = [tool.name for tool in request.session.tools or () if hasattr(tool, "name")]
        for name in chance.sample(tools, k=min(len(tools), chance.randint(1, 3))):
            yield CallTool(name=str(name), arguments=chance.choice(('{"n": 3}', '{"n": "x"}', "{")))
        if chance.random() < 0.1:
            yield Stop(status=chance.choice(("failed", "incomplete")))


@function_tool
def count(n: int) -> list[int]:
    """Count to a number."""
    return list(range(n))


@function_tool(timeout=2.0)
async def dawdle(context: ToolContext[Any], n: int) -> str:
    """Take longer than anybody waits."""
    await asyncio.sleep(n)
    return f"{context.tool_name} is done"


@function_tool(reply="background")
async def errand(n: int) -> str:
    """Do something beside the talk."""
    await asyncio.sleep(n * 5)
    return "bought"


def agents() -> RealtimeAgent:
    """Make two agents that point at each other."""
    second = RealtimeAgent(name="second", tools=[count, errand], handoffs=lambda: [first])
    first = RealtimeAgent(name="first", tools=[count, dawdle], handoffs=[second])
    return first


class Caller:
    """Somebody who does what people do, in random order."""

    def __init__(self, session: RealtimeSession, chance: random.Random, counts: Counter[str]) -> None:
        self._session = session
        self._chance = chance
        self._counts = counts
        self._receipts: list[SendReceipt] = []
        self._doings: Mapping[Callable[[], Any], int] = {
            self._speak: 6,
            self._wait: 4,
            self._type: 3,
            self._barge_in: 3,
            self._interrupt: 2,
            self._say_beside: 1,
            self._show: 1,
            self._update: 1,
            self._delete: 1,
            self._mute: 1,
        }

    async def live(self, until: float) -> None:
        """Do one thing after another until the time is over, then wait until all is at rest."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            doing = self._chance.choices(list(self._doings), list(self._doings.values()))[0]
            self._counts[doing.__name__.strip("_")] += 1
            await doing()
            self._receipts = [receipt for receipt in self._receipts if receipt.outcome == "open"]
        self._session.mute(False)
        await self._silence(2.0)
        await asyncio.sleep(REST_S)

    def unsettled(self) -> list[SendReceipt]:
        """Give the receipts that nobody has answered."""
        return [receipt for receipt in self._receipts if receipt.outcome == "open"]

    async def _stream(self, audio: bytes) -> None:
        for at in range(0, len(audio), BLOCK):
            self._session.send_audio(audio[at : at + BLOCK])
            await asyncio.sleep(PCM16_24K.ms(BLOCK) / 1000)

    async def _silence(self, seconds: float) -> None:
        await self._stream(PCM16_24K.silence(seconds * 1000))

    async def _speak(self) -> None:
        await self._stream(hum(" ".join(self._chance.choices(WORDS, k=self._chance.randint(1, 8)))))
        await self._silence(self._chance.uniform(0.6, 4.0))

    async def _wait(self) -> None:
        await asyncio.sleep(self._chance.uniform(0.0, 8.0))

    async def _type(self) -> None:
        role = self._chance.choice(("user", "user", "system"))
        text = " ".join(self._chance.choices(WORDS, k=3))
        self._receipts.append(self._session.send_message(text, role=role, trigger_response=self._chance.random() < 0.8))

    async def _barge_in(self) -> None:
        await self._type()
        await asyncio.sleep(self._chance.uniform(0.0, 3.0))
        await self._speak()

    async def _interrupt(self) -> None:
        for _ in range(self._chance.randint(1, 2)):
            self._session.interrupt()

    async def _say_beside(self) -> None:
        options = {"conversation": "none", "output_modalities": ["text"]}
        self._receipts.append(self._session.request_response(options))

    async def _show(self) -> None:
        self._receipts.append(self._session.add_image("data:image/png;base64,iVBORw0KGgo=", text="look"))

    async def _update(self) -> None:
        self._receipts.append(self._session.update_session({"instructions": self._chance.choice(WORDS)}))

    async def _delete(self) -> None:
        if self._session.history:
            item = self._chance.choice(self._session.history)
            self._receipts.append(self._session.transport.delete_item(str(item.id)))

    async def _mute(self) -> None:
        self._session.mute(not self._session.muted)


@attrs.frozen
class Outcome:
    """How a call ended."""

    wrong: tuple[str, ...]
    items: int
    bytes: int
    """Allocated by Python once the call was over and collected."""


async def call(seed: int, minutes: float, counts: Counter[str]) -> list[str]:
    """Hold one call; give what is wrong after it."""
    chance = random.Random(seed)
    server = ServerConversation(ids=counted_ids())
    peer = ServerPeer(Moody(chance), conversation=server)
    session = RealtimeSession(agents(), LoopbackTransport(peer), approval_timeout=5.0)
    session.on("error", lambda event: counts.update([f"error {type(event.error).__name__}"]))
    session.on("audio_interrupted", lambda event: counts.update(["cut"] * len(event.cuts)))
    session.on("agent_end", lambda event: counts.update([f"answer {event.status}"]))
    session.on("agent_tool_end", lambda event: counts.update(["tool call"]))
    session.on("agent_handoff", lambda event: counts.update(["handoff"]))
    before = asyncio.all_tasks()
    wrong: list[str] = []
    async with session:
        caller = Caller(session, chance, counts)
        await caller.live(asyncio.get_running_loop().time() + minutes * 60)
        ours, theirs = [item.id for item in session.history], [item.id for item in server.items]
        if ours != theirs[-len(ours) :] and ours != theirs:
            wrong.append(f"the histories differ: {ours[-5:]} here, {theirs[-5:]} there")
        wrong += [f"never settled: {receipt!r}" for receipt in caller.unsettled()]
        counts["item"] += len(ours)
    wrong += [f"left running: {task!r}" for task in asyncio.all_tasks() - before]
    return wrong


def soak(calls: int, minutes: float, seed: int) -> int:
    """Hold the calls and print a line for each."""
    tracemalloc.start()
    counts: Counter[str] = Counter()
    held: list[int] = []
    failed = False
    print(f"{'call':>4}  {'real s':>6}  {'MiB':>6}  what is wrong after it", flush=True)
    for number in range(calls):
        began = time.perf_counter()
        try:
            wrong = virtual_time.run(call(seed + number, minutes, counts))
        except RealtimeError as error:
            wrong = [f"{type(error).__name__}: {error}"]
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        failed |= bool(wrong)
        took = time.perf_counter() - began
        print(f"{number + 1:>4}  {took:>6.1f}  {held[-1] / 2**20:>6.2f}  {'; '.join(wrong) or 'nothing'}", flush=True)
    print(", ".join(f"{count} x {name}" for name, count in counts.most_common()))
    third = len(held) // 3
    if third and min(held[-third:]) > 1.05 * max(held[third : 2 * third]):
        print("memory grows from call to call")
        failed = True
    return int(failed)


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Hold long calls under virtual time and see whether anything grows.")
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=55.0, help="virtual minutes of each call")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    return soak(given.calls, given.minutes, given.seed)


if __name__ == "__main__":
    sys.exit(main())
