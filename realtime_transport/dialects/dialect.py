"""What one provider does differently, as data: address, key, spelling and capabilities.

OpenAI's GA protocol is the house language. A dialect translates plain JSON objects between it and the provider's own
spelling, in both directions, and never raises for what it does not know: unknown keys and types pass untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.dialects.address import Endpoint
from realtime_transport.dialects.keys import KeyPlacement, PlacedKey, place_key
from realtime_transport.dialects.shapes import (
    BETA_RESPONSE,
    BETA_SESSION,
    JSONObject,
    Translate,
    is_array,
    is_object,
    to_nested,
    unchanged,
)
from realtime_transport.secret import Secret

BETA_RENAMES: Final[Mapping[str, str]] = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "conversation.item.created": "conversation.item.added",
    "transcription_session.update": "session.update",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}
"""The beta protocol's event types and GA's. Every dialect understands them on input: servers in the field mix both."""

BETA_PARTS: Final[Mapping[str, str]] = {"text": "output_text", "audio": "output_audio"}
"""Content parts of an assistant's item, beta -> GA. Parts of other roles are called the same in both."""


@attrs.frozen
class _Place:
    """Where a frame keeps an object that has a shape, and which shape."""

    key: str
    kind: Literal["session", "options", "response", "item"]
    from_server: bool


_PLACES: Final[Mapping[str, _Place]] = {
    "session.update": _Place("session", "session", from_server=False),
    "session.created": _Place("session", "session", from_server=True),
    "session.updated": _Place("session", "session", from_server=True),
    "response.create": _Place("response", "options", from_server=False),
    "response.created": _Place("response", "response", from_server=True),
    "response.done": _Place("response", "response", from_server=True),
    "conversation.item.create": _Place("item", "item", from_server=False),
    "conversation.item.added": _Place("item", "item", from_server=True),
    "conversation.item.done": _Place("item", "item", from_server=True),
    "conversation.item.retrieved": _Place("item", "item", from_server=True),
    "response.output_item.added": _Place("item", "item", from_server=True),
    "response.output_item.done": _Place("item", "item", from_server=True),
}
"""GA types whose frame holds an object that dialects shape differently. Audio and text deltas are not among them, so
the hot path costs two look-ups."""


