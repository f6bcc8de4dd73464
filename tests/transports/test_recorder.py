"""Recordings: all that was said is in them, at its time, without secrets; whatever befalls disk, process or format."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import resource
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_transport.audio.g711 import pcmu_to_pcm16
from realtime_transport.events import (
    AudioConfig,
    AudioDoneEvent,
    AudioEvent,
    AudioHeardEvent,
    AudioInputConfig,
    AudioInterruptedEvent,
    AudioOutputConfig,
    ConnectionChangeEvent,
    Cut,
    ErrorEvent,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    McpTool,
    PcmFormat,
    PcmuFormat,
    RawEvent,
    RealtimeSessionConfig,
    ResponseOutputAudioDelta,
    SentEvent,
    SessionUpdate,
    SessionUpdatedEvent,
    UnknownObject,
    UnknownServerEvent,
)
from realtime_transport.exceptions import DecodeError, InvalidArgument, ListenerError, PayloadTooLarge, RequestTimeout
from realtime_transport.secret import MASK
from realtime_transport.testing import virtual_time
from realtime_transport.transports import LoopbackTransport
from realtime_transport.transports.recorder import Recorder, record
from realtime_transport.transports.recording import (
    MAX_LINE,
    Recording,
    frame_line,
    header_line,
    masked,
    read_recording,
)
from tests.audio.speech import clip
from tests.console.wire import Wire, level


def runs(samples: np.ndarray) -> list[tuple[int, float]]:
    """Spell a track as (value, ms) pairs."""
    edges = [0, *(np.flatnonzero(np.diff(samples)) + 1), len(samples)]
    return [(int(samples[a]), round((b - a) / 24, 3)) for a, b in itertools.pairwise(edges) if b > a]


def held(folder: Path, call: Callable[[Wire, Recorder], Awaitable[None]], wire: Wire | None = None) -> Wire:
    """Hold a call under virtual time, recorded."""
    wire_used = wire or Wire()

    async def main() -> None:
        async with record(wire_used, folder) as recorder:
            await call(wire_used, recorder)

    virtual_time.run(main())
    return wire_used


def heard(folder: Path) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    data, rate = sf.read(folder / "call.wav", dtype="int16")
    assert rate == 24_000
    return runs(data[:, 0]), runs(data[:, 1])


def lines(folder: Path) -> list[tuple[float, str, dict[str, Any]]]:
    return [(line.t_ms, line.side, line.frame) for line in read_recording(folder)]


@contextmanager
def small_disk(room: int) -> Iterator[None]:
    """Let files grow to ``room`` bytes only: the system call fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- the frames ----------------------------------------------------------------------------------------------------


def test_every_frame_is_kept_with_its_side_and_its_time(tmp_path: Path) -> None:
    async def call(wire: Wire, _: Recorder) -> None:
        wire.emit(ConnectionChangeEvent(state="connecting", previous="disconnected"))
        await asyncio.sleep(0.5)
        wire.emit(RawEvent(event=UnknownServerEvent(type="vendor.new", raw={"type": "vendor.new", "x": [1, None]})))
        await asyncio.sleep(1.0)
        wire.emit(SentEvent(event=InputAudioBufferCommit(event_id="event_1")))
        # A loopback has no frame, only the event.
        delta = ResponseOutputAudioDelta(
            event_id="e", response_id="r", item_id="i", output_index=0, content_index=0, delta=b"\1\0"
        )
        wire.emit(RawEvent(event=delta))

    held(tmp_path, call)
    recorded = lines(tmp_path)
    assert recorded[:3] == [
        (0.0, "local", {"type": "connection_change", "state": "connecting", "previous": "disconnected"}),
        (500.0, "in", {"type": "vendor.new", "x": [1, None]}),
        (1500.0, "out", {"type": "input_audio_buffer.commit", "event_id": "event_1"}),
    ]
    t_ms, side, frame = recorded[3]
    assert (t_ms, side, frame["type"], frame["delta"]) == (1500.0, "in", "response.output_audio.delta", "AQA=")


