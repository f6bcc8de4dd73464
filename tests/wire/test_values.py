from __future__ import annotations

import base64
from typing import Any

import pytest
from cattrs import IterableValidationError
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.events import UNSET
from realtime_transport.wire import values
from realtime_transport.wire.values import GONE, MAX_FLAWS, BadAudio, Hook


@pytest.mark.parametrize(
    ("hook", "value"),
    [
        (values.text, ""),
        (values.text, "é"),
        (values.flag, False),
        (values.integer, 0),
        (values.integer, -(2**63)),
        (values.integer, 2**63 - 1),
        (values.integer, 672.0),
        (values.number, 0.5),
        (values.number, 3),
        (values.as_it_is, object),
    ],
)
def test_a_value_of_the_right_kind_is_taken_as_it_is(hook: Hook, value: Any) -> None:
    assert hook(value, None) == value


def test_an_integer_is_an_integer_however_it_is_spelt() -> None:
    assert type(values.integer(672.0, int)) is int


@pytest.mark.parametrize(
    ("hook", "value", "complaint"),
    [
        (values.text, 1, "expected a text, got a number"),
        (values.text, None, "expected a text, got null"),
        (values.text, UNSET, "expected a text, got nothing"),
        (values.text, b"x", "expected a text, got bytes"),
        (values.flag, 1, "expected a boolean, got a number"),
        (values.flag, "true", "expected a boolean, got a text"),
        (values.integer, True, "expected an integer, got a boolean"),
        (values.integer, "1", "expected an integer, got a text"),
        (values.integer, 1.5, "expected an integer, got a number"),
        (values.integer, float("inf"), "expected an integer, got a number"),
        (values.integer, 2**63, "does not fit 64 bits"),
        (values.integer, 1e300, "does not fit 64 bits"),
        (values.number, True, "expected a number, got a boolean"),
        (values.number, "0.5", "expected a number, got a text"),
        (values.number, 10**400, "does not fit 64 bits"),
        (values.audio, 5, "expected base64 text, got a number"),
        (values.as_map, [], "expected an object, got an array"),
        (values.array_of(str, values.text), "abc", "expected an array, got a text"),
        (values.array_of(str, values.text), {}, "expected an array, got an object"),
        (values.map_of(str, values.text), [], "expected an object, got an array"),
    ],
)
def test_nothing_is_converted(hook: Hook, value: Any, complaint: str) -> None:
    with pytest.raises((TypeError, ValueError), match=complaint):
        hook(value, None)


@given(st.binary())
def test_audio_is_base64(data: bytes) -> None:
    assert values.audio(base64.b64encode(data).decode(), bytes) == data


@pytest.mark.parametrize(
    "junk", ["AA!!AA==@", "A", "AAA", "AA==\n", " AAAA", "-_-_", "AA==AA==", "é", "\ud800", "AAAA\x00"]
)
def test_audio_is_nothing_but_base64(junk: str) -> None:
    with pytest.raises(BadAudio):
        values.audio(junk, bytes)


def test_arrays_become_tuples_and_maps_dicts() -> None:
    assert values.array_of(int, values.integer)([1, 2.0], None) == (1, 2)
    assert values.map_of(str, values.text)({"a": "b"}, None) == {"a": "b"}
    assert values.as_map({"a": object}, None) == {"a": object}


def test_what_was_taken_out_of_an_array_is_passed_over() -> None:
    read = values.array_of(int, values.integer)
    assert read([1, GONE, 3], None) == (1, 3)
    with pytest.raises(IterableValidationError) as caught:
        read([GONE, "x"], None)
    assert [note.index for error in caught.value.exceptions for note in error.__notes__] == [1]


def test_flaws_are_told_apart_by_index_and_key() -> None:
    with pytest.raises(IterableValidationError) as caught:
        values.map_of(str, values.text)({"a": 1, "b": "x", "c": None}, None)
    assert [note.index for error in caught.value.exceptions for note in error.__notes__] == ["a", "c"]


def test_a_million_flaws_cost_no_more_than_a_screenful() -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_FLAWS}"):
        values.array_of(int, values.integer)(["x"] * 1_000_000, None)
