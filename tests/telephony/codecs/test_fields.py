from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.audio.formats import PCMU
from realtime_transport.telephony.codecs import fields


@pytest.mark.parametrize(
    ("value", "as_text", "as_number"),
    [("5", "5", 5.0), (5, "5", 5.0), (5.5, "5.5", 5.5), (True, "", None), (None, "", None), ([], "", None),
     ("x", "x", None), ("nan", "nan", None), ("1e400", "1e400", None), ("9" * 400, "9" * 400, None)],
)  # fmt: skip
def test_reads_texts_and_numbers_written_either_way(value: Any, as_text: str, as_number: float | None) -> None:
    assert fields.text({"k": value}, "k") == as_text
    assert fields.number({"k": value}, "k") == as_number
    assert fields.whole({"k": value}, "k") == (None if as_number is None else int(as_number))


@pytest.mark.parametrize("value", [None, 5, "x", [1]])
def test_reads_an_empty_object_where_there_is_none(value: Any) -> None:
    assert fields.part({"k": value}, "k") == {}
    assert fields.part({}, "k") == {}
    assert fields.parts({"k": value}, "k") == []


def test_reads_what_an_array_has_of_the_kind() -> None:
    mixed = {"k": [{"a": 1}, "x", None, {}]}
    assert fields.parts(mixed, "k") == [{"a": 1}, {}]
    assert fields.words(mixed, "k") == ["x"]
    assert fields.words({"k": "text"}, "k") == []


def test_writes_every_value_as_text() -> None:
    assert fields.texts({"a": "x", "b": 1, "c": None, "d": {"e": [True]}}) == {
        "a": "x", "b": "1", "c": "null", "d": '{"e":[true]}',
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, 5, "A", "AA*A", "AAAA\n", "é"])
def test_reads_no_audio_from_what_is_no_base64(value: Any) -> None:
    assert fields.audio({"k": value}, "k") is None


def test_reads_audio_and_formats() -> None:
    assert fields.audio({"k": fields.base64(b"\xff\x00")}, "k") == b"\xff\x00"
    assert fields.audio_format({"encoding": "audio/x-mulaw", "sampleRate": 8000}) == PCMU
    assert fields.audio_format({"encoding": "OPUS"}) is None


@pytest.mark.parametrize("message", ["", "[]", "null", "{", '{"a": "\ud800"}', "[" * 5000, '{"a":' * 5000])
def test_reads_no_object_from_what_is_none(message: str) -> None:
    assert fields.decode(message) is None
