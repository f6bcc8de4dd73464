"""One item of the record: what the wire says of it, the words that are still coming, and how much of it was heard."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from realtime_transport.conversation.item_content import Field, heard_text, read, write
from realtime_transport.events.items import Item, UserMessageItem

Key: TypeAlias = tuple[Field, int]


@attrs.frozen(kw_only=True)
class HistoryEntry:
    """One item of the record, with what its wire object cannot say."""

    item: Item
    status: str
    """The item's own status; ``completed`` or ``in_progress`` for kinds that have none."""
    heard_ms: float | None
    """How much of its speech was heard, all parts together; None while nobody has said."""
    heard_text: str | None
    """The words that were heard, estimated from the time; None when that cannot be told. The item keeps all words."""
    restored_as_text: bool
    """It was speech once and is text on this server: there is no audio that could be truncated."""
    uncertain: bool
    """Its place is a guess, because the item it follows never came."""


@attrs.define(eq=False)
class Words:
    """Texts (or audio) of one item in pieces, by field and content index: they are joined when somebody looks."""

    pieces: dict[Key, list[Any]] = attrs.field(factory=dict[Key, list[Any]])
    closed: set[Key] = attrs.field(factory=set[Key])
    """Texts whose end was announced."""
    size: int = 0

    def joined(self, key: Key) -> str | bytes:
        """Return all pieces of one text."""
        return b"".join(self.pieces[key]) if key[0] == "audio" else "".join(self.pieces[key])


@attrs.define(eq=False)
class Record:
    """What is known of one item."""

    item: Item
    words: Words
    """What came since ``item`` was last put together."""
    complete: bool = False
    truncated: bool = False
    heard: dict[int, tuple[float, float | None]] = attrs.field(factory=dict[int, "tuple[float, float | None]"])
    """Content index -> milliseconds heard, and received where that is known."""
    restored_as_text: bool = False
    size: int = 0

    @property
    def generated_whole(self) -> bool:
        """Whether nothing can change its texts any more. The caller's words are transcribed after their item's end."""
        return self.complete and not isinstance(self.item, UserMessageItem)

    def entry(self, *, uncertain: bool) -> HistoryEntry:
        """Return it as the application may see it."""
        item = self.current()
        return HistoryEntry(
            item=item,
            status=getattr(item, "status", None) or ("completed" if self.complete else "in_progress"),
            heard_ms=sum(heard for heard, _ in self.heard.values()) if self.heard else None,
            heard_text=_heard_text(item, self.heard) if self.heard else None,
            restored_as_text=self.restored_as_text,
            uncertain=uncertain,
        )

    def current(self) -> Item:
        """Return the item with all that has grown since somebody looked."""
        item, words = self.item, self.words
        for key in words.pieces:
            known = read(item, *key)
            more = words.joined(key)
            item = write(item, *key, known + more if known else more)  # type: ignore[operator]
        words.pieces.clear()
        self.item = item
        return item


def with_words(item: Item, words: Words, *, final: bool) -> Item:
    """Return an announced item with the words that came before it, where it does not have them itself.

    A ``final`` item has the last word on what it says at all; another one has it only on what it says more of.
    """
    for key in words.pieces:
        early, own = words.joined(key), read(item, *key)
        # A call says its arguments or nothing: "" is their default.
        said = own is not None and bool(own or key[0] != "arguments")
        more = key in words.closed or len(early) > len(own or "")
        if (final and not said) or (more and not final):
            item = write(item, *key, early)
    return item


def _heard_text(item: Item, heard: dict[int, tuple[float, float | None]]) -> str | None:
    texts: list[str] = []
    for content_index, (heard_ms, received_ms) in sorted(heard.items()):
        transcript = read(item, "transcript", content_index)
        if received_ms is None or not isinstance(transcript, str):
            return None
        texts.append(heard_text(transcript, heard_ms, received_ms))
    return " ".join(text for text in texts if text)
