"""The conversation as the server keeps it: a chain of items, and the speech that belongs to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.conversation.brain import Transcriber, words_in
from realtime_transport.conversation.server_errors import refusal
from realtime_transport.conversation.server_outbox import Ids
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    InputAudioPart,
    Item,
    OutputAudioPart,
    UserMessageItem,
)
from realtime_transport.events.objects import size_only

ROOT: Final = "root"
"""``previous_item_id`` of an item that is to be the first."""


@attrs.frozen(kw_only=True)
class Speech:
    """The sound of one part, and how its words lie in it."""

    audio: bytes = attrs.field(repr=size_only)
    format: AudioFormat
    words: tuple[tuple[int, str], ...] = ()
    """(bytes of audio by whose end they are said, words), in order."""
    length: int = attrs.field(default=attrs.Factory(lambda self: len(self.audio), takes_self=True))
    """Bytes that it has, or had: to truncate speech nobody needs its sound."""

    @property
    def ms(self) -> int:
        """Its length in whole milliseconds."""
        return int(self.format.ms(self.length))

    @property
    def transcript(self) -> str:
        """All its words."""
        return "".join(words for _, words in self.words)

    def cut(self, ms: int) -> Speech:
        """Forget what comes after ``ms``: sound, and the words that were not said to their end."""
        end = min(self.format.bytes_for(ms), self.length)
        words = tuple(_words_until(self.words, end))
        return attrs.evolve(self, audio=self.audio[:end], words=words, length=end)

    def without_sound(self) -> Speech:
        """Forget the sound; the length and the words stay."""
        return attrs.evolve(self, audio=b"")


def _words_until(words: tuple[tuple[int, str], ...], end: int) -> Iterator[tuple[int, str]]:
    """Keep what is said by ``end``; of the stretch that is cut, its share of whole words."""
    begin = 0
    for until, text in words:
        if until <= end:
            yield until, text
        elif begin < end:
            each = words_of(text)
            yield end, "".join(each[: len(each) * (end - begin) // (until - begin)])
        begin = until


def words_of(text: str) -> list[str]:
    """Split a text into words that keep the space before them, so that they join again."""
    return re.findall(r"\s*\S+\s*\Z|\s*\S+", text)


@attrs.define
class Entry:
    """One item of the chain."""

    item: Item
    speech: dict[int, Speech] = attrs.field(factory=dict[int, Speech])
    """Content index -> the sound of that part."""
    words: str = ""
    """What the caller says in it, as far as the transcriber knows."""


class ItemChain:
    """The items of one conversation, in order, each found by its id.

    A doubly linked list, as ``previous_item_id`` suggests: inserting and deleting cost the same anywhere.
    """

    def __init__(self, *, retained_audio_bytes: int) -> None:
        self._entries: dict[str, Entry] = {}
        # None stands for the root: the front of the chain on one side, its end on the other.
        self._after: dict[str | None, str | None] = {None: None}
        self._before: dict[str | None, str | None] = {None: None}
        # Bounded because a caller who talks for an hour leaves 170 MB: the oldest sound is forgotten, never the item,
        # and never the sound that has just come.
        self._retained_audio_bytes = retained_audio_bytes
        self._audio_bytes = 0

    def fresh(self, ids: Ids) -> Ids:
        """Make ids that no item here has: a client that comes back brings the items of its last session along."""

        def make(prefix: str) -> str:
            while (made := ids(prefix)) in self._entries:
                pass
            return made

        return make

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        item_id = self._after[None]
        while item_id is not None:
            yield self._entries[item_id]
            item_id = self._after[item_id]

    @property
    def last(self) -> str | None:
        """The id of the last item."""
        return self._before[None]

    def get(self, item_id: str) -> Entry | None:
        """Look up an item."""
        return self._entries.get(item_id)

    def previous(self, item_id: str) -> str | None:
        """The id of the item before this one; None for the first."""
        return self._before[item_id]

    def place(self, item_id: str, after: Maybe[str]) -> str | None:
        """Say after which item a new one would come; None for the front.

        Raises the ServerError to be sent for an id that is taken or a predecessor that does not exist.
        """
        if item_id in self._entries:
            raise refusal("duplicate_item", param="item.id", item_id=item_id)
        if not after:
            return self.last
        if after == ROOT:
            return None
        if after not in self._entries:
            raise refusal("no_previous_item", param="previous_item_id", item_id=after)
        return after

    def insert(self, item_id: str, entry: Entry, after: str | None) -> None:
        """Put an item after another one, None for the front."""
        follower = self._after[after]
        self._entries[item_id] = entry
        self._after[after] = self._before[follower] = item_id
        self._before[item_id], self._after[item_id] = after, follower
        self._audio_bytes += _audio_bytes(entry)
        self._forget_old_audio(entry)

    def delete(self, item_id: str) -> None:
        """Take an item out and join its neighbours. Raises the ServerError to be sent for an unknown id."""
        entry = self._entries.pop(item_id, None)
        if entry is None:
            raise refusal("delete_unknown", param="item_id", item_id=item_id)
        before, after = self._before.pop(item_id), self._after.pop(item_id)
        self._after[before], self._before[after] = after, before
        self._audio_bytes -= _audio_bytes(entry)

    def hear(self, item_id: str, content_index: int, speech: Speech) -> None:
        """Set the sound of a part of an item that is here."""
        entry = self._entries[item_id]
        self._audio_bytes -= _audio_bytes(entry)
        entry.speech[content_index] = speech
        self._audio_bytes += _audio_bytes(entry)
        self._forget_old_audio(entry)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Forget what was not heard of the model's speech. Raises the ServerError to be sent when that cannot be."""
        entry = self._entries.get(item_id)
        if entry is None:
            raise refusal("truncate_unknown", param="item_id", item_id=item_id)
        speech = entry.speech.get(content_index)
        if not isinstance(entry.item, AssistantMessageItem) or speech is None or not speech.length:
            raise refusal("truncate_not_speech", param="item_id")
        if audio_end_ms > speech.ms:
            raise refusal("truncate_past_end", length=speech.ms, asked=audio_end_ms)
        kept = speech.cut(audio_end_ms)
        self.hear(item_id, content_index, kept)
        entry.item = _with_transcript(entry.item, content_index, kept.transcript)

    def transcribed(self, item_id: str, transcript: str) -> None:
        """Note the words of the caller, if the item is still here, and still speech: its id may have a new owner."""
        entry = self._entries.get(item_id)
        if entry is None or not isinstance(entry.item, UserMessageItem):
            return
        if isinstance(next(iter(entry.item.content), None), InputAudioPart):
            entry.item = _with_transcript(entry.item, 0, transcript)

    def with_audio(self, item_id: str, callers: AudioFormat) -> Item:
        """Give an item with its sound, the caller's in the format ``callers``.

        Raises the ServerError to be sent for an unknown id.
        """
        entry = self._entries.get(item_id)
        if entry is None:
            raise refusal("retrieve_unknown", param="item_id", item_id=item_id)
        if not isinstance(entry.item, UserMessageItem | AssistantMessageItem):
            return entry.item
        parts: list[Any] = list(entry.item.content)
        for index, speech in entry.speech.items():
            audio = speech.audio if isinstance(parts[index], OutputAudioPart) else _converted(speech, callers)
            parts[index] = attrs.evolve(parts[index], audio=audio)
        return attrs.evolve(entry.item, content=tuple(parts))

    def has_call(self, call_id: str) -> bool:
        """Tell whether a function call with this id is in the conversation."""
        return any(
            isinstance(entry.item, FunctionCallItem) and entry.item.call_id == call_id
            for entry in self._entries.values()
        )

    def _forget_old_audio(self, newest: Entry) -> None:
        for entry in self:
            if self._audio_bytes <= self._retained_audio_bytes:
                return
            if entry is not newest:  # which need not be the last: a client may put it anywhere
                self._audio_bytes -= _audio_bytes(entry)
                entry.speech = {index: speech.without_sound() for index, speech in entry.speech.items()}


