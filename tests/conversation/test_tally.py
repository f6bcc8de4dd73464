from realtime_transport.conversation.tally import add
from realtime_transport.events import UNSET, CachedTokenDetails, InputTokenDetails, OutputTokenDetails, Usage


def test_counts_add_up_in_every_depth() -> None:
    one = Usage(
        total_tokens=10,
        input_tokens=6,
        output_tokens=4,
        input_token_details=InputTokenDetails(
            text_tokens=2, audio_tokens=4, cached_tokens_details=CachedTokenDetails(text_tokens=1)
        ),
    )
    total = add(one, one)
    assert total.total_tokens == 20
    assert isinstance(total.input_token_details, InputTokenDetails)
    assert total.input_token_details.audio_tokens == 8
    assert total.input_token_details.cached_tokens_details == CachedTokenDetails(text_tokens=2)


def test_what_is_left_out_or_null_counts_as_nothing() -> None:
    spent = Usage(total_tokens=5, input_tokens=None, output_token_details=OutputTokenDetails(audio_tokens=3))
    total = add(add(Usage(), spent), Usage(input_tokens=7))
    assert total.total_tokens == 5
    assert total.input_tokens == 7
    assert total.output_tokens is UNSET
    assert total.output_token_details == OutputTokenDetails(audio_tokens=3)


def test_unknown_fields_are_not_counts() -> None:
    assert add(Usage(), Usage(extra={"billable_audio_seconds": 4.0})).extra == {}


def test_what_is_no_number_is_taken_as_it_is() -> None:
    """The wire lets none through; a program's own objects may hold anything."""
    assert add(Usage(total_tokens=3), Usage(total_tokens=True)).total_tokens is True


def test_the_extra_of_the_sum_stays() -> None:
    assert add(Usage(extra={"tier": "a"}), Usage(extra={"tier": "b"}, total_tokens=1)).extra == {"tier": "a"}
