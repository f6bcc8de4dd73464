from typing import Any

import pytest

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.context import RunContext
from realtime_transport.session.guardrails import GuardrailSettings, Verdict, output_guardrail, verdict_of


async def test_a_check_answers_in_many_ways() -> None:
    async def later() -> bool:
        return True

    async def verdict() -> Verdict:
        return Verdict(tripped=True, message="no")

    assert await verdict_of(False) == Verdict(tripped=False)
    assert await verdict_of(later()) == Verdict(tripped=True)
    assert await verdict_of(verdict()) == Verdict(tripped=True, message="no")


def test_the_decorator_names_and_explains() -> None:
    @output_guardrail
    def no_prices(_: RunContext[Any], text: str) -> bool:
        """Do not quote prices."""
        return "$" in text

    assert (no_prices.name, no_prices.hint) == ("no_prices", "Do not quote prices.")


@pytest.mark.parametrize("bad", [{"every": 0}, {"timeout": 0.0}, {"at_once": -1}, {"hold_ms": -1}, {"hold_ms": 60_001}])
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        GuardrailSettings(**bad)
    assert caught.value.path == next(iter(bad))


def test_the_feedback_names_the_rule() -> None:
    text = GuardrailSettings().feedback("no_prices", "Do not quote prices")
    assert "no_prices" in text
    assert "Do not quote prices" in text
