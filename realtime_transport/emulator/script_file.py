"""Scripts in files: what the emulator answers, calls and lets go wrong, without a line of code.

    rules:
      - says: open                      # a regular expression in the caller's words, spoken or written
        delay_ms: 300
        answer:
          - Let me see.
          - call: opening_hours
            arguments: {day: Sunday}
      - after: opening_hours            # the function's output has come
        answer: "We are {output} on Sundays."
    otherwise: I only know when we are open.
    faults: {latency_ms: 40, seed: 7}

A Python file may stand in its place: it defines ``brain`` (a brain, or a function that makes one) or ``rules``, and
``otherwise`` and ``faults`` as it likes.
"""

from __future__ import annotations

import json
import re
import runpy
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from realtime_transport.conversation.brain import (
    CallMcp,
    CallTool,
    HangUp,
    Output,
    Pace,
    Pause,
    Reply,
    Say,
    Stop,
    Write,
)
from realtime_transport.conversation.brains import Rule, Script
from realtime_transport.conversation.mcp_script import ScriptedServers, ScriptedTool
from realtime_transport.emulator.behaviour import AnyBrain, Behaviour, BrainFactory, factory
from realtime_transport.emulator.brains import Spoken
from realtime_transport.emulator.clips import library
from realtime_transport.emulator.faults import Faults, FaultSource, check_close_code, faults_from
from realtime_transport.emulator.yaml_parts import Part, read_yaml
from realtime_transport.exceptions import InvalidArgument

_TOP: Final = ("rules", "otherwise", "faults", "mcp")
_TOP_EXAMPLE: Final = "rules: [{says: hello, answer: Hello!}]"
_RULE: Final = ("says", "text", "by", "after", "turn", "times", "delay_ms", "rate", "answer")
_RULE_EXAMPLE: Final = "{says: hello, answer: Hello!}"
_BY: Final[Mapping[str, Literal["speech", "writing"]]] = {"speech": "speech", "writing": "writing"}
_OTHERWISE: Final = "I have nothing to say to that."


def read_script(path: Path) -> Behaviour:
    """Read a script: YAML, or Python when the file is called ``.py``.

    Raises ``InvalidArgument`` that names file and line and says what to write, and ``OSError`` for a file that cannot
    be read.
    """
    return _from_python(path) if path.suffix == ".py" else _from_yaml(path)


# --- YAML --------------------------------------------------------------------------------------------------------


def _from_yaml(path: Path) -> Behaviour:
    top = read_yaml(path).mapping("a script", _TOP, _TOP_EXAMPLE)
    rules = [_rule(part) for part in top["rules"].sequence("rules", _RULE_EXAMPLE)] if "rules" in top else []
    last = _outputs(top["otherwise"]) if "otherwise" in top else (Reply(text=_OTHERWISE),)
    rules = [*rules, Rule(outputs=last), Rule(outputs=last, tool="")]
    return Behaviour(
        brain=lambda: Spoken(Script(*rules)),
        faults=_faults(top["faults"]) if "faults" in top else None,
        mcp=_servers(top["mcp"]) if "mcp" in top else {},
    )


def _rule(part: Part) -> Rule:
    fields = part.mapping("a rule", _RULE, _RULE_EXAMPLE)
    if "answer" not in fields:
        raise part.refused("a rule needs an answer, for example: answer: Hello!")
    timing: list[Output] = []
    if "delay_ms" in fields:
        timing.append(Pause(ms=fields["delay_ms"].number("delay_ms")))
    if "rate" in fields:
        timing.append(_pace(fields["rate"]))
    try:
        return Rule(
            outputs=(*timing, *_outputs(fields["answer"])),
            says=fields["says"].text("says") if "says" in fields else None,
            text=fields["text"].text("text") if "text" in fields else None,
            by=_by(fields["by"]) if "by" in fields else None,
            tool=_after(fields["after"]) if "after" in fields else None,
            turn=_whole(fields, "turn"),
            times=_whole(fields, "times"),
        )
    except InvalidArgument as error:
        if error.path != "says":
            raise
        raise fields["says"].refused(str(error)) from error


def _whole(fields: Mapping[str, Part], name: str) -> int | None:
    return int(fields[name].number(name, least=1, whole=True)) if name in fields else None


