"""What a run of audio bytes means, and how many of them a millisecond is.

Everybody spells the same three formats differently: ``pcm16``, ``audio/l16;rate=16000``, ``g711_ulaw``,
``{"encoding": "audio/x-mulaw", "sampleRate": 8000}``, ``{"type": "audio/pcm", "rate": 24000}``. ``AudioFormat.parse``
reads them all, by tables, and is the only place in the library that does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias, cast

import attrs

from realtime_transport.exceptions import InvalidArgument

Encoding: TypeAlias = Literal["pcm16", "pcmu", "pcma"]
"""Signed 16-bit little-endian PCM, G.711 mu-law, G.711 A-law."""

BYTES_PER_SAMPLE: dict[Encoding, int] = {"pcm16": 2, "pcmu": 1, "pcma": 1}

SILENCE: dict[Encoding, bytes] = {"pcm16": b"\0\0", "pcmu": b"\xff", "pcma": b"\xd5"}
"""One sample of nothing. Zero bytes are a loud click in either law."""

G711_RATE = 8000
"""G.711 knows one rate."""

_MAX_RATE = 768_000
"""The fastest converters made; a larger number is a unit mistaken for another."""


def _whole(upper: int) -> Callable[[Any, attrs.Attribute[int], int], None]:
    """Make a validator: a whole number from 1 to ``upper``."""

    def check(_: Any, attribute: attrs.Attribute[int], value: int) -> None:
        if type(value) is not int or not 1 <= value <= upper:
            raise InvalidArgument(f"must be a whole number from 1 to {upper}, not {value!r}", path=attribute.name)

    return check


def _known(_: Any, attribute: attrs.Attribute[Encoding], value: str) -> None:
    if value not in BYTES_PER_SAMPLE:
        raise InvalidArgument(f"must be pcm16, pcmu or pcma, not {value!r}", path=attribute.name)


@attrs.frozen(kw_only=True)
class AudioFormat:
    """Name the meaning of audio bytes: encoding, samples per second, channels (interleaved).

    Raises ``InvalidArgument`` for an unknown encoding, a rate or a channel count out of range, and for G.711 at any
    rate but 8000.
    """

    encoding: Encoding = attrs.field(validator=_known)
    rate: int = attrs.field(validator=_whole(_MAX_RATE))
    channels: int = attrs.field(default=1, validator=_whole(64))

    # Computed once: the playout ledger asks for milliseconds at every delta.
    bytes_per_sample: int = attrs.field(init=False, eq=False, repr=False, default=0)
    """Bytes of one sample of one channel."""
    frame_bytes: int = attrs.field(init=False, eq=False, repr=False, default=0)
    """Bytes of one sample of every channel: the smallest piece that can be cut off."""
    bytes_per_second: int = attrs.field(init=False, eq=False, repr=False, default=0)

    def __attrs_post_init__(self) -> None:
        if self.encoding != "pcm16" and self.rate != G711_RATE:
            raise InvalidArgument(f"{self.encoding} has {G711_RATE} samples per second, not {self.rate}", path="rate")
        width = BYTES_PER_SAMPLE[self.encoding]
        object.__setattr__(self, "bytes_per_sample", width)
        object.__setattr__(self, "frame_bytes", width * self.channels)
        object.__setattr__(self, "bytes_per_second", width * self.channels * self.rate)

    def __str__(self) -> str:
        channels = "" if self.channels == 1 else f" x{self.channels}"
        return f"{self.encoding} {self.rate / 1000:g} kHz{channels}"

    def ms(self, nbytes: int) -> float:
        """Return how many milliseconds ``nbytes`` last."""
        return nbytes * 1000 / self.bytes_per_second

    def bytes_for(self, ms: float) -> int:
        """Return how many bytes ``ms`` milliseconds take: whole samples, a started one is left out.

        ``bytes_for(ms(n)) == n`` for every ``n`` of whole samples. Raises ``InvalidArgument`` for a negative or
        infinite duration.
        """
        if not 0 <= ms < math.inf:
            raise InvalidArgument(f"a duration is a finite number of milliseconds from 0, not {ms!r}", path="ms")
        # A millionth of a sample of grace: 1000 / 24000 is not exact in binary, and a lost sample would be audible.
        return int(ms * self.rate / 1000 + 1e-6) * self.frame_bytes

    def silence(self, ms: float) -> bytes:
        """Return ``ms`` milliseconds of nothing. Raises ``InvalidArgument`` as ``bytes_for`` does."""
        return SILENCE[self.encoding] * (self.bytes_for(ms) // self.bytes_per_sample)

    @classmethod
    def parse(cls, value: object) -> AudioFormat:
        """Read a format in any spelling of the field.

        Takes an ``AudioFormat``; a text (``"pcm16"``, ``"g711_alaw"``, ``"audio/x-mulaw"``,
        ``"audio/l16;rate=16000"``, ``"pcm_16000"``, ``"slin24"``); a mapping or an object with the encoding under
        ``type``, ``encoding``, ``format`` or ``contentType`` and, optionally, ``rate``, ``sampleRate`` or
        ``sample_rate`` and ``channels``, numbers as text included. A rate in two places must agree. Plain PCM without
        a rate is 24 kHz, as OpenAI's is; linear formats of the telephone world have no such default and need one.

        Raises ``InvalidArgument`` for anything else.
        """
        if isinstance(value, AudioFormat):
            return value
        if isinstance(value, str):
            return _build(value, rate=None, channels=None, shown=value)
        name = _first(value, _NAME_KEYS)
        if not isinstance(name, str):
            raise InvalidArgument(f"not an audio format: {value!r}", path="format")
        return _build(name, rate=_first(value, _RATE_KEYS), channels=_first(value, _CHANNEL_KEYS), shown=value)


PCM16_24K = AudioFormat(encoding="pcm16", rate=24_000)
"""What the Realtime API speaks unless told otherwise."""
PCM16_16K = AudioFormat(encoding="pcm16", rate=16_000)
PCM16_8K = AudioFormat(encoding="pcm16", rate=8_000)
PCMU = AudioFormat(encoding="pcmu", rate=G711_RATE)
"""G.711 mu-law: the telephone of North America and Japan, and of every carrier's media stream."""
PCMA = AudioFormat(encoding="pcma", rate=G711_RATE)
"""G.711 A-law: the telephone of the rest of the world."""

