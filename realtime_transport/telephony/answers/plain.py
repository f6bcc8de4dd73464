"""Plain text for a dialplan: the token of a stream, or nothing.

    same => n,Set(CALL=${CURL(https://gateway.example.com/answer?call_id=${UNIQUEID}&caller=${CALLERID(num)})})
    same => n,GotoIf($["${CALL}" = ""]?busy)
    same => n,AudioSocket(${CALL},gateway.example.com:9092)
    same => n(busy),Busy()

With ``chan_websocket`` the token goes into the query: ``Dial(WebSocket/gateway/c(ulaw)v(token=${CALL}))``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from realtime_transport.telephony.answers.document import Asked, Document, FieldNames, StreamOffer

_FIELDS: Final = FieldNames("call_id", "caller", "called")
_TEXT: Final = "text/plain"


@attrs.frozen
class PlainAnswers:
    """Asterisk's documents. ``CURL`` gives the text whatever the status, hence an empty one for a refusal."""

    def read(self, fields: Mapping[str, str]) -> Asked:
        """Read the query, whose names are the dialplan's to choose: these."""
        return _FIELDS.read(fields)

    def connect(self, offer: StreamOffer) -> Document:
        """Write the token."""
        return Document(body=offer.token, content_type=_TEXT)

    def refuse(self, *, busy: bool) -> Document:
        """Write nothing."""
        return Document(body="", content_type=_TEXT, status=503 if busy else 403)
