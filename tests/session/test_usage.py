import pytest

from realtime_transport.events import (
    CachedTokenDetails,
    InputTokenDetails,
    OutputTokenDetails,
    TranscriptionDurationUsage,
    TranscriptionTokenUsage,
    Usage,
)
from realtime_transport.events.objects import UnknownObject
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session.usage import Budget, Prices, SessionUsage, TokenCounts

WHOLE = Usage(
    total_tokens=253,
    input_tokens=132,
    output_tokens=121,
    input_token_details=InputTokenDetails(
        text_tokens=119,
        audio_tokens=13,
        image_tokens=0,
        cached_tokens=64,
        cached_tokens_details=CachedTokenDetails(text_tokens=64, audio_tokens=0, image_tokens=0),
    ),
    output_token_details=OutputTokenDetails(text_tokens=30, audio_tokens=91, reasoning_tokens=7),
)


def test_a_whole_usage_is_split_by_modality() -> None:
    counts = TokenCounts.of(WHOLE)
    assert counts == TokenCounts(
        input_text=55, input_audio=13, cached_text=64, output_text=30, output_audio=91, reasoning=7
    )
    assert (counts.input, counts.output, counts.total) == (132, 121, 253)
    assert counts.cached_share == pytest.approx(64 / 132)


def test_what_was_cached_is_not_counted_twice() -> None:
    usage = Usage(
        input_token_details=InputTokenDetails(
            text_tokens=10,
            audio_tokens=20,
            image_tokens=30,
            cached_tokens_details=CachedTokenDetails(text_tokens=1, audio_tokens=2, image_tokens=3),
        )
    )
    counts = TokenCounts.of(usage)
    assert counts == TokenCounts(
        input_text=9, input_audio=18, input_image=27, cached_text=1, cached_audio=2, cached_image=3
    )
    assert counts.input == 60


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (Usage(), TokenCounts()),
        (Usage(input_tokens=None, output_tokens=None), TokenCounts()),
        (Usage(input_tokens=10, output_tokens=4), TokenCounts(input_text=10, output_text=4)),
        (
            Usage(input_tokens=10, input_token_details=InputTokenDetails(audio_tokens=10, cached_tokens=None)),
            TokenCounts(input_audio=10),
        ),
        (
            Usage(input_token_details=InputTokenDetails(text_tokens=10, cached_tokens=6)),
            TokenCounts(input_text=4, cached_text=6),
        ),
    ],
)
def test_half_null_usage_counts_what_is_there(usage: Usage, counts: TokenCounts) -> None:
    assert TokenCounts.of(usage) == counts


def test_nothing_spent_has_no_cached_share() -> None:
    assert TokenCounts().cached_share == 0.0


def test_a_session_adds_up() -> None:
    spent = SessionUsage().with_response(WHOLE).with_response(WHOLE)
    assert spent.responses == 2
    assert spent.tokens.total == 506
    assert spent.last == TokenCounts.of(WHOLE)


def test_transcription_is_counted_apart() -> None:
    spent = (
        SessionUsage()
        .with_transcription(TranscriptionDurationUsage(seconds=30))
        .with_transcription(TranscriptionTokenUsage(input_tokens=26, output_tokens=5))
        .with_transcription(TranscriptionTokenUsage())
        .with_transcription(UnknownObject(type="clicks"))
    )
    assert spent.transcription_seconds == 30
    assert spent.tokens == TokenCounts(transcription_input=26, transcription_output=5)
    assert spent.tokens.total == 0
    assert spent.responses == 0


def test_prices_are_per_million_and_per_minute() -> None:
    prices = Prices(per_million={"input_text": 4.0, "output_audio": 64.0}, transcription_minute=0.6)
    spent = SessionUsage().with_response(WHOLE).with_transcription(TranscriptionDurationUsage(seconds=30))
    assert prices.cost(spent) == pytest.approx((55 * 4 + 91 * 64) / 1e6 + 0.3)


def test_a_price_for_unknown_tokens_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"sight, smell; known are input_text, input_audio") as caught:
        Prices(per_million={"smell": 1.0, "sight": 1.0})
    assert caught.value.path == "per_million"


def test_a_cost_limit_needs_prices() -> None:
    with pytest.raises(InvalidArgument, match="a cost limit needs prices") as caught:
        Budget(cost=1.0)
    assert caught.value.path == "budget.prices"


@pytest.mark.parametrize(
    ("budget", "exceeded"),
    [
        (Budget(), False),
        (Budget(tokens=254), False),
        (Budget(tokens=253), True),
        (Budget(cost=0.01, prices=Prices(per_million={"output_audio": 1.0})), False),
        (Budget(cost=0.0001, prices=Prices(per_million={"output_audio": 64.0})), True),
        (Budget(tokens=253, cost=9, prices=Prices(per_million={})), True),
        (Budget(cost=91.0, prices=Prices(per_million={"output_audio": 1_000_000.0})), True),
        (Budget(cost=91.1, prices=Prices(per_million={"output_audio": 1_000_000.0})), False),
        (Budget(prices=Prices(per_million={"output_audio": 1.0})), False),
    ],
)
def test_the_first_limit_reached_counts(budget: Budget, exceeded: bool) -> None:
    assert budget.exceeded_by(SessionUsage().with_response(WHOLE)) is exceeded
