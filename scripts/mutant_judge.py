"""Judge mutants inside one pytest process: collect once, see which test runs which line, then fork for each mutant.

The plugin of scripts/mutate.py. A child of fork() already has every module imported and every test collected, so that a
mutant costs its tests and no more: the child gives the mutated function the code that the mutated source compiles to,
runs the tests that reach the mutated lines, those of its own test module first, and ends at the first that fails.
"""

from __future__ import annotations

import ast
import gc
import os
import resource
import signal
import time
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import attrs
import coverage
import hypothesis
import libcst
import pytest
from _pytest.runner import runtestprotocol
from libcst import matchers
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

PATIENCE = 5.0
"""How many times the processor time of the unchanged code a mutant may take before it counts as endless."""
GRACE = 2.0
"""Seconds on top of that: a test of a millisecond may take a hundred on a busy machine."""
DEADLINE = 120.0
"""Seconds by the wall after which a mutant that waits for something counts as endless too."""
MEMORY = 1 << 30
"""Bytes that a mutant may take beyond what it was born with: it stops an endless loop that appends."""

OWN, NEIGHBOUR, ENDLESS, SURVIVED, UNREACHED = "own", "neighbour", "endless", "survived", "unreached"
NOTICED = frozenset({OWN, NEIGHBOUR, ENDLESS})
_EXITS = {0: SURVIVED, 10: OWN, 11: NEIGHBOUR, -signal.SIGPROF: ENDLESS, -signal.SIGALRM: ENDLESS}

# Only whether a test fails is asked: no shrinking, no memory of earlier failures, the same examples every time.
hypothesis.settings.register_profile(
    "mutants",
    derandomize=True,
    database=None,
    deadline=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    suppress_health_check=list(hypothesis.HealthCheck),
)


@attrs.frozen(kw_only=True)
class Mutant:
    """One change of one function, and how it ended."""

    function: str
    change: str
    """Its lines, ``before → after``: numbers of lines shift with every edit, their text does not."""
    verdict: str


@attrs.frozen(kw_only=True, eq=False)
class Mutation:
    """One change that can be made to a function of a module."""

    function: str
    lines: range
    """Of what is changed."""
    body: range
    """Of the whole function."""
    render: Callable[[], str]
    """Give the source of the whole module as it is with this change."""


def mutations(path: Path) -> list[Mutation]:
    """Return every change that mutmut knows of for the functions of one module, in the order of the text.

    mutmut leaves out what is computed at import (tables, defaults, decorators) and whatever is decorated.
    """
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper = MetadataWrapper(libcst.parse_module(path.read_text()))
    module = wrapper.visit(visitor)
    places = wrapper.resolve(PositionProvider)

    def lines(node: libcst.CSTNode) -> range:
        place = places[node]
        assert isinstance(place, CodeRange)
        return range(place.start.line, place.end.line + 1)

    def render(old: libcst.CSTNode, new: libcst.CSTNode) -> Callable[[], str]:
        def rendered() -> str:
            changed = deep_replace(module, old, new)
            assert isinstance(changed, libcst.Module)
            return changed.code

        return rendered

    casts = matchers.findall(module, matchers.Call(func=matchers.Name("cast")))
    named = [call.args[0].value for call in casts if isinstance(call, libcst.Call)]

    def types_only(old: libcst.CSTNode, new: libcst.CSTNode) -> bool:
        """Whether only the type that cast() names to the checkers changes, which nothing reads when it runs."""
        if isinstance(old, libcst.Call) and isinstance(new, libcst.Call) and old in casts and len(new.args) == 2:
            return new.args[1] is old.args[1]
        return old in named

    return [
        Mutation(
            function=function.name.value,
            lines=lines(each.original_node),
            body=range(lines(function.decorators[0] if function.decorators else function).start, lines(function).stop),
            render=render(each.original_node, each.mutated_node),
        )
        for each in visitor.mutations
        if isinstance(function := each.contained_by_top_level_function, libcst.FunctionDef)
        and not types_only(each.original_node, each.mutated_node)
    ]


def outermost(module: types.CodeType) -> list[types.CodeType]:
    """Return the code of the functions and methods of a module; what is nested in them comes along."""
    inside = [each for each in module.co_consts if isinstance(each, types.CodeType)]
    return [code for each in inside for code in ([each] if each.co_flags & 0x2 else outermost(each))]


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield what is defined inside a function: what it returned when the module was imported is changed as well."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from nested(each)


def difference(before: str, after: str) -> str:
    """Say which lines became which, in one line."""
    old, new = before.splitlines(), after.splitlines()
    head = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    tail = next((at for at, (one, other) in enumerate(zip(old[::-1], new[::-1], strict=False)) if one != other), 0)
    tail = min(tail, len(old) - head - 1, len(new) - head - 1)
    sides = (" ".join(line.strip() for line in side[head : len(side) - tail]) for side in (old, new))
    return " → ".join(f"`{side}`" for side in sides)


