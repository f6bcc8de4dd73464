"""Carriers that speak JSON text: one table from the word that names a message to the method that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from realtime_transport.telephony.codecs import fields
from realtime_transport.telephony.codecs.base import CarrierCodec, Frame
from realtime_transport.telephony.codecs.events import AnyCarrierEvent, MessageIgnored


class JsonCodec(CarrierCodec):
    """Base of codecs whose text messages are JSON objects."""

    readers: ClassVar[Mapping[str, str]]
    """The word -> the name of the method that reads such a message and returns its event, or None."""
    word_key: ClassVar[str] = "event"
    """The key that holds the word."""

    def _receive(self, message: Frame) -> Iterable[AnyCarrierEvent]:
        if isinstance(message, bytes):
            return self._receive_binary(message)
        decoded = fields.decode(message)
        if decoded is None:
            return [MessageIgnored(reason="not a JSON object", raw=message)]
        word = self._word(decoded)
        if word not in self.readers:
            return [MessageIgnored(reason=f"unknown {self.word_key} {word[:40]!r}", raw=decoded)]
        event: AnyCarrierEvent | None = getattr(self, self.readers[word])(decoded)
        return [] if event is None else [event]

    def _word(self, message: dict[str, Any]) -> str:
        """Return what kind of message this is."""
        return fields.text(message, self.word_key)

    def _receive_binary(self, message: bytes) -> Iterable[AnyCarrierEvent]:
        """Read a binary message; most of these carriers have none."""
        return [MessageIgnored(reason=f"{self.name} has no binary messages")]