def test_what_no_frame_tells_of_is_kept_too(tmp_path: Path) -> None:
    async def call(wire: Wire, _: Recorder) -> None:
        wire.interrupted(item_1=120)
        wire.emit(AudioHeardEvent(response_id="r", item_id="i", content_index=0, heard_ms=7))
        wire.emit(ErrorEvent(error=RequestTimeout("no answer to sk-abcdefghijklmn"), event_id="event_1"))

    held(tmp_path, call)
    cut = {"response_id": "resp_1", "item_id": "item_1", "content_index": 0, "heard_ms": 120, "received_ms": 9999}
    assert [frame for _, _, frame in lines(tmp_path)] == [
        {"type": "audio_interrupted", "cuts": [cut], "by": "caller"},
        {"type": "audio_heard", "response_id": "r", "item_id": "i", "content_index": 0, "heard_ms": 7},
        {
            "type": "error",
            "error": {"class": "RequestTimeout", "message": f"no answer to {MASK}"},
            "event_id": "event_1",
            "path": "",
        },
    ]


def test_audio_payloads_are_kept_byte_for_byte(tmp_path: Path) -> None:
    async def call(wire: Wire, _: Recorder) -> None:
        wire.caller(513, 0.125)

    held(tmp_path, call)
    assert lines(tmp_path) == [(0.0, "out", {"type": "input_audio_buffer.append", "audio": "AQIBAgEC"})]


def test_secrets_never_reach_the_disk(tmp_path: Path) -> None:
    canary = "canary-0123456789"
    tool = McpTool(server_label="s", server_url="https://x", authorization=canary, headers={"X-Key": canary})
    config = RealtimeSessionConfig(instructions="Use sk-canary0123456789 or ek_canary0123456789.", tools=(tool,))

    async def call(wire: Wire, _: Recorder) -> None:
        wire.emit(SentEvent(event=SessionUpdate(session=config)))
        raw = {"type": "session.created", "session": {"client_secret": {"value": canary, "expires_at": 7}}}
        wire.emit(RawEvent(event=UnknownServerEvent(type="session.created", raw=raw)))

    held(tmp_path, call)
    assert "canary" not in (tmp_path / "call.jsonl").read_text()
    (_, _, sent), (_, _, received) = lines(tmp_path)
    assert sent["session"]["instructions"] == f"Use {MASK} or {MASK}."
    assert sent["session"]["tools"][0]["server_url"] == "https://x"
    assert received["session"]["client_secret"] == {"value": MASK, "expires_at": 7}


def test_pressed_keys_are_masked_unless_asked_for() -> None:
    frame = {"type": "input_audio_buffer.dtmf_event_received", "event": "5", "received_at": 1}
    assert masked(frame) == {**frame, "event": MASK}
    assert masked(frame, keep_dtmf=True) == frame


def test_what_is_nested_beyond_reason_is_masked() -> None:
    deep: Any = "bottom"
    for _ in range(5000):
        deep = [deep]
    assert MASK in json.dumps(masked({"type": "x", "deep": deep}))


# --- the sound -----------------------------------------------------------------------------------------------------


def test_the_caller_lies_where_it_was_sent_and_the_agent_where_it_was_heard(tmp_path: Path) -> None:
    async def call(wire: Wire, _: Recorder) -> None:
        await asyncio.sleep(1)
        for _ in range(10):
            wire.caller(100, 20)
            await asyncio.sleep(0.02)
        # Generated in an instant, heard in two seconds, one item after the other.
        wire.agent(300, 1000)
        wire.agent(300, 500)
        wire.agent(400, 500, "item_2")
        await asyncio.sleep(3)
        wire.caller(200, 20)

    held(tmp_path, call)
    left, right = heard(tmp_path)
    assert left == [(0, 1000), (100, 200), (0, 3000), (200, 20)]
    assert right == [(0, 1200), (300, 1500), (400, 500), (0, 1020)]


def test_speech_that_was_cut_ends_where_it_was_cut(tmp_path: Path) -> None:
    async def call(wire: Wire, _: Recorder) -> None:
        wire.agent(300, 2000)
        wire.agent(400, 500, "item_2")
        await asyncio.sleep(0.7)
        wire.interrupted(item_1=650, item_2=0)
        await asyncio.sleep(0.3)
        wire.agent(500, 100, "item_3")

    held(tmp_path, call)
    assert heard(tmp_path)[1] == [(300, 650), (0, 350), (500, 100)]


