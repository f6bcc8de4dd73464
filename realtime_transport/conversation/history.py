"""The record of a conversation: every item once, in the server's order, with what was really heard of it.

``chain`` keeps the order, ``item_content`` knows what items are made of, and this module keeps the items: it takes
facts one at a time, in any sequence a server or a replay may produce them, and hands out immutable items.
``history_events`` says which server event is which fact.

Writing a history to JSON is the wire's business, not the record's: an ``Item`` is spelt by the codec, and
``snapshot()`` is a plain tuple of them.
"""

from __future__ import annotations

from typing import Final

from realtime_transport.conversation.chain import Chain
from realtime_transport.conversation.history_entry import HistoryEntry, Key, Record, Words, with_words
from realtime_transport.conversation.item_content import (
    MAX_PARTS,
    Field,
    merge,
    put_part,
    size_of,
    without_audio,
    without_sound,
    write,
)
from realtime_transport.conversation.recent import Recent
from realtime_transport.events.base import Maybe
from realtime_transport.events.items import ContentPart, Item
from realtime_transport.events.transport import ItemDeletedEvent, ItemUpdateEvent

MAX_UNBORN: Final = 64
"""Items known by their words only. One or two are usual: a transcription may begin before the item is announced."""

MAX_UNBORN_BYTES: Final = 64 * 1024
"""Words kept for an item that is not announced: an hour of speech. The final text comes whole anyway."""

MAX_GONE: Final = 1024
"""Ids of items that left the record, so that what still comes of them does not bring them back."""