@attrs.frozen(kw_only=True, eq=False)
class Dialect:
    """One provider's way of speaking the protocol. Values only; one file beside this one per provider.

    Compared and hashed by identity: there is one object per provider, and it serves as a key of caches.
    """

    name: str
    endpoint_rules: Endpoint
    """Where the server is and how model, call and intent are told in the URL."""
    keys: tuple[KeyPlacement, ...]
    """How a key may be presented; the first is the default. Empty: the server asks for none."""
    key_env: tuple[str, ...] = ()
    """Environment variables that may hold the key, in order."""
    http_url: str = ""
    """Base of the provider's HTTP endpoints (``.../v1``), empty where it has none."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Headers that every connection carries."""
    sub_protocols: tuple[str, ...] = ()
    """WebSocket sub-protocols that every connection offers, before those of the key."""
    capabilities: Capabilities = attrs.field(factory=Capabilities)
    rename_in: Mapping[str, str] = BETA_RENAMES
    """Wire type -> GA type."""
    rename_out: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """GA type -> wire type."""
    rename_transcription_out: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The same for frames whose session is of type ``transcription``, where the provider has types of their own."""
    omits: frozenset[str] = frozenset()
    """GA server events that this provider never sends: a server that speaks the dialect leaves them out."""
    parts_in: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Content parts of assistant items, wire -> GA."""
    parts_out: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Content parts of assistant items, GA -> wire."""
    session_in: Translate = unchanged
    """The provider's session object -> GA's."""
    session_out: Translate = unchanged
    """GA's session object -> the provider's. Drops what ``lacks`` names."""
    options_in: Translate = unchanged
    """The same for the payload of ``response.create``."""
    options_out: Translate = unchanged
    response_in: Translate = unchanged
    """The same for the response object of a server."""
    response_out: Translate = unchanged
    lacks: frozenset[str] = frozenset()
    """Keys of a GA session that the provider refuses or ignores; ``inexpressible`` finds them in a config."""
    notes: str = ""
    """What a person should know before choosing this dialect."""

    # --- connecting ------------------------------------------------------------------------------------------------

    def endpoint(
        self,
        url: str | None = None,
        *,
        model: str | None = None,
        call_id: str | None = None,
        intent: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Return the URL to dial.

        ``url`` wins over the provider's default and keeps its own path and query; without a path it gets the
        provider's. ``https://`` becomes ``wss://``. ``model`` is added unless the URL names one; ``call_id`` joins a
        running call and excludes ``model``. ``intent`` is ``"transcription"`` or ``"translation"``. ``query`` replaces
        what it names. Raises ``InvalidArgument`` and ``UnsupportedOperation``.
        """
        return self.endpoint_rules.resolve(url, model=model, call_id=call_id, intent=intent, query=query or {})

    def auth(self, api_key: str | Secret | None, scheme: str | None = None) -> PlacedKey:
        """Return what presents ``api_key``: headers, sub-protocols and query parameters, ready to be merged.

        ``scheme`` names one of ``keys``; ``None`` takes the first. Without a key everything is empty. Raises
        ``InvalidArgument`` for an unusable key, never repeating it, and ``UnsupportedOperation`` for a scheme that the
        provider does not know.
        """
        return place_key(api_key, self.keys, scheme, dialect=self.name)

    # --- translating -----------------------------------------------------------------------------------------------

    def frame_in(self, frame: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``frame`` in GA's spelling. The given object is never changed, and is returned when nothing differs.

        Frames of a server are read in both the dialect's and the beta shape, whatever is configured. Frames of a client
        are read in the dialect's shape only, so that a server can still refuse what its dialect does not know.
        """
        wire_type = frame.get("type")
        if not isinstance(wire_type, str):
            return frame
        ga_type = self.rename_in.get(wire_type, wire_type)
        place = _PLACES.get(ga_type)
        if place is None or not is_object(frame.get(place.key)):
            return frame if ga_type is wire_type else {**frame, "type": ga_type}
        source: Mapping[str, Any] = frame[place.key]
        if wire_type.startswith("transcription_session."):
            source = {"type": "transcription", **source}
        return {**frame, "type": ga_type, place.key: self._object_in(place, source)}

    def frame_out(self, frame: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the GA ``frame`` in the provider's spelling. The given object is never changed."""
        ga_type = frame.get("type")
        if not isinstance(ga_type, str):
            return frame
        place = _PLACES.get(ga_type)
        if place is None or not is_object(frame.get(place.key)):
            wire_type = self.rename_out.get(ga_type, ga_type)
            return frame if wire_type is ga_type else {**frame, "type": wire_type}
        source: Mapping[str, Any] = frame[place.key]
        renames = self.rename_out
        if place.kind == "session" and source.get("type") == "transcription":
            renames = {**renames, **self.rename_transcription_out}
        return {**frame, "type": renames.get(ga_type, ga_type), place.key: self._object_out(place, source)}

    def inexpressible(self, session: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the keys of a GA ``session`` that this provider cannot be told, in order, for a warning."""
        return tuple(key for key in session if key in self.lacks)

    def _object_in(self, place: _Place, source: Mapping[str, Any]) -> JSONObject:
        parts = {**BETA_PARTS, **self.parts_in} if place.from_server else self.parts_in
        match place.kind:
            case "item":
                return _with_parts(source, parts)
            case "session":
                shaped = self.session_in(source)
                return to_nested(shaped, BETA_SESSION) if place.from_server else shaped
            case "options":
                return _with_items(self.options_in(source), parts)
            case "response":  # pragma: no branch  (the last of the kinds)
                return _with_items(to_nested(self.response_in(source), BETA_RESPONSE), parts)

    def _object_out(self, place: _Place, source: Mapping[str, Any]) -> JSONObject:
        match place.kind:
            case "item":
                return _with_parts(source, self.parts_out)
            case "session":
                return self.session_out({key: value for key, value in source.items() if key not in self.lacks})
            case "options":
                return _with_items(self.options_out(source), self.parts_out)
            case "response":  # pragma: no branch  (the last of the kinds)
                return _with_items(self.response_out(source), self.parts_out)


def _with_items(response: JSONObject, parts: Mapping[str, str]) -> JSONObject:
    """Rename the parts of every item in a response's ``output`` and ``input``."""
    for key in ("output", "input"):
        items = response.get(key)
        if is_array(items) and parts:
            response[key] = [_with_parts(item, parts) if is_object(item) else item for item in items]
    return response


def _with_parts(item: Mapping[str, Any], parts: Mapping[str, str]) -> JSONObject:
    """Rename the content parts of an item unless it is a user's or the system's. Returns a copy."""
    content = item.get("content")
    if not parts or not is_array(content) or item.get("role") in ("user", "system"):
        return dict(item)
    return {**item, "content": [_with_type(part, parts) for part in content]}


def _with_type(part: Any, parts: Mapping[str, str]) -> Any:
    kind = part.get("type") if is_object(part) else None
    return {**part, "type": parts[kind]} if isinstance(kind, str) and kind in parts else part
