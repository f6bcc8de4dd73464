"""Every way to be refused."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.conversation.server_errors import ERRORS, error_detail, refusal, unreadable
from realtime_transport.exceptions import AudioDecodeError, DecodeError, ServerError


@pytest.mark.parametrize("row", ERRORS)
def test_every_row_can_be_said(row: str) -> None:
    class Facts(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            return 1

    ERRORS[row].message.format_map(Facts())


def test_a_param_of_its_own_goes_before_the_rows() -> None:
    assert refusal("voice_is_fixed").param == "session.voice"
    assert refusal("voice_is_fixed").type == "invalid_request_error"
    assert refusal("voice_is_fixed", param="session.audio.output.voice").param == "session.audio.output.voice"


def test_the_frame_names_the_event() -> None:
    detail = error_detail(refusal("cancel_idle"), "mine")
    assert (detail.type, detail.code, detail.event_id) == (
        "invalid_request_error",
        "response_cancel_not_active",
        "mine",
    )
    assert error_detail(refusal("no_such_call", call_id="x"), "mine").event_id is None
    assert error_detail(ServerError("Oops."), None).type == "invalid_request_error"


@pytest.mark.parametrize(
    ("error", "code", "param", "message"),
    [
        (DecodeError("not JSON"), "invalid_json", None, "We could not parse the JSON body of your event."),
        (DecodeError("is required", path="type"), "invalid_event", None, "The 'type' field is missing."),
        (
            DecodeError("is required", path="item.role"),
            "missing_required_parameter",
            "item.role",
            "Missing required parameter: 'item.role'.",
        ),
        (
            DecodeError("expected a text, got a number", path="session.voice"),
            "invalid_type",
            "session.voice",
            "Invalid type for 'session.voice': expected a text, got a number instead.",
        ),
        (
            AudioDecodeError("not strict base64", path="audio"),
            "invalid_value",
            "audio",
            "Invalid 'audio'. Expected base64-encoded audio bytes.",
        ),
    ],
)
def test_frames_that_cannot_be_read(error: DecodeError, code: str, param: str | None, message: str) -> None:
    refused = unreadable(error)
    assert (refused.code, refused.param, refused.message) == (code, param, message)
