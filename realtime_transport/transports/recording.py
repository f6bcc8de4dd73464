"""What a recorded call looks like on disk, and how it is read back.

``call.jsonl`` is JSON Lines. The first line says what the file is and in which version; each other line is one frame:

    {"format": "realtime-transport-recording", "version": "1.0"}
    {"t": 12.034, "side": "in", "frame": {"type": "session.created", ...}}
    {"t": 61.250, "side": "out", "frame": {"type": "session.update", ...}}
    {"t": 61.250, "side": "local", "frame": {"type": "connected", ...}}

``t`` is milliseconds since the recording began, on a monotonic clock. ``in`` frames came from the server, as it spelt
them; ``out`` frames went to it, in GA names; ``local`` frames are transport events that no frame tells of. A line that
lacks its line break was cut off by the end of the process and does not count; all lines before it do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias, cast, get_args

import attrs
import msgspec

from realtime_transport.exceptions import DecodeError, InvalidArgument, PayloadTooLarge
from realtime_transport.secret import MASK
from realtime_transport.wire.json_text import NotJson, parse

FORMAT: Final = "realtime-transport-recording"
MAJOR: Final = 1
MINOR: Final = 0
"""Readers refuse another major version; a higher minor one only adds what may be passed over."""

MAX_LINE: Final = 24 * 1024 * 1024
"""Bytes of one line: the largest frame that is sent (15 MiB of audio are 20 MiB in base64) and what is around it."""

FILE_NAME: Final = "call.jsonl"

Side: TypeAlias = Literal["in", "out", "local"]
_SIDES: Final = frozenset(get_args(Side))

# --- what must not be kept ---------------------------------------------------------------------------------------

_SECRET_NAMES: Final = frozenset({"api_key", "api-key", "authorization", "client_secret", "headers"})
"""Fields whose texts are masked, at any depth below them: keys of MCP servers above all."""
_KEY: Final = re.compile(r"\b(?:sk-|ek_)[A-Za-z0-9_-]{6,}")
"""API keys and client secrets, wherever in a text they stand."""
_DTMF: Final = "input_audio_buffer.dtmf_event_received"
_PLAIN_AUDIO: Final = ("audio.delta", "audio_buffer.append")
"""Frames of audio have no room for a secret, and come fifty times a second."""
_MAX_DEPTH: Final = 64
"""What is nested deeper is masked: no frame of the protocol comes near."""


def masked(frame: Mapping[str, Any], *, keep_dtmf: bool = False) -> dict[str, Any]:
    """Copy a frame without its secrets, and without the keys the caller pressed, which may be a card number."""
    name = str(frame.get("type", ""))
    if name.endswith(_PLAIN_AUDIO):
        return dict(frame)
    copy: dict[str, Any] = _masked(frame, hide=False, depth=0)
    if name == _DTMF and not keep_dtmf:
        copy["event"] = MASK
    return copy


def _masked(value: object, *, hide: bool, depth: int) -> Any:
    if isinstance(value, str):
        return MASK if hide else _KEY.sub(MASK, value)
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    if depth == _MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return {
            str(key): _masked(inner, hide=hide or str(key).lower() in _SECRET_NAMES, depth=depth + 1)
            for key, inner in cast("Mapping[object, object]", value).items()
        }
    return [_masked(inner, hide=hide, depth=depth + 1) for inner in cast("list[object]", value)]


# --- writing -----------------------------------------------------------------------------------------------------


def header_line() -> bytes:
    """Return the first line of a recording."""
    return msgspec.json.encode({"format": FORMAT, "version": f"{MAJOR}.{MINOR}"}) + b"\n"


def frame_line(t_ms: float, side: Side, frame: Mapping[str, Any]) -> bytes:
    """Return the line of one frame, already masked."""
    return msgspec.json.encode({"t": round(t_ms, 3), "side": side, "frame": frame}) + b"\n"


# --- reading -----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class RecordedFrame:
    """One frame of a recorded call."""

    t_ms: float
    side: Side
    frame: dict[str, Any]


class Recording:
    """A recorded call: iterate over it, as often as wanted, for its frames in order.

    Reads as it goes, so its length does not matter. Iterating raises ``DecodeError`` with the number of a line that is
    complete and yet no frame, and ``PayloadTooLarge`` for one above ``MAX_LINE``: a recording may come from anywhere.
    """

    def __init__(self, path: Path, version: tuple[int, int], *, torn: bool) -> None:
        self.path = path
        self.version = version
        """Major and minor version of the file."""
        self.torn = torn
        """The process ended in the middle of a line; everything before it is here."""

    def __iter__(self) -> Iterator[RecordedFrame]:
        with self.path.open("rb") as file:
            _line(file)
            number = 1
            while (line := _line(file)).endswith(b"\n"):
                number += 1
                frame = self._frame(line, number)
                if frame is not None:
                    yield frame

    def _frame(self, line: bytes, number: int) -> RecordedFrame | None:
        fields = _object(line, self.path, number)
        t_ms, side, frame = fields.get("t"), fields.get("side"), fields.get("frame")
        if side not in _SIDES and self.version[1] > MINOR:
            return None
        if side not in _SIDES or not isinstance(frame, dict) or type(t_ms) not in (int, float):
            raise DecodeError("not a recorded frame", path=f"{self.path}:{number}", frame=_beginning(line))
        known = cast("tuple[float, Side, dict[str, Any]]", (t_ms, side, frame))
        return RecordedFrame(t_ms=float(known[0]), side=known[1], frame=known[2])


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Open a recording: the file itself, or the folder that holds its ``call.jsonl``.

    Raises ``InvalidArgument`` when there is none, and ``DecodeError`` when it is no recording or of a major version
    that this library does not know.
    """
    path = Path(path)
    path = path / FILE_NAME if path.is_dir() else path
    try:
        with path.open("rb") as file:
            header = _line(file)
            torn = bool(header) and _ends_torn(file)
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror or error}", path=str(path)) from error
    if not header.endswith(b"\n"):
        raise DecodeError("not a recording, or one that ended in its first line", path=str(path))
    fields = _object(header, path, 1)
    version = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", str(fields.get("version")))
    if fields.get("format") != FORMAT or version is None:
        raise DecodeError("not a recording", path=str(path), frame=_beginning(header))
    major, minor = int(version[1]), int(version[2])
    if major != MAJOR:
        raise DecodeError(f"a recording of version {major}.{minor}; this library reads {MAJOR}.x", path=str(path))
    return Recording(path, (major, minor), torn=torn)


def _line(file: BinaryIO) -> bytes:
    line = file.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise PayloadTooLarge(None, MAX_LINE)
    return line


def _ends_torn(file: BinaryIO) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        return parse(line)
    except NotJson as error:
        raise DecodeError(str(error), path=f"{path}:{number}", frame=_beginning(line)) from None


def _beginning(line: bytes) -> str:
    return line[:200].decode(errors="replace").strip()
