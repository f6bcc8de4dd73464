"""Frames for logs and error messages: no audio, no secrets, and never longer than a screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_MOST_NODES: Final = 1000
"""Values shown of one frame. A session with a hundred tools has fewer; a hostile frame may have millions."""

_MOST_TEXT: Final = 1000
"""Characters shown of one text: long instructions are cut, transcripts are not."""

_MOST_DEPTH: Final = 24
"""Levels shown; the protocol itself nests 8 deep, tool schemas somewhat deeper."""

_AUDIO: Final = frozenset({"audio", "file_data"})
_SECRETS: Final = frozenset({"api_key", "api-key", "authorization", "client_secret", "headers"})
"""Names whose text is hidden, and all texts of the object when it is one."""

_TELLING = ("data:", "ek_", "sk-")
"""Beginnings that tell a picture or a key, wherever they stand."""


def redacted(frame: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a frame for a log: audio, pictures and secrets are replaced by their size, what is too much is cut.

    ``frame`` is a frame as a dict, such as ``event.raw`` or ``to_dict(event)``. Never raises.
    """
    is_audio_delta = str(frame.get("type", "")).endswith("audio.delta")
    return _Redactor("delta" if is_audio_delta else "").mapping(frame, hide=False, depth=0)


def _size(text: str | bytes) -> str:
    return f"<{len(text)} characters>" if isinstance(text, str) else f"<{len(text)} bytes>"


class _Redactor:
    def __init__(self, audio_name: str) -> None:
        self._left = _MOST_NODES
        self._audio = _AUDIO | {audio_name}

    def mapping(self, value: Mapping[Any, object], *, hide: bool, depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, inner in value.items():
            if self._left <= 0:
                shown["..."] = f"<{len(value)} fields>"
                break
            name = str(key)
            if name in self._audio and isinstance(inner, str | bytes):
                self._left -= 1
                shown[name] = _size(inner)
            else:
                shown[name] = self._value(inner, hide=hide or name.lower() in _SECRETS, depth=depth + 1)
        return shown

    def array(self, value: Sequence[object], *, hide: bool, depth: int) -> list[Any]:
        shown: list[Any] = []
        for inner in value:
            if self._left <= 0:
                shown.append(f"<{len(value)} elements>")
                break
            shown.append(self._value(inner, hide=hide, depth=depth + 1))
        return shown

    def _value(self, value: object, *, hide: bool, depth: int) -> Any:
        self._left -= 1
        if isinstance(value, str | bytes):
            return self._text(value, hide=hide)
        if not isinstance(value, Mapping | list | tuple):
            return value
        if depth >= _MOST_DEPTH:
            return "<nested too deeply>"
        if isinstance(value, Mapping):
            return self.mapping(cast("Mapping[object, object]", value), hide=hide, depth=depth)
        return self.array(cast("Sequence[object]", value), hide=hide, depth=depth)

    @staticmethod
    def _text(value: str | bytes, *, hide: bool) -> str:
        if hide or isinstance(value, bytes) or value.startswith(_TELLING):
            return _size(value)
        return value if len(value) <= _MOST_TEXT else f"{value[:_MOST_TEXT]}... {_size(value)}"
