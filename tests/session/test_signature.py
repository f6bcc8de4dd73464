from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import importlib.util
from typing import Annotated, Any, Literal, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import RunContext, ToolContext
from realtime_transport.session.signature import name_of, object_schema, read_json, read_signature, routine_of


class Unit(enum.Enum):
    CELSIUS = "c"
    FAHRENHEIT = "f"


@attrs.frozen
class Place:
    city: str
    zip: int | None = None


@dataclasses.dataclass
class Stay:
    nights: int
    guests: list[str] = dataclasses.field(default_factory=list)


class Leg(pydantic.BaseModel):
    to: str


class Trip(pydantic.BaseModel):
    legs: list[Leg] = []
    hops: int


@attrs.frozen
class Tree:
    value: int
    children: list[Tree] = attrs.field(factory=list)


class Note(TypedDict):
    text: str


def weather(
    place: Place,
    unit: Unit = Unit.CELSIUS,
    tags: list[str] = ["today"],  # noqa: B006
    days: Annotated[int, msgspec.Meta(ge=1, le=7)] = 2,
    *,
    style: Literal["short", "long"] = "short",
) -> str:
    """Look up the weather.

    Only for places on land.

    Args:
        place: Where.
        days: How many.
    """
    return f"{place}{unit}{tags}{days}{style}"