def test_a_cut_of_what_was_never_recorded_changes_nothing(tmp_path: Path) -> None:
    async def call(wire: Wire, _: Recorder) -> None:
        wire.agent(300, 100)
        wire.interrupted(item_9=0)

    held(tmp_path, call)
    assert heard(tmp_path)[1] == [(300, 100)]


def test_lateness_of_the_caller_is_no_gap_and_a_pause_is_one(tmp_path: Path) -> None:
    async def call(wire: Wire, _: Recorder) -> None:
        for delay in (0.02, 0.09, 0.0, 0.02):
            wire.caller(100, 20)
            await asyncio.sleep(delay)
        await asyncio.sleep(1)
        wire.caller(200, 20)

    held(tmp_path, call)
    assert heard(tmp_path)[0] == [(100, 80), (0, 1050), (200, 20)]


def test_telephone_formats_are_converted(tmp_path: Path) -> None:
    config = RealtimeSessionConfig(
        audio=AudioConfig(input=AudioInputConfig(format=PcmuFormat()), output=AudioOutputConfig(format=PcmuFormat()))
    )
    code = b"\x90"
    value = int(np.frombuffer(pcmu_to_pcm16(code), dtype="<i2")[0])

    async def call(wire: Wire, _: Recorder) -> None:
        for _ in range(50):
            wire.emit(SentEvent(event=InputAudioBufferAppend(audio=code * 160)))
            wire.emit(AudioEvent(data=code * 160, response_id="r", item_id="i", content_index=0))
            await asyncio.sleep(0.02)
        wire.emit(AudioDoneEvent(response_id="r", item_id="i", content_index=0))

    held(tmp_path, call, Wire(session=config))
    for side in sf.read(tmp_path / "call.wav", dtype="int16")[0].T:
        assert len(side) == 24_000
        assert set(side[200:-200].tolist()) == {value}


def test_a_new_format_counts_from_when_it_is_in_force(tmp_path: Path) -> None:
    def both(fmt: Any) -> SessionUpdatedEvent:
        config = AudioConfig(input=AudioInputConfig(format=fmt), output=AudioOutputConfig(format=fmt))
        return SessionUpdatedEvent(session=RealtimeSessionConfig(audio=config))

    async def call(wire: Wire, _: Recorder) -> None:
        wire.emit(both(PcmFormat(rate=24_000)))
        wire.agent(300, 100)
        wire.emit(both(UnknownObject(type="audio/opus")))
        wire.agent(999, 100)
        wire.caller(999, 100)
        wire.interrupted(item_1=100)
        wire.emit(AudioDoneEvent(response_id="resp_1", item_id="item_1", content_index=0))
        wire.emit(both(PcmFormat(rate=24_000)))
        await asyncio.sleep(1)
        wire.agent(400, 100, "item_2")

    wire = held(tmp_path, call)
    assert heard(tmp_path) == ([(0, 1100)], [(300, 100), (0, 900), (400, 100)])
    assert wire.errors == []


def test_an_hour_of_speech_in_an_instant_takes_no_memory(tmp_path: Path) -> None:
    piece = level(300, 1000)

    async def call(wire: Wire, _: Recorder) -> None:
        tracemalloc.start()
        for _ in range(600):
            wire.emit(AudioEvent(data=piece, response_id="r", item_id="i", content_index=0))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()
        wire.emit(
            AudioInterruptedEvent(
                cuts=(Cut(response_id="r", item_id="i", content_index=0, heard_ms=5, received_ms=600_000),), by="caller"
            )
        )

    held(tmp_path, call)
    assert heard(tmp_path)[1] == [(300, 5)]


