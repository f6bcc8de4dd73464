from __future__ import annotations

import contextlib
import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.wire.json_text import NotJson, check, dump, parse

# --- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [str, str.encode, lambda text: bytearray(text.encode()), lambda t: memoryview(t.encode())]
)
def test_every_kind_of_buffer_is_read(kind: Any) -> None:
    assert parse(kind('{"a": [1, 1.5, "é", null, true]}')) == {"a": [1, 1.5, "é", None, True]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(b"", "truncated", id="nothing"),
        pytest.param(b'{"a":1', "truncated", id="cut"),
        pytest.param(b'{"a":1} x', "trailing", id="text after it"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "malformed", id="byte order mark"),
        pytest.param(b'{"a":NaN}', "malformed", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "malformed", id="Infinity"),
        pytest.param(b'{"a":1e999}', "out of range", id="float out of range"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", "out of range", id="integer of 5000 digits"),
        pytest.param(b"[" * 10_000, "nested too deeply", id="10000 levels, open"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply", id="10000 levels, closed"),
        pytest.param(b'{"a":"\xff"}', "not UTF-8", id="invalid UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "not UTF-8", id="a surrogate in UTF-8"),
        pytest.param(b'{"a":"\\ud800"', "truncated", id="a lone surrogate, cut"),
        pytest.param(b'{"a":"\\ud800"}' + b"[" * 10_000, "trailing", id="a lone surrogate, then brackets"),
        pytest.param(b"[" * 10_000 + b'"\\ud800"', "nested too deeply", id="a lone surrogate, too deep"),
        pytest.param(memoryview(b'{"a":1}x')[::-1], "contiguous", id="a view that is not contiguous"),
        pytest.param(b"[]", "expected an object, got an array", id="an array"),
        pytest.param(b'"x"', "expected an object, got a text", id="a text"),
        pytest.param(b"null", "expected an object, got null", id="null"),
    ],
)
def test_what_is_no_object_is_refused_with_its_reason(text: bytes | memoryview, reason: str) -> None:
    with pytest.raises(NotJson, match=reason):
        parse(text)


def test_of_duplicate_keys_the_last_counts() -> None:
    assert parse('{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"a":"x\\ud800y"}', "x\ufffdy", id="a high one"),
        pytest.param('{"a":"\\uDC00"}', "\ufffd", id="a low one"),
        pytest.param('{"a":"\\ud83d\\ud83d\\ude00"}', "\ufffd😀", id="one before a pair"),
        pytest.param('{"a":"\\\\ud800"}', "\\ud800", id="an escaped backslash is no surrogate"),
        pytest.param('{"a":"\\\\ud800 \\ud800 \\u00e9 \\n"}', "\\ud800 \ufffd é \n", id="beside other escapes"),
        pytest.param('{"a":"\ud800"}', "\ufffd", id="in the text itself"),
        pytest.param('{"a":"\ud83d\ude00"}', "😀", id="a pair in the text itself"),
    ],
)
def test_lone_surrogates_are_replaced(text: str, value: str) -> None:
    assert parse(text) == {"a": value}


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_text_that_json_can_escape_is_read(text: str) -> None:
    read = parse(json.dumps({"a": text}))["a"]
    assert read == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(st.binary())
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(NotJson):
        parse(data)


# --- writing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        pytest.param({"a": float("nan")}, "a", "no nan", id="NaN, which would become null"),
        pytest.param({"a": [0, float("-inf")]}, "a[1]", "no -inf", id="Infinity"),
        pytest.param({"a": {"b": {1: 2}}}, "a.b", "a key is a int", id="a key that is no text"),
        pytest.param({"a": ({"b": b"x"},)}, "a[0].b", "bytes is not JSON", id="bytes"),
        pytest.param({"a": datetime.date(2026, 1, 1)}, "a", "date is not JSON", id="a date"),
        pytest.param({"a": 10**5000}, "a", "more digits", id="an integer of 5000 digits"),
        pytest.param({"a": "x\ud800"}, "a", "half a surrogate pair", id="half a surrogate pair"),
        pytest.param({"a": {"\ud800": 1}}, "a.?", "half a surrogate pair", id="the same in a key"),
    ],
)
def test_what_json_has_no_place_for_is_refused_with_its_path(value: Any, path: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason) as caught:
        check(value)
    assert caught.value.path == path


def test_a_value_without_end_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless
    with pytest.raises(InvalidArgument, match="nested too deeply"):
        check(endless)


def test_what_is_checked_can_be_written() -> None:
    value = {"a": [1, 10**4000, 2.5, True, None, "é", {"b": ()}]}
    check(value)
    assert dump(value) == f'{{"a":[1,{10**4000},2.5,true,null,"é",{{"b":[]}}]}}'.encode()