def test_schema_has_types_defaults_and_descriptions() -> None:
    schema = read_signature(weather).schema
    assert schema["required"] == ["place"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["place"] == {"$ref": "#/$defs/Place", "description": "Where."}
    assert schema["properties"]["unit"] == {"$ref": "#/$defs/Unit", "default": "c"}
    assert schema["properties"]["days"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 7,
        "default": 2,
        "description": "How many.",
    }
    assert schema["properties"]["style"] == {"enum": ["long", "short"], "default": "short"}
    assert schema["$defs"]["Place"]["additionalProperties"] is False
    assert schema["$defs"]["Unit"]["enum"] == ["c", "f"]
    assert "weather" not in schema["$defs"]
    assert "title" not in schema


def test_a_text_beside_the_type_describes_a_parameter_that_the_docstring_does_not() -> None:
    def book(
        seats: Annotated[int, "How many seats.", msgspec.Meta(ge=1)],
        row: Annotated[str, "Not this."] = "A",
        aisle: Annotated[bool, 7] = False,
    ) -> str:
        """Book.

        Args:
            row: Which row.
        """
        return f"{seats}{row}{aisle}"

    properties = read_signature(book).schema["properties"]
    assert properties["seats"] == {"type": "integer", "minimum": 1, "description": "How many seats."}
    assert properties["row"]["description"] == "Which row."
    assert "description" not in properties["aisle"]


def test_description_comes_from_the_docstring() -> None:
    assert read_signature(weather).description == "Look up the weather.\n\nOnly for places on land."


def test_without_the_parser_the_whole_docstring_is_the_description(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "realtime_transport.session.signature.find_spec",
        lambda name: None if name == "docstring_parser" else found(name),
    )
    reader = read_signature(weather)
    assert "place: Where." in reader.description
    assert "description" not in reader.schema["properties"]["days"]


def test_arguments_are_read_into_python_values() -> None:
    read = read_signature(weather).read
    assert read('{"place": {"city": "Graz"}, "unit": "f"}') == {
        "place": Place("Graz"),
        "unit": Unit.FAHRENHEIT,
        "tags": ["today"],
        "days": 2,
        "style": "short",
    }


def test_no_arguments_may_be_spelt_as_an_empty_text() -> None:
    def now() -> str:
        return "now"

    reader = read_signature(now)
    assert reader.read("") == reader.read("{}") == {}
    assert reader.schema == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert reader.description == ""


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ('{"place": {"city": 1}}', "$.place.city"),
        ('{"place": {"city": "x"}, "days": 8}', "$.days"),
        ('{"place": {"city": "x"}, "days": "2"}', "$.days"),
        ('{"place": {"city": "x"}, "style": "odd"}', "$.style"),
        ('{"place": {"city": "x"}, "bogus": 1}', "$"),
        ("{}", "$"),
        ("[]", "$"),
        ("null", "$"),
        ('{"place"', "$"),
        ("\ud800", "$"),
        ("{" * 100, "$"),
    ],
)
def test_bad_arguments_name_their_path(arguments: str, path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_signature(weather).read(arguments)
    assert caught.value.path == path


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    with pytest.raises(InvalidArgument, match="not JSON"):
        read_json('{"x":' + "[" * 200_000, dict[str, Any])


@given(st.text() | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(str))
def test_no_text_escapes_as_another_exception(text: str) -> None:
    with contextlib.suppress(InvalidArgument):
        read_signature(weather).read(text)


def test_pydantic_models_are_arguments_too() -> None:
    def book(trip: Trip) -> None: ...

    reader = read_signature(book)
    assert set(reader.schema["$defs"]) == {"Leg"}
    assert reader.schema["properties"]["trip"]["properties"]["legs"]["items"] == {"$ref": "#/$defs/Leg"}
    assert reader.read('{"trip": {"hops": 1, "legs": [{"to": "Linz"}]}}') == {
        "trip": Trip(hops=1, legs=[Leg(to="Linz")])
    }
    with pytest.raises(InvalidArgument, match="hops"):
        reader.read('{"trip": {"hops": "1"}}')


def test_the_context_is_not_part_of_the_schema() -> None:
    def whoami(context: ToolContext[str], polite: bool = True) -> None: ...

    reader = read_signature(whoami)
    assert reader.context_parameter == "context"
    assert list(reader.schema["properties"]) == ["polite"]

    def plain(run: RunContext[Any]) -> None: ...

    assert read_signature(plain).context_parameter == "run"


def _two_contexts(a: ToolContext[Any], b: ToolContext[Any]) -> None: ...
def _untyped(a) -> None: ...  # type: ignore[no-untyped-def]
def _star(*a: int) -> None: ...
def _stars(**a: int) -> None: ...
def _positional(a: int, /) -> None: ...
def _no_json(a: object, b: frozenset[Unit], c: memoryview, d: slice) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_two_contexts, "one context parameter"),
        (_untyped, "no type annotation"),
        (_star, "named parameters only"),
        (_stars, "named parameters only"),
        (_positional, "named parameters only"),
        (_no_json, "no JSON schema"),
    ],
)
def test_signatures_without_a_schema_are_refused_at_the_decorator(function: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        read_signature(function)


def test_an_annotation_that_cannot_be_resolved_says_what_to_do() -> None:
    @attrs.frozen
    class Local:
        x: int

    def take(local: Local) -> None: ...

    with pytest.raises(InvalidArgument, match="module level"):
        read_signature(take)


def test_methods_partials_and_callable_objects() -> None:
    class Desk:
        def __call__(self, number: int) -> int:
            """Ring the desk."""
            return number

        def open(self, hour: int) -> int:
            """Open it."""
            return hour

    assert read_signature(Desk()).read('{"number": 3}') == {"number": 3}
    assert read_signature(Desk()).description == "Ring the desk."
    assert name_of(Desk()) == "Desk"
    assert list(read_signature(Desk().open).schema["properties"]) == ["hour"]
    partial = functools.partial(weather, days=3)
    assert name_of(partial) == "weather"
    assert routine_of(partial) is weather
    assert read_signature(partial).schema["properties"]["days"]["default"] == 3


def test_a_type_that_contains_itself_keeps_its_definition() -> None:
    schema = object_schema(Tree, "tree")
    assert schema["type"] == "object"
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["properties"]["value"] == {"type": "integer"}


@pytest.mark.parametrize("kind", [Place, Stay, Trip, Note])
def test_objects_of_any_family_have_a_schema_without_definitions_of_themselves(kind: Any) -> None:
    schema = object_schema(kind, "input")
    assert schema["type"] == "object"
    assert kind.__name__ not in schema.get("$defs", {})
    assert "$ref" not in schema


def test_an_input_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="object"):
        object_schema(int, "input_type")