def _by(part: Part) -> Literal["speech", "writing"]:
    by = _BY.get(str(part.content))
    if by is None:
        raise part.refused(f"by must be one of {', '.join(_BY)}, not {part.plain()!r}")
    return by


def _after(part: Part) -> str:
    """Read the function's name; ``any`` stands for every function."""
    name = part.text("after")
    return "" if name == "any" else name


def _pace(part: Part) -> Pace:
    return Pace(times=part.number("rate", least=0.01))


# --- answers -----------------------------------------------------------------------------------------------------


def _outputs(part: Part) -> tuple[Output, ...]:
    """Read an answer: a text, one step, or a list of them."""
    steps = part.content if isinstance(part.content, list) else [part]
    return tuple(_step(step) for step in steps)


def _step(part: Part) -> Output:
    if isinstance(part.content, str):
        return _say(part, {})
    fields = part.mapping("a step", _STEP_FIELDS, "{say: Hello!}")
    kinds = [name for name in _STEPS if name in fields]
    if len(kinds) != 1:
        raise part.refused(f"a step is a text or has exactly one of: {', '.join(_STEPS)}")
    step = _STEPS[kinds[0]]
    for name in fields:
        if name != kinds[0] and name not in step.more:
            raise fields[name].refused(f"{name!r} does not belong to {kinds[0]!r}; begin a step of its own with '- '")
    return step.read(fields[kinds[0]], fields)


Fields: TypeAlias = Mapping[str, Part]

_PLACES: Final = ("words", "output", "fields")
"""What may stand in braces in a text that is spoken."""


def _say(part: Part, _: Fields) -> Output:
    text = part.text("say")
    try:
        places = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise part.refused(f"{error}; write {{{{ and }}}} for braces that are meant") from error
    for place in places:
        if re.split(r"[.\[]", place)[0] not in _PLACES:
            raise part.refused(f"nothing is called {{{place}}}; there are {{words}}, {{output}} and {{fields[name]}}")
    return Reply(text=text)


def _call(part: Part, fields: Fields) -> Output:
    call_id = fields["call_id"].text("call_id") if "call_id" in fields else None
    return CallTool(name=part.text("call"), arguments=_arguments(fields), call_id=call_id)


def _arguments(fields: Fields) -> str:
    """Read arguments; a text is sent as it is, so that a call with broken ones can be tested."""
    given: Any = fields["arguments"].plain() if "arguments" in fields else {}
    return given if isinstance(given, str) else json.dumps(given)


def _call_mcp(part: Part, fields: Fields) -> Output:
    if "server" not in fields:
        raise part.refused("call_mcp needs the label of the server, for example: server: weather")
    call = _arguments(fields)
    return CallMcp(server_label=fields["server"].text("server"), name=part.text("call_mcp"), arguments=call)


def _clip(part: Part, _: Fields) -> Output:
    try:
        return Say(transcript=library().words(part.text("clip")), audio=library().audio(part.text("clip")))
    except InvalidArgument as error:
        raise part.refused(str(error)) from error


def _fail(part: Part, fields: Fields) -> Output:
    message = fields["message"].text("message") if "message" in fields else "The model failed to answer."
    return Stop(code=part.text("fail"), message=message)


def _hang_up(part: Part, fields: Fields) -> Output:
    code = int(part.number("hang_up", least=1000, whole=True))
    try:
        check_close_code(code, "")
    except InvalidArgument as error:
        raise part.refused(f"hang_up {error}") from error
    return HangUp(code=code, reason=fields["reason"].text("reason") if "reason" in fields else "")


@attrs.frozen
class _Step:
    """One kind of step: how it is read, and what may stand beside it."""

    read: Callable[[Part, Fields], Output]
    more: tuple[str, ...] = ()


_STEPS: Final[Mapping[str, _Step]] = {
    "say": _Step(_say),
    "write": _Step(lambda part, _: Write(text=part.text("write"))),
    "clip": _Step(_clip),
    "call": _Step(_call, ("arguments", "call_id")),
    "call_mcp": _Step(_call_mcp, ("server", "arguments")),
    "pause_ms": _Step(lambda part, _: Pause(ms=part.number("pause_ms"))),
    "rate": _Step(lambda part, _: _pace(part)),
    "fail": _Step(_fail, ("message",)),
    "incomplete": _Step(lambda part, _: Stop(status="incomplete", reason=part.text("incomplete"))),
    "hang_up": _Step(_hang_up, ("reason",)),
}

