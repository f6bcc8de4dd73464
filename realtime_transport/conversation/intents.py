"""What the application may say: one function per client event, with everything that is refused before it is sent.

``SEND`` maps an event to the function that checks it, notes what answer it waits for and queues the frame. The methods
of ``ClientConversation`` build events and come through here, and so does ``send_event``: there is no second way out.
A refusal raises, and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

import attrs

from realtime_transport.conversation.core import Core
from realtime_transport.conversation.session_views import turn_detection
from realtime_transport.events.client import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from realtime_transport.events.items import AssistantMessageItem, FunctionCallOutputItem, Item, OutputAudioPart
from realtime_transport.events.session import TranscriptionSessionConfig
from realtime_transport.events.translation import TranslationInputAudioBufferAppend, TranslationSessionUpdate
from realtime_transport.exceptions import InvalidArgument, StateError, UnsupportedOperation

MAX_APPEND_BYTES: Final = 15 * 1024 * 1024
"""The server's limit on the audio of one append."""

MAX_ID_CHARS: Final = 32
"""The server's limit on item and call ids."""

MIN_COMMIT_MS: Final = 100
"""The server's limit: a shorter buffer cannot be committed."""

DUPLICATE_ITEM: Final = frozenset({"item_create_duplicate_item_id"})
"""An output sent again after a reconnect: that the server has it is what we wanted."""

COMMIT_IS_LATE: Final = frozenset({"input_audio_buffer_commit_empty"})
"""Under server turn detection the server may have committed a moment before us."""

Send: TypeAlias = Callable[[Core, Any, float], None]


# --- session -----------------------------------------------------------------------------------------------------


def update_session(core: Core, event: SessionUpdate | TranslationSessionUpdate, now: float) -> None:
    """Send what differs from the session in force; settled at once when nothing does."""
    event_id = str(event.event_id)
    update = core.session.change(event_id, event.session)
    if update is None:
        core.requests.settled(event_id)
        return
    core.ask(
        attrs.evolve(event, session=cast("Any", update)),
        "session",
        now,
        answered=core.capabilities.acknowledges_session_update,
    )


# --- the caller's audio ------------------------------------------------------------------------------------------


def append_audio(core: Core, event: InputAudioBufferAppend | TranslationInputAudioBufferAppend, now: float) -> None:
    """Send audio, in several events where it is too much for one. No server answers it: it is never settled."""
    if not core.capabilities.carries_audio:
        raise UnsupportedOperation("this connection carries no audio: send it over the call's own medium")
    audio = event.audio
    sample = core.session.input_format.frame_bytes
    if len(audio) % sample:
        raise InvalidArgument(f"{len(audio)} bytes are not whole samples of {sample} bytes", path="audio")
    core.uncommitted_bytes += len(audio)
    if len(audio) <= MAX_APPEND_BYTES:
        core.outbox.frames.append(event)
        return
    for start in range(0, len(audio), MAX_APPEND_BYTES):
        part = audio[start : start + MAX_APPEND_BYTES]
        core.outbox.frames.append(attrs.evolve(event, audio=part))