def _converted(speech: Speech, fmt: AudioFormat) -> bytes:
    converter = Converter(speech.format, fmt)
    return converter.push(speech.audio) + converter.flush()


def _audio_bytes(entry: Entry) -> int:
    return sum(len(speech.audio) for speech in entry.speech.values())


def _with_transcript(item: UserMessageItem | AssistantMessageItem, content_index: int, transcript: str) -> Item:
    parts: list[Any] = list(item.content)
    parts[content_index] = attrs.evolve(parts[content_index], transcript=transcript)
    return attrs.evolve(item, content=tuple(parts))


def entry_of(item: Item, callers: AudioFormat, transcriber: Transcriber) -> Entry:
    """Make the entry of an item of the client's; what the caller says in it (in the format ``callers``) is heard."""
    entry = Entry(without_audio(item))
    if isinstance(item, UserMessageItem):
        for index, part in enumerate(item.content):
            if isinstance(part, InputAudioPart) and part.audio:
                converter = Converter(callers, PCM16_24K)
                audio = converter.push(part.audio) + converter.flush()
                entry.speech[index] = Speech(audio=audio, format=PCM16_24K)
                entry.words = f"{entry.words} {words_in(audio, transcriber)}".strip()
    return entry


def without_audio(item: Item) -> Item:
    """Give an item as ordinary events show it: words, and no sound."""
    if not isinstance(item, UserMessageItem | AssistantMessageItem):
        return item
    parts = tuple(
        attrs.evolve(part, audio=UNSET) if isinstance(part, InputAudioPart | OutputAudioPart) else part
        for part in item.content
    )
    return attrs.evolve(item, content=parts)
