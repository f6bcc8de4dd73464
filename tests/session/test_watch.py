import asyncio
import math
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import GuardrailSettings, OutputGuardrail, Verdict
from realtime_transport.session.tasks import SessionTasks
from realtime_transport.session.watch import OutputWatch, Trip
from realtime_transport.testing import virtual_time


@attrs.define
class Bench:
    """A watch and everything it said."""

    context: RunContext[Any]
    settings: GuardrailSettings = attrs.field(factory=GuardrailSettings)
    trips: list[Trip] = attrs.field(factory=list)
    passes: list[tuple[str, float]] = attrs.field(factory=list)
    errors: list[tuple[str, BaseException]] = attrs.field(factory=list)
    seen: list[str] = attrs.field(factory=list)

    def watch(self) -> OutputWatch:
        tasks = SessionTasks(on_error=lambda error: pytest.fail(repr(error)))
        return OutputWatch(
            self.settings,
            spawn=tasks.spawn,
            on_trip=self.trips.append,
            on_pass=lambda response_id, began: self.passes.append((response_id, began)),
            on_error=lambda guardrail, error: self.errors.append((guardrail.name, error)),
        )

    def guardrail(self, bad: str = "BAD", seconds: float = 0.0) -> OutputGuardrail:
        async def check(context: RunContext[Any], text: str) -> bool:
            assert context is self.context
            self.seen.append(text)
            await asyncio.sleep(seconds)
            return bad in text

        return OutputGuardrail(name=f"no {bad}", check=check)


@pytest.fixture
def bench(run_context: RunContext[Any]) -> Bench:
    return Bench(run_context)


def under(bench: Bench, settings: GuardrailSettings) -> Bench:
    bench.settings = settings
    return bench


async def quiet() -> None:
    await asyncio.sleep(100)


def test_a_short_answer_is_checked_at_its_end(bench: Bench) -> None:
    async def main() -> None:
        watch = bench.watch()
        watch.begin("r1", bench.context, [bench.guardrail()])
        assert watch.watches("r1")
        watch.words("r1", "BAD.")
        await quiet()
        assert bench.seen == []
        watch.finish("r1")
        await quiet()
        assert [(trip.text, trip.response_id, trip.context) for trip in bench.trips] == [("BAD.", "r1", bench.context)]
        assert not watch.watches("r1")
        assert bench.passes == []

    virtual_time.run(main())


@pytest.mark.parametrize(
    ("settings", "feed", "seen"),
    [
        (GuardrailSettings(every=4), ["abc", "def", "g", "hijk"], ["abcdef", "abcdefghijk"]),
        (
            GuardrailSettings(every=2, unit="words"),
            ["one ", "two ", "three ", "four"],
            ["one two ", "one two three four"],
        ),
    ],
)
def test_the_pace_is_characters_or_words(
    bench: Bench, settings: GuardrailSettings, feed: list[str], seen: list[str]
) -> None:
    async def main() -> None:
        watch = under(bench, settings).watch()
        watch.begin("r1", bench.context, [bench.guardrail()])
        for delta in feed:
            watch.words("r1", delta)
            await quiet()
        watch.finish("r1")
        await quiet()
        assert bench.seen == seen  # the end adds no pass over words that were seen

    virtual_time.run(main())


def test_the_pace_is_milliseconds_of_audio(bench: Bench) -> None:
    async def main() -> None:
        watch = under(bench, GuardrailSettings(every=1000, unit="ms")).watch()
        watch.begin("r1", bench.context, [bench.guardrail()])
        for number in range(10):
            watch.words("r1", f"{number} ")
            watch.audio("r1", 300)
            await quiet()
        assert bench.seen == ["0 1 2 3 ", "0 1 2 3 4 5 6 ", "0 1 2 3 4 5 6 7 8 9 "]
        watch.audio("r1", 1000)  # more sound, no more words: nothing new to look at
        await quiet()
        assert len(bench.seen) == 3
        watch.audio("r9", 1000)

    virtual_time.run(main())


def test_passes_of_one_response_do_not_overlap(bench: Bench) -> None:
    async def main() -> None:
        watch = under(bench, GuardrailSettings(every=1)).watch()
        watch.begin("r1", bench.context, [bench.guardrail(seconds=1.0)])
        for letter in "abcd":
            watch.words("r1", letter)
        await quiet()
        assert bench.seen == ["a", "abcd"]
        watch.finish("r1")
        assert bench.passes == [("r1", 0.0), ("r1", 1.0), ("r1", math.inf)]

    virtual_time.run(main())


