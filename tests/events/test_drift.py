"""The published types against ours: a new release of ``openai`` shows its news here.

What differs on purpose is listed below with its reason, and an entry that no longer applies fails as well.
"""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

import attrs
import openai.types.realtime as published
import pydantic
import pytest

from realtime_transport import events
from realtime_transport.events import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    TRANSLATION_CLIENT_EVENTS,
    TRANSLATION_SERVER_EVENTS,
)
from tests.events.upstream import Flattening, members, words

UNIONS: dict[str, tuple[Any, Any]] = {
    "client": (published.RealtimeClientEvent, CLIENT_EVENTS),
    "server": (published.RealtimeServerEvent, SERVER_EVENTS),
    "translation client": (published.RealtimeTranslationClientEvent, TRANSLATION_CLIENT_EVENTS),
    "translation server": (published.RealtimeTranslationServerEvent, TRANSLATION_SERVER_EVENTS),
}
OBJECTS: dict[str, Any] = {
    "ResponseItemReference": events.ItemReference,
    "RealtimeSessionCreateResponse": events.RealtimeSessionConfig,
    "RealtimeTranscriptionSessionCreateResponse": events.TranscriptionSessionConfig,
}
"""Published objects that no event holds: references in ``response.create``, sessions as HTTP gives them."""

LACKS = {
    r"<mcp_call>\.error<": "three classes of MCP errors are one of ours, told apart by its type",
}
"""Pattern of a published path -> why we do not have it."""

EXCESS = {
    # seen live or in the guides, and not yet in the published types
    r":obfuscation$": "the live server pads deltas of text",
    r"<message/assistant>\.phase$": "reasoning models tell commentary from the answer",
    r"output_token_details\.reasoning_tokens$": "reasoning models count their thoughts",
    r"^response\.create:response\.input\[\]<item_reference>": "published for the parameters only",
    # one class of ours where several are published
    r"<mcp_call>\.error\.": "the other side of the one in LACKS",
    r":(session(<\w+>)?\.)?(id|object|expires_at|model|client_secret)$": "a session as asked for and as echoed",
    r"^session\.(created|updated|update):session<translation>": "a listener may get any session",
    r"^session\.update:session\.type$": "the echo of a translation session has a type, its update has none",
    r":session\.audio\.input\.transcription\.": "translation is told its transcription like any other session",
    r"(session<transcription>\.|^RealtimeTranscriptionSessionCreateResponse:)audio\.output": "one audio config",
    r"^RealtimeTranscriptionSessionCreateResponse:audio\.input\.turn_detection": "one server VAD",
    r"^RealtimeSessionCreateResponse:(audio\.output\.voice\.id|parallel_tool_calls)$": "the same, over HTTP",
    r":response\.audio\.(input|output\.speed|output\.voice\.id)": "one audio config",
    r"<message/\w+>\.content\[\]\.(audio|transcript|detail|image_url)$": "one union of parts for all roles",
    r":part\.(detail|image_url)$": "one union of parts for all roles",
    r"usage<tokens>\.input_token_details\.(cached|image)_tokens": "one class of input tokens",
    r"transcription\.failed:error\.event_id$": "one class of errors",
    r"dtmf_event_received:event_id$": "the base class has it; the server sends none",
}
"""Pattern of a path of ours -> why we have it beside the published types."""

OTHER_CLASSES = {
    "ClientSecretCreateResponse": "a reply over HTTP: realtime_transport.http",
    "RealtimeTranslationClientSecretCreateResponse": "a reply over HTTP: realtime_transport.http",
}
"""Published class that the walk does not reach -> where it is instead."""


def published_events(family: str) -> dict[str, Any]:
    union, _ = UNIONS[family]
    return {next(iter(words(cls.model_fields["type"].annotation))): cls for cls in members(union)}


def differences() -> tuple[list[str], list[str], list[str], set[str]]:
    """Compare everything: the paths that we lack, those in excess, words that an enum of ours lacks, what was seen."""
    pairs = [
        (name, theirs, ours)
        for family, (_, registry) in UNIONS.items()
        for name, theirs in published_events(family).items()
        if (ours := registry.get(name)) is not None
    ]
    pairs += [(name, getattr(published, name), ours) for name, ours in OBJECTS.items()]
    lacks: list[str] = []
    excess: list[str] = []
    lost_words: list[str] = []
    reached: set[str] = set()
    for name, theirs, ours in pairs:
        walk = Flattening()
        there = walk.flatten(theirs)
        reached |= walk.seen_classes
        here = Flattening(walk.seen_tags).flatten(ours)
        lacks += [f"{name}:{path}" for path in there.keys() - here.keys()]
        excess += [f"{name}:{path}" for path in here.keys() - there.keys()]
        listed = [path for path in there.keys() & here.keys() if here[path]]
        lost_words += [f"{name}:{path}={word}" for path in listed for word in there[path] - here[path]]
    return sorted(lacks), sorted(excess), sorted(lost_words), reached


LACKED, IN_EXCESS, LOST_WORDS, REACHED = differences()


def unexplained(found: list[str], reasons: dict[str, str]) -> list[str]:
    return [path for path in found if not any(re.search(pattern, path) for pattern in reasons)]


def stale(found: list[str], reasons: dict[str, str]) -> list[str]:
    return [pattern for pattern in reasons if not any(re.search(pattern, path) for path in found)]


@pytest.mark.parametrize("family", UNIONS)
def test_we_have_the_published_events(family: str) -> None:
    assert sorted(UNIONS[family][1]) == sorted(published_events(family))


def test_we_lack_no_published_field() -> None:
    assert unexplained(LACKED, LACKS) == []
    assert stale(LACKED, LACKS) == []


def test_we_have_no_field_of_our_own() -> None:
    assert unexplained(IN_EXCESS, EXCESS) == []
    assert stale(IN_EXCESS, EXCESS) == []


def test_where_we_list_words_we_list_all() -> None:
    assert LOST_WORDS == []


def test_the_walk_reaches_every_published_class() -> None:
    classes = {
        name
        for name in dir(published)
        if isinstance(cls := getattr(published, name), type) and issubclass(cls, pydantic.BaseModel)
    }
    assert sorted(classes - REACHED - OTHER_CLASSES.keys()) == []
    assert sorted(OTHER_CLASSES.keys() & REACHED) == []
    assert get_args(published.RealtimeServerEvent), "the published union is no union any more"


class Theirs(pydantic.BaseModel):
    kept: int
    news: list[published.RealtimeError]
    mode: Literal["a", "b"] | None = None


@attrs.frozen
class Ours:
    kept: int
    gone: str
    mode: Literal["a"] | str | None = None


def test_the_comparison_sees_what_differs() -> None:
    there, here = Flattening().flatten(Theirs), Flattening(set()).flatten(Ours)
    assert "news[].code" in there.keys() - here.keys()
    assert here.keys() - there.keys() == {"gone"}
    assert there["mode"] - here["mode"] == {"b"}
