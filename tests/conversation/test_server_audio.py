"""The input audio buffer: what it holds, what it refuses, and when a turn begins and ends.

Everything here lies on the detector's grid of 32 ms, so that every position is exact.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_24K, PCMU
from realtime_transport.audio.convert import Converter
from realtime_transport.conversation.brain import Transcriber
from realtime_transport.conversation.server_audio import (
    MAX_APPEND_BYTES,
    InputAudio,
    TurnEvent,
    TurnStarted,
    TurnStopped,
    wait_after,
)
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.events import RealtimeSessionConfig
from realtime_transport.exceptions import ServerError
from realtime_transport.wire import from_dict

VAD = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
SEMANTIC = {"type": "semantic_vad", "eagerness": "auto"}


class Knows:
    """Takes everything for the same words, and remembers what it was asked."""

    def __init__(self, words: str = "") -> None:
        self.words = words
        self.asked: list[bytes] = []

    def transcribe(self, audio: bytes) -> str:
        self.asked.append(audio)
        return self.words


def size(ms: float) -> int:
    return PCM16_24K.bytes_for(ms)


def silence(ms: float) -> bytes:
    return PCM16_24K.silence(ms)


def tone(ms: float) -> bytes:
    """A buzz of 500 Hz; a second and a half of it is still taken for speech."""
    wave = b"\x40\x1f" * 24 + b"\xc0\xe0" * 24
    return (wave * (size(ms) // len(wave) + 1))[: size(ms)]


def murmur(ms: float) -> bytes:
    """Something that is not silence and that nobody hears; every sample differs from the last."""
    return bytes(n // 2 % 7 if n % 2 == 0 else 0 for n in range(size(ms)))


def configured(audio: InputAudio, detection: dict[str, Any] | None, **inputs: Any) -> None:
    audio.configure(from_dict({"audio": {"input": {"turn_detection": detection, **inputs}}}, RealtimeSessionConfig))


def buffer(
    detection: dict[str, Any] | None = VAD,
    *,
    transcriber: Transcriber | None = None,
    max_seconds: float = 60,
    **inputs: Any,
) -> InputAudio:
    audio = InputAudio(counted_ids(1), transcriber or Knows(), max_seconds=max_seconds)
    configured(audio, detection, **inputs)
    return audio


def by_hand(**options: Any) -> InputAudio:
    return buffer(None, **options)


def refused(audio: InputAudio, sound: bytes | None = None) -> str:
    """The code and the words of a refusal; of a commit unless there is sound."""
    with pytest.raises(ServerError) as caught:
        _ = audio.commit() if sound is None else audio.append(sound)
    return f"{caught.value.code}: {caught.value.message}"


def telephone(audio: bytes) -> bytes:
    line = Converter(PCM16_24K, PCMU)
    return line.push(audio) + line.flush()


MULAW = {"format": {"type": "audio/pcmu"}}
PCM = {"format": {"type": "audio/pcm", "rate": 24000}}

SPEECH = silence(960) + tone(640)
"""Speech from 960 ms to 1600 ms."""

TURN = SPEECH + silence(512)
"""A turn of server detection: 500 ms of silence, in whole frames."""


# --- by hand -------------------------------------------------------------------------------------------------------


def test_nothing_is_detected_where_the_client_decides() -> None:
    audio = by_hand()
    assert audio.append(TURN) == []
    assert (audio.position_ms, audio.speaking, audio.announced) == (2112, False, "")
    assert audio.commit() == ("item_1", TURN)
    assert audio.position_ms == 2112
    audio.append(tone(100))
    assert audio.commit() == ("item_2", tone(100))


@pytest.mark.parametrize(("ms", "told"), [(0, "0.00ms"), (99.75, "99.75ms")])
def test_too_little_to_commit_stays_in_the_buffer(ms: float, told: str) -> None:
    audio = by_hand()
    audio.append(tone(ms))
    assert refused(audio).startswith("input_audio_buffer_commit_empty: ")
    assert f"only has {told} of audio" in refused(audio)
    audio.append(tone(100 - ms))
    assert len(audio.commit()[1]) == size(100)


def test_a_commit_takes_what_the_resampler_held_back() -> None:
    audio = by_hand(**MULAW)
    sound = telephone(tone(500))
    audio.append(sound)
    assert audio.position_ms < 500
    assert len(audio.commit()[1]) == size(500)
    assert audio.position_ms == 500


@pytest.mark.parametrize("detection", [None, VAD])
def test_cleared_is_gone_and_what_was_heard_stays_counted(detection: dict[str, Any] | None) -> None:
    audio = buffer(detection)
    audio.append(SPEECH)
    audio.clear()
    assert (audio.position_ms, audio.speaking, audio.announced) == (1600, False, "")
    assert "0.00ms" in refused(audio)
    assert audio.append(silence(960)) == []


def test_clearing_forgets_what_the_resampler_holds_back() -> None:
    audio = by_hand(**MULAW)
    audio.append(telephone(tone(500)))
    audio.clear()
    audio.append(telephone(silence(500)))
    assert not any(audio.commit()[1])


# --- limits --------------------------------------------------------------------------------------------------------


def test_no_more_than_15_mib_at_once() -> None:
    audio = by_hand(max_seconds=1000)
    assert refused(audio, bytes(MAX_APPEND_BYTES + 2)) == (
        "invalid_value: Invalid 'audio': at most 15728640 bytes may be appended at once, but got 15728642."
    )
    assert audio.position_ms == 0
    audio.append(bytes(MAX_APPEND_BYTES))
    assert audio.position_ms == 327_680


def test_the_buffer_is_bounded_and_refuses_what_does_not_fit_whole() -> None:
    audio = by_hand(max_seconds=600)
    audio.append(silence(300_000))
    audio.append(silence(299_900))
    assert refused(audio, silence(101)) == (
        "input_audio_buffer_full: Error appending to input audio buffer: it already holds 600 s of audio."
    )
    assert audio.position_ms == 599_900
    audio.append(silence(100))
    assert audio.position_ms == 600_000
    assert refused(audio, silence(1)).startswith("input_audio_buffer_full")
    audio.commit()
    audio.append(silence(300_000))
    assert audio.position_ms == 900_000


def test_a_bound_counts_what_is_kept_not_what_is_sent() -> None:
    audio = by_hand(max_seconds=1, **MULAW)
    audio.append(bytes(7900))
    assert refused(audio, bytes(200)).startswith("input_audio_buffer_full")


def test_what_is_refused_leaves_no_trace_in_what_follows() -> None:
    audio, other = by_hand(max_seconds=1, **MULAW), by_hand(max_seconds=1, **MULAW)
    for one in (audio, other):
        one.append(telephone(tone(900)))
    assert refused(audio, bytes(900)).startswith("input_audio_buffer_full")
    for one in (audio, other):
        one.append(telephone(tone(100)))
    assert audio.commit()[1] == other.commit()[1]


@pytest.mark.parametrize("detection", [VAD, {**VAD, "prefix_padding_ms": 1000}])
def test_silence_is_kept_for_the_padding_only(detection: dict[str, Any]) -> None:
    audio, noise = buffer(detection), murmur(5000)
    for at in range(0, len(noise), 960):
        assert audio.append(noise[at : at + 960]) == []
    kept = size(detection["prefix_padding_ms"] + 200)
    assert audio.take_silence(0, 5000) == bytes(len(noise) - kept) + noise[-kept:]


def test_an_hour_of_silence_fits_a_bound_of_seconds() -> None:
    audio = buffer(max_seconds=2)
    for _ in range(60):
        audio.append(silence(1000))
    assert audio.position_ms == 60_000


# --- formats -------------------------------------------------------------------------------------------------------


def test_a_change_of_format_keeps_what_came_before_it() -> None:
    audio = by_hand(**MULAW)
    audio.append(telephone(tone(500)))
    configured(audio, None, **PCM)
    assert audio.position_ms == 500
    audio.append(tone(500))
    configured(audio, None, **MULAW)
    audio.append(telephone(silence(250)))
    _, sound = audio.commit()
    assert len(sound) == size(1250)
    assert sound[size(500) : size(1000)] == tone(500)


def test_the_same_format_again_changes_nothing() -> None:
    audio, sound = by_hand(**MULAW), telephone(tone(500))
    for at in range(0, len(sound), 100):
        audio.append(sound[at : at + 100])
        configured(audio, None, **MULAW)
    whole = by_hand(**MULAW)
    whole.append(sound)
    assert audio.commit()[1] == whole.commit()[1]


def test_half_a_sample_waits_for_its_other_half() -> None:
    audio, sound = by_hand(), murmur(200)
    audio.append(sound[:4801])
    audio.append(sound[4801:])
    assert audio.commit()[1] == sound


# --- server detection ----------------------------------------------------------------------------------------------


def test_a_turn_is_announced_and_ends_with_its_padding_and_its_silence() -> None:
    audio = buffer()
    assert audio.append(SPEECH) == [TurnStarted("item_1", 660)]
    assert (audio.speaking, audio.announced) == (True, "item_1")
    assert audio.append(silence(2000)) == [TurnStopped("item_1", 2112, TURN[size(660) :])]
    assert (audio.speaking, audio.announced) == (False, "")
    assert audio.position_ms == 3600


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60_000), max_size=10))
def test_however_it_is_cut_the_turns_are_the_same(sizes: list[int]) -> None:
    stream = TURN + silence(1000) + TURN + silence(1000)
    whole, cut = buffer(), buffer()
    expected = whole.append(stream)
    found: list[TurnEvent] = []
    at = 0
    for step in (*sizes, len(stream)):
        found += cut.append(stream[at : at + step])
        at += step
    assert found == expected
    assert len(expected) == 4


def test_the_detector_follows_its_settings_even_within_a_turn() -> None:
    audio = buffer({**VAD, "prefix_padding_ms": 100, "silence_duration_ms": 320})
    assert audio.append(SPEECH) == [TurnStarted("item_1", 860)]
    configured(audio, {**VAD, "silence_duration_ms": 640})
    assert audio.append(silence(639)) == []
    assert audio.announced == "item_1"
    assert audio.append(silence(1)) == [TurnStopped("item_1", 2240, (SPEECH + silence(640))[size(860) :])]
    assert audio.append(silence(320) + tone(640)) == [TurnStarted("item_2", 2260)]


def test_a_threshold_decides_what_is_speech() -> None:
    quiet = b"\x60\x00\xa0\xff" * (size(640) // 4)  # between the thresholds 0.1 and 0.9 above silence
    heard = [buffer({**VAD, "threshold": t}).append(silence(960) + quiet) for t in (0.1, 0.9)]
    assert heard == [[TurnStarted("item_1", 660)], []]


@pytest.mark.parametrize("other", [None, SEMANTIC])
def test_another_kind_of_detection_starts_anew(other: dict[str, Any] | None) -> None:
    audio = buffer()
    audio.append(SPEECH)
    configured(audio, other)
    assert (audio.speaking, audio.announced) == (False, "")
    assert audio.append(silence(2000)) == []
    configured(audio, VAD)
    assert audio.append(SPEECH) == [TurnStarted("item_2", 3600 + 660)]


def test_detection_that_is_switched_off_detects_nothing() -> None:
    audio = buffer()
    configured(audio, None)
    assert audio.append(TURN) == []
    assert audio.commit() == ("item_1", TURN)


def test_detection_that_is_switched_on_counts_from_the_beginning_of_the_session() -> None:
    audio = by_hand()
    audio.append(silence(1000))
    configured(audio, VAD)
    assert audio.append(SPEECH + silence(512)) == [
        TurnStarted("item_1", 1660),
        TurnStopped("item_1", 3112, TURN[size(660) :]),
    ]


def test_a_gap_is_not_carried_over_to_another_kind_of_detection() -> None:
    audio = buffer(SEMANTIC, transcriber=Knows("I would"))
    audio.append(SPEECH + silence(640))
    configured(audio, VAD)
    assert audio.append(silence(8000)) == []


def test_an_unknown_kind_of_detection_is_none() -> None:
    audio = buffer({"type": "telepathy"})
    assert audio.append(TURN) == []
    assert audio.commit() == ("item_1", TURN)


# --- commits and clears between turns ------------------------------------------------------------------------------


def test_a_commit_within_a_turn_takes_the_turn_so_far() -> None:
    audio = buffer()
    audio.append(SPEECH)
    assert audio.commit() == ("item_1", SPEECH[size(660) :])
    assert (audio.speaking, audio.announced) == (False, "")
    assert audio.append(silence(2000)) == []


def test_only_speech_counts_while_detection_is_on() -> None:
    audio = buffer()
    audio.append(silence(900))
    assert "only has 0.00ms" in refused(audio)


def test_speech_that_goes_on_after_a_commit_is_a_turn_of_its_own() -> None:
    audio = buffer()
    audio.append(silence(960) + tone(330))
    audio.commit()  # at 1290 ms; the detector stands at 1280
    assert audio.append(tone(310) + silence(512)) == [
        TurnStarted("item_2", 1280),
        TurnStopped("item_2", 2112, tone(310) + silence(512)),
    ]


@pytest.mark.parametrize("act", ["commit", "clear"])
def test_a_gap_ends_with_the_turn_that_a_client_takes(act: str) -> None:
    audio = buffer(SEMANTIC, transcriber=Knows("I would"))
    audio.append(SPEECH + silence(640))
    getattr(audio, act)()
    assert audio.append(silence(8000)) == []


def test_the_silence_of_an_idle_caller_is_what_is_left_of_it() -> None:
    audio, sound = by_hand(), murmur(1000)
    audio.append(sound)
    assert audio.take_silence(0, 640) == sound[: size(640)]
    assert audio.take_silence(320, 960) == bytes(size(320)) + sound[size(640) : size(960)]
    assert audio.take_silence(0, 320) == bytes(size(960))
    assert audio.append(b"") == []
    assert audio.position_ms == 1000


# --- semantic detection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "eagerness", "ms"),
    [
        *(("", eagerness, ms) for eagerness, ms in (("low", 2000), ("medium", 1000), ("auto", 1000), ("high", 500))),
        *(
            ("I would", eagerness, ms)
            for eagerness, ms in (("low", 8000), ("medium", 4000), ("auto", 4000), ("high", 2000))
        ),
        *((f"Yes{end}", "low", 320) for end in (".", "?", "!", ". ")),
        ("Well, no. I", "high", 2000),
    ],
)
def test_how_long_a_caller_is_waited_for(words: str, eagerness: str, ms: int) -> None:
    assert wait_after(words, eagerness) == ms


@pytest.mark.parametrize("inside_one_event", [True, False])
@pytest.mark.parametrize(
    ("words", "eagerness", "wait"),
    [("Yes.", "low", 320), ("I would", "high", 2000), ("", "high", 500), ("I would", None, 4000)],
)
def test_a_turn_ends_when_the_words_have_been_waited_for(
    words: str, eagerness: str | None, wait: int, inside_one_event: bool
) -> None:
    knows = Knows(words)
    audio = buffer({"type": "semantic_vad", "eagerness": eagerness}, transcriber=knows)
    sound = SPEECH + silence(wait + 32)
    found: list[TurnEvent] = []
    for at in range(0, len(sound), len(sound) if inside_one_event else 1536):
        found += audio.append(sound[at : at + (len(sound) if inside_one_event else 1536)])
    turn = sound[size(660) : size(1600 + wait)]
    assert found == [TurnStarted("item_1", 660), TurnStopped("item_1", 1600 + wait, turn)]
    assert knows.asked == [sound[size(660) : size(1920)]]


def test_a_gap_after_words_that_cannot_be_had_ends_the_turn_as_one_without_words() -> None:
    class Fails:
        def transcribe(self, audio: bytes) -> str:
            raise ServerError("No such model.", code="DeploymentNotFound")

    said = SPEECH + silence(1000)
    assert buffer(SEMANTIC, transcriber=Fails()).append(said) == [
        TurnStarted("item_1", 660),
        TurnStopped("item_1", 2600, said[size(660) : size(2600)]),
    ]


def test_a_turn_lasts_until_the_very_moment_it_is_waited_for() -> None:
    audio = buffer(SEMANTIC, transcriber=Knows("I would"))
    audio.append(SPEECH + silence(3999))
    assert audio.speaking
    (stopped,) = audio.append(silence(1))
    assert isinstance(stopped, TurnStopped)
    assert stopped.audio_end_ms == 5600


def test_who_goes_on_after_a_gap_has_said_it_all_in_one_turn() -> None:
    knows = Knows("I would")
    audio = buffer(SEMANTIC, transcriber=knows)
    said = SPEECH + silence(960) + tone(640) + silence(4000)
    first, again, stopped = audio.append(said)
    assert (first, again) == (TurnStarted("item_1", 660), TurnStarted("item_2", 2260))
    assert stopped == TurnStopped("item_2", 7200, said[size(660) :])
    assert knows.asked == [said[size(660) : size(1920)], said[size(660) : size(3520)]]


def test_who_speaks_after_the_wait_begins_another_turn_even_inside_one_event() -> None:
    said = SPEECH + silence(960) + tone(640) + silence(320)
    assert buffer(SEMANTIC, transcriber=Knows("Yes.")).append(said) == [
        TurnStarted("item_1", 660),
        TurnStopped("item_1", 1920, said[size(660) : size(1920)]),
        TurnStarted("item_2", 2260),
        TurnStopped("item_2", 3520, said[size(2260) :]),
    ]


def test_semantic_detection_has_numbers_of_its_own() -> None:
    audio = buffer({**VAD, "prefix_padding_ms": 0, "threshold": 1.0})
    configured(audio, SEMANTIC)
    assert audio.append(SPEECH) == [TurnStarted("item_1", 660)]
