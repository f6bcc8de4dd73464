from __future__ import annotations

import pytest

from realtime_transport.exceptions import (
    ApiError,
    ConnectError,
    ConnectionLost,
    DecodeError,
    PayloadTooLarge,
    RealtimeError,
    TLSError,
)
from realtime_transport.http import RetryPolicy

POLICY = RetryPolicy(attempts=4, base=1.0, longest=3.0)


def half() -> float:
    return 0.5


def test_waits_a_random_part_of_a_ceiling_that_doubles() -> None:
    failure = ConnectError("no")
    waits = [POLICY.delay(failure, made, idempotent=False, rng=half) for made in range(1, 6)]
    assert waits == [0.5, 1.0, 1.5, None, None]


@pytest.mark.parametrize(
    ("failure", "always", "idempotent"),
    [
        (ConnectError("refused"), True, True),
        (TLSError("bad certificate"), False, False),
        (ApiError("busy", status=429), True, True),
        (ApiError("down", status=503), True, True),
        (ApiError("broken", status=500), False, True),
        (ApiError("gateway", status=502), False, True),
        (ApiError("wrong", status=400), False, False),
        (ConnectionLost("gone"), False, True),
        (PayloadTooLarge(9, 8), False, False),
        (DecodeError("junk"), False, False),
    ],
)
def test_repeats_what_cannot_happen_twice(failure: RealtimeError, always: bool, idempotent: bool) -> None:
    assert (POLICY.delay(failure, 1, idempotent=False, rng=half) is not None) == always
    assert (POLICY.delay(failure, 1, idempotent=True, rng=half) is not None) == idempotent


def test_does_as_the_server_asks_unless_it_asks_for_too_much() -> None:
    assert POLICY.delay(ApiError("", status=429, retry_after=2.5), 1, idempotent=False, rng=half) == 2.5
    assert POLICY.delay(ApiError("", status=429, retry_after=0.0), 3, idempotent=False, rng=half) == 0.0
    assert POLICY.delay(ApiError("", status=429, retry_after=3.1), 1, idempotent=False, rng=half) is None