def test_a_real_transport_is_recorded_whole(tmp_path: Path) -> None:
    """A caller on a loopback whose server says back what it heard, and is interrupted once."""
    spoken = bytes(24_000) + clip("caller_weather") + bytes(80_000) + clip("caller_stop") + bytes(120_000)
    seen: list[tuple[str, str]] = []
    cuts: list[AudioInterruptedEvent] = []

    async def main() -> None:
        line = LoopbackTransport()
        line.on("*", lambda event: seen.append(("in", event.event.type)))
        line.on("sent", lambda event: seen.append(("out", event.event.type)))
        line.on("audio_interrupted", cuts.append)
        async with record(line, tmp_path), line:
            await line.connect(session={"instructions": "Say it back."})
            for at in range(0, len(spoken), 960):
                line.send_audio(spoken[at : at + 960])
                await asyncio.sleep(0.02)
            await asyncio.sleep(3)

    virtual_time.run(main())
    recorded = lines(tmp_path)
    assert [(side, frame["type"]) for _, side, frame in recorded if side != "local"] == seen
    states = [frame["state"] for _, _, frame in recorded if frame["type"] == "connection_change"]
    assert states == ["connecting", "connected", "closing", "disconnected"]
    left, right = sf.read(tmp_path / "call.wav", dtype="int16")[0].T
    # The caller is there byte for byte, from when the line was open.
    assert left.astype("<i2").tobytes()[: len(spoken)] == spoken
    # The agent says the sentence back, from its first sound to where it was cut.
    (cut,) = cuts[0].cuts
    echo = np.flatnonzero(np.abs(right) > 3000)
    first = echo[0] / 24
    said = [t_ms for t_ms, _, frame in recorded if frame["type"] == "response.output_audio.delta"]
    assert said[0] <= first <= said[0] + 500
    assert 0 < cut.heard_ms < cut.received_ms
    last = echo[echo / 24 < said[0] + cut.received_ms][-1] / 24
    assert last <= said[0] + cut.heard_ms


# --- the files -----------------------------------------------------------------------------------------------------


async def _nothing(wire: Wire, recorder: Recorder) -> None:
    pass


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    held(tmp_path / "calls" / "one", _nothing)
    for path, mode in ((".", 0o700), ("call.jsonl", 0o600), ("call.wav", 0o600)):
        assert (tmp_path / "calls" / "one" / path).stat().st_mode & 0o777 == mode
    assert sorted(path.name for path in (tmp_path / "calls" / "one").iterdir()) == ["call.jsonl", "call.wav"]


def test_an_earlier_recording_is_replaced_and_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    folder = tmp_path / "call"
    folder.mkdir()
    (folder / "call.jsonl").symlink_to(elsewhere)
    held(folder, _nothing)
    held(folder, _nothing)
    assert elsewhere.read_text() == "precious"
    assert lines(folder) == []


