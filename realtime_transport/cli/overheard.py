"""Recordings of what a server hears and says, in the format of every recording: one folder for each session."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from realtime_transport.emulator.socket_session import Observer
from realtime_transport.events import (
    AudioDoneEvent,
    AudioEvent,
    AudioInterruptedEvent,
    ConversationItemTruncate,
    Cut,
    RawEvent,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    SentEvent,
    SessionCreated,
    SessionCreatedEvent,
    SessionUpdated,
    SessionUpdatedEvent,
    TransportEvent,
)
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.events.translation import TranslationOutputAudioDelta
from realtime_transport.transports.recorder import Recorder


class Overheard:
    """One session as a recorder wants it: an emitter of the few transport events that a recording is made of.

    The caller hears what the server generates until a truncate says otherwise. A disk that is full ends the recording,
    with one line on standard error, and never the session.
    """

    def __init__(self, folder: Path) -> None:
        self._listeners: dict[str, Callable[[Any], None]] = {}
        self._responses: dict[str, str] = {}
        """Item id -> response id, of the last item that speaks: only that can be cut."""
        self._recorder = Recorder(folder)
        self._recorder.attach(self)

    # --- what a recorder needs -----------------------------------------------------------------------------------

    session: None = None
    """Nothing is in force before the server has said so."""

    def on(self, name: str, listener: Callable[[Any], None]) -> None:
        """Register a listener."""
        self._listeners[name] = listener

    def off(self, name: str, _: Callable[[Any], None]) -> None:
        """Take a listener off."""
        self._listeners.pop(name, None)

    def _emit(self, event: TransportEvent) -> None:
        listener = self._listeners.get(event.name)
        if listener is None:
            return
        try:
            listener(event)
        except OSError as error:
            print(f"recording ended early: {error}", file=sys.stderr)

    # --- what a session says -------------------------------------------------------------------------------------

    def received(self, event: ClientEvent) -> None:
        """Record what the client said; a truncate says what was heard."""
        self._emit(SentEvent(event=event))
        response_id = self._responses.get(event.item_id) if isinstance(event, ConversationItemTruncate) else None
        if isinstance(event, ConversationItemTruncate) and response_id is not None:
            cut = Cut(
                response_id=response_id,
                item_id=event.item_id,
                content_index=event.content_index,
                heard_ms=event.audio_end_ms,
                received_ms=event.audio_end_ms,
            )
            self._emit(AudioInterruptedEvent(cuts=(cut,), by="caller"))

    def sent(self, event: ServerEvent) -> None:
        """Record what the server says."""
        self._emit(RawEvent(event=event))
        told = _TOLD.get(type(event))
        if told is not None:
            self._emit(told(event))
        if isinstance(event, ResponseOutputAudioDelta):
            self._responses = {event.item_id: event.response_id or ""}

    async def close(self) -> None:
        """Write the sound."""
        try:
            await self._recorder.close()
        except OSError as error:
            print(f"no sound was recorded: {error}", file=sys.stderr)


def _audio(event: ResponseOutputAudioDelta) -> TransportEvent:
    return AudioEvent(
        data=event.delta,
        response_id=event.response_id or "",
        item_id=event.item_id,
        content_index=event.content_index,
    )


def _audio_done(event: ResponseOutputAudioDone) -> TransportEvent:
    return AudioDoneEvent(response_id=event.response_id or "", item_id=event.item_id, content_index=event.content_index)


_TOLD: Mapping[type[ServerEvent], Callable[[Any], TransportEvent]] = {
    SessionCreated: lambda event: SessionCreatedEvent(session=event.session),
    SessionUpdated: lambda event: SessionUpdatedEvent(session=event.session),
    ResponseOutputAudioDelta: _audio,
    ResponseOutputAudioDone: _audio_done,
    TranslationOutputAudioDelta: lambda event: AudioEvent(
        data=event.delta, response_id="", item_id="translation", content_index=0
    ),
}


def recording_to(folder: Path) -> Callable[[str], Observer]:
    """Make what ``Emulator(observe=...)`` takes: a folder below ``folder`` for each session, named by its id.

    Earlier recordings stay: a name that is taken gets a number. Raises ``OSError`` when the folder cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def observe(session_id: str) -> Observer:
        number, place = 1, folder / session_id
        while place.exists():
            number += 1
            place = folder / f"{session_id}-{number}"
        return Overheard(place)

    return observe
