"""What an item says, and how it grows: pure functions on items, which never change in place.

An item becomes known in pieces that may disagree: an announcement with empty parts, deltas, the end of a part, the end
of the item, a copy on request. Two rules put them together. What is absent or null never erases what is known. And of
two texts the final one counts, even when it is empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

import attrs

from realtime_transport.events.base import UNSET
from realtime_transport.events.items import (
    AssistantMessageItem,
    ContentPart,
    FunctionCallItem,
    InputAudioPart,
    InputTextPart,
    Item,
    McpCallItem,
    OutputAudioPart,
    OutputTextPart,
    SystemMessageItem,
    UserMessageItem,
)

Field: TypeAlias = Literal["text", "transcript", "audio", "arguments"]
"""What grows. ``arguments`` belongs to a call, the others to one part of a message."""

MAX_PARTS: Final = 64
"""Content parts of one item. Real items have one to three; an index is the server's word and could be any number."""

ITEM_BYTES: Final = 256
"""What an item costs beside its texts, roughly."""

ItemT = TypeVar("ItemT", bound=Item)

_MESSAGES = (SystemMessageItem, UserMessageItem, AssistantMessageItem)
_CALLS = (FunctionCallItem, McpCallItem)
_SPOKEN = (InputAudioPart, OutputAudioPart)

# The part to open where a delta comes before its part: by who speaks and what grows.
_NEW_PART: dict[tuple[type[Any], Field], type[ContentPart]] = {
    (SystemMessageItem, "text"): InputTextPart,
    (UserMessageItem, "text"): InputTextPart,
    (UserMessageItem, "transcript"): InputAudioPart,
    (UserMessageItem, "audio"): InputAudioPart,
    (AssistantMessageItem, "text"): OutputTextPart,
    (AssistantMessageItem, "transcript"): OutputAudioPart,
    (AssistantMessageItem, "audio"): OutputAudioPart,
}

_BIG = ("text", "transcript", "audio", "image_url", "arguments", "output", "tools", "extra")
_BIG_FIELDS: Final[Mapping[type[Any], tuple[str, ...]]] = {
    cls: tuple(name for name in _BIG if hasattr(cls, name)) for cls in (*get_args(Item), *get_args(ContentPart))
}
"""Fields that hold texts and the like: all names there are, and those of each class."""


# --- reading and writing -----------------------------------------------------------------------------------------


def read(item: Item, field: Field, content_index: int) -> str | bytes | None:
    """Return a text of an item, or audio; None where there is none."""
    owner: object = item
    if isinstance(item, _MESSAGES):
        owner = item.content[content_index] if 0 <= content_index < len(item.content) else None
    value = getattr(owner, field, None)
    return value if isinstance(value, (str, bytes)) else None


def write(item: ItemT, field: Field, content_index: int, value: str | bytes) -> ItemT:
    """Return the item with a text set; its part is opened where it is missing. Unchanged where it has no such text."""
    change: dict[str, Any] = {field: value}
    if isinstance(item, _CALLS):
        return attrs.evolve(item, **change) if field == "arguments" else item
    new_part = _NEW_PART.get((type(item), field))
    if new_part is None or not isinstance(item, _MESSAGES) or not 0 <= content_index < MAX_PARTS:
        return item
    content = list(item.content)
    while len(content) <= content_index:
        content.append(new_part())
    if not hasattr(content[content_index], field):
        content[content_index] = new_part()
    content[content_index] = attrs.evolve(content[content_index], **change)
    return attrs.evolve(item, content=tuple(content))


def put_part(item: ItemT, content_index: int, part: ContentPart, *, final: bool) -> ItemT:
    """Return the item with what a part is known to be; parts of ``response.content_part.*`` get their item's words."""
    if not isinstance(item, _MESSAGES) or not 0 <= content_index < MAX_PARTS:
        return item
    if isinstance(part, (OutputTextPart, OutputAudioPart)):
        part = attrs.evolve(part, type=attrs.fields(type(part)).type.default)
    content = [*item.content]
    while len(content) <= content_index:
        content.append(type(part)())
    content[content_index] = _merge_part(content[content_index], part, final=final)
    return attrs.evolve(item, content=tuple(content))


def without_audio(item: ItemT) -> ItemT:
    """Return the item without its audio bytes; transcripts stay."""
    if not isinstance(item, _MESSAGES) or not any(getattr(part, "audio", None) for part in item.content):
        return item
    return attrs.evolve(item, content=tuple(without_sound(part) for part in item.content))


def without_sound(part: ContentPart) -> ContentPart:
    """Return a part without its audio bytes."""
    return attrs.evolve(part, audio=UNSET) if isinstance(part, _SPOKEN) else part


# --- putting together --------------------------------------------------------------------------------------------


def merge(known: Item, news: Item, *, final: bool) -> Item:
    """Return what is known of an item after news of it; ``final`` news are its end or a copy of it."""
    if type(known) is not type(news):
        return news
    keep: dict[str, Any] = {
        name: value for name, value in _values(known) if value and _says_nothing(getattr(news, name))
    }
    if isinstance(known, _MESSAGES) and isinstance(news, _MESSAGES):
        paired = [_merge_part(old, new, final=final) for old, new in zip(known.content, news.content, strict=False)]
        shared = len(paired)
        keep["content"] = (*paired, *known.content[shared:], *news.content[shared:])
    return attrs.evolve(news, **keep)


def _merge_part(known: ContentPart, news: ContentPart, *, final: bool) -> ContentPart:
    if type(known) is not type(news):
        return news
    keep = {
        name: value
        for name, value in _values(known)
        if value and _says_nothing(new := getattr(news, name)) and not (final and isinstance(new, str))
    }
    return attrs.evolve(news, **keep)


def _values(thing: Item | ContentPart) -> list[tuple[str, Any]]:
    return [(field.name, getattr(thing, field.name)) for field in attrs.fields(type(thing))]


def _says_nothing(value: object) -> bool:
    """Whether a value is absent, null or empty. ``False`` is an answer."""
    return not value and value is not False


# --- measuring ---------------------------------------------------------------------------------------------------


def size_of(item: Item) -> int:
    """Return roughly how many bytes an item holds."""
    things = (item, *item.content) if isinstance(item, _MESSAGES) else (item,)
    size = ITEM_BYTES
    for thing in things:
        for name in _BIG_FIELDS.get(type(thing), _BIG):
            value = getattr(thing, name, None)
            if value:
                # Of what is neither text nor bytes (schemas, unknown fields) the length of its repr is near enough.
                size += len(value) if isinstance(value, (str, bytes)) else len(repr(value))
    return size


_WORD = re.compile(r"\S+\s*")


def heard_text(transcript: str, heard_ms: float, received_ms: float) -> str:
    """Return the words that were heard when ``heard_ms`` of ``received_ms`` were: an estimate.

    Nobody says when a word sounds, so time is taken as proportional to characters, and a word counts when all of it
    fits. While speech is generated its transcript runs ahead of its audio; the text is then a little too long.
    """
    if heard_ms >= received_ms:
        return transcript
    limit = len(transcript) * heard_ms / received_ms
    heard = ""
    for word in _WORD.finditer(transcript):
        if word.start() + len(word.group().rstrip()) > limit:
            break
        heard = transcript[: word.end()]
    return heard.rstrip()
