"""What the HTTP side answers when it refuses: one table, bodies as the API writes them."""

from __future__ import annotations

from typing import Final

import attrs
from starlette.responses import JSONResponse


@attrs.frozen
class HttpErrorRow:
    """One way to be refused over HTTP."""

    status: int
    type: str
    code: str | None
    message: str


HTTP_ERRORS: Final[dict[str, HttpErrorRow]] = {
    "bad_key": HttpErrorRow(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "too_many_sessions": HttpErrorRow(
        429, "rate_limit_error", "rate_limit_exceeded", "Too many sessions are open. Try again later."
    ),
    "not_json": HttpErrorRow(400, "invalid_request_error", None, "We could not parse the JSON body of your request."),
    "too_large": HttpErrorRow(413, "invalid_request_error", None, "The body of your request is too large."),
    "bad_value": HttpErrorRow(400, "invalid_request_error", "invalid_value", "{message}"),
    "no_such_call": HttpErrorRow(404, "invalid_request_error", "not_found", "No session found for this call_id."),
    "wrong_kind": HttpErrorRow(
        401,
        "invalid_request_error",
        "invalid_client_secret",
        "This client secret opens another kind of session.",
    ),
    "listens_only": HttpErrorRow(
        400, "invalid_request_error", "OpperationNotSupported", "The realtime operation does not work with this model."
    ),
    "crowded": HttpErrorRow(429, "rate_limit_error", "rate_limit_exceeded", "Too many sockets have joined this call."),
    "on_purpose": HttpErrorRow(500, "server_error", "fault_injected", "This connection fails on purpose."),
}


def http_error(
    row: str,
    *,
    status: int | None = None,
    param: str | None = None,
    code: str | None = None,
    headers: dict[str, str] | None = None,
    **facts: object,
) -> JSONResponse:
    """Make the response of a row of the table, with the row's status and code unless others are given."""
    entry = HTTP_ERRORS[row]
    message = entry.message.format(**facts)
    error = {"message": message, "type": entry.type, "param": param, "code": code or entry.code}
    return JSONResponse({"error": error}, status_code=status or entry.status, headers=headers)
