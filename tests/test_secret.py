from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.secret import Secret

CANARY = "sk-canary-1234"


def test_fm123_shows_the_mask_wherever_it_is_printed() -> None:
    secret = Secret(CANARY)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>8}", f"{secret!r}", f"{[secret]}"]
    assert not any(CANARY in text for text in shown)
    assert f"{secret:>8}" == "     ***"


def test_reveals_the_text_on_request_only() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(Secret(CANARY)).reveal() == CANARY
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_fm123_cannot_be_pickled_or_copied(duplicate: object) -> None:
    assert callable(duplicate)
    with pytest.raises(TypeError, match="never pickled"):
        duplicate(Secret(CANARY))


def test_takes_nothing_but_text() -> None:
    class Wrapped:
        def __repr__(self) -> str:
            return CANARY

    with pytest.raises(InvalidArgument, match="must be text, not Wrapped") as caught:
        Secret(Wrapped())  # type: ignore[arg-type]
    assert CANARY not in str(caught.value)


def test_compares_by_text() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY
    assert len({Secret(CANARY), Secret(CANARY)}) == 1


@pytest.mark.parametrize("text", ["", "a\nb", "a\r\nX: y", "a\0b", "ключ", "a\x7f", "tab\t"])
def test_fm018_refuses_what_a_header_cannot_carry_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Secret(text)
    assert not text or text not in "".join(traceback.format_exception_only(caught.value))
