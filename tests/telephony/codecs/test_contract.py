"""What every carrier's codec promises, whatever the carrier."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation
from realtime_transport.telephony.codecs import (
    CODECS,
    CallStarted,
    CarrierCodec,
    MediaReceived,
    MessageIgnored,
    make_codec,
    recognise,
)
from realtime_transport.telephony.codecs.base import MAX_MESSAGE
from realtime_transport.testing import virtual_time
from realtime_transport.testing.carriers import FAKES, CallRecord, FakeSocket, Speak, Wait
from tests.telephony.codecs.conversations import STARTS

ORIGINALS = sorted(STARTS)
EVERY = pytest.mark.parametrize("carrier", ORIGINALS)


def started(carrier: str) -> CarrierCodec:
    codec = make_codec(carrier)
    for message in STARTS[carrier]:
        codec.receive(message)
    codec.replies()
    return codec


@EVERY
def test_starts_one_call_with_names_and_a_format(carrier: str) -> None:
    codec = make_codec(carrier)
    events = [event for message in STARTS[carrier] for event in codec.receive(message)]
    (start,) = [event for event in events if isinstance(event, CallStarted)]
    assert start.call_id
    assert start.stream_id
    assert start.format == codec.input_format
    assert codec.input_format in codec.capabilities.formats
    assert codec.output_format in codec.capabilities.formats


@EVERY
def test_is_recognised_by_what_it_says_first(carrier: str) -> None:
    assert [found for message in STARTS[carrier] if (found := recognise(message))] == [carrier]


@EVERY
def test_plays_whole_frames_and_splits_what_is_long(carrier: str) -> None:
    codec = started(carrier)
    size = codec.frame_bytes
    assert codec.media(b"") == []
    assert len(codec.media(bytes(size))) == 1
    minute = codec.output_format.bytes_for(60_000)
    messages = codec.media(bytes(minute - minute % size))
    assert all(len(message) <= 2 * codec.capabilities.max_message_bytes for message in messages)


@EVERY
def test_refuses_part_of_a_frame(carrier: str) -> None:
    codec = started(carrier)
    if codec.frame_bytes == 1:
        assert codec.media(b"\xff")
        return
    with pytest.raises(InvalidArgument, match=f"whole frames of {codec.frame_bytes} bytes"):
        codec.media(bytes(codec.frame_bytes + 1))


@EVERY
def test_does_what_it_declares_and_refuses_the_rest(carrier: str) -> None:
    codec = started(carrier)
    can = codec.capabilities
    verbs: list[tuple[bool, Callable[[], list[Any]]]] = [
        (can.can_clear, codec.clear),
        (can.has_marks, lambda: codec.mark("m1")),
        (can.dtmf_out, lambda: codec.dtmf("12#")),
        (can.can_hang_up, codec.hang_up),
    ]
    for able, verb in verbs:
        if able:
            assert len(verb()) == 1
        else:
            with pytest.raises(UnsupportedOperation, match=carrier):
                verb()


@EVERY
def test_writes_less_ahead_where_nothing_can_be_taken_back(carrier: str) -> None:
    can = make_codec(carrier).capabilities
    assert can.lead_ms <= can.max_ahead_ms
    assert can.can_clear or can.lead_ms <= 40
    assert can.can_clear or not can.acknowledges_clear


@EVERY
def test_passes_over_what_it_does_not_know(carrier: str) -> None:
    codec = started(carrier)
    (event,) = codec.receive('{"event": "brand.new", "type": "brand.new"}')
    assert isinstance(event, MessageIgnored)
    assert "brand.new" in event.reason or carrier == "audiosocket"


@EVERY
def test_passes_over_a_message_that_is_too_long(carrier: str) -> None:
    if carrier == "audiosocket":
        return  # a stream has no messages
    (event,) = started(carrier).receive("x" * (MAX_MESSAGE + 1))
    assert isinstance(event, MessageIgnored)
    assert "65537" in event.reason


@EVERY
def test_shows_neither_keys_nor_audio_nor_tokens(carrier: str) -> None:
    codec = make_codec(carrier)
    shown = [repr(event) for message in STARTS[carrier] for event in codec.receive(message)]
    assert "t0ken" not in "".join(shown)


def test_every_carrier_can_be_made_and_a_mistyped_one_is_named() -> None:
    for name in CODECS:
        assert make_codec(name) is not make_codec(name)
    with pytest.raises(InvalidArgument, match=r"no carrier 'twillio'; there are .*twilio"):
        make_codec("twillio")


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", '{"event": "connected"}', '{"event": "start"}', '{"start": 5}', b"", b"\0\0", "MEDIA_XOFF"],
)
def test_recognises_nothing_in_what_several_may_say(message: str | bytes) -> None:
    assert recognise(message) is None


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["PCMU", "L16", "8000", "AAAA", "1e400", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "payload", "digit", "format", "channels", "rate", "encoding", "sampleRate"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
NAMES = """event type start media mark dtmf stop payload parameters participant mediaFormat media_format extra_headers
connected seq id streamSid callSid customParameters inputVariables format optimal_frame_size channel_variables
content-type digit duration name chunk timestamp track streamId channels"""
KEYS = st.sampled_from(re.findall(r"\S+", NAMES))
OBJECTS = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=5) | VALUES, max_size=6)


def words_of(carrier: str) -> list[str]:
    return sorted(getattr(make_codec(carrier), "readers", {"": ""}))


@EVERY
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_never_raises_on_what_a_carrier_can_send(carrier: str, data: st.DataObject) -> None:
    codec = make_codec(carrier)
    word = st.sampled_from(words_of(carrier))
    messages = st.one_of(
        st.text(max_size=60),
        st.binary(max_size=40),
        st.builds(lambda word, more: json.dumps({**more, "event": word, "type": word}), word, OBJECTS),
        st.builds(lambda word, more: f"{word} {more}", word, st.text(max_size=30)),
    )
    for message in data.draw(st.lists(messages, max_size=6)):
        events = codec.receive(message)
        assert all(attrs.has(type(event)) for event in events)
        codec.replies()
    assert codec.frame_bytes > 0


@EVERY
@settings(max_examples=30)
@given(audio=st.binary(max_size=4000))
def test_media_comes_back_as_it_was(carrier: str, audio: bytes) -> None:
    """The carrier's side spells media as ours does on most carriers, so a codec can read what it wrote."""
    codec = started(carrier)
    whole = audio[: len(audio) - len(audio) % codec.frame_bytes] + bytes(codec.frame_bytes)
    heard = b""
    for message in codec.media(whole):
        text = message.replace('"playAudio"', '"media"') if isinstance(message, str) else message
        heard += b"".join(event.audio for event in codec.receive(text) if isinstance(event, MediaReceived))
    assert heard == whole


