"""The words of the contract's checks."""

from __future__ import annotations

import os

import pytest

from realtime_transport.testing.subject import descriptors, hold, raised_by, soon

pytestmark = pytest.mark.virtual_time


async def test_what_does_not_hold_fails_with_a_sentence() -> None:
    hold(condition=True, otherwise="it rains")
    with pytest.raises(AssertionError, match="it rains"):
        hold(condition=[], otherwise="it rains")
    with pytest.raises(AssertionError, match="this never came: the spring"):
        await soon(lambda: False, "the spring")


async def test_what_is_raised_is_returned() -> None:
    async def fails() -> None:
        raise KeyError("x")

    assert isinstance(await raised_by(fails()), KeyError)


def test_a_descriptor_is_known_by_what_it_is_open_on() -> None:
    before = descriptors()
    reading, writing = os.pipe()
    assert len(descriptors() - before) == 2
    os.close(reading)
    os.close(writing)
    assert not descriptors() - before


def test_where_the_system_lists_no_descriptors_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_folder(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr("os.listdir", no_such_folder)
    assert descriptors() == set()
