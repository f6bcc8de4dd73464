"""Envelopes: right level, right time, whatever the pieces; what is cut is in the other one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio.envelope import BIN_MS, Envelope


def square(level: float, ms: float, rate: int = 24_000) -> bytes:
    samples = np.full(int(ms * rate / 1000), level * 32768).clip(-32768, 32767)
    return samples.astype("<i2").tobytes()


def test_a_level_is_found_at_its_time() -> None:
    envelope = Envelope()
    envelope.add(square(1.0, 100), 200)
    envelope.add(square(0.25, 100), 300)
    found = [envelope.level(at) for at in (-1, 199, 200, 299, 300, 399, 400, 10**7)]
    assert found == pytest.approx([0, 0, 1, 1, 0.25, 0.25, 0, 0], abs=1e-4)


def test_nothing_has_no_level() -> None:
    envelope = Envelope()
    envelope.add(b"", 100)
    assert envelope.level(0) == 0
    assert len(envelope.levels()) == 0


def test_a_cut_moves_the_rest_elsewhere() -> None:
    envelope, ghost = Envelope(8000), Envelope(8000)
    envelope.add(square(0.5, 1000, 8000), 0)
    envelope.cut(400, ghost)
    assert envelope.levels().tolist() == pytest.approx([0.5] * 20)
    assert ghost.levels().tolist() == pytest.approx([0] * 20 + [0.5] * 30)
    envelope.add(square(0.25, 100, 8000), 500)
    envelope.cut(560)
    assert envelope.levels().tolist() == pytest.approx([0.5] * 20 + [0] * 5 + [0.25] * 3)
    envelope.cut(10_000, ghost)
    assert (len(envelope.levels()), len(ghost.levels())) == (28, 50)


@given(
    cuts=st.lists(st.integers(0, 3000), max_size=9),
    at_ms=st.integers(0, 200_000),
    rate=st.sampled_from([8000, 24000]),
)
@settings(max_examples=50, deadline=None)
def test_the_pieces_make_no_difference(cuts: list[int], at_ms: int, rate: int) -> None:
    audio = np.random.default_rng(4).integers(-32768, 32768, 3000).astype("<i2").tobytes()
    whole, pieces = Envelope(rate), Envelope(rate)
    whole.add(audio, at_ms)
    for begin, end in itertools.pairwise([0, *sorted(cuts), 3000]):
        pieces.add(audio[2 * begin : 2 * end], at_ms + begin * 1000 / rate)
    assert np.allclose(pieces.levels(), whole.levels())
    assert not whole.levels()[: at_ms // BIN_MS].any()
    assert whole.levels()[at_ms // BIN_MS :].all()
