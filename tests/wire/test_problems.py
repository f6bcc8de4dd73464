from __future__ import annotations

from realtime_transport.exceptions import AudioDecodeError, DecodeError
from realtime_transport.wire.problems import beginning, problem


def test_a_problem_is_also_an_error() -> None:
    made = problem("session.model", "expected a text, got null", '{"type":"x"}')
    assert str(made.error) == "session.model: expected a text, got null"
    assert (made.path, made.error.path, made.error.frame) == ("session.model", "session.model", '{"type":"x"}')
    assert type(made.error) is DecodeError


def test_a_problem_with_audio_is_an_audio_error() -> None:
    assert type(problem("delta", "not strict base64", "", audio=True).error) is AudioDecodeError


def test_the_beginning_of_a_frame_is_short_and_tells_nothing() -> None:
    shown = beginning({"type": "input_audio_buffer.append", "audio": "A" * 9000, "text": "é" * 9000})
    assert shown.startswith('{"type":"input_audio_buffer.append","audio":"<9000 characters>","text":"é')
    assert len(shown) == 300
