import asyncio
from collections.abc import Callable

from realtime_transport.session.hold import AudioHold
from realtime_transport.testing import virtual_time


class Ear:
    """Hears pieces and remembers when."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []

    def piece(self, name: str) -> Callable[[], None]:
        return lambda: self.heard.append((name, asyncio.get_running_loop().time()))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.heard]


def test_time_lets_each_piece_through() -> None:
    async def main() -> None:
        ear, hold = Ear(), AudioHold(500, time_releases=True)
        hold.push("r1", ear.piece("a"))
        await asyncio.sleep(0.25)
        hold.push("r1", ear.piece("b"))
        await asyncio.sleep(5)
        assert ear.heard == [("a", 0.5), ("b", 0.75)]

    virtual_time.run(main())


def test_a_pass_lets_through_what_came_before_it_began() -> None:
    async def main() -> None:
        ear, hold = Ear(), AudioHold(500, time_releases=True)
        for name in "abc":
            hold.push("r1", ear.piece(name))
            await asyncio.sleep(0.1)
        hold.release("r1", before=0.1)
        assert ear.names == ["a", "b"]
        hold.release("r1")
        assert ear.names == ["a", "b", "c"]

    virtual_time.run(main())


def test_failing_closed_waits_for_the_pass_however_long() -> None:
    async def main() -> None:
        ear, hold = Ear(), AudioHold(500, time_releases=False)
        hold.push("r1", ear.piece("a"))
        await asyncio.sleep(3600)
        assert ear.heard == []
        hold.release("r1")
        assert ear.heard == [("a", 3600.0)]

    virtual_time.run(main())


def test_dropped_pieces_are_never_heard() -> None:
    async def main() -> None:
        ear, hold = Ear(), AudioHold(500, time_releases=True)
        hold.push("r1", ear.piece("a"))
        hold.push("r2", ear.piece("b"))
        hold.drop("r1")
        await asyncio.sleep(1)
        assert ear.names == ["b"]
        hold.push("r3", ear.piece("c"))
        hold.drop()
        await asyncio.sleep(1)
        assert ear.names == ["b"]

    virtual_time.run(main())


def test_a_later_response_waits_for_the_earlier_one_to_go() -> None:
    async def main() -> None:
        ear, hold = Ear(), AudioHold(500, time_releases=False)
        hold.push("r1", ear.piece("a"))
        hold.push("r2", ear.piece("b"))
        hold.release("r2")
        assert ear.heard == []
        hold.drop("r1")
        assert ear.names == ["b"]

    virtual_time.run(main())