def as_bytes(data: object) -> bytes:
    """Take audio from whatever holds bytes; anything else (a list of samples, text) is refused by name."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidArgument(f"must be bytes, not {type(data).__name__}", path="audio")
    return bytes(data)  # pyright: ignore[reportUnknownArgumentType]


def commit_audio(core: Core, event: InputAudioBufferCommit, now: float) -> None:
    """Make a user item of the buffer.

    Without turn detection we know what is in the buffer, and refuse what the server would; with it the server may have
    taken the audio a moment before, which is no error.
    """
    if turn_detection(core.session.acknowledged) is None:
        held = core.session.input_format.ms(core.uncommitted_bytes)
        if held < MIN_COMMIT_MS:
            raise StateError(f"the buffer holds {held:g} ms, the server commits {MIN_COMMIT_MS} ms or more")
        benign: frozenset[str] = frozenset()
    else:
        if not core.capabilities.manual_commit_under_vad:
            raise UnsupportedOperation("this server ignores commit while turn detection is on; switch it off first")
        benign = COMMIT_IS_LATE
    core.ask(event, "commit", now, benign=benign)
    core.uncommitted_bytes = 0


def clear_audio(core: Core, event: InputAudioBufferClear, now: float) -> None:
    """Throw the input buffer away."""
    core.ask(event, "clear", now)
    core.uncommitted_bytes = 0


def clear_output(core: Core, event: OutputAudioBufferClear, now: float) -> None:
    """Stop the sound where the server plays it."""
    if not core.capabilities.server_plays_audio:
        raise UnsupportedOperation("the server does not play the audio here: use interrupt()")
    core.ask(event, "clear_output", now)


# --- items -------------------------------------------------------------------------------------------------------


def create_item(core: Core, event: ConversationItemCreate, now: float) -> None:
    """Add an item, with an id of ours where it has none, so that the answer finds its request."""
    item = check_item(core, event.item)
    benign = DUPLICATE_ITEM if isinstance(item, FunctionCallOutputItem) else frozenset[str]()
    core.ask(
        attrs.evolve(event, item=item),
        "create_item",
        now,
        key=str(item.id),
        answered=core.capabilities.acknowledges_items,
        benign=benign,
    )


def check_item(core: Core, item: Item) -> Item:
    """Refuse what no server takes, and give the item an id when it has none."""
    if isinstance(item, AssistantMessageItem) and any(isinstance(part, OutputAudioPart) for part in item.content):
        raise UnsupportedOperation(
            "the protocol cannot create assistant audio: send its transcript as an OutputTextPart instead"
        )
    if not item.id:
        return attrs.evolve(item, id=core.ids("item"))
    if len(item.id) > MAX_ID_CHARS:
        raise InvalidArgument(f"has {len(item.id)} characters, at most {MAX_ID_CHARS} are allowed", path="item.id")
    if item.id in core.history or core.requests.oldest("create_item", item.id) is not None:
        raise InvalidArgument(f"{item.id!r} is the id of another item", path="item.id")
    return item


def delete_item(core: Core, event: ConversationItemDelete, now: float) -> None:
    """Remove an item."""
    if not core.capabilities.can_delete_items:
        raise UnsupportedOperation("this server cannot delete items")
    core.ask(event, "delete_item", now, key=event.item_id)


def retrieve_item(core: Core, event: ConversationItemRetrieve, now: float) -> None:
    """Ask for an item, audio included."""
    core.ask(event, "retrieve_item", now, key=event.item_id)


def truncate_item(core: Core, event: ConversationItemTruncate, now: float) -> None:
    """Cut an item of the agent's to what was heard; never beyond what was received of it."""
    if not core.capabilities.can_truncate or core.capabilities.server_plays_audio:
        raise UnsupportedOperation("items cannot be truncated here")
    item = core.history.get(event.item_id)
    if not isinstance(item, AssistantMessageItem):
        raise StateError(f"{event.item_id!r} is not an item that the agent spoke: only its audio can be truncated")
    if core.is_leaving(event.item_id):
        raise StateError(f"{event.item_id!r} is being deleted")
    left = core.left_ms(event.item_id, event.content_index)
    if not left:
        raise StateError(f"no audio of {event.item_id!r} was received in this session: delete it instead")
    audio_end_ms = event.audio_end_ms
    if type(audio_end_ms) is not int or audio_end_ms < 1:
        raise InvalidArgument(f"must be whole milliseconds from 1, not {audio_end_ms!r}", path="audio_end_ms")
    core.truncate(attrs.evolve(event, audio_end_ms=min(audio_end_ms, left)), now)


# --- responses ---------------------------------------------------------------------------------------------------


def request_response(core: Core, event: ResponseCreate, now: float, *, automatic: bool = False) -> None:
    """Ask for a response in its turn."""
    check_response(core)
    core.responses.ask(event, now, automatic=automatic)


def check_response(core: Core) -> None:
    """Refuse what only a conversation can do."""
    if isinstance(core.session.desired, TranscriptionSessionConfig):
        raise UnsupportedOperation("a transcription session has no responses")


def cancel_response(core: Core, event: ResponseCancel, now: float) -> None:
    """Stop a response; with nothing to stop it is settled at once."""
    event_id = str(event.event_id)
    if not core.responses.cancel(event_id, event.response_id or "", now):
        core.requests.settled(event_id)


SEND: Final[Mapping[type[ClientEvent], Send]] = {
    SessionUpdate: update_session,
    InputAudioBufferAppend: append_audio,
    InputAudioBufferCommit: commit_audio,
    InputAudioBufferClear: clear_audio,
    OutputAudioBufferClear: clear_output,
    ConversationItemCreate: create_item,
    ConversationItemDelete: delete_item,
    ConversationItemRetrieve: retrieve_item,
    ConversationItemTruncate: truncate_item,
    ResponseCreate: request_response,
    ResponseCancel: cancel_response,
}
"""Every client event that this library knows. Any other is sent as it is, and has no answer to wait for."""
