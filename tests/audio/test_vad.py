"""Voice activity: every sentence found where it is, silence and clicks not, whatever the line and the pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio.vad import FRAME_MS, EnergyVad, SpeechStarted, SpeechStopped, VadEvent, VadSettings
from realtime_transport.exceptions import InvalidArgument
from tests.audio.chopping import chopped
from tests.audio.speech import call, clip, with_noise

SENTENCES = ("caller_hello", "caller_weather", "caller_stop", "caller_barge_in", "caller_goodbye")
SECOND = 48_000


def heard(audio: bytes, rate: int = 24_000, **changes: Any) -> list[VadEvent]:
    return EnergyVad(rate, VadSettings(**changes)).push(audio)


def noise(seconds: float, amplitude: float, seed: int = 3) -> bytes:
    samples = np.random.default_rng(seed).standard_normal(int(24_000 * seconds)) * amplitude
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def assert_found(events: list[VadEvent], spans: list[tuple[float, float]], slack_ms: float) -> None:
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped] * len(spans)
    for started, stopped, (begin, end) in zip(events[::2], events[1::2], spans, strict=True):
        assert abs(started.ms + 300 - begin) <= slack_ms
        assert abs(stopped.ms - 512 - end) <= slack_ms


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 22050])
def test_finds_every_sentence_on_a_silent_line(rate: int) -> None:
    audio, spans = call(*SENTENCES, rate=rate)
    assert_found(heard(audio, rate), spans, 80)  # a soft consonant may go before


@pytest.mark.parametrize("pink", [False, True], ids=["white", "pink"])
@pytest.mark.parametrize(("snr_db", "slack_ms"), [(30, 64), (20, 160), (15, 160)])
def test_finds_every_sentence_in_noise(snr_db: float, slack_ms: float, pink: bool) -> None:
    audio, spans = call(*SENTENCES)
    assert_found(heard(with_noise(audio, snr_db, pink=pink)), spans, slack_ms)


@pytest.mark.parametrize("amplitude", [0, 1, 30, 300])
def test_silence_and_steady_noise_are_no_speech(amplitude: float) -> None:
    assert heard(noise(20, amplitude)) == []


def test_an_offset_of_the_line_is_no_speech() -> None:
    assert heard(np.full(240_000, 9000, dtype="<i2").tobytes()) == []


def test_a_noise_that_begins_is_given_up_within_two_seconds_and_a_half() -> None:
    events = heard(bytes(2 * SECOND) + noise(8, 1500))
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]
    assert events[1].ms < 2000 + 2500


@pytest.mark.parametrize("width_ms", [1, 5, 30])
def test_clicks_are_no_speech(width_ms: int) -> None:
    audio = np.zeros(240_000, dtype="<i2")
    for at in range(5000, 240_000, 24_000):
        audio[at : at + 24 * width_ms] = 25_000 * (-1) ** np.arange(24 * width_ms)
    assert heard(audio.tobytes()) == []


def test_speech_from_the_first_sample_begins_at_zero() -> None:
    first = heard(clip("caller_weather"))[0]
    assert first == SpeechStarted(ms=0, noticed_ms=first.noticed_ms)
    assert first.noticed_ms <= 160


def test_times_lie_on_the_grid_of_the_service() -> None:
    audio, _ = call(*SENTENCES, lead_ms=1013)
    for event in heard(audio):
        assert (event.ms + 300 * isinstance(event, SpeechStarted)) % FRAME_MS == 0


def test_speech_is_noticed_within_a_tenth_of_a_second() -> None:
    audio, _ = call("caller_weather")
    started = heard(audio)[0]
    assert isinstance(started, SpeechStarted)
    assert started.noticed_ms - (started.ms + 300) == 96


@pytest.mark.parametrize(("silence_ms", "counted"), [(0, 32), (200, 224), (500, 512), (800, 800)])
def test_the_silence_that_ends_speech_is_as_long_as_asked_and_part_of_it(silence_ms: int, counted: int) -> None:
    audio, _ = call("caller_weather", gap_ms=2000)
    long = heard(audio, silence_duration_ms=500)[-1]
    events = heard(audio, silence_duration_ms=silence_ms)
    assert events[-1].ms == long.ms - 512 + counted


def test_a_pause_shorter_than_the_silence_does_not_split_the_turn() -> None:
    audio, _ = call("caller_stop", "caller_goodbye", gap_ms=350)
    assert len(heard(audio + bytes(SECOND))) == 2
    assert len(heard(audio + bytes(SECOND), silence_duration_ms=200)) == 4


@pytest.mark.parametrize("padding_ms", [0, 96, 300])
def test_padding_comes_before_the_speech(padding_ms: int) -> None:
    audio, _ = call("caller_weather")
    assert heard(audio, prefix_padding_ms=padding_ms)[0].ms == heard(audio)[0].ms + 300 - padding_ms


def test_padding_never_reaches_into_the_speech_before() -> None:
    audio, _ = call("caller_stop", "caller_stop", gap_ms=560)
    events = heard(audio, prefix_padding_ms=2000)
    assert len(events) == 4
    assert events[2].ms == events[1].ms


def test_a_higher_threshold_needs_louder_speech() -> None:
    # A murmur 9 dB above the noise.
    audio, _ = call("caller_weather")
    murmur = with_noise(audio, 9, pink=True)[: 5 * SECOND]
    onsets = [
        sum(isinstance(event, SpeechStarted) for event in heard(bytes(2 * SECOND) + murmur, threshold=threshold))
        for threshold in (0.0, 1.0)
    ]
    assert onsets[0] > 0
    assert heard(bytes(2 * SECOND) + audio, threshold=1.0) != []
    quiet = (np.frombuffer(audio, dtype="<i2") // 40).astype("<i2").tobytes()
    assert heard(quiet, threshold=0.2) != []
    assert heard(quiet, threshold=1.0) == []


def test_settings_may_change_within_speech() -> None:
    audio, spans = call("caller_weather", gap_ms=3000)
    middle = int(spans[0][1] * 48) // 2 * 2
    vad = EnergyVad()
    assert [type(event) for event in vad.push(audio[:middle])] == [SpeechStarted]
    vad.settings = VadSettings(silence_duration_ms=1600)
    (stopped,) = vad.push(audio[middle:])
    assert stopped.ms == heard(audio)[-1].ms - 512 + 1600


def test_forgotten_speech_is_noticed_anew() -> None:
    audio, spans = call("caller_weather")
    middle = int(sum(spans[0]) / 2 * 48) // 2 * 2
    vad = EnergyVad()
    vad.push(audio[:middle])
    assert vad.speaking
    vad.forget_speech()
    assert not vad.speaking
    cleared_at = vad.position_ms
    started, stopped = vad.push(audio[middle:])
    assert started.ms == cleared_at
    assert stopped == heard(audio)[-1]


def test_position_and_noise_are_told() -> None:
    vad = EnergyVad()
    assert (vad.position_ms, vad.noise_db) == (0, -60.0)
    vad.push(noise(3, 328))
    assert vad.position_ms == 2976
    assert -42 < vad.noise_db < -40


@given(data=st.data(), seed=st.integers(0, 999), snr_db=st.sampled_from([5, 20]), rate=st.sampled_from([8000, 22050]))
@settings(max_examples=25, deadline=None)
def test_the_pieces_make_no_difference(data: st.DataObject, seed: int, snr_db: float, rate: int) -> None:
    audio = with_noise(call("caller_stop", rate=rate, lead_ms=300)[0], snr_db, seed=seed)
    vad = EnergyVad(rate)
    events = [event for piece in data.draw(chopped(audio, 40)) for event in vad.push(piece)]
    assert events == heard(audio, rate)


@given(levels=st.lists(st.sampled_from([0, 1, 40, 400, 4000, 20_000]), max_size=80), silence=st.integers(0, 700))
@settings(max_examples=60, deadline=None)
def test_started_and_stopped_alternate_in_order(levels: list[int], silence: int) -> None:
    audio = b"".join(noise(0.05, level, seed=i) for i, level in enumerate(levels))
    vad = EnergyVad(settings=VadSettings(silence_duration_ms=silence))
    events = vad.push(audio)
    assert [type(event) for event in events] == ([SpeechStarted, SpeechStopped] * len(events))[: len(events)]
    assert [event.ms for event in events] == sorted(event.ms for event in events)
    assert vad.speaking == (len(events) % 2 == 1)
    assert all(event.ms <= vad.position_ms for event in events)


@pytest.mark.parametrize(
    "fields",
    [
        {"threshold": -0.1},
        {"threshold": 1.01},
        {"threshold": float("nan")},
        {"threshold": "0.5"},
        {"prefix_padding_ms": -1},
        {"silence_duration_ms": 10**9},
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        VadSettings(**fields)
    assert caught.value.path == next(iter(fields))
