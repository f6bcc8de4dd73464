"""What the model reads after a tool call: the result as text, or a short structured error.

The model is told what it can act on (a path, a limit, a refusal) and never what it must not know: of an exception it
learns the class name, unless the tool raised ``ToolError``, whose text was written for it.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
import msgspec

from realtime_transport.exceptions import ToolError

ARGUMENTS_LIMIT: Final = 256 * 1024
"""Bytes of arguments that are looked at. A model's own output limit is far below; above it, something is wrong."""

OUTPUT_LIMIT: Final = 1024 * 1024
"""Bytes of output that are sent. A larger item would fill the context several times over and is cut, with a marker."""

NOT_SERIALISABLE: Final = "output_not_serialisable"


@attrs.frozen
class quiet:  # noqa: N801  reads as a verb where it is used: return quiet(result)
    """Return it from a tool to answer the call without asking the agent to say anything about it, this time."""

    result: object


def output_text(result: object) -> str:
    """Write a tool's result as the text that the model reads.

    Text goes as it is. Everything else becomes JSON: builtins, attrs classes, dataclasses, msgspec structs, enums,
    dates, UUIDs, sets and pydantic models. What has no JSON form becomes an error, so that the call is answered all
    the same.
    """
    try:
        encoded = result.encode() if isinstance(result, str) else msgspec.json.encode(result, enc_hook=_dump_pydantic)
    except (TypeError, ValueError, RecursionError):  # UnicodeEncodeError (lone surrogates) is a ValueError
        return error_output(NOT_SERIALISABLE, f"the tool returned a value of type {type(result).__name__}")
    if len(encoded) <= OUTPUT_LIMIT:
        return encoded.decode()
    marker = f"... [cut: the output was {len(encoded)} bytes long, the limit is {OUTPUT_LIMIT}]"
    return encoded[: OUTPUT_LIMIT - len(marker)].decode(errors="ignore") + marker


def error_output(kind: str, message: str = "", *, path: str = "") -> str:
    """Write an error as one short JSON object: ``{"error": kind, "message": ..., "path": ...}``, without empty ones."""
    facts = {"error": kind, "message": message[:1000], "path": path[:200]}
    written = {key: value.encode(errors="replace").decode() for key, value in facts.items() if value}
    return msgspec.json.encode(written).decode()


def exception_output(error: BaseException) -> str:
    """Write what the model may know of an exception that a tool raised."""
    if isinstance(error, ToolError):
        return error_output("tool_error", str(error))
    return error_output(type(error).__name__)


def _dump_pydantic(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(type(value).__name__)
    return dump(mode="json")
