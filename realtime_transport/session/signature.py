"""A function's signature as the JSON schema of its arguments, and the strict reader of them.

msgspec does the work: one struct per function gives both the schema that the model sees and the validation of what
it sends back, so the two cannot disagree. Descriptions come from ``Annotated``, where a text or a ``Meta`` says them,
and, when ``docstring-parser`` is installed (extra ``tools``), from the docstring. Without it the whole docstring is the
description, so the model reads the same words in one piece.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Annotated, Any, TypeAlias, TypeVar, cast, get_origin, get_type_hints

import attrs
import msgspec

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import RunContext

K = TypeVar("K")
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_MUTABLE = (list, dict, set, bytearray)


@attrs.frozen(kw_only=True)
class ArgumentReader:
    """What a function takes: the schema for the model, and the way back to keyword arguments."""

    description: str
    schema: Mapping[str, Any]
    context_parameter: str | None
    """The parameter that takes the ``RunContext`` or ``ToolContext``; the model never sees it."""
    struct: type[msgspec.Struct] = attrs.field(repr=False)

    def read(self, arguments: str | bytes) -> dict[str, Any]:
        """Turn the model's JSON text into keyword arguments.

        Strict: no coercion, no unknown key, no missing one. Some servers spell a call without arguments as an empty
        text, which counts as ``{}``.

        :raises InvalidArgument: with the path of the offending value, ``$.city`` for example.
        """
        decoded = read_json(arguments, self.struct)
        return {name: getattr(decoded, name) for name in self.struct.__struct_fields__}


def read_signature(function: Callable[..., Any]) -> ArgumentReader:
    """Read what ``function`` takes from its annotations, defaults and docstring.

    :raises InvalidArgument: for a parameter without annotation, ``*args``, ``**kwargs``, positional-only parameters,
        an annotation that cannot be resolved, and a type that has no JSON form.
    """
    name = name_of(function)
    description, described = _documentation(function)
    fields: list[tuple[str, Any, Any]] = []
    context_parameter: str | None = None
    hints = _type_hints(function, name)
    for parameter in inspect.signature(function).parameters.values():
        path = f"{name}({parameter.name})"
        if parameter.kind not in _NAMED:
            raise InvalidArgument("a tool takes named parameters only", path=path)
        if parameter.name not in hints:
            raise InvalidArgument("has no type annotation, so the model cannot know what to send", path=path)
        if _is_context(hints[parameter.name]):
            if context_parameter is not None:
                raise InvalidArgument("a tool has one context parameter", path=path)
            context_parameter = parameter.name
            continue
        fields.append(_field(parameter, hints[parameter.name], described.get(parameter.name)))
    struct = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
    return ArgumentReader(
        description=description,
        schema=object_schema(struct, name),
        context_parameter=context_parameter,
        struct=struct,
    )


def object_schema(kind: Any, name: str) -> dict[str, Any]:
    """Describe ``kind`` (struct, attrs class, dataclass, TypedDict, pydantic model) as servers expect ``parameters``.

    The object itself stands at the root, what it refers to under ``$defs``, and every object is closed.

    :raises InvalidArgument: when the type, or a part of it, has no JSON form.
    """
    try:
        schema = msgspec.json.schema(kind, schema_hook=_pydantic_schema)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"has no JSON schema: {error}", path=name) from error
    schema = cast("dict[str, Any]", _close_objects(_lift_definitions(schema)))
    definitions = schema.pop("$defs")
    if "$ref" in schema:
        reference: str = schema["$ref"]
        schema = definitions.pop(reference.rpartition("/")[2])
        if reference.encode() in msgspec.json.encode([schema, definitions]):
            definitions[reference.rpartition("/")[2]] = schema  # a type that contains itself is still referred to
    schema.pop("title", None)
    if schema.get("type") != "object":
        raise InvalidArgument("must be described by an object, as arguments are", path=name)
    return {**schema, "$defs": definitions} if definitions else schema


def read_json(text: str | bytes, kind: type[K]) -> K:
    """Read JSON ``text`` strictly as ``kind``: no coercion, and an empty text counts as ``{}``.

    :raises InvalidArgument: with the path of the offending value, ``$.city`` for example.
    """
    try:
        return msgspec.json.decode(text or b"{}", type=kind, dec_hook=_structure_pydantic)
    except msgspec.ValidationError as error:
        message, _, path = str(error).rpartition(" - at ")
        raise InvalidArgument(message or str(error), path=path.strip("`") if message else "$") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidArgument(f"not JSON: {error}", path="$") from error


def _annotated_text(kind: Any) -> str | None:
    if get_origin(kind) is not Annotated:
        return None
    return next((text for text in kind.__metadata__ if isinstance(text, str)), None)


def _field(parameter: inspect.Parameter, kind: Any, description: str | None) -> tuple[str, Any, Any]:
    description = description or _annotated_text(kind)
    if description:
        kind = Annotated[kind, msgspec.Meta(description=description)]
    default: Any = parameter.default
    if default is inspect.Parameter.empty:
        return (parameter.name, kind, msgspec.NODEFAULT)
    if isinstance(default, _MUTABLE):
        # msgspec, like dataclasses, wants a factory here; the function itself would share the one object anyway.
        return (parameter.name, kind, msgspec.field(default_factory=lambda: cast("Any", default)))
    return (parameter.name, kind, default)


def name_of(function: Callable[..., Any]) -> str:
    """Name a callable as its author did."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def routine_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that runs when ``function`` is called: behind a partial, or an object's ``__call__``."""
    while isinstance(function, functools.partial):
        function = function.func
    return function if inspect.isroutine(function) else type(function).__call__


