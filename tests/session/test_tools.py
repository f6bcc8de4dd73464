import functools
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime_transport.events import FunctionTool
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import ToolContext
from realtime_transport.session.tools import LocalTool, function_tool


@function_tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@function_tool(name="shout_it", description="Say it loud.", timeout=5, reply="quiet", cancel_on=("interrupt",))
async def shout(text: str, context: ToolContext[str]) -> str:
    return f"{context.context}: {text.upper()}"


def test_a_function_becomes_a_tool() -> None:
    assert add.definition() == FunctionTool(
        name="add",
        description="Add two numbers.",
        parameters={
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 2}},
            "required": ["a"],
            "additionalProperties": False,
        },
    )
    assert add.blocking
    assert add.function is not None
    assert add.function(1) == 3
    assert add.call(Any, add.read('{"a": 1}')) == 3  # type: ignore[arg-type]


async def test_options_and_the_context(tool_context: ToolContext[Any]) -> None:
    assert (shout.name, shout.description, shout.timeout, shout.reply) == ("shout_it", "Say it loud.", 5, "quiet")
    assert shout.cancel_on == {"interrupt"}
    assert not shout.blocking
    assert await shout.call(tool_context, shout.read('{"text": "hi"}')) == "ann: HI"


async def _coroutine() -> None: ...
async def _generator() -> AsyncIterator[int]:
    yield 1


class _Async:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize("function", [_coroutine, _generator, functools.partial(_coroutine), _Async()])
def test_what_is_async_runs_on_the_loop(function: Any) -> None:
    assert not function_tool(function).blocking


@pytest.mark.parametrize("name", ["", "two words", "a" * 65, "naïve", "a.b"])
def test_names_that_servers_refuse_are_refused_here(name: str) -> None:
    with pytest.raises(InvalidArgument, match="tool name"):
        function_tool(name=name or " ")(_coroutine)


def test_a_description_that_servers_refuse_is_refused_here() -> None:
    assert len(function_tool(description="x" * 1024)(_coroutine).description) == 1024
    with pytest.raises(InvalidArgument, match="1025 characters"):
        function_tool(description="x" * 1025)(_coroutine)


def test_tools_are_compared_by_identity() -> None:
    assert function_tool(_coroutine) != function_tool(_coroutine)
    assert isinstance(add, LocalTool)
    assert not inspect.iscoroutinefunction(add.call)