# --- spellings ---------------------------------------------------------------------------------------------------

# ``type`` comes last: Genesys writes {"type": "audio", "format": "PCMU"}.
_NAME_KEYS = ("encoding", "format", "contentType", "content_type", "content-type", "type")
_RATE_KEYS = ("rate", "sampleRate", "sample_rate", "sampling_rate")
_CHANNEL_KEYS = ("channels",)

_NAMES: dict[str, tuple[Encoding, int | None]] = {
    "pcm": ("pcm16", 24_000),
    "pcm16": ("pcm16", 24_000),
    "pcm24": ("pcm16", 24_000),  # Qwen: 24 is the rate, the samples have 16 bits
    "s16le": ("pcm16", None),
    "pcm_s16le": ("pcm16", None),
    "l16": ("pcm16", None),
    "x-l16": ("pcm16", None),
    "linear16": ("pcm16", None),
    "raw": ("pcm16", None),
    "x-raw": ("pcm16", None),
    "slin": ("pcm16", 8_000),
    "pcmu": ("pcmu", G711_RATE),
    "ulaw": ("pcmu", G711_RATE),
    "mulaw": ("pcmu", G711_RATE),
    "mu-law": ("pcmu", G711_RATE),
    "x-mulaw": ("pcmu", G711_RATE),
    "g711_ulaw": ("pcmu", G711_RATE),
    "g711u": ("pcmu", G711_RATE),
    "pcma": ("pcma", G711_RATE),
    "alaw": ("pcma", G711_RATE),
    "a-law": ("pcma", G711_RATE),
    "x-alaw": ("pcma", G711_RATE),
    "g711_alaw": ("pcma", G711_RATE),
    "g711a": ("pcma", G711_RATE),
    # Asterisk: "slin" and the rate in kHz
    "slin44": ("pcm16", 44_100),
    **{f"slin{khz}": ("pcm16", khz * 1000) for khz in (12, 16, 24, 32, 48, 96, 192)},
}
"""Lower-case name without ``audio/`` -> encoding and the rate it implies."""

_RATE_SUFFIX = re.compile(r"(?P<name>.+?)_(?P<rate>[0-9]{4,6})(?:hz)?")
"""``pcm_16000``, ``ulaw_8000``, ``pcm16_8000hz``."""


def _build(text: str, *, rate: object, channels: object, shown: object) -> AudioFormat:
    """Put a spelt name, its parameters and what stood beside it together; refuse what disagrees."""
    name, *parameters = (part.strip() for part in text.lower().split(";"))
    name = name.removeprefix("audio/")
    given = dict(pair.split("=", 1) for pair in parameters if "=" in pair)
    rates = [number for number in (_number(rate, "rate"), _number(given.get("rate"), "rate")) if number is not None]
    if name not in _NAMES and (match := _RATE_SUFFIX.fullmatch(name)):
        name = match["name"]
        rates.append(int(match["rate"]))
    if name not in _NAMES:
        raise InvalidArgument(f"not an audio format: {shown!r}", path="format")
    encoding, implied = _NAMES[name]
    if len(set(rates)) > 1:
        raise InvalidArgument(f"two rates in {shown!r}", path="format.rate")
    chosen = rates[0] if rates else implied
    if chosen is None:
        raise InvalidArgument(f"{text!r} needs a rate", path="format.rate")
    counts = [n for n in (_number(channels, "channels"), _number(given.get("channels"), "channels")) if n is not None]
    return AudioFormat(encoding=encoding, rate=chosen, channels=counts[0] if counts else 1)


def _first(value: object, keys: Iterable[str]) -> object:
    """Return what stands first under one of ``keys``, in a mapping or as an attribute; None when nothing does."""
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return next((mapping[key] for key in keys if mapping.get(key) is not None), None)
    return next((found for key in keys if (found := getattr(value, key, None)) is not None), None)


def _number(value: object, path: str) -> int | None:
    """Read a whole number that may be written as text, or the length of a list of channel names; else None.

    Anything else that is false counts as absent: that is what a config object's unset field looks like from here,
    where the events are not known.
    """
    if isinstance(value, (list, tuple)):
        return len(cast("list[object]", value))
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not (value or isinstance(value, (str, int, float, bytes))):
        return None
    raise InvalidArgument(f"not a whole number: {value!r}", path=f"format.{path}")
