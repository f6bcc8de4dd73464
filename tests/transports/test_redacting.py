"""The logger given to ``websockets`` never repeats a key, in whatever spelling."""

from __future__ import annotations

import logging

import pytest

from realtime_transport.exceptions import AuthenticationError, ConnectError
from realtime_transport.secret import Secret
from realtime_transport.transports.redacting import RedactingLogger

KEY = "sk/with+odd characters"


def test_the_key_is_masked_everywhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    redacting = RedactingLogger(logging.getLogger("t"), Secret(KEY))
    redacting.debug("> %s: %s", "Authorization", f"Bearer {KEY}")
    redacting.debug("> GET %s HTTP/1.1", "/v1?key=sk%2Fwith%2Bodd%20characters")
    redacting.debug("> GET %s HTTP/1.1", "/v1?key=sk%2Fwith%2Bodd+characters")
    redacting.info(f"the key is {KEY}")
    redacting.warning("%d frames, %s, %s", 7, object, ValueError(f"no {KEY}"))
    assert [record.getMessage() for record in caplog.records] == [
        "> Authorization: Bearer ***",
        "> GET /v1?key=*** HTTP/1.1",
        "> GET /v1?key=*** HTTP/1.1",
        "the key is ***",
        "7 frames, <class 'object'>, no ***",
    ]


def test_without_a_key_nothing_changes(caplog: pytest.LogCaptureFixture) -> None:
    RedactingLogger(logging.getLogger("t")).warning("%s", "as it is")
    assert caplog.records[0].getMessage() == "as it is"


def test_the_longer_of_two_keys_is_masked_whole() -> None:
    keys = Secret("sk-12345"), Secret("sk-123456789")
    assert str(RedactingLogger(logging.getLogger("t"), *keys).masked(ConnectError("not sk-123456789"))) == "not ***"


@pytest.mark.parametrize("key", ["re", "refused!"])
def test_what_stands_in_for_a_key_garbles_no_error(key: str) -> None:
    error = ConnectError("connection refused", code="refused!")
    masked = RedactingLogger(logging.getLogger("t"), Secret(key)).masked(error)
    assert (str(masked), masked.code) == ("connection refused", "refused!")


def test_an_error_forgets_the_key_in_all_that_it_says() -> None:
    error = AuthenticationError(401, body=f"Received={KEY}", request_id=KEY, retry_after=2.5)
    assert RedactingLogger(logging.getLogger("t"), Secret(KEY)).masked(error) is error
    assert str(error) == "the server refused the connection with HTTP 401: Received=***"
    assert (error.status, error.body, error.request_id, error.retry_after) == (401, "Received=***", "***", 2.5)


def test_a_level_that_is_off_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError

    caplog.set_level(logging.WARNING)
    RedactingLogger(logging.getLogger("t"), Secret(KEY)).debug("%s", Costly())
    assert caplog.records == []
