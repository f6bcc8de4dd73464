import asyncio

from realtime_transport.events.transport import SpeechStartedEvent, SpeechStoppedEvent, TurnStartedEvent
from realtime_transport.session.followup import ANSWER_GRACE, SPEECH_LIMIT, FollowUp
from realtime_transport.testing import virtual_time


class Bench:
    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []
        self.follow_up = FollowUp(lambda key: self.asked.append((key, asyncio.get_running_loop().time())))

    def speak(self) -> None:
        self.follow_up.speech_started(SpeechStartedEvent(item_id="i", audio_start_ms=0))

    def stop(self) -> None:
        self.follow_up.speech_stopped(SpeechStoppedEvent(item_id="i", audio_end_ms=0))

    def answer(self, *, out_of_band: bool = False, requested: bool = False) -> None:
        event = TurnStartedEvent(response_id="r9", out_of_band=out_of_band, requested=requested)
        self.follow_up.turn_started(event)


def test_in_silence_it_is_asked_for_at_once() -> None:
    async def main() -> None:
        bench = Bench()
        bench.follow_up.due("r1")
        assert bench.asked == [("r1", 0.0)]

    virtual_time.run(main())


def test_the_answer_to_the_caller_takes_its_place() -> None:
    async def main() -> None:
        bench = Bench()
        bench.speak()
        bench.follow_up.due("r1")
        bench.follow_up.due("r2")
        bench.stop()
        await asyncio.sleep(ANSWER_GRACE / 2)
        bench.answer(out_of_band=True)
        bench.answer()
        await asyncio.sleep(100)
        assert bench.asked == []
        bench.follow_up.due("r3")
        assert [key for key, _ in bench.asked] == ["r3"]

    virtual_time.run(main())


def test_when_nobody_answers_the_caller_it_is_asked_for_once() -> None:
    async def main() -> None:
        bench = Bench()
        bench.speak()
        bench.follow_up.due("r1")
        bench.follow_up.due("r2")
        bench.stop()
        await asyncio.sleep(100)
        assert bench.asked == [("r1", ANSWER_GRACE)]

    virtual_time.run(main())


def test_speech_that_goes_on_starts_the_waiting_anew() -> None:
    async def main() -> None:
        bench = Bench()
        bench.speak()
        bench.follow_up.due("r1")
        bench.stop()
        await asyncio.sleep(1)
        bench.speak()
        await asyncio.sleep(5)
        bench.stop()
        await asyncio.sleep(100)
        assert bench.asked == [("r1", 6 + ANSWER_GRACE)]

    virtual_time.run(main())


def test_an_end_of_speech_that_was_lost_does_not_silence_the_agent() -> None:
    async def main() -> None:
        bench = Bench()
        bench.speak()
        bench.follow_up.due("r1")
        await asyncio.sleep(100)
        assert bench.asked == [("r1", SPEECH_LIMIT)]

    virtual_time.run(main())


def test_an_answer_by_turn_detection_means_that_the_caller_has_finished() -> None:
    async def main() -> None:
        bench = Bench()
        bench.speak()
        bench.answer()
        bench.follow_up.due("r1")
        assert bench.asked == [("r1", 0.0)]

    virtual_time.run(main())


def test_an_answer_that_was_asked_for_does_not_mean_that_the_caller_has_finished() -> None:
    async def main() -> None:
        bench = Bench()
        bench.speak()
        bench.answer(requested=True)
        bench.follow_up.due("r1")
        assert bench.asked == []
        bench.follow_up.forget()

    virtual_time.run(main())


def test_forgotten_is_not_asked_for() -> None:
    async def main() -> None:
        bench = Bench()
        bench.speak()
        bench.follow_up.due("r1")
        bench.follow_up.forget()
        bench.stop()
        await asyncio.sleep(100)
        assert bench.asked == []

    virtual_time.run(main())