def _type_hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return get_type_hints(routine_of(function), include_extras=True)
    except NameError as error:
        reason = f"annotation cannot be resolved ({error}): define the type at module level"
        raise InvalidArgument(reason, path=name) from error


def _is_context(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, RunContext)


def _documentation(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Return the description of the function and of each parameter."""
    text = inspect.getdoc(routine_of(function)) or ""
    if not text or find_spec("docstring_parser") is None:
        return text, {}
    import docstring_parser

    parsed = docstring_parser.parse(text)
    description = "\n\n".join(part for part in (parsed.short_description, parsed.long_description) if part)
    return description, {param.arg_name: param.description for param in parsed.params if param.description}


# --- schemas -----------------------------------------------------------------------------------------------------


def _lift_definitions(schema: dict[str, Json]) -> dict[str, Json]:
    """Move nested ``$defs`` to the root, where their ``#/$defs/...`` references point."""
    lifted: dict[str, Json] = {}

    def lift(node: Json) -> Json:
        if isinstance(node, list):
            return [lift(value) for value in node]
        if not isinstance(node, dict):
            return node
        return lift_object(node)

    def lift_object(node: dict[str, Json]) -> dict[str, Json]:
        nested = node.get("$defs")
        if isinstance(nested, dict):
            lifted.update({name: lift(definition) for name, definition in nested.items()})
        return {key: lift(value) for key, value in node.items() if key != "$defs"}

    return {**lift_object(schema), "$defs": lifted}


def _close_objects(node: Json) -> Json:
    """Say ``additionalProperties: false`` of every object with known properties: models then invent fewer keys."""
    if isinstance(node, list):
        return [_close_objects(value) for value in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _close_objects(value) for key, value in node.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


# --- pydantic, when the application brings it: recognised by its methods, never imported -----------------------------


def _pydantic_schema(kind: type) -> dict[str, Any]:
    describe = getattr(kind, "model_json_schema", None)
    if describe is None:
        raise NotImplementedError
    return cast("dict[str, Any]", describe())


def _structure_pydantic(kind: type, value: Any) -> Any:
    return cast("Any", kind).model_validate(value, strict=True)