@EVERY
@settings(max_examples=15, deadline=None)
@given(frames=st.integers(0, 12), lengths=st.lists(st.integers(1, 3), max_size=6), seed=st.integers(0, 255))
def test_the_carrier_hears_what_was_written_and_we_hear_what_it_says(
    carrier: str, frames: int, lengths: list[int], seed: int
) -> None:
    """Whatever is given at once; and a real carrier would have found nothing to complain of."""
    codec = make_codec(carrier)
    said = bytes((seed + n) % 251 for n in range(frames * 4000))
    heard = b""

    async def answer(phone: FakeSocket) -> None:
        nonlocal heard
        loop = asyncio.get_running_loop()
        speaking = None
        while (message := await phone.receive()) is not None:
            for event in codec.receive(message):
                if isinstance(event, MediaReceived):
                    heard += event.audio
                elif isinstance(event, CallStarted):
                    speaking = loop.create_task(speak(phone))
            for reply in codec.replies():
                await phone.send(reply)
        if speaking is not None:
            await speaking

    async def speak(phone: FakeSocket) -> None:
        await asyncio.sleep(0.05)
        for count in lengths:
            for message in codec.media(bytes([seed]) * (count * codec.frame_bytes)):
                await phone.send(message)
            # One of them plays at once what it gets, and takes little ahead.
            await asyncio.sleep(codec.output_format.ms(count * codec.frame_bytes) / 1000)

    async def main() -> CallRecord:
        return await FAKES[carrier](answer).call(Speak(said), Wait(5))

    record = virtual_time.run(main())
    assert record.faults == ()
    written = sum(lengths) * codec.frame_bytes
    assert b"".join(each.data for each in record.stretches) == bytes([seed]) * written
    assert heard.startswith(record.said)
