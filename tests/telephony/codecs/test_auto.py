from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from realtime_transport.audio.formats import PCMU
from realtime_transport.exceptions import StateError
from realtime_transport.telephony.codecs import (
    AutoCodec,
    CallStarted,
    MediaReceived,
    MessageIgnored,
    make_codec,
)
from realtime_transport.telephony.codecs.auto import MAX_EARLY
from tests.telephony.codecs.conversations import AUDIOSOCKET_START, GENESYS_OPEN, STARTS


def auto() -> AutoCodec:
    return AutoCodec(make_codec)


@pytest.mark.parametrize("carrier", STARTS)
def test_is_the_carriers_codec_from_its_first_word_on(carrier: str) -> None:
    codec, plain = auto(), make_codec(carrier)
    assert isinstance(make_codec("auto"), AutoCodec)
    told = [event for message in STARTS[carrier] for event in codec.receive(message)]
    assert told == [event for message in STARTS[carrier] for event in plain.receive(message)]
    assert codec.found is not None
    assert type(codec.found) is type(plain)
    assert codec.replies() == plain.replies()
    assert codec.capabilities == plain.capabilities
    assert (codec.input_format, codec.output_format) == (plain.input_format, plain.output_format)
    assert codec.frame_bytes == plain.frame_bytes
    audio = bytes(2 * codec.frame_bytes)
    able = plain.capabilities
    verbs: list[tuple[bool, Callable[[Any], list[Any]]]] = [
        (True, lambda each: each.media(audio)),
        (able.has_marks, lambda each: each.mark("a")),
        (able.can_clear, lambda each: each.clear()),
        (able.dtmf_out, lambda each: each.dtmf("1")),
        (able.can_hang_up, lambda each: each.hang_up()),
    ]
    for can, verb in verbs:
        if can:
            assert verb(codec) == verb(plain)


def test_nothing_is_said_before_somebody_is_known() -> None:
    codec = auto()
    assert codec.receive('{"event": "connected"}') == []
    assert codec.replies() == []
    assert (codec.input_format, codec.output_format, codec.frame_bytes) == (PCMU, PCMU, 1)
    for verb in (
        lambda: codec.media(b"a"),
        lambda: codec.mark("a"),
        codec.clear,
        lambda: codec.dtmf("1"),
        codec.hang_up,
    ):
        with pytest.raises(StateError, match="who it is"):
            verb()
    with pytest.raises(StateError):
        codec._media(b"a")


def test_a_stream_may_come_byte_by_byte() -> None:
    codec = auto()
    told = [event for byte in AUDIOSOCKET_START for event in codec.receive(bytes([byte]))]
    assert [type(event) for event in told] == [CallStarted]


def test_audio_before_the_start_is_told_with_it() -> None:
    codec = auto()
    assert codec._receive(b"ab") == []
    assert [type(event) for event in codec.receive(GENESYS_OPEN)] == [MediaReceived, CallStarted]


def test_somebody_who_never_says_it_is_not_kept_for_ever() -> None:
    codec = auto()
    for _ in range(MAX_EARLY):
        assert codec.receive("what?") == []
    (ignored,) = codec.receive("what?")
    assert isinstance(ignored, MessageIgnored)
