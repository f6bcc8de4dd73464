"""Asterisk: a queue with XOFF and XON, whole frames, marks that a flush destroys; and AudioSocket's bare stream."""

from __future__ import annotations

import json
import struct

import pytest

from realtime_transport.audio import PCM16_16K, PCMU
from realtime_transport.testing.carriers import FakeAsterisk, FakeAudioSocket, Press, Wait
from tests.testing.carriers.line import Application

pytestmark = pytest.mark.virtual_time


async def test_part_of_a_frame_is_thrown_away() -> None:
    record = await FakeAsterisk(Application([bytes(200), bytes(40)])).call(Wait(0.1))
    assert record.spoken_ms == 20
    assert record.faults == (
        "40 bytes of a frame that is not whole are thrown away",
        "40 bytes of a frame that is not whole are thrown away",
    )


async def test_buffering_puts_parts_together() -> None:
    plan = ["START_MEDIA_BUFFERING", bytes(200), bytes(200), "STOP_MEDIA_BUFFERING x", bytes(160)]
    application = Application([*plan, "STOP_MEDIA_BUFFERING"])
    record = await FakeAsterisk(application).call(Wait(0.5))
    assert record.heard == bytes(400) + b"\xff" * 80 + bytes(160)
    assert application.texts()[1:] == ["MEDIA_BUFFERING_COMPLETED x", "MEDIA_BUFFERING_COMPLETED"]
    assert record.faults == ()


async def test_marks_are_named_behind_the_word() -> None:
    application = Application([bytes(160), "MARK_MEDIA a"])
    await FakeAsterisk(application).call(Press("5"), Wait(0.1))
    assert application.texts()[1:] == ["DTMF_END digit:5 channel_id:CA0123", "MEDIA_MARK_PROCESSED a"]


async def test_a_flush_destroys_marks_ends_buffering_and_says_nothing() -> None:
    application = Application(["START_MEDIA_BUFFERING", bytes(1650), "MARK_MEDIA a", "FLUSH_MEDIA", bytes(170)])
    record = await FakeAsterisk(application).call(Wait(1))
    assert len(application.texts()) == 1
    assert [mark.fate for mark in record.marks] == ["destroyed"]
    assert record.faults == ("10 bytes of a frame that is not whole are thrown away",)


async def test_xoff_at_900_frames_xon_below_800_and_nothing_beyond_1000() -> None:
    application = Application([[bytes(160)] * 1001])
    record = await FakeAsterisk(application).call(Wait(5))
    flow = [(round(at, 2), text.split()[0]) for at, text in application.heard[1:] if isinstance(text, str)]
    assert flow == [(0.0, "MEDIA_XOFF"), (4.0, "MEDIA_XON")]
    assert [each.detail for each in record.timeline if each.kind == "flow"] == ["XOFF", "XON"]
    assert record.faults == ("the buffer of 20000 ms is full",)


async def test_a_flush_brings_xon_with_the_next_frame() -> None:
    application = Application([[bytes(160)] * 900, "FLUSH_MEDIA"])
    await FakeAsterisk(application).call(Wait(5))
    assert [(at, str(text).split()[0]) for at, text in application.heard if "XO" in str(text)] == [
        (0.0, "MEDIA_XOFF"),
        (0.02, "MEDIA_XON"),
    ]


async def test_writing_on_puts_xon_off() -> None:
    application = Application([[bytes(160)] * 900, 1.0, [bytes(160)] * 50])
    await FakeAsterisk(application).call(Wait(5))
    assert [at for at, text in application.heard if "XON" in str(text)] == [pytest.approx(3.0)]


async def test_commands_have_128_bytes() -> None:
    record = await FakeAsterisk(Application(["MARK_MEDIA " + "x" * 117, "MARK_MEDIA " + "x" * 118])).call(Wait(0.1))
    assert record.faults == ("a command of 129 bytes: Asterisk ignores more than 128",)
    assert len(record.marks) == 1


async def test_the_queue_reports_when_it_is_empty() -> None:
    application = Application(["REPORT_QUEUE_DRAINED", bytes(320), "REPORT_QUEUE_DRAINED", 0.1, bytes(160)])
    await FakeAsterisk(application).call(Wait(0.5))
    drained = [at for at, text in application.heard if "DRAINED" in str(text)]
    assert drained == [pytest.approx(0.0), pytest.approx(0.04)]


async def test_it_tells_its_status() -> None:
    application = Application([bytes(320), "GET_STATUS"])
    await FakeAsterisk(application).call(Wait(0.1))
    assert application.texts()[1] == (
        "STATUS channel_id:CA0123 queue_length:2 xon_level:800 xoff_level:900 queue_full:false bulk_media:false "
        "media_paused:false"
    )


async def test_it_speaks_json_when_it_is_set_up_so() -> None:
    def command(word: str, **more: str) -> str:
        return json.dumps({"command": word, **more})

    plan = [command("ANSWER"), bytes(640), command("MARK_MEDIA", correlation_id="a"), 0.1, command("HANGUP")]
    application = Application(plan)
    record = await FakeAsterisk(application, fmt=PCM16_16K, control="json", custom={"X": "1"}).call(Wait(1))
    start, mark = map(json.loads, application.texts())
    assert (start["optimal_frame_size"], start["format"], start["channel_variables"]) == (640, "slin16", {"X": "1"})
    assert mark == {"event": "MEDIA_MARK_PROCESSED", "channel_id": "CA0123", "correlation_id": "a"}
    assert (record.ended_by, record.seconds) == ("agent", pytest.approx(0.1))
    record = await FakeAsterisk(Application(["HANGUP"]), control="json").call(Wait(0.1))
    assert len(record.faults) == 1


async def test_an_unknown_command_is_a_fault() -> None:
    record = await FakeAsterisk(Application(["SING"])).call(Wait(0.1))
    assert "SING" in record.faults[0]


def tlv(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


async def test_audiosocket_reads_a_stream_however_it_is_cut() -> None:
    whole = tlv(0x10, b"ab" * 160) + tlv(0x10, b"cd" * 160)
    record = await FakeAudioSocket(Application([bytes([each]) for each in whole])).call(Wait(0.1))
    assert record.heard == b"ab" * 160 + b"cd" * 160
    assert record.faults == ()


async def test_audiosocket_hangs_up_and_is_hung_up_on() -> None:
    record = await FakeAudioSocket(Application([0.1, tlv(0x00)])).call(Wait(1))
    assert (record.ended_by, record.seconds, record.faults) == ("agent", pytest.approx(0.1), ())
    application = Application([])
    await FakeAudioSocket(application).call(Press("7"), Wait(0.02))
    assert [sent for _, sent in application.heard][1:] == [tlv(0x03, b"7"), tlv(0x10, bytes(320)), tlv(0x00)]


async def test_audiosocket_ends_over_what_it_does_not_know() -> None:
    record = await FakeAudioSocket(Application([tlv(0x12, bytes(640))])).call(Wait(1))
    assert (record.ended_by, record.faults) == ("agent", ("kind 0x12 ends the call",))
    record = await FakeAudioSocket(Application([tlv(0x12, bytes(640))]), fmt=PCM16_16K).call(Wait(1))
    assert record.spoken_ms == 20
    record = await FakeAudioSocket(Application(["text"])).call(Wait(0.1))
    assert len(record.faults) == 1


async def test_audiosocket_takes_little_ahead() -> None:
    record = await FakeAudioSocket(Application([[tlv(0x10, bytes(320))] * 11])).call(Wait(0.5))
    assert record.spoken_ms == 200
    assert len(record.faults) == 1
    assert PCMU not in FakeAudioSocket.formats
