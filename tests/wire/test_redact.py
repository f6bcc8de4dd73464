from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from realtime_transport.events import InputAudioBufferAppend, McpTool, RealtimeSessionConfig, SessionUpdate
from realtime_transport.wire import redacted, to_dict
from tests.wire.instances import JSON, TEXT


def test_audio_is_shown_by_its_size() -> None:
    shown = redacted(to_dict(InputAudioBufferAppend(audio=bytes(300))))
    assert shown == {"type": "input_audio_buffer.append", "audio": "<400 characters>"}


def test_deltas_are_hidden_when_they_are_audio() -> None:
    for name in ("response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"):
        assert redacted({"type": name, "delta": "AAAA"})["delta"] == "<4 characters>"
    text = {"type": "response.output_text.delta", "delta": "AAAA"}
    assert redacted(text) == text


def test_raw_bytes_and_pictures_are_shown_by_their_size() -> None:
    frame = {"audio": b"123", "x": b"12", "image_url": "data:image/png;base64,AAAA"}
    assert redacted(frame) == {"audio": "<3 bytes>", "x": "<2 bytes>", "image_url": "<26 characters>"}


def test_a_config_called_audio_is_shown() -> None:
    frame = {"session": {"audio": {"output": {"voice": "marin"}}}}
    assert redacted(frame) == frame


def test_secrets_are_hidden() -> None:
    tool = McpTool(server_label="s", authorization="oauth-token", headers={"X-Key": "hunter2"})
    frame = to_dict(SessionUpdate(session=RealtimeSessionConfig(tools=(tool,))))
    frame["session"]["client_secret"] = {"value": "ek_123", "expires_at": 5}
    frame["note"] = "sk-proj-123"
    shown = json.dumps(redacted(frame))
    for secret in ("oauth-token", "hunter2", "ek_123", "sk-proj"):
        assert secret not in shown
    assert '"expires_at": 5' in shown
    assert '"server_label": "s"' in shown


def test_long_texts_are_cut() -> None:
    assert redacted({"text": "a" * 2000})["text"] == "a" * 1000 + "... <2000 characters>"


def test_large_frames_are_cut() -> None:
    shown = redacted({"a": list(range(5000)), "b": 1})
    assert len(shown["a"]) == 1000
    assert shown["a"][-1] == "<5000 elements>"
    assert shown["..."] == "<2 fields>"
    assert redacted({str(n): n for n in range(5000)})["..."] == "<5000 fields>"


def test_deep_frames_are_cut() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [{"a": deep}]
    assert "<nested too deeply>" in json.dumps(redacted({"a": deep}))


@given(JSON, TEXT)
def test_no_frame_is_refused(value: Any, key: str) -> None:
    frame = {key: value, "type": value}
    shown = redacted(frame)
    assert len(json.dumps(shown)) < 1_000_000
