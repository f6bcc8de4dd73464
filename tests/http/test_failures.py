from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.http.failures import api_error, retry_after


def test_takes_over_what_the_server_says() -> None:
    body = b'{"error": {"message": "bad voice", "type": "invalid", "code": "invalid_value", "param": "voice"}}'
    error = api_error(400, {"x-request-id": "req_1", "retry-after": "2"}, body)
    assert str(error) == "HTTP 400: bad voice"
    assert (error.status, error.code, error.param, error.request_id, error.retry_after) == (
        400, "invalid_value", "voice", "req_1", 2.0,
    )  # fmt: skip
    assert not error.retryable
    assert api_error(503, {}, b"").retryable


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error": {"message": "m", "type": "t"}}', "m", "t"),
        (b'{"error": {"message": "m", "code": 404}}', "m", "404"),
        (b'{"error": "just a text"}', "just a text", None),
        (b'{"message": "m", "code": "c"}', "m", "c"),
        (b'{"errors": [{"code": "90018", "title": "Ended", "detail": "It is over"}]}', "It is over", "90018"),
        (b'{"errors": [], "message": "m"}', "m", None),
        (b'{"errors": "many"}', '{"errors": "many"}', None),
        (b'{"type": "t", "title": "Not Found"}', "Not Found", "t"),
        (b'{"error": null}', '{"error": null}', None),
        (b'["x"]', '["x"]', None),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>", None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
        (b"", "no explanation was given", None),
        (b"x" * 1000, "x" * 300, None),
        (b"[" * 5000, "[" * 300, None),
    ],
)
def test_reads_every_body_in_the_field(body: bytes, message: str, code: str | None) -> None:
    error = api_error(500, {}, body)
    assert str(error) == f"HTTP 500: {message}"
    assert error.code == code


def test_knows_azures_request_id() -> None:
    assert api_error(500, {"apim-request-id": "a"}, b"").request_id == "a"


NOON = "Wed, 21 Oct 2026 12:00:00 GMT"
LATER = "Wed, 21 Oct 2026 12:00:07 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": LATER, "date": NOON}, 7.0),
        ({"retry-after": NOON, "date": LATER}, 0.0),
        ({"retry-after": LATER}, None),
        ({"retry-after": "Wed, 21 Oct 2026 12:00:07 -0000", "date": NOON}, None),
    ],
)
def test_reads_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@given(st.binary(max_size=60), st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text()))
def test_never_raises(body: bytes, headers: dict[str, str]) -> None:
    api_error(500, headers, body)
