"""What the codec has to know of a dialect: how names and shapes differ from GA.

A dialect of ``realtime_transport.dialects`` is one of these and more (url, headers, capabilities). Events are always
GA in Python; a dialect only shows on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

import attrs

Shape: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns one object into another of a different shape. Takes any JSON object, changes nothing in it, never raises."""

BETA_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "response.audio.delta": "response.output_audio.delta",
        "response.audio.done": "response.output_audio.done",
        "response.audio_transcript.delta": "response.output_audio_transcript.delta",
        "response.audio_transcript.done": "response.output_audio_transcript.done",
        "response.text.delta": "response.output_text.delta",
        "response.text.done": "response.output_text.done",
        "transcription_session.created": "session.created",
        "transcription_session.update": "session.update",
        "transcription_session.updated": "session.updated",
    }
)
"""The names of before August 2025 -> GA. Understood on input whatever the dialect: too many servers mix the two."""


class Spelling(Protocol):
    """How one dialect is written."""

    @property
    def rename_in(self) -> Mapping[str, str]:
        """Event types of the dialect -> GA, beside ``BETA_NAMES``."""
        ...

    @property
    def rename_out(self) -> Mapping[str, str]:
        """GA event types -> the dialect's."""
        ...

    @property
    def session_in(self) -> Shape:
        """Turns a session as the dialect shapes it into a GA one."""
        ...

    @property
    def session_out(self) -> Shape:
        """Turns a GA session into the dialect's shape."""
        ...


def _same(value: dict[str, Any]) -> dict[str, Any]:
    return value


@attrs.frozen
class _Ga:
    rename_in: Mapping[str, str] = BETA_NAMES
    rename_out: Mapping[str, str] = MappingProxyType({})
    session_in: Shape = _same
    session_out: Shape = _same


GA: Final[Spelling] = _Ga()
"""The protocol as it is: nothing to respell."""
