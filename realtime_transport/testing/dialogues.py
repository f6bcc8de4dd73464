"""A conversation as a person reads it, one line each, and an assertion that shows two of them side by side.

assert_dialogue(session, '''
    caller: What is the weather?
    agent calls get_weather({"city": "Lisbon"})
    get_weather answers: sunny, 21 degrees
    agent: It is sunny*
''')
"""

from __future__ import annotations

import fnmatch
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from realtime_transport.conversation.history_entry import HistoryEntry
from realtime_transport.events.base import UNSET
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    Item,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    SystemMessageItem,
    UserMessageItem,
)

WIDTH: Final = 58
"""Columns of each side of the comparison: two of them and the signs fit an ordinary terminal."""


@runtime_checkable
class HasHistory(Protocol):
    """A transport, or anything else with a history."""

    @property
    def history(self) -> tuple[Item, ...]:
        """The items, in order."""
        ...


Source: TypeAlias = HasHistory | Sequence[Item]
Look: TypeAlias = Callable[[str], HistoryEntry | None]


def dialogue(source: Source) -> tuple[str, ...]:
    """Write down a conversation: of a session, a transport, or the items of one.

    What was cut is written down as far as it was heard, with a note, where the source knows that (a session or a
    transport does). Lists of tools are left out.
    """
    items: Sequence[Item] = source.history if isinstance(source, HasHistory) else source
    look: Look = getattr(getattr(source, "transport", source), "history_entry", lambda _: None)
    names = {item.call_id: item.name for item in items if isinstance(item, FunctionCallItem)}
    lines = (_line(item, look, names) for item in items)
    return tuple(line for line in lines if line)


def assert_dialogue(source: Source, expected: str | Iterable[str]) -> None:
    """Raise ``AssertionError``, with both conversations side by side, unless they are the same.

    ``expected`` is text, indented as you like, one line each, or the lines. ``*`` in it stands for anything, ``?`` for
    one character; an empty line for nothing.
    """
    __tracebackhide__ = True
    text = expected if isinstance(expected, str) else "\n".join(expected)
    wanted = tuple(line.strip() for line in text.splitlines() if line.strip())
    came = dialogue(source)
    if len(wanted) != len(came) or not all(map(_fits, wanted, came)):
        raise AssertionError(compare(wanted, came))


def compare(wanted: Sequence[str], came: Sequence[str]) -> str:
    """Draw two conversations side by side: what fits is on one line, ``-`` did not come, ``+`` came besides."""
    rows = [("", "expected", "came"), ("", "-" * 8, "-" * 4), *_aligned(wanted, came)]
    drawn = ["the conversation is another one:"]
    for sign, left, right in rows:
        lefts, rights = (textwrap.wrap(text, WIDTH) or [""] for text in (left, right))
        for index in range(max(len(lefts), len(rights))):
            one = lefts[index] if index < len(lefts) else ""
            two = rights[index] if index < len(rights) else ""
            drawn.append(f"{sign if index == 0 else '':1} {one:<{WIDTH}} | {two}".rstrip())
    return "\n".join(drawn)


def _aligned(wanted: Sequence[str], came: Sequence[str]) -> list[tuple[str, str, str]]:
    """Pair the lines so that as many as possible fit, in order."""
    longest = [[0] * (len(came) + 1) for _ in range(len(wanted) + 1)]
    for i in reversed(range(len(wanted))):
        for j in reversed(range(len(came))):
            fits = longest[i + 1][j + 1] + 1 if _fits(wanted[i], came[j]) else 0
            longest[i][j] = max(fits, longest[i + 1][j], longest[i][j + 1])
    rows: list[tuple[str, str, str]] = []
    i = j = 0
    while i < len(wanted) or j < len(came):
        if i < len(wanted) and j < len(came) and _fits(wanted[i], came[j]):
            rows.append(("", wanted[i], came[j]))
            i, j = i + 1, j + 1
        elif j == len(came) or (i < len(wanted) and longest[i + 1][j] >= longest[i][j + 1]):
            rows.append(("-", wanted[i], ""))
            i += 1
        else:
            rows.append(("+", "", came[j]))
            j += 1
    return rows


def _fits(wanted: str, came: str) -> bool:
    # Brackets are characters here: arguments are full of them.
    return fnmatch.fnmatchcase(came, wanted.replace("[", "[[]"))


def _line(item: Item, look: Look, names: Mapping[Any, Any]) -> str:
    """Write one item down; empty for what nobody says."""
    match item:
        case UserMessageItem():
            return f"caller: {_words(item.content)}"
        case SystemMessageItem():
            return f"system: {_words(item.content)}"
        case AssistantMessageItem():
            return f"agent: {_heard(item, look)}"
        case FunctionCallItem():
            return f"agent calls {item.name}({item.arguments or ''})"
        case FunctionCallOutputItem():
            return f"{names.get(item.call_id, item.call_id)} answers: {item.output}"
        case McpApprovalRequestItem():
            return f"agent asks for {item.name}({item.arguments or ''})"
        case McpApprovalResponseItem():
            return "approved" if item.approve else "refused"
        case McpCallItem():
            return f"agent calls {item.name}({item.arguments or ''}) and reads: {item.output or item.error}"
        case _:
            return ""


def _words(content: Iterable[Any]) -> str:
    """Join the words of the parts; a picture is named, speech without words too."""
    return " ".join(_part(part) for part in content)


def _part(part: Any) -> str:
    words = getattr(part, "text", UNSET) or getattr(part, "transcript", UNSET)
    if words:
        return str(words).strip()
    return {"input_image": "<a picture>", "input_audio": "<speech>"}.get(part.type, "")


def _heard(item: AssistantMessageItem, look: Look) -> str:
    words = _words(item.content)
    entry = look(item.id) if item.id else None
    if entry is None or entry.heard_text is None or entry.heard_text.strip() == words:
        return words
    return f"{entry.heard_text} (cut)".strip()
