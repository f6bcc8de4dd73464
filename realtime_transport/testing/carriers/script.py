"""What a caller does, step by step."""

from __future__ import annotations

import os
from typing import TypeAlias

import attrs

from realtime_transport.telephony.codecs import Frame


@attrs.frozen
class Speak:
    """Say something: any file that soundfile reads, or PCM16 at 24 kHz."""

    audio: bytes | str | os.PathLike[str] = attrs.field(repr=False)


@attrs.frozen
class Wait:
    """Say nothing for so many seconds; silence is sent."""

    seconds: float


@attrs.frozen
class Listen:
    """Say nothing until the agent has spoken for ``ms`` from now on; without it, until it has come to an end.

    An end is ``quiet`` seconds without a sound, after there was one. Raises ``TimeoutError`` out of the call when that
    has not happened in ``timeout`` seconds.
    """

    ms: float | None = None
    quiet: float = attrs.field(default=0.5, kw_only=True)
    timeout: float = attrs.field(default=30.0, kw_only=True)


@attrs.frozen
class Drop:
    """Send nothing at all for so many seconds: mute, hold, loss. The carrier's time stamps go on."""

    seconds: float


@attrs.frozen
class Flood:
    """Send so many seconds of silence at once."""

    seconds: float


@attrs.frozen
class Press:
    """Press keys."""

    digits: str


@attrs.frozen
class Send:
    """Send a message as it is: what no real carrier would."""

    message: Frame


@attrs.frozen
class Restart:
    """Start a second call on the same socket."""


Step: TypeAlias = Speak | Wait | Listen | Drop | Flood | Press | Send | Restart | str | os.PathLike[str]
"""One thing that a caller does. A path is short for ``Speak``."""
