"""Framing: nothing is lost, doubled or reordered, and every frame is whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCMA, PCMU, AudioFormat
from realtime_transport.audio.framing import Framer, SampleAligner
from realtime_transport.exceptions import InvalidArgument
from tests.audio.chopping import chopped

FORMATS = st.sampled_from([PCM16_8K, PCM16_16K, PCMU, PCMA, AudioFormat(encoding="pcm16", rate=8000, channels=2)])


@given(data=st.data(), fmt=FORMATS, ms=st.sampled_from([0.125, 1.0, 20.0, 40.0]), audio=st.binary(max_size=2000))
@settings(deadline=None)
def test_frames_are_the_stream_cut_into_equal_pieces(
    data: st.DataObject, fmt: AudioFormat, ms: float, audio: bytes
) -> None:
    framer = Framer(fmt, ms)
    frames = []
    for piece in data.draw(chopped(audio)):
        frames += framer.push(piece)
        assert framer.pending_bytes < framer.frame_bytes
    frames += framer.flush()
    whole = len(audio) - len(audio) % fmt.bytes_per_sample
    assert all(len(frame) == fmt.bytes_for(ms) for frame in frames)
    joined = b"".join(frames)
    assert joined[:whole] == audio[:whole]
    assert len(joined) - whole < framer.frame_bytes
    padding = joined[whole:]
    assert padding == fmt.silence(fmt.ms(len(padding)))[: len(padding)] or fmt.channels > 1
    assert framer.pending_bytes == 0


def test_flush_pads_with_the_silence_of_the_encoding() -> None:
    framer = Framer(PCMU)
    assert framer.push(b"\x01" * 161) == [b"\x01" * 160]
    assert framer.flush() == [b"\x01" + b"\xff" * 159]
    assert framer.flush() == []


def test_half_a_sample_alone_makes_no_frame() -> None:
    framer = Framer(PCM16_8K)
    framer.push(b"\x01")
    assert framer.flush() == []


def test_clear_drops_what_was_started() -> None:
    framer = Framer(PCMA)
    framer.push(b"\x01" * 100)
    framer.clear()
    assert (framer.pending_bytes, framer.push(b"\x02" * 160)) == (0, [b"\x02" * 160])


def test_a_frame_holds_a_sample_at_least() -> None:
    with pytest.raises(InvalidArgument, match="less than one sample"):
        Framer(PCMU, 0.1)


@given(data=st.data(), fmt=FORMATS, audio=st.binary(max_size=300))
@settings(deadline=None)
def test_the_aligner_gives_whole_samples_as_early_as_it_can(
    data: st.DataObject, fmt: AudioFormat, audio: bytes
) -> None:
    aligner = SampleAligner(fmt)
    given_bytes, taken = 0, b""
    for piece in data.draw(chopped(audio)):
        given_bytes += len(piece)
        taken += aligner.push(piece)
        assert len(taken) == given_bytes - given_bytes % fmt.frame_bytes
        assert aligner.held == given_bytes % fmt.frame_bytes
    assert audio.startswith(taken)
    aligner.clear()
    assert aligner.push(bytes(fmt.frame_bytes)) == bytes(fmt.frame_bytes)
