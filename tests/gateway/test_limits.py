from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.gateway.limits import Bucket, GatewayLimits


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(GatewayLimits)])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_is_above_zero(name: str, value: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        GatewayLimits(**{name: value})
    assert caught.value.path == f"limits.{name}"


def test_a_bucket_gives_a_burst_and_then_a_rate() -> None:
    bucket = Bucket(10.0, 3)
    assert [bucket.take(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.take(0.1), bucket.take(0.1)] == [True, False]
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = Bucket(10.0, 1)
    assert bucket.take(100.0)
    assert not bucket.take(0.0)


@given(waits=st.lists(st.floats(0, 2), max_size=60), rate=st.floats(0.1, 50), burst=st.integers(1, 10))
def test_never_more_than_burst_and_rate_allow(waits: list[float], rate: float, burst: int) -> None:
    bucket, now, taken = Bucket(rate, burst), 0.0, 0
    for wait in waits:
        now += wait
        taken += bucket.take(now)
        assert taken <= burst + rate * now + 1e-6
