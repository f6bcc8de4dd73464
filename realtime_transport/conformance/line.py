"""One connection to the server under examination: frames as they are, each wait with a deadline, everything noted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

import attrs
import pybase64
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from realtime_transport.audio import PCM16_24K
from realtime_transport.dialects import Dialect
from realtime_transport.wire import redacted

Frame: TypeAlias = Mapping[str, Any]
Direction: TypeAlias = Literal["sent", "received"]

EVIDENCE: Final = 60
"""Frames kept of one probe, the last ones: a spoken answer is thirty."""

BLOCK_MS: Final = 100
"""Audio in one frame of ours."""


class Deviation(Exception):
    """The server does something, and does it otherwise."""


class Missing(Exception):
    """The server does not do it at all."""


@attrs.frozen
class Note:
    """One frame, as the report shows it: audio, pictures and secrets by their size."""

    direction: Direction
    frame: Frame


@attrs.define
class Line:
    """A session with the server. ``received`` are all frames so far, in GA's spelling."""

    socket: ClientConnection
    dialect: Dialect
    patience: float
    """Seconds that one wait may take."""
    received: list[Frame] = attrs.field(factory=list[Frame])
    notes: list[Note] = attrs.field(factory=list[Note])
    _read: int = 0
    """How many of ``received`` were looked at by ``until``."""
    _ids: int = 0

    # --- saying ----------------------------------------------------------------------------------------------------

    async def send(self, wire_type: str, **fields: Any) -> str:
        """Send an event and return its id."""
        self._ids += 1
        event_id = str(fields.pop("event_id", f"check_{self._ids}"))
        frame = {"type": wire_type, "event_id": event_id, **fields}
        self._note("sent", frame)
        await self._write(json.dumps(self.dialect.frame_out(frame)))
        return event_id

    async def send_text(self, text: str) -> None:
        """Send what may be no event at all."""
        self._note("sent", {"as it is": text})
        await self._write(text)

    async def say(self, text: str, **response: Any) -> None:
        """Write to the model, and ask it for an answer."""
        await self.add(text)
        await self.send("response.create", response=response) if response else await self.send("response.create")

    async def add(self, text: str, **fields: Any) -> str:
        """Add a user's message; give the id of the event."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return await self.send("conversation.item.create", item={**item, **fields.pop("item", {})}, **fields)

    async def speak(self, audio: bytes) -> None:
        """Append audio (PCM16, 24 kHz), as fast as the server takes it."""
        block = PCM16_24K.bytes_for(BLOCK_MS)
        for at in range(0, len(audio), block):
            piece = pybase64.b64encode(audio[at : at + block]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def configure(self, **session: Any) -> Frame:
        """Change the session; give the one that is in force then."""
        await self.send("session.update", session={"type": "realtime", **session})
        updated = await self.until("session.updated")
        return cast("Frame", updated["session"])

    # --- hearing ---------------------------------------------------------------------------------------------------

    async def until(
        self, wire_type: str, where: Callable[[Frame], object] = lambda _: True, *, errors: bool = False
    ) -> Frame:
        """Wait for a frame that was not waited for yet. An error raises ``Deviation`` unless ``errors`` are awaited.

        Raises ``Missing`` when it does not come in time, or the server hangs up.
        """
        since = self._read
        try:
            async with asyncio.timeout(self.patience):
                while True:
                    while self._read < len(self.received):
                        frame = self.received[self._read]
                        self._read += 1
                        if frame.get("type") == wire_type and where(frame):
                            return frame
                        if frame.get("type") == "error" and not errors:
                            raise Deviation(f"an error instead of {wire_type}: {_error(frame)}")
                    await self._receive()
        except TimeoutError:
            came = [str(frame.get("type")) for frame in self.received[since:]]
            told = f"only {', '.join(dict.fromkeys(came))}" if came else "nothing"
            raise Missing(f"no {wire_type} within {self.patience:g} s; there was {told}") from None
        except ConnectionClosed as closed:
            raise Missing(f"the server hung up instead of {wire_type}: {closed}") from None

    async def refusal(self, event_id: str | None = None) -> Mapping[str, Any]:
        """Wait for the error that answers an event; give its payload. Raises ``Deviation`` when it names no event."""
        frame = await self.until("error", errors=True)
        error = cast("Mapping[str, Any]", frame.get("error") or {})
        if event_id is not None and error.get("event_id") != event_id:
            named = error.get("event_id")
            raise Deviation(f"the error names event_id {named!r} and not the event that caused it ({event_id!r})")
        return error

    async def fence(self) -> None:
        """Wait until the server has dealt with all that was sent: it answers in order."""
        event_id = await self.send("conversation.item.retrieve", item_id="check_no_such_item")
        await self.until("error", lambda frame: _payload(frame).get("event_id") in {event_id, None}, errors=True)

    def since(self, frame: Frame) -> list[Frame]:
        """Give what came after a frame."""
        at = next(index for index, each in enumerate(self.received) if each is frame)
        return self.received[at + 1 :]

    def types(self) -> list[str]:
        """Give the types of everything that came."""
        return [str(frame.get("type")) for frame in self.received]

    def of(self, wire_type: str) -> list[Frame]:
        """Give all frames of a type that came."""
        return [frame for frame in self.received if frame.get("type") == wire_type]

    # --- the socket ------------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        text = await self.socket.recv()
        frame = json.loads(text)
        if not isinstance(frame, dict):
            raise Deviation(f"a frame that is no object: {text[:100]!r}")
        known = self.dialect.frame_in(cast("Frame", frame))
        self.received.append(known)
        self._note("received", known)

    async def _write(self, text: str) -> None:
        try:
            await self.socket.send(text)
        except ConnectionClosed as closed:
            raise Missing(f"the server hung up: {closed}") from None

    def _note(self, direction: Direction, frame: Frame) -> None:
        self.notes.append(Note(direction, redacted(frame)))
        del self.notes[:-EVIDENCE]


def expect(holds: object, otherwise: str) -> None:
    """Raise ``Deviation`` unless something holds."""
    if not holds:
        raise Deviation(otherwise)


def _payload(frame: Frame) -> Mapping[str, Any]:
    error = frame.get("error")
    return cast("Mapping[str, Any]", error) if isinstance(error, dict) else {}


def _error(frame: Frame) -> str:
    error = _payload(frame)
    return f"{error.get('code') or error.get('type')}: {error.get('message')}"