def test_closing_is_once_and_detaches(tmp_path: Path) -> None:
    async def main() -> None:
        wire = Wire()
        recorder = Recorder(tmp_path)
        await asyncio.gather(recorder.close(), recorder.close())
        assert recorder.wav_path.exists()
        recorder_2 = Recorder(tmp_path)
        recorder_2.attach(wire)
        closing = asyncio.create_task(recorder_2.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await recorder_2.close()
        wire.agent(100, 20)
        assert wire.errors == []

    virtual_time.run(main())


@pytest.mark.parametrize("room", [100, 400, 3000])
def test_a_full_disk_ends_the_recording_and_not_the_call(tmp_path: Path, room: int) -> None:
    async def call(wire: Wire, recorder: Recorder) -> None:
        with small_disk(room):
            for value in range(1, 40):
                wire.caller(value, 20)
                wire.agent(value, 20)
        assert isinstance(recorder.error, OSError)
        wire.agent(1, 20)

    wire = held(tmp_path, call)
    (reported,) = wire.errors
    assert isinstance(reported.error, ListenerError)
    assert isinstance(reported.error.__cause__, OSError)
    assert not (tmp_path / "call.wav").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["call.jsonl"]
    assert len(lines(tmp_path)) == len((tmp_path / "call.jsonl").read_bytes().splitlines(keepends=True)[1:]) - (
        read_recording(tmp_path).torn
    )


def test_no_room_for_the_first_line_is_an_error_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        with small_disk(5), pytest.raises(OSError, match=os.strerror(27)):
            Recorder(tmp_path)

    virtual_time.run(main())


def test_no_room_for_the_sound_is_an_error_of_closing(tmp_path: Path) -> None:
    async def main() -> None:
        recorder = Recorder(tmp_path)
        wire = Wire()
        recorder.attach(wire)
        wire.agent(100, 1000)
        with small_disk(1000), pytest.raises(OSError, match="cannot write all"):
            await recorder.close()
        assert not recorder.wav_path.exists()

    virtual_time.run(main())


# --- reading -------------------------------------------------------------------------------------------------------


def written(folder: Path, *more: bytes, header: bytes | None = None) -> Path:
    path = folder / "call.jsonl"
    path.write_bytes(b"".join((header_line() if header is None else header, *more)))
    return path


def frames(recording: Recording) -> list[int]:
    return [line.frame["n"] for line in recording]


LINES = [frame_line(n * 1.5, "in", {"type": "x", "n": n, "text": "äöü \n\t☎"}) for n in range(5)]


def test_a_file_torn_at_any_byte_gives_the_lines_before(tmp_path: Path) -> None:
    whole = written(tmp_path, *LINES).read_bytes()
    first = len(header_line())
    for size in range(first, len(whole) + 1):
        (tmp_path / "torn.jsonl").write_bytes(whole[:size])
        recording = read_recording(tmp_path / "torn.jsonl")
        assert frames(recording) == list(range(whole[first:size].count(b"\n")))
        assert recording.torn == (whole[size - 1 : size] != b"\n")
    for size in range(first):
        (tmp_path / "torn.jsonl").write_bytes(whole[:size])
        with pytest.raises(DecodeError, match="first line"):
            read_recording(tmp_path / "torn.jsonl")


def test_a_recording_can_be_read_again_and_by_its_folder(tmp_path: Path) -> None:
    path = written(tmp_path, *LINES)
    recording = read_recording(str(tmp_path))
    assert (recording.path, recording.version, recording.torn) == (path, (1, 0), False)
    assert frames(recording) == frames(recording) == [0, 1, 2, 3, 4]
    assert [line.t_ms for line in recording] == [0, 1.5, 3, 4.5, 6]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b'{"format":"realtime-transport-recording","version":"2.0"}\n', "version 2.0; this library reads 1.x"),
        (b'{"format":"realtime-transport-recording","version":"0.9"}\n', "version 0.9"),
        (b'{"format":"realtime-transport-recording"}\n', "not a recording"),
        (b'{"format":"realtime-transport-recording","version":1.0}\n', None),
        (b'{"format":"something","version":"1.0"}\n', "not a recording"),
        (b"[]\n", "object"),
        (b"\x89PNG\n", ":1"),
    ],
)
def test_what_is_no_recording_of_ours_is_refused(tmp_path: Path, header: bytes, says: str | None) -> None:
    path = written(tmp_path, header=header)
    if says is None:
        assert read_recording(path).version == (1, 0)
        return
    with pytest.raises(DecodeError, match=says):
        read_recording(path)


def test_a_newer_minor_version_may_hold_more(tmp_path: Path) -> None:
    newer = b'{"format":"realtime-transport-recording","version":"1.7","tuned":true}\n'
    strange = b'{"t":1,"side":"aside","frame":{},"more":1}\n'
    assert frames(read_recording(written(tmp_path, LINES[0], strange, LINES[1], header=newer))) == [0, 1]
    with pytest.raises(DecodeError, match="3"):
        frames(read_recording(written(tmp_path, LINES[0], strange)))


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{\n",
        b"null\n",
        b'{"t":"1","side":"in","frame":{}}\n',
        b'{"t":true,"side":"in","frame":{}}\n',
        b'{"t":1,"side":"in","frame":[]}\n',
        b'{"t":1,"side":"in"}\n',
        b'{"side":"in","frame":{}}\n',
        b'{"t":1,"side":"in","frame":' + b"[" * 5000 + b"]" * 5000 + b"}\n",
        b"\0" * 100 + b"\n",
    ],
)
def test_a_whole_line_that_is_no_frame_is_named(tmp_path: Path, line: bytes) -> None:
    recording = read_recording(written(tmp_path, LINES[0], line, LINES[1]))
    with pytest.raises(DecodeError) as caught:
        frames(recording)
    assert caught.value.path.endswith("call.jsonl:3")
    assert "\n" not in str(caught.value)


def test_a_line_that_never_ends_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.truncate(file.tell() + MAX_LINE + 10)
    with pytest.raises(PayloadTooLarge):
        list(read_recording(path))


def test_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="No such file"):
        read_recording(tmp_path / "nowhere")


JSON = st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5)


@given(frame=st.dictionaries(st.text(max_size=5), JSON))
@settings(deadline=None)
def test_what_holds_no_secret_is_kept_as_it_is(frame: dict[str, Any]) -> None:
    assert masked(frame) == frame
