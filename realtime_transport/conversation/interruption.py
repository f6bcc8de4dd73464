"""Barge-in: silence the agent now, and leave on both sides only what was heard.

One operation, whoever starts it (``interrupt()`` or the server's turn detection): stop the running response unless
the server does, forget what is queued for the listener, and repair the conversation: an item that was heard in part
is truncated to that part, one that was never heard is deleted, one that was heard to its end stays. It works on what
the playout ledger still holds, so it does the same before the first audio, in text, and long after generation is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from realtime_transport.conversation.core import Core
from realtime_transport.conversation.record import cut_short, heard_whole
from realtime_transport.conversation.session_views import server_interrupts
from realtime_transport.conversation.states import Interruption, InterruptionInput
from realtime_transport.conversation.turns import Turn
from realtime_transport.events.base import UNSET
from realtime_transport.events.client import (
    ConversationItemDelete,
    ConversationItemTruncate,
    OutputAudioBufferClear,
    ResponseCancel,
)
from realtime_transport.events.transport import AudioInterruptedEvent, Cut

ALREADY_GONE: Final = frozenset({"item_delete_invalid_item_id"})
"""Deleting what was never heard: that the server does not know it is as good."""


def interrupt(core: Core, event_id: str, now: float, *, cancel_response: bool) -> None:
    """Interrupt on behalf of the application; settled when every part of it is."""
    parts = _Parts(core, event_id)
    stopped = _stop_conversation(core, parts, now, cancel=cancel_response)
    listen(core, now)
    cuts = core.playout.cut(now)
    _stop_outside(core, cuts, parts, now)
    if core.capabilities.server_plays_audio:
        _clear_server_playout(core, parts, now, wanted=stopped)
    else:
        _repair(core, cuts, parts, now)
    _tell(core, cuts, "application")
    core.requests.open_group(event_id, parts.ids)


def caller_spoke(core: Core, now: float) -> None:
    """Interrupt because the server's turn detection heard the caller, where it is set to interrupt.

    The server cancels its response by itself; a request of ours that it has not answered is younger than the speech,
    and is not touched.
    """
    if not server_interrupts(core.session.acknowledged):
        return
    parts = _Parts(core)
    if core.responses.active is not None:
        core.responses.active.happened(InterruptionInput.CUT)
    listen(core, now)
    cuts = core.playout.cut(now)
    _stop_outside(core, cuts, parts, now)
    if not core.capabilities.server_plays_audio:
        _repair(core, cuts, parts, now)
    _tell(core, cuts, "caller")


def listen(core: Core, now: float) -> None:
    """Tell what the listener has heard to its end by now."""
    for heard in core.playout.wake(now):
        core.heard_items.add(heard.item_id)
        core.emit(heard)
        if heard.item_id not in core.outside:
            heard_whole(core, heard.item_id, heard.content_index, heard.heard_ms)


class _Parts:
    """The requests that an interruption is made of; the first carries the application's own id, if it has one.

    None is settled by itself: what the application asked for is settled as a whole, what it did not is not settled.
    """

    def __init__(self, core: Core, event_id: str = "") -> None:
        self._core = core
        self._first = event_id
        self.ids: list[str] = []

    def next_id(self) -> str:
        part = self._first if self._first and not self.ids else self._core.ids("event")
        self.ids.append(part)
        return part


def _stop_conversation(core: Core, parts: _Parts, now: float, *, cancel: bool) -> bool:
    """Stop the running response, and with ``cancel`` the one that is on its way too; False when there was neither.

    With no response in between a cancel sent now reaches the one on its way. Otherwise it would hit the wrong one, and
    ``stop_at_birth`` sends it when the server has given it a name.
    """
    active, sent = core.responses.active, core.responses.sent
    stopped = active is not None and _stop(core, active, parts, now, cancel=cancel)
    if cancel and sent is not None:
        stopped = _stop(core, sent, parts, now, cancel=active is None) or stopped
    return stopped


def stop_at_birth(core: Core, turn: Turn, now: float) -> None:
    """Cancel a response that was interrupted, or cancelled in vain, before the server began it."""
    if turn.interruption is Interruption.CUT:
        core.responses.cancel(core.ids("event"), turn.id, now, silent=True)
    elif turn.cancel_again:
        core.outbox.frames.append(ResponseCancel(event_id=turn.cancel_again, response_id=turn.id or UNSET))


def _stop(core: Core, turn: Turn, parts: _Parts, now: float, *, cancel: bool) -> bool:
    """Mute a response and cancel it; False when it was muted before, then nothing is left to do."""
    if not turn.happened(InterruptionInput.CUT):
        return False
    if cancel and turn.interruption is Interruption.CUT:
        core.responses.cancel(parts.next_id(), turn.id, now, silent=True)
    return True


def _stop_outside(core: Core, cuts: Iterable[Cut], parts: _Parts, now: float) -> None:
    """Cancel responses outside the conversation that were speaking: no server does that by itself."""
    speaking = {cut.response_id for cut in cuts if cut.response_id}  # without a name it would hit another one
    for turn in core.responses.running():
        if turn.out_of_band and turn.id in speaking:
            _stop(core, turn, parts, now, cancel=True)


def _repair(core: Core, cuts: tuple[Cut, ...], parts: _Parts, now: float) -> None:
    """Bring the server's items down to what was heard, in play order."""
    for cut in cuts:
        if cut.heard_ms > 0:
            core.heard_items.add(cut.item_id)
    for cut in cuts:
        if not cut.item_id or cut.item_id in core.outside or core.is_leaving(cut.item_id):
            continue
        if cut.heard_ms > 0:
            _truncate(core, cut, parts, now)
        else:
            _delete(core, cut.item_id, parts, now)