class Judge:
    """The plugin: where pytest would run the tests once, run them against each mutant."""

    def __init__(
        self,
        paths: Sequence[Path],
        choose: Callable[[list[Mutation]], list[Mutation]],
        tell: Callable[[str, list[Mutant]], None],
    ) -> None:
        """Take the modules, who chooses among their mutations, and who hears of each module when it is done."""
        self._paths = paths
        self._choose = choose
        self._tell = tell
        self._seconds: dict[str, float] = {}
        self._functions: list[types.FunctionType] = []
        self._exit: int | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """End the child at the first failure; drawing a report of it would cost more than the test."""
        if self._exit is not None and call.excinfo is not None:
            os._exit(self._exit)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run every test once on the code as it is, then judge the mutants."""
        # Before the first test: a fixture freezes what exists then, which hides it from get_objects().
        self._functions = [each for each in gc.get_objects() if isinstance(each, types.FunctionType)]
        sources = {path: (path.read_text(), mutations(path)) for path in self._paths}
        reached = self._rehearse(session)
        items = {item.nodeid: item for item in session.items}
        chosen = set(self._choose([each for _, changes in sources.values() for each in changes]))
        for path, (source, changes) in sources.items():
            tests_of = reached.contexts_by_lineno(str(path))
            own = f"test_{path.stem}.py::"
            found: list[Mutant] = []
            for mutation in (each for each in changes if each in chosen):
                names = _names(tests_of, mutation.lines) or _names(tests_of, mutation.body)
                order = sorted(names, key=lambda name: (own not in name, self._seconds[name]))
                verdict = self._judge([items[name] for name in order], mutation, path, own) if order else UNREACHED
                change = "" if verdict in NOTICED else difference(source, mutation.render())
                found.append(Mutant(function=mutation.function, change=change, verdict=verdict))
            self._tell(path.stem, found)
        return True

    def _rehearse(self, session: pytest.Session) -> coverage.CoverageData:
        """Learn which test runs which line, and how long it takes."""
        watch = coverage.Coverage(data_file=None, config_file=False, include=[str(path) for path in self._paths])
        with watch.collect():
            for item in session.items:
                watch.switch_context(item.nodeid)
                before = time.process_time()
                reports = runtestprotocol(item, log=False, nextitem=session)
                self._seconds[item.nodeid] = time.process_time() - before
                if any(report.failed for report in reports):
                    pytest.exit(f"{item.nodeid} fails on the code as it is", returncode=2)
        return watch.get_data()

    def _judge(self, items: list[pytest.Item], mutation: Mutation, path: Path, own: str) -> str:
        """Fork a child for one mutant and read its verdict from how it ends."""
        seconds = sum(self._seconds[item.nodeid] for item in items)
        child = os.fork()
        if child == 0:
            try:
                self._live(items, mutation, path, own, GRACE + PATIENCE * seconds)
            finally:
                os._exit(12)  # the mutant could not be made
        _, status = os.waitpid(child, 0)
        return _EXITS.get(os.waitstatus_to_exitcode(status), f"broken: {os.waitstatus_to_exitcode(status)}")

    def _live(self, items: list[pytest.Item], mutation: Mutation, path: Path, own: str, limit: float) -> NoReturn:
        """Be the mutant: change one function, run its tests."""
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        source = mutation.render()
        code = _only(outermost(compile(source, str(path), "exec")), mutation.body)
        changed = {each.co_firstlineno: each for each in (code, *nested(code))}
        for function in self._functions:
            known = function.__code__
            if known.co_filename != str(path) or known.co_firstlineno not in changed:
                continue
            news = changed[known.co_firstlineno]
            if known.co_name != news.co_name or len(known.co_freevars) != len(news.co_freevars):
                continue  # two lambdas of one line, or a closure over something else: no code to give it
            function.__code__ = news
            if news is code:
                _set_defaults(function, source, mutation.body)
        signal.setitimer(signal.ITIMER_PROF, limit)
        signal.setitimer(signal.ITIMER_REAL, DEADLINE)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        for item in items:
            self._exit = 10 if own in item.nodeid else 11
            runtestprotocol(item, log=False, nextitem=item.session)
        os._exit(0)


def _names(tests_of: dict[int, list[str]], lines: range) -> set[str]:
    """Return the tests that run one of these lines; the empty name is what ran at import."""
    return {name for line in lines for name in tests_of.get(line, ())} - {""}


def _set_defaults(function: types.FunctionType, source: str, body: range) -> None:
    """Give a function the plain values that its arguments have by default in the mutated source."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    (arguments,) = (node.args for node in nodes if node.lineno in body and node.name == function.__name__)
    by_place = [*arguments.posonlyargs, *arguments.args]
    by_place = by_place[len(by_place) - len(arguments.defaults) :]
    plain = {
        argument.arg: ast.literal_eval(default)
        for names, defaults in ((by_place, arguments.defaults), (arguments.kwonlyargs, arguments.kw_defaults))
        for argument, default in zip(names, defaults, strict=False)
        if isinstance(default, ast.Constant)
    }
    before = function.__defaults__ or ()
    function.__defaults__ = tuple(
        plain.get(argument.arg, value) for argument, value in zip(by_place, before, strict=False)
    )
    function.__kwdefaults__ = {name: plain.get(name, value) for name, value in (function.__kwdefaults__ or {}).items()}


def _only(codes: Iterable[types.CodeType], body: range) -> types.CodeType:
    """Return the one function that begins where the mutated one does."""
    (code,) = (code for code in codes if code.co_firstlineno == body.start)
    return code
