import dataclasses
import datetime
import enum
import json
from typing import Any

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import ToolError
from realtime_transport.session.outputs import OUTPUT_LIMIT, error_output, exception_output, output_text


@attrs.frozen
class Point:
    x: int


@dataclasses.dataclass
class Pair:
    a: int
    b: Point


class Model(pydantic.BaseModel):
    when: datetime.date


class Link(pydantic.BaseModel):
    url: pydantic.AnyUrl


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("sunny", "sunny"),
        (None, "null"),
        (True, "true"),
        (3.5, "3.5"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (Point(1), '{"x":1}'),
        (Pair(1, Point(2)), '{"a":1,"b":{"x":2}}'),
        (Model(when=datetime.date(2026, 1, 2)), '{"when":"2026-01-02"}'),
        ([Model(when=datetime.date(2026, 1, 2))], '[{"when":"2026-01-02"}]'),
        (Link(url=pydantic.AnyUrl("https://example.org/")), '{"url":"https://example.org/"}'),
        (Colour.RED, '"red"'),
        (datetime.date(2026, 1, 2), '"2026-01-02"'),
        (float("nan"), "null"),
    ],
)
def test_results_of_any_json_kind(result: object, text: str) -> None:
    assert output_text(result) == text


def _ring() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize("result", [object(), {1, object()}, "\ud800", _ring(), {"k": "\udfff"}])
def test_what_has_no_json_form_is_still_answered(result: object) -> None:
    assert json.loads(output_text(result)) == {
        "error": "output_not_serialisable",
        "message": f"the tool returned a value of type {type(result).__name__}",
    }


def test_a_long_output_is_cut_with_a_marker_inside_the_limit() -> None:
    assert output_text("a" * OUTPUT_LIMIT) == "a" * OUTPUT_LIMIT
    cut = output_text("ä" * OUTPUT_LIMIT)
    assert len(cut.encode()) <= OUTPUT_LIMIT
    assert cut.endswith(f"... [cut: the output was {2 * OUTPUT_LIMIT} bytes long, the limit is {OUTPUT_LIMIT}]")


def test_errors_are_short_json_without_empty_fields() -> None:
    assert json.loads(error_output("timeout")) == {"error": "timeout"}
    assert json.loads(error_output("x", "\ud800" * 5000, path="$" * 500)) == {
        "error": "x",
        "message": "?" * 1000,
        "path": "$" * 200,
    }


def test_only_a_tool_error_tells_its_text() -> None:
    assert json.loads(exception_output(ToolError("no such flight"))) == {
        "error": "tool_error",
        "message": "no such flight",
    }
    assert json.loads(exception_output(KeyError("secret"))) == {"error": "KeyError"}


@given(*[st.text(alphabet=st.characters(codec=None, categories=("L", "Cs", "Cc")))] * 3)
def test_an_error_is_always_readable(kind: str, message: str, path: str) -> None:
    assert json.loads(error_output(kind, message, path=path)) is not None
