"""What the session is, and what it was asked to be.

Two configs are kept. ``acknowledged`` is the server's last word. ``desired`` lays everything that was asked for and
not refused over it; it also holds what servers never echo (the authorisation of a hosted MCP server). An update is a
deep merge into ``desired``, and only what differs is sent: repeating the rest would reset turn detection in the middle
of a word, and fail once the voice is fixed.

What is sent is cut down to the fields of ``session``, ``audio``, ``audio.input`` and ``audio.output``. Below that a
value that changed is sent whole, because servers differ in whether they merge into it or replace it.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.conversation.session_shape import Plain, session_from
from realtime_transport.conversation.session_views import input_format, session_output_format, voice
from realtime_transport.events.audio_config import (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    InputTranscription,
    NoiseReduction,
    SemanticVad,
    ServerVad,
)
from realtime_transport.events.base import UNSET
from realtime_transport.events.objects import ProtocolObject
from realtime_transport.events.session import (
    AnySession,
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
    TranslationSessionConfig,
)
from realtime_transport.exceptions import InvalidArgument, StateError

SENT_IN_PART: Final = (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
)
"""Objects whose unchanged fields are left out of an update."""

MERGED: Final = (*SENT_IN_PART, ServerVad, SemanticVad, InputTranscription, NoiseReduction)
"""Objects into which a change of the same kind is merged; any other value is replaced by the change."""

ObjectT = TypeVar("ObjectT", bound=ProtocolObject)


def merge(base: ObjectT, changes: ObjectT) -> ObjectT:
    """Lay ``changes`` over ``base``: an absent field keeps what is there, ``None`` replaces it like any value."""
    merged: dict[str, Any] = {}
    for field in attrs.fields(type(changes)):
        old, new = getattr(base, field.name), getattr(changes, field.name)
        if new is UNSET:
            continue
        if field.name == "extra":
            new = {**old, **new}
        elif isinstance(new, MERGED) and type(new) is type(old):
            new = merge(old, new)
        merged[field.name] = new
    return attrs.evolve(base, **merged)


def difference(base: ObjectT, wanted: ObjectT) -> ObjectT | None:
    """Cut ``wanted`` down to what is not in ``base`` already, None when that is nothing.

    ``type`` of a session is always kept: the server requires it.
    """
    changed: dict[str, Any] = {}
    for field in attrs.fields(type(wanted)):
        old, new = getattr(base, field.name), getattr(wanted, field.name)
        if new is UNSET or new == old:
            continue
        if field.name == "extra":
            new = {name: value for name, value in new.items() if name not in old or old[name] != value}
        elif isinstance(new, SENT_IN_PART) and type(new) is type(old):
            new = difference(old, new)
        changed[field.name] = new
    return type(wanted)(**changed) if changed else None


class SessionState:
    """The session of one connection: the server's word, and our wishes."""

    def __init__(self) -> None:
        self.acknowledged: AnySession | None = None
        self.input_format: AudioFormat = PCM16_24K
        """The format of the caller's audio. Read once for each word of the server, not for each piece of audio."""
        self.output_format: AudioFormat = PCM16_24K
        """The format of the agent's audio, unless a response says otherwise."""
        self.spoke = False
        """Whether audio was produced: from then on the voice is fixed."""
        self._wishes: AnySession | None = None
        # Updates that are not answered, in the order sent; bounded like every open request.
        self._open: dict[str, AnySession] = {}

    @property
    def desired(self) -> AnySession | None:
        """Everything asked for and not refused, over what the server says; None before either."""
        wanted: AnySession | None = self.acknowledged
        for layer in (self._wishes, *self._open.values()):
            wanted = _lay(wanted, layer)
        return wanted

    def change(self, event_id: str, changes: Plain | AnySession) -> AnySession | None:
        """Note a wish and return what has to be sent for it, None when it is in force already.

        Raises InvalidArgument for a config that cannot be read or is of another kind than the session, and StateError
        for another voice once audio was produced.
        """
        desired = self.desired
        wanted = changes if isinstance(changes, TranslationSessionConfig) else session_from(changes, desired)
        if desired is not None and type(wanted) is not type(desired):
            raise InvalidArgument(f"this is a {desired.type} session: its kind cannot change", path="session.type")
        base = type(wanted)() if desired is None else desired
        update = difference(base, merge(base, wanted))
        if update is None:
            return None
        if self.spoke and voice(update):
            raise StateError("the voice cannot change once the session has produced audio; start a new session")
        self._open[event_id] = update
        return update

    def accept(self, event_id: str | None, session: AnySession) -> None:
        """Note what the server says is in force, in answer to our update ``event_id`` or unasked.

        What changed unasked was changed by somebody else (a sideband socket): our older wish for it is void.
        """
        known, wishes = self.acknowledged, self._wishes
        if event_id is None and known is not None and wishes is not None and type(known) is type(session):
            changed = difference(known, session)
            if changed is not None and type(changed) is type(wishes):
                self._wishes = _without(wishes, changed)
        self.acknowledged = session
        self.input_format = input_format(session)
        self.output_format = session_output_format(session)
        self.assume(event_id)

    def assume(self, event_id: str | None) -> None:
        """Take an update for accepted without the server's word."""
        if event_id in self._open:
            self._wishes = _lay(self._wishes, self._open.pop(event_id))
            if not self._open:
                self._open = {}  # an emptied dict keeps its table

    def refuse(self, event_id: str) -> None:
        """Forget a wish that the server refused."""
        self._open.pop(event_id, None)


def _lay(base: AnySession | None, layer: AnySession | None) -> AnySession | None:
    """Merge a layer of wishes; one of another kind than the session replaces it."""
    if layer is None:
        return base
    if base is None or type(base) is not type(layer):
        return layer
    return merge(base, layer)


def _without(wishes: ObjectT, changed: ObjectT) -> ObjectT:
    """Take what somebody else changed out of the wishes."""
    kept: dict[str, Any] = {}
    for field in attrs.fields(type(wishes)):
        mine, theirs = getattr(wishes, field.name), getattr(changed, field.name)
        if mine is UNSET or theirs is UNSET:
            continue
        if field.name == "extra":
            kept[field.name] = {name: value for name, value in mine.items() if name not in theirs}
        elif isinstance(mine, SENT_IN_PART) and type(mine) is type(theirs):
            kept[field.name] = _without(mine, theirs)
        else:
            kept[field.name] = UNSET
    return attrs.evolve(wishes, **kept)