_STEP_FIELDS: Final = tuple(dict.fromkeys([*_STEPS, *(name for step in _STEPS.values() for name in step.more)]))


# --- faults ------------------------------------------------------------------------------------------------------

_CONNECTIONS: Final = "connections"
"""Beside the faults of every connection: those of some, by number."""


def _faults(part: Part) -> FaultSource:
    names = (*attrs.fields_dict(Faults), _CONNECTIONS)
    fields = part.mapping("faults", names, "{latency_ms: 40, seed: 7}")
    everywhere = _drawn({name: inner for name, inner in fields.items() if name != _CONNECTIONS}, Faults())
    if _CONNECTIONS not in fields:
        return everywhere
    numbered = fields[_CONNECTIONS].content
    if not isinstance(numbered, dict):
        raise fields[_CONNECTIONS].refused("connections must be a mapping, for example: {1: {close_code: 1011}}")
    some: dict[int, Faults] = {}
    for number, inner in numbered.items():
        if not number.isdecimal():
            raise inner.refused(f"connections are counted from 1; {number!r} is no number")
        some[int(number)] = _drawn(inner.mapping("faults", names[:-1], "{close_code: 1011}"), everywhere)
    return lambda connection: some.get(connection, everywhere)


def _drawn(fields: Mapping[str, Part], under: Faults) -> Faults:
    faults = under
    for name, part in fields.items():
        try:
            faults = faults_from({name: part.plain()}, faults)
        except InvalidArgument as error:
            raise part.refused(str(error)) from error
    return faults


# --- MCP servers on paper ----------------------------------------------------------------------------------------

_TOOL: Final = ("name", "description", "input_schema", "output", "error")
_TOOL_EXAMPLE: Final = "{name: get_weather, output: 21 degrees}"


def _servers(part: Part) -> ScriptedServers:
    if not isinstance(part.content, dict):
        raise part.refused(f"mcp must be a mapping from labels to tools, for example: weather: [{_TOOL_EXAMPLE}]")
    return {
        label: tuple(_tool(tool) for tool in tools.sequence(f"the tools of {label}", _TOOL_EXAMPLE))
        for label, tools in part.content.items()
    }


def _tool(part: Part) -> ScriptedTool:
    fields = part.mapping("a tool", _TOOL, _TOOL_EXAMPLE)
    if "name" not in fields:
        raise part.refused(f"a tool needs a name, for example: {_TOOL_EXAMPLE}")
    texts: dict[str, Any] = {
        name: fields[name].text(name) for name in _TOOL if name in fields and name != "input_schema"
    }
    tool = ScriptedTool(**texts)
    if "input_schema" not in fields:
        return tool
    schema = fields["input_schema"].plain()
    if not isinstance(schema, dict):
        raise fields["input_schema"].refused("input_schema must be a JSON schema, for example: {type: object}")
    return attrs.evolve(tool, input_schema=cast("Mapping[str, Any]", schema))


# --- Python ------------------------------------------------------------------------------------------------------


def _from_python(path: Path) -> Behaviour:
    try:
        defined = runpy.run_path(str(path))
    except OSError:
        raise
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = frames[-1].lineno if frames else getattr(error, "lineno", None) or 1
        raise InvalidArgument(f"{type(error).__name__}: {error}", path=f"{path}:{line}") from error
    faults = cast("FaultSource | None", defined.get("faults"))
    mcp = cast("ScriptedServers", defined.get("mcp", {}))
    if "brain" in defined:
        brain: AnyBrain | BrainFactory = defined["brain"]
        return Behaviour(brain=factory(brain), faults=faults, mcp=mcp)
    if "rules" not in defined:
        raise InvalidArgument(
            "a script defines 'brain' or 'rules', for example: rules = [when('hello', 'Hi!')]", path=f"{path}:1"
        )
    rules = cast("Sequence[Rule]", defined["rules"])
    otherwise = cast("str | Output", defined.get("otherwise", _OTHERWISE))
    return Behaviour(brain=lambda: Spoken(Script(*rules, otherwise=otherwise)), faults=faults, mcp=mcp)
