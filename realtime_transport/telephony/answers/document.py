"""What goes into an answer document, what comes out, and what was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import attrs

from realtime_transport.audio.formats import AudioFormat
from realtime_transport.exceptions import InvalidArgument

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


@attrs.frozen(kw_only=True)
class StreamOffer:
    """Where a call is to be streamed, and what is to be said about it there."""

    url: str
    """The stream's address, ``wss://``."""
    token: str = attrs.field(default="", repr=False)
    """What admits this one stream. It is in ``url`` already; Asterisk takes it alone."""
    custom: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Comes back as ``CallStarted.custom``. Carriers limit it; beyond the limit ``connect`` raises."""
    format: AudioFormat | None = None
    """What the stream is to carry; None for what suits the carrier best."""
    call_id: str = ""
    """The carrier's name of the call, repeated to the stream where the carrier would not say it (Vonage)."""
    sign: bool = False
    """Ask for a signed upgrade, where that has to be asked for (Vonage)."""


@attrs.frozen(kw_only=True)
class Document:
    """What the webhook is answered with."""

    body: str
    content_type: str
    status: int = 200


@attrs.frozen(kw_only=True)
class Asked:
    """What a webhook says about the call it asks about; empty where it does not."""

    call_id: str = ""
    caller: str = ""
    called: str = ""


class Answers(Protocol):
    """The documents of one carrier."""

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Return which call the webhook is about, from its form, query or JSON."""
        ...

    def connect(self, offer: StreamOffer) -> Document:
        """Return the document that streams the call, both ways. Raises ``InvalidArgument`` for what it cannot say."""
        ...

    def refuse(self, *, busy: bool) -> Document:
        """Return the document that takes no call: busy, or rejected for good."""
        ...


@attrs.frozen
class FieldNames:
    """What a carrier's webhook calls the fields that ``Asked`` has."""

    call_id: str
    caller: str
    called: str

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Pick the fields out of all that came."""
        return Asked(
            call_id=fields.get(self.call_id, ""),
            caller=fields.get(self.caller, ""),
            called=fields.get(self.called, ""),
        )


def spelt(carrier: str, fmt: AudioFormat | None, spellings: Mapping[AudioFormat, str]) -> str:
    """Return how ``fmt`` is written, the first of ``spellings`` for None. Raises ``InvalidArgument``."""
    chosen = next(iter(spellings)) if fmt is None else fmt
    if chosen not in spellings:
        raise InvalidArgument(f"{carrier} does not stream {chosen}", path="format")
    return spellings[chosen]


def xml_text(text: str) -> str:
    """Return ``text`` when XML can hold it. Raises ``InvalidArgument``."""
    if _NOT_XML.search(text):
        raise InvalidArgument("has a character that XML cannot hold, not even escaped", path="custom")
    return text


def as_json(content: Any, status: int = 200) -> Document:
    """Return a document of JSON."""
    return Document(body=json.dumps(content, separators=(",", ":")), content_type="application/json", status=status)