def delete_unheard(core: Core, turn: Turn, now: float) -> None:
    """Delete the messages of an interrupted response that never came to sound, at its end, when all are known."""
    if turn.writes or turn.out_of_band or core.capabilities.server_plays_audio:
        return
    written = {item_id for (item_id, _), part in turn.parts.items() if part.written}
    for item_id in turn.messages:
        if item_id not in written and not core.is_leaving(item_id):
            _delete(core, item_id, _Parts(core), now)


def _truncate(core: Core, cut: Cut, parts: _Parts, now: float) -> None:
    """Truncate to what was heard, unless the application has cut off more than that already."""
    cut_short(core, cut)
    if core.capabilities.can_truncate and cut.heard_ms <= core.left_ms(cut.item_id, cut.content_index):
        event = ConversationItemTruncate(
            event_id=parts.next_id(),
            item_id=cut.item_id,
            content_index=cut.content_index,
            audio_end_ms=cut.heard_ms,
        )
        core.truncate(event, now, silent=True)


def _delete(core: Core, item_id: str, parts: _Parts, now: float) -> None:
    """Delete an item, once, unless something of it was heard."""
    if not core.capabilities.can_delete_items or item_id in core.heard_items:
        return
    if core.told.add((ConversationItemDelete, item_id)):
        event = ConversationItemDelete(event_id=parts.next_id(), item_id=item_id)
        core.ask(event, "delete_item", now, key=item_id, silent=True, benign=ALREADY_GONE)


def _clear_server_playout(core: Core, parts: _Parts, now: float, *, wanted: bool) -> None:
    """Stop the sound where the server plays it; it truncates its items by itself."""
    if core.server_is_playing or wanted:
        core.ask(OutputAudioBufferClear(event_id=parts.next_id()), "clear_output", now)
    if core.server_is_playing:
        core.server_is_playing = False
        core.emit(AudioInterruptedEvent(cuts=(), by="application"))


def _tell(core: Core, cuts: tuple[Cut, ...], by: Literal["caller", "application"]) -> None:
    if cuts:
        core.emit(AudioInterruptedEvent(cuts=cuts, by=by))