class History:
    """Items by id, in order, growing in place; bounded by number and bytes, oldest out first.

    Facts about items that left the record, or that are too late for their item, change nothing and are counted in
    ``stale``. No method raises for what a server says.
    """

    def __init__(
        self,
        *,
        max_items: int = 2000,
        max_bytes: int = 32 * 1024 * 1024,
        keep_audio: bool = False,
        patience: float = 5.0,
    ) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._keep_audio = keep_audio
        self._chain = Chain(patience=patience)
        self._records: dict[str, Record] = {}
        self._unborn: dict[str, Words] = {}
        self._gone: Recent[str] = Recent(MAX_GONE)
        self._bytes = 0
        self._snapshot: tuple[Item, ...] | None = None
        # What the last snapshot was made of, and who in it has changed since: the next one is made of the difference.
        self._shown: list[Item] = []
        self._stirred: dict[str, None] = {}
        # Ids to announce, in the order of their first change. A dict for its order.
        self._changed: dict[str, None] = {}
        # What ``changes()`` said last of each id that it has not called deleted since: its place and all about it.
        self._told: dict[str, tuple[int, HistoryEntry]] = {}
        self.stale: int = 0
        """Facts that came too late, or named a part that no item has."""
        self.dropped: int = 0
        """Items that left because the record was full. The server still has them."""

    # --- questions -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._chain)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._records

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self._bytes

    def snapshot(self) -> tuple[Item, ...]:
        """Return all items in order; the very same tuple as long as nothing changes."""
        if self._snapshot is None:
            same = self._chain.unchanged()
            del self._shown[same:]
            for item_id in self._stirred:
                index = self._chain.index(item_id)
                if index is not None and index < same:
                    self._shown[index] = self._records[item_id].current()
            self._shown += [self._records[item_id].current() for item_id in self._chain.behind(same)]
            self._stirred.clear()
            self._snapshot = tuple(self._shown)
        return self._snapshot

    def get(self, item_id: str) -> Item | None:
        """Return an item as it is now, also one that waits for its place; None when it is unknown."""
        record = self._records.get(item_id)
        return None if record is None else record.current()

    def entry(self, item_id: str) -> HistoryEntry | None:
        """Return an item with what was heard of it; None when it is unknown."""
        record = self._records.get(item_id)
        return None if record is None else record.entry(uncertain=self._chain.uncertain(item_id))

    def index_of(self, item_id: str) -> int | None:
        """Return an item's place from 0; None when it is unknown or waits for its place."""
        return self._chain.index(item_id)

    def changes(self) -> tuple[ItemUpdateEvent | ItemDeletedEvent, ...]:
        """Drain what changed: one event for each item, with its state now. Deltas alone are not announced.

        Servers report one item up to four times in the same words; a report that says nothing new is not told again.
        """
        changed, self._changed = self._changed, {}
        events: list[ItemUpdateEvent | ItemDeletedEvent] = []
        for item_id in changed:
            record = self._records.get(item_id)
            index = self._chain.index(item_id)
            if record is not None and index is not None:
                entry = record.entry(uncertain=self._chain.uncertain(item_id))
                before = self._told.get(item_id)
                if before != (index, entry):
                    events.append(ItemUpdateEvent(item=entry.item, index=index, added=before is None))
                    self._told[item_id] = (index, entry)
            elif record is None and item_id in self._told:
                events.append(ItemDeletedEvent(item_id=item_id))
                del self._told[item_id]
        return tuple(events)

    # --- facts about items ---------------------------------------------------------------------------------------

    def added(self, item: Item, previous_item_id: Maybe[str], now: float) -> None:
        """Place an item: after another, at the front (None) or at the end (absent). The only trusted word on order.

        It also brings back an id that was deleted: the item was created anew.
        """
        if not item.id:
            self.stale += 1
            return
        self._gone.discard(item.id)
        self._take(item.id, item, final=False)
        self._touch(self._chain.place(item.id, previous_item_id, now))
        self._make_room()

    def opened(self, item: Item) -> None:
        """Take an item whose place was not told: at the end, until it is."""
        self._unplaced(item, final=False)

    def completed(self, item: Item) -> None:
        """Take an item as it is at its end, or when it was asked for: its texts are final."""
        self._unplaced(item, final=True)

    def deleted(self, item_id: str) -> None:
        """Forget an item."""
        if self._leave(item_id):
            self._touch([item_id])
        else:
            self.stale += 1

    def truncated(self, item_id: str, content_index: int, audio_end_ms: float | None) -> None:
        """Note that the server forgot what was not heard of an item. Its words stay here; nothing more is added."""
        record = self._existing(item_id, content_index)
        if record is not None:
            record.truncated = True
            if audio_end_ms is not None:
                known = record.heard.get(content_index)
                record.heard[content_index] = (audio_end_ms, known[1] if known else None)
            self._touch([item_id])

    def heard(self, item_id: str, content_index: int, heard_ms: float, received_ms: float) -> None:
        """Note how much of a part's speech was heard, of how much was received: at its end, or when it was cut."""
        record = self._existing(item_id, content_index)
        if record is not None:
            record.heard[content_index] = (heard_ms, received_ms)
            self._touch([item_id])

    def restored(self, item_id: str) -> None:
        """Note that an item that was speech is text on this server."""
        record = self._records.get(item_id)
        if record is None:
            self.stale += 1
        else:
            record.restored_as_text = True

    # --- facts about their content -------------------------------------------------------------------------------

    def grow(self, item_id: str, content_index: int, field: Field, delta: str | bytes) -> None:
        """Add to a text, also before its item or part is announced. Audio is dropped unless it is kept.

        What would make one item larger than all may be together is too much: a response need not end.
        """
        if field == "audio" and not self._keep_audio:
            return
        key: Key = (field, content_index)
        size = len(delta)
        record = self._records.get(item_id)
        words = self._expected(item_id, size) if record is None else record.words
        over = record is not None and (
            record.truncated or record.generated_whole or record.size + size > self._max_bytes
        )
        if words is None or over or key in words.closed or not 0 <= content_index < MAX_PARTS:
            self.stale += 1
            return
        words.pieces.setdefault(key, []).append(delta)
        words.size += size
        if record is not None:
            self._resize(record, record.size + size)
            self._stir(item_id)
            self._make_room()

    def settle(self, item_id: str, content_index: int, field: Field, value: str) -> None:
        """Take a whole text; it counts more than its pieces, and less than the end of a generated item."""
        key: Key = (field, content_index)
        record = self._records.get(item_id)
        words = self._expected(item_id, len(value)) if record is None else record.words
        if words is None or not 0 <= content_index < MAX_PARTS:
            self.stale += 1
            return
        words.closed.add(key)
        if record is None:
            words.pieces[key] = [value]
            words.size += len(value)
        elif not record.generated_whole:
            self._update(item_id, record, write(record.current(), field, content_index, value))

    def part(self, item_id: str, content_index: int, part: ContentPart, *, final: bool) -> None:
        """Take a part: its kind when it is opened, its texts too when it is ``final``."""
        record = self._existing(item_id, content_index)
        if record is not None and not record.complete:
            part = part if self._keep_audio else without_sound(part)
            self._update(item_id, record, put_part(record.current(), content_index, part, final=final))

    # --- time ----------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """Return when the next item that waits for another is placed without it."""
        return self._chain.next_deadline()

    def wake(self, now: float) -> None:
        """Place what has waited too long."""
        self._touch(self._chain.wake(now))

    # --- inside --------------------------------------------------------------------------------------------------

    def _unplaced(self, item: Item, *, final: bool) -> None:
        if not item.id or item.id in self._gone:
            self.stale += 1
            return
        self._take(item.id, item, final=final)
        self._touch(self._chain.append(item.id))
        self._make_room()

    def _take(self, item_id: str, item: Item, *, final: bool) -> None:
        """Put news of an item together with what is known of it."""
        item = item if self._keep_audio else without_audio(item)
        record = self._records.get(item_id)
        if record is None:
            words = self._unborn.pop(item_id, None) or Words()
            item = with_words(item, words, final=final)
            record = self._records[item_id] = Record(item, words)
        elif record.complete and not final:
            item = merge(item, record.current(), final=True)
        else:
            item = merge(record.current(), item, final=final)
        record.complete = record.complete or final
        self._update(item_id, record, item)

    def _update(self, item_id: str, record: Record, item: Item) -> None:
        """Set an item whose words are all in it."""
        record.item = item
        record.words.pieces.clear()
        self._resize(record, size_of(item))
        self._touch([item_id])

    def _existing(self, item_id: str, content_index: int) -> Record | None:
        record = self._records.get(item_id)
        if record is None or not 0 <= content_index < MAX_PARTS:
            self.stale += 1
            return None
        return record

    def _expected(self, item_id: str, size: int) -> Words | None:
        """Return where to put words of an item that is not announced; None when it is gone or said too much."""
        if item_id in self._gone:
            return None
        words = self._unborn.setdefault(item_id, Words())
        if len(self._unborn) > MAX_UNBORN:
            del self._unborn[next(iter(self._unborn))]
            self.stale += 1
        return words if words.size + size <= MAX_UNBORN_BYTES else None

    def _resize(self, record: Record, size: int) -> None:
        self._bytes += size - record.size
        record.size = size

    def _touch(self, item_ids: list[str]) -> None:
        for item_id in item_ids:
            self._changed[item_id] = None
            self._stir(item_id)

    def _stir(self, item_id: str) -> None:
        """Note that the snapshot is out of date; of whom, only where somebody looks at snapshots."""
        self._snapshot = None
        if self._shown and item_id in self._records:
            self._stirred[item_id] = None

    def _leave(self, item_id: str) -> bool:
        self._gone.add(item_id)
        self._unborn.pop(item_id, None)
        record = self._records.pop(item_id, None)
        if record is not None:
            self._bytes -= record.size
            self._chain.remove(item_id)
            self._snapshot = None
            self._stirred.pop(item_id, None)
        return record is not None

    def _make_room(self) -> None:
        """Let the oldest items go while there are too many; the last one stays, whatever its size."""
        while len(self._records) > 1 and (len(self._records) > self._max_items or self._bytes > self._max_bytes):
            oldest = self._chain.oldest()
            self._leave(oldest)
            self._told.pop(oldest, None)
            self.dropped += 1