def test_it_trips_once_and_the_rest_is_not_looked_at(bench: Bench) -> None:
    async def main() -> None:
        watch = under(bench, GuardrailSettings(every=1)).watch()
        watch.begin("r1", bench.context, [bench.guardrail("BAD"), bench.guardrail("A")])
        watch.words("r1", "BAD")
        await quiet()
        watch.words("r1", "BAD")
        watch.audio("r1", 20)
        await quiet()
        watch.finish("r1")
        await quiet()
        assert [trip.guardrail.name for trip in bench.trips] == ["no BAD"]
        assert len(bench.seen) == 2
        assert not watch.watches("r1")

    virtual_time.run(main())


def test_words_that_come_during_the_last_pass_are_checked_too(bench: Bench) -> None:
    async def main() -> None:
        watch = under(bench, GuardrailSettings(every=3)).watch()
        watch.begin("r1", bench.context, [bench.guardrail(seconds=1.0)])
        watch.words("r1", "abc")
        await asyncio.sleep(0.5)
        watch.words("r1", "d")
        watch.finish("r1")
        await quiet()
        assert bench.seen == ["abc", "abcd"]
        assert bench.passes == [("r1", math.inf)]

    virtual_time.run(main())


def test_a_trip_during_the_last_pass_ends_the_watch(bench: Bench) -> None:
    async def main() -> None:
        watch = bench.watch()
        watch.begin("r1", bench.context, [bench.guardrail(seconds=1.0)])
        watch.words("r1", "BAD")
        watch.finish("r1")
        await quiet()
        assert len(bench.trips) == 1
        assert not watch.watches("r1")

    virtual_time.run(main())


def test_what_was_cut_is_forgotten_even_mid_pass(bench: Bench) -> None:
    async def main() -> None:
        watch = under(bench, GuardrailSettings(every=1)).watch()
        watch.begin("r1", bench.context, [bench.guardrail(seconds=1.0)])
        watch.words("r1", "BAD")
        watch.forget("r1")
        watch.forget("r1")
        await quiet()
        assert (bench.trips, bench.passes) == ([], [])

    virtual_time.run(main())


def test_without_guardrails_or_words_nothing_runs(bench: Bench) -> None:
    async def main() -> None:
        watch = bench.watch()
        watch.begin("r1", bench.context, [])
        assert not watch.watches("r1")
        watch.words("r1", "BAD" * 100)
        watch.finish("r1")
        watch.begin("r2", bench.context, [bench.guardrail()])
        watch.finish("r2")
        await quiet()
        assert bench.seen == []
        assert bench.passes == [("r2", math.inf)]

    virtual_time.run(main())


def failing(error: Exception | None) -> Callable[[RunContext[Any], str], Any]:
    async def check(_: RunContext[Any], __: str) -> bool:
        if error is not None:
            raise error
        await asyncio.Event().wait()
        return False

    return check


@pytest.mark.parametrize("error", [KeyError("x"), None])
@pytest.mark.parametrize("closed", [True, False])
def test_a_check_that_fails_or_hangs(bench: Bench, error: Exception | None, closed: bool) -> None:
    async def main() -> None:
        watch = under(bench, GuardrailSettings(fail_closed=closed)).watch()
        watch.begin("r1", bench.context, [OutputGuardrail(name="broken", check=failing(error))])
        watch.words("r1", "hello")
        watch.finish("r1")
        await quiet()
        kind = TimeoutError if error is None else KeyError
        if closed:
            (trip,) = bench.trips
            assert isinstance(trip.error, kind)
            assert trip.verdict == Verdict(tripped=True, message="the check failed")
            assert bench.errors == []
        else:
            assert [(name, type(raised)) for name, raised in bench.errors] == [("broken", kind)]
            assert bench.passes == [("r1", math.inf)]

    virtual_time.run(main())


def test_checks_run_at_once_but_bounded(bench: Bench) -> None:
    async def main() -> None:
        watch = under(bench, GuardrailSettings(at_once=2, every=1)).watch()
        watch.begin("r1", bench.context, [bench.guardrail(str(number), 1.0) for number in range(6)])
        watch.words("r1", "x")
        await asyncio.sleep(0.5)
        assert len(bench.seen) == 2
        await asyncio.sleep(2.0)
        assert len(bench.seen) == 6

    virtual_time.run(main())
