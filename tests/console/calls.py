"""A small recorded call, written frame by frame: what the pictures are tested with."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from realtime_transport.transports.recording import frame_line, header_line
from tests.audio.speech import clip


class Tape:
    """Writes a recording as if a call had been held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[tuple[float, bytes]] = []

    def put(self, t_ms: float, side: Any, name: str, **fields: Any) -> None:
        self._lines.append((t_ms, frame_line(t_ms, side, {"type": name, **fields})))

    def caller(self, t_ms: float, pcm16: bytes, chunk_ms: int = 100) -> None:
        size = 48 * chunk_ms
        for at in range(0, len(pcm16), size):
            audio = base64.b64encode(pcm16[at : at + size]).decode()
            self.put(t_ms + at / 48, "out", "input_audio_buffer.append", audio=audio)

    def turn(self, begin_ms: int, end_ms: int, item_id: str, transcript: str = "") -> None:
        self.put(begin_ms, "in", "input_audio_buffer.speech_started", audio_start_ms=begin_ms, item_id=item_id)
        self.put(end_ms, "in", "input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)
        if transcript:
            name = "conversation.item.input_audio_transcription.completed"
            usage = {"type": "duration", "seconds": 1}
            self.put(end_ms, "in", name, item_id=item_id, content_index=0, transcript=transcript, usage=usage)

    def response(self, t_ms: float, response_id: str, *, status: str = "in_progress") -> None:
        name = "response.created" if status == "in_progress" else "response.done"
        self.put(t_ms, "in", name, response={"id": response_id, "status": status, "output": []})

    def agent(self, t_ms: float, pcm16: bytes, response_id: str, item_id: str, transcript: str = "") -> None:
        part = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        for at in range(0, len(pcm16), 9600):
            delta = base64.b64encode(pcm16[at : at + 9600]).decode()
            self.put(t_ms, "in", "response.output_audio.delta", delta=delta, **part)
        if transcript:
            self.put(t_ms, "in", "response.output_audio_transcript.done", transcript=transcript, **part)

    def interrupted(self, t_ms: float, response_id: str, item_id: str, heard_ms: int) -> None:
        cut = {"response_id": response_id, "item_id": item_id, "content_index": 0}
        cuts = [{**cut, "heard_ms": heard_ms, "received_ms": 99_999}]
        self.put(t_ms, "local", "audio_interrupted", cuts=cuts, by="caller")
        self.put(t_ms, "out", "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=heard_ms)

    def save(self) -> Path:
        """Write all frames in the order of their times."""
        in_order = [line for _, line in sorted(self._lines, key=lambda timed: timed[0])]
        self.path.write_bytes(header_line() + b"".join(in_order))
        return self.path


def short_call(folder: Path) -> Path:
    """Write eight seconds: a question, a tool, an answer that is cut, an error, another answer, the end."""
    tape = Tape(folder / "call.jsonl")
    tape.put(0, "local", "connection_change", state="connecting", previous="disconnected")
    tape.put(10, "local", "connection_change", state="connected", previous="connecting")
    tape.caller(100, bytes(48 * 300) + clip("caller_weather") + bytes(48 * 5000))
    tape.turn(300, 2900, "user_1", "What is the weather like in Lisbon today?")
    tape.response(2950, "resp_1")
    call = {"type": "function_call", "id": "f", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
    tape.put(3000, "in", "response.output_item.done", response_id="resp_1", output_index=0, item=call)
    tape.response(3000, "resp_1", status="completed")
    output = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    tape.put(3300, "out", "conversation.item.create", item=output)
    tape.response(3310, "resp_2")
    tape.agent(3400, clip("agent_weather"), "resp_2", "item_2", "It is sunny in $Lisbon$, with a light wind.")
    tape.turn(5000, 5600, "user_2")
    tape.interrupted(5100, "resp_2", "item_2", 1700)
    tape.agent(5110, clip("agent_ok"), "resp_2", "item_2")  # late: it was never heard
    tape.response(5200, "resp_2", status="cancelled")
    error = {"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "no"}
    tape.put(5300, "in", "error", event_id="e", error=error)
    tape.response(5900, "resp_3")
    tape.agent(6000, clip("agent_ok"), "resp_3", "item_3")
    item = {"type": "message", "id": "item_3", "role": "assistant", "content": []}
    tape.put(6010, "in", "response.output_item.done", response_id="resp_3", output_index=0, item=item)
    tape.response(6020, "resp_3", status="completed")
    tape.put(8000, "local", "connection_change", state="disconnected", previous="connected")
    return tape.save()
