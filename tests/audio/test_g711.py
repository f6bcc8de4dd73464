"""G.711 against an independent reference (libsndfile): all 256 codes and all 65,536 samples, both laws."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf

from realtime_transport.audio.g711 import DECODERS, ENCODERS, pcm16_to_pcma, pcm16_to_pcmu, pcma_to_pcm16, pcmu_to_pcm16
from realtime_transport.exceptions import InvalidArgument

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype("<i2")
SUBTYPES = {"pcmu": "ULAW", "pcma": "ALAW"}


@pytest.mark.parametrize("law", SUBTYPES)
def test_every_sample_is_compressed_as_the_reference_does(law: str) -> None:
    reference = io.BytesIO()
    sf.write(reference, EVERY_SAMPLE, 8000, format="RAW", subtype=SUBTYPES[law])
    assert ENCODERS[law](EVERY_SAMPLE.tobytes()) == reference.getvalue()


@pytest.mark.parametrize("law", SUBTYPES)
def test_every_code_is_expanded_as_the_reference_does(law: str) -> None:
    reference, _ = sf.read(
        io.BytesIO(EVERY_CODE), dtype="int16", format="RAW", subtype=SUBTYPES[law], samplerate=8000, channels=1
    )
    assert DECODERS[law](EVERY_CODE) == reference.astype("<i2").tobytes()


def test_a_code_survives_the_round_trip() -> None:
    assert pcm16_to_pcma(pcma_to_pcm16(EVERY_CODE)) == EVERY_CODE
    # mu-law alone has two zeros; the negative one comes back as the positive one.
    assert pcm16_to_pcmu(pcmu_to_pcm16(EVERY_CODE)) == EVERY_CODE.replace(b"\x7f", b"\xff")


def test_silence_and_the_ends_of_the_scale() -> None:
    assert (pcm16_to_pcmu(b"\0\0"), pcm16_to_pcma(b"\0\0")) == (b"\xff", b"\xd5")
    loudest = np.array([-32768, 32767], dtype="<i2").tobytes()
    assert np.frombuffer(pcmu_to_pcm16(pcm16_to_pcmu(loudest)), dtype="<i2").tolist() == [-32124, 32124]
    assert np.frombuffer(pcma_to_pcm16(pcm16_to_pcma(loudest)), dtype="<i2").tolist() == [-32256, 32256]
    assert pcm16_to_pcmu(b"") == pcmu_to_pcm16(b"") == b""


@pytest.mark.parametrize("encode", ENCODERS.values())
def test_half_a_sample_is_refused(encode: object) -> None:
    with pytest.raises(InvalidArgument, match="3 bytes"):
        encode(b"\0\0\0")  # type: ignore[operator]
