"""What a response costs: tokens by modality, what the cache saves, and what is left of the account."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.server_items import Entry, Speech
from realtime_transport.conversation.server_usage import (
    NOTHING_READ,
    Meter,
    RateLimiter,
    Tokens,
    audio_tokens,
    entry_tokens,
    text_tokens,
    transcription_usage,
    usage_of,
)
from realtime_transport.events import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudioPart,
    InputImagePart,
    InputTextPart,
    Item,
    McpCallItem,
    OutputAudioPart,
    OutputTextPart,
    RateLimit,
    SystemMessageItem,
    UnknownItem,
    UserMessageItem,
)
from realtime_transport.wire import to_dict

FRAME = 4
"""Tokens around every item."""


def speech(ms: float) -> Speech:
    return Speech(audio=PCM16_24K.silence(ms), format=PCM16_24K)


# --- counting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (400, 100)])
def test_four_characters_are_a_token(length: int, tokens: int) -> None:
    assert text_tokens("x" * length) == tokens


@pytest.mark.parametrize(
    ("ms", "per_second", "tokens"), [(0, 10, 0), (1, 10, 1), (100, 10, 1), (101, 10, 2), (1000, 10, 10), (1500, 20, 30)]
)
def test_audio_is_counted_by_its_length_in_whole_tokens(ms: float, per_second: int, tokens: int) -> None:
    assert audio_tokens(ms, per_second) == tokens


def test_tokens_are_added_by_modality() -> None:
    added = Tokens(1, 20, 300) + Tokens(4, 50, 600)
    assert added == Tokens(text=5, audio=70, image=900)
    assert added.total == 975
    assert Tokens().total == 0


TWENTY = "x" * 20
"""Five tokens."""


@pytest.mark.parametrize(
    ("item", "text", "image"),
    [
        (UserMessageItem(content=(InputTextPart(text=TWENTY),)), 5, 0),
        (UserMessageItem(content=(InputTextPart(text="xx"), InputTextPart(text="xx"))), 1, 0),
        (UserMessageItem(content=(InputTextPart(text=None), InputTextPart())), 0, 0),
        (SystemMessageItem(content=(InputTextPart(text=TWENTY),)), 5, 0),
        (AssistantMessageItem(content=(OutputTextPart(text=TWENTY), OutputTextPart())), 5, 0),
        (AssistantMessageItem(content=(OutputAudioPart(transcript=TWENTY), OutputAudioPart())), 5, 0),
        (UserMessageItem(content=(InputAudioPart(transcript=TWENTY),)), 0, 0),  # what is heard is the sound
        (UserMessageItem(content=(InputImagePart(image_url="data:"), InputImagePart(image_url="data:"))), 0, 2 * 765),
        (FunctionCallItem(call_id="c", name="get_", arguments='{"a": 1}'), 3, 0),
        (McpCallItem(server_label="s", name="get_", arguments='{"a": 1}'), 3, 0),
        (FunctionCallOutputItem(call_id="c", output=TWENTY), 5, 0),
        (UnknownItem(type="hologram"), 0, 0),
    ],
)
def test_what_an_item_costs(item: Item, text: int, image: int) -> None:
    assert entry_tokens(Entry(item)) == Tokens(text=FRAME + text, image=image)


def test_only_the_callers_sound_is_read() -> None:
    callers = UserMessageItem(content=(InputAudioPart(), InputTextPart(text=""), InputAudioPart()))
    heard = {0: speech(1000), 1: speech(4000), 2: speech(250), 3: speech(8000)}
    assert entry_tokens(Entry(callers, speech=heard)) == Tokens(text=FRAME, audio=13)
    models = AssistantMessageItem(content=(OutputAudioPart(transcript=""),))
    assert entry_tokens(Entry(models, speech={0: speech(1000)})) == Tokens(text=FRAME)
    call = FunctionCallItem(call_id="c", name="", arguments="")
    assert entry_tokens(Entry(call, speech={0: speech(1000)})) == Tokens(text=FRAME)


# --- reading -------------------------------------------------------------------------------------------------------


def words(tokens: int) -> Entry:
    """An item that costs so many tokens."""
    return Entry(UserMessageItem(content=(InputTextPart(text="x" * 4 * (tokens - FRAME)),)))


def cached(meter: Meter, *pieces: tuple[str, Entry], instructions: str = "i" * 400, tools: str = "t" * 400) -> int:
    """Text tokens that are cached: 100 of instructions, 100 of tools, and those of the items."""
    read = to_dict_of(meter, *pieces, instructions=instructions, tools=tools)
    count: int = read["cached_tokens_details"]["text_tokens"]
    assert read["cached_tokens"] == count
    return count


def to_dict_of(meter: Meter, *pieces: tuple[str, Entry], instructions: str, tools: str) -> dict[str, Any]:
    return to_dict(meter.read(instructions, tools, pieces))


def test_everything_that_is_read_is_counted() -> None:
    spoken = Entry(UserMessageItem(content=(InputAudioPart(),)), speech={0: speech(2000)})
    shown = Entry(UserMessageItem(content=(InputImagePart(image_url="data:"),)))
    pieces = (("a", words(10)), ("b", spoken), ("c", shown))
    assert to_dict_of(Meter(), *pieces, instructions="i" * 8, tools="t" * 12) == {
        "text_tokens": 2 + 3 + 10 + FRAME + FRAME,
        "audio_tokens": 20,
        "image_tokens": 765,
        "cached_tokens": 0,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
    }


def test_what_the_last_response_began_with_is_cached_in_whole_blocks() -> None:
    meter = Meter()
    assert cached(meter, ("a", words(60))) == 0
    assert cached(meter, ("a", words(60)), ("b", words(60))) == 256  # of 260
    assert cached(meter, ("a", words(60)), ("b", words(60))) == 320  # of 320


def test_sound_and_pictures_are_cached_too() -> None:
    spoken = Entry(UserMessageItem(content=(InputAudioPart(),)), speech={0: speech(10_000)})
    shown = Entry(UserMessageItem(content=(InputImagePart(image_url="data:"),)))
    meter = Meter()
    for _ in range(2):
        read = to_dict_of(meter, ("a", spoken), ("b", shown), instructions="i" * 400, tools="")
    assert read["cached_tokens_details"] == {"text_tokens": 64, "audio_tokens": 64, "image_tokens": 704}
    assert read["cached_tokens"] == 64 + 64 + 704


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"instructions": "j" * 400}, 0),
        ({"tools": "u" * 400}, 64),
        ({"pieces": (("b", words(60)), ("c", words(60)))}, 192),  # the first was left out
        ({"pieces": (("a", words(61)), ("b", words(60)))}, 192),  # it is another now
        ({"pieces": (("a", words(60)),)}, 256),
        ({"pieces": (("a", words(60)), ("x", words(60)))}, 256),
    ],
)
def test_the_cache_holds_up_to_the_first_difference(change: dict[str, Any], left: int) -> None:
    meter = Meter()
    cached(meter, ("a", words(60)), ("b", words(60)))
    pieces = change.pop("pieces", (("a", words(60)), ("b", words(60))))
    assert cached(meter, *pieces, **change) == left


def test_input_and_output_add_up() -> None:
    spoken = Entry(UserMessageItem(content=(InputAudioPart(),)), speech={0: speech(2000)})
    shown = Entry(UserMessageItem(content=(InputImagePart(image_url="data:"),)))
    read = Meter().read("i" * 8, "", (("a", spoken), ("b", shown)))
    given = 2 + FRAME + FRAME + 20 + 765
    usage = to_dict(usage_of(read, Tokens(text=7, audio=30)))
    assert usage == {
        "total_tokens": given + 37,
        "input_tokens": given,
        "output_tokens": 37,
        "input_token_details": to_dict(read),
        "output_token_details": {"text_tokens": 7, "audio_tokens": 30},
    }


def test_nothing_costs_nothing() -> None:
    usage = to_dict(usage_of(NOTHING_READ, Tokens()))
    assert usage["total_tokens"] == usage["input_tokens"] == usage["output_tokens"] == 0


# --- the account ---------------------------------------------------------------------------------------------------


def test_what_is_spent_comes_back_within_a_minute() -> None:
    account = RateLimiter(limit=6000)  # a hundred a second
    assert account.spend(1000, 0.0) == (RateLimit(name="tokens", limit=6000, remaining=5000, reset_seconds=10.0),)
    assert account.spend(0, 4.5) == (RateLimit(name="tokens", limit=6000, remaining=5450, reset_seconds=5.5),)
    assert account.spend(0, 1000.0) == (RateLimit(name="tokens", limit=6000, remaining=6000, reset_seconds=0.0),)


def test_what_is_left_is_told_in_whole_tokens_and_milliseconds() -> None:
    account = RateLimiter(limit=7)
    account.spend(7, 0.0)
    (limit,) = account.spend(0, 9.0)  # 1.05 tokens are back
    assert (limit.remaining, limit.reset_seconds) == (1, 51.0)
    (limit,) = account.spend(0, 9.12345)
    assert limit.reset_seconds == 50.877


def test_nobody_owes_tokens() -> None:
    account = RateLimiter(limit=60)
    (limit,) = account.spend(1000, 0.0)
    assert (limit.remaining, limit.reset_seconds) == (0, 60.0)


def test_how_long_it_takes_until_there_is_a_token() -> None:
    account = RateLimiter(limit=60)  # one a second
    assert account.wait(0.0) == 0.0
    account.spend(59, 0.0)
    assert account.wait(0.0) == 0.0
    account.spend(1, 0.0)
    assert account.wait(0.0) == pytest.approx(1.0)
    assert account.wait(0.25) == pytest.approx(0.75)
    assert account.wait(1.0) == 0.0
    assert account.wait(1.5) == 0.0
    slow = RateLimiter(limit=6)
    slow.spend(6, 0.0)
    assert slow.wait(5.0) == pytest.approx(5.0)


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 30)), max_size=20))
def test_the_account_stays_between_nothing_and_its_limit(spent: list[tuple[int, float]]) -> None:
    account, now = RateLimiter(limit=600), 0.0
    for tokens, pause in spent:
        now += pause
        (limit,) = account.spend(tokens, now)
        assert 0 <= int(limit.remaining or 0) <= 600
        assert 0 <= float(limit.reset_seconds or 0) <= 60


# --- transcription -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "ms", "usage"),
    [
        ("whisper-1", 2000, {"type": "duration", "seconds": 2}),
        ("whisper-1", 2001, {"type": "duration", "seconds": 3}),
        ("", 10, {"type": "duration", "seconds": 1}),
        *(
            (
                model,
                2050,
                {
                    "type": "tokens",
                    "total_tokens": 26,
                    "input_tokens": 21,
                    "input_token_details": {"text_tokens": 0, "audio_tokens": 21},
                    "output_tokens": 5,
                },
            )
            for model in ("gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "gpt-4o-mini-transcribe")
        ),
    ],
)
def test_transcription_is_paid_by_the_second_or_by_the_token(model: str, ms: float, usage: dict[str, Any]) -> None:
    assert to_dict(transcription_usage(model, ms, TWENTY)) == usage
