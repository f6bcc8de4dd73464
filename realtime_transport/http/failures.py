"""What an HTTP answer that is no success means: one typed error, filled from whatever the server said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from realtime_transport.exceptions import ApiError

REQUEST_ID_HEADERS: Final = ("x-request-id", "apim-request-id", "request-id")
"""OpenAI's, Azure's, ElevenLabs'."""

SHOWN_BODY: Final = 300
"""Characters of an unreadable body that the message repeats: enough for a proxy's one-line excuse."""


def api_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """Return the error for one answer. ``headers`` have lower-case names."""
    said = _said(body)
    message = next((said[name] for name in ("message", "detail", "title") if said.get(name)), None)
    code = said.get("code") or said.get("type")
    param = said.get("param")
    return ApiError(
        str(message) if message else body[:SHOWN_BODY].decode("utf-8", "replace") or "no explanation was given",
        status=status,
        code=str(code) if code is not None else None,
        param=str(param) if param is not None else None,
        request_id=next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), None),
        retry_after=retry_after(headers),
    )


def _said(body: bytes) -> dict[str, Any]:
    """Return the error object of a body: ``{"error": {...}}``, ``{"error": "text"}``, the object itself, or the first
    of ``{"errors": [...]}``, as JSON:API has it."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    try:
        body_object = msgspec.convert(decoded, dict[str, Any])
        several = msgspec.convert(body_object.get("errors") or [], list[Any])
        error = several[0] if several else body_object.get("error", decoded)
        return {"message": error} if isinstance(error, str) else msgspec.convert(error, dict[str, Any])
    except msgspec.ValidationError:
        return {}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the server asks us to wait, None when it does not say.

    ``retry-after-ms`` and ``retry-after`` in seconds are taken as they are; a date is read against the server's own
    ``date`` header, so that our clock does not matter.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    until, sent = _date(headers.get("retry-after")), _date(headers.get("date"))
    if until is None or sent is None:
        return None
    return max(0.0, (until - sent).total_seconds())


def _date(text: str | None) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo is not None else None
