"""Calls in which chance decides what happens, on every carrier: what was heard is what the history says, within 20 ms.

``python -m tests.telephony.test_random_calls 100`` tries a hundred calls on each and prints those that differ.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator

import pytest

from realtime_transport.conversation.brain import GenerationRequest, Output, Pause, Reply
from realtime_transport.conversation.brains import hum
from realtime_transport.telephony import PhoneCall
from realtime_transport.testing import virtual_time
from realtime_transport.testing.carriers import Drop, Flood, Press, Speak, Step, Wait
from tests.telephony.stage import Stage, Witness
from tests.telephony.test_contract import CARRIERS, TOLERANCE_MS

SEEDS = 3
WORDS = ["one", "two", "three", "four", "five", "six", "seven"]


class Moody:
    """Answers at length or briefly, sooner or later, in one piece or in several."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def answer(self, request: GenerationRequest) -> Iterator[Output]:
        for _ in range(self._chance.choice((1, 1, 1, 2, 3))):
            yield Pause(ms=self._chance.choice((0, 30, 300)))
            yield Reply(text=" ".join(self._chance.choices(WORDS, k=self._chance.randint(1, 25))))


def script(chance: random.Random) -> list[Step]:
    """What the caller does."""
    doings = {
        "wait": lambda: Wait(chance.uniform(0.0, 6.0)),
        "speak": lambda: Speak(hum(" ".join(chance.choices(WORDS, k=chance.randint(1, 6))))),
        "drop": lambda: Drop(chance.uniform(0.02, 0.5)),
        "flood": lambda: Flood(chance.uniform(0.1, 1.0)),
        "press": lambda: Press(chance.choice("0123456789*#")),
    }
    chosen = chance.choices(list(doings), (6, 5, 1, 1, 1), k=chance.randint(4, 14))
    return [step for name in chosen for step in (doings[name](), Wait(chance.choice((0.1, 0.7, 1.5))))]


async def random_call(name: str, seed: int) -> Stage:
    chance = random.Random(f"{name} {seed}")

    async def meddle(call: PhoneCall, witness: Witness) -> None:
        """Do what an application does on its own account."""
        while call.status == "connected":
            await asyncio.sleep(chance.uniform(0.0, 8.0))
            if call.status == "connected":
                chance.choice((call.interrupt, lambda: call.send_message("and now"), call.request_response))()

    fake, codec = CARRIERS[name]
    stage = Stage(name, fake, codec, then=meddle, brain=Moody(chance), greet=chance.random() < 0.5)
    await stage.play(*script(chance), Wait(2.0))
    return stage


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", CARRIERS)
def test_whatever_happens_the_history_says_what_was_heard(name: str, seed: int) -> None:
    stage = virtual_time.run(random_call(name, seed))
    assert stage.difference <= TOLERANCE_MS, stage.differences()


def main() -> int:
    """Try many calls; print those that differ."""
    calls, failed = 0, 0
    for name in CARRIERS:
        worst = cuts = 0.0
        for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
            calls += 1
            try:
                stage = virtual_time.run(random_call(name, seed))
                worst, cuts = max(worst, stage.difference), cuts + len(stage.witness.cuts)
                wrong = {} if stage.difference <= TOLERANCE_MS else stage.differences()
            except Exception as error:  # noqa: BLE001 - the next seed may tell more
                wrong = f"{type(error).__name__}: {error}"
            if wrong:
                failed += 1
                sys.stdout.write(f"  {name}, seed {seed}: {wrong}\n")
        sys.stdout.write(f"{name:<20} at most {worst:5.1f} ms apart, {cuts:.0f} cuts\n")
    sys.stdout.write(f"{calls} calls, {failed} differ\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
