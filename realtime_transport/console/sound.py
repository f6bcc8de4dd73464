"""Where the sound of a recorded call lies, and how loud it is: placed and cut as the recorder placed and cut it."""

from __future__ import annotations

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.audio.envelope import Envelope
from realtime_transport.audio.playline import CALLER_LATENESS_MS, PlayLine
from realtime_transport.console.story import PartKey
from realtime_transport.events import AudioInterruptedEvent
from realtime_transport.exceptions import InvalidArgument


class CallerSound:
    """The caller's audio as it was sent, and the time of each millisecond of it."""

    def __init__(self) -> None:
        self.envelope: Envelope = Envelope()
        self.line: PlayLine[str] = PlayLine[str](lateness_ms=CALLER_LATENESS_MS)
        self._voice = _Voice()

    def speak(self, spelt: object) -> None:
        """Expect another format from now on."""
        self._voice.speak(spelt)

    def sent(self, data: bytes, now_ms: float) -> None:
        """Lay the next piece."""
        begins = self.line.place("caller", self._voice.format.ms(len(data)), now_ms)
        self.envelope.add(self._voice.pcm16(data), begins)

    def time_of(self, audio_ms: float) -> float:
        """Return when this millisecond of the audio was sent."""
        before = [stretch for stretch in self.line.stretches if stretch.offset_ms <= audio_ms]
        return before[-1].begins_ms + audio_ms - before[-1].offset_ms if before else audio_ms


class AgentSound:
    """The agent's audio as it was heard, and what was cut."""

    def __init__(self) -> None:
        self.heard: Envelope = Envelope()
        self.ghost: Envelope = Envelope()
        self.line: PlayLine[PartKey] = PlayLine[PartKey]()
        self._voice = _Voice()
        self._refused: set[str] = set()
        """Responses that were cut and are not done: what still comes of them is not played."""

    def speak(self, spelt: object) -> None:
        """Expect another format from now on."""
        self._voice.speak(spelt)

    def received(self, key: PartKey, data: bytes, now_ms: float) -> None:
        """Lay the next piece, unless its response was cut."""
        if key[0] not in self._refused:
            begins = self.line.place(key, self._voice.format.ms(len(data)), now_ms)
            self.heard.add(self._voice.pcm16(data), begins)

    def interrupted(self, event: AudioInterruptedEvent) -> float | None:
        """Cut, and return when; None when nothing of it had been laid."""
        self._refused |= {cut.response_id for cut in event.cuts}
        heard_ms = {(c.response_id, c.item_id, c.content_index): float(c.heard_ms) for c in event.cuts}
        stop = self.line.cut(heard_ms)
        if stop is not None:
            self.heard.cut(stop, self.ghost)
            self._voice.reset()
        return stop

    def response_done(self, response_id: str) -> None:
        """Note that nothing more comes of a response."""
        self._refused.discard(response_id)


class _Voice:
    """The format of one side, as far as it can be read: of another one the waveform shows noise, which it is to us."""

    def __init__(self) -> None:
        self.format = PCM16_24K
        self._converter = Converter(PCM16_24K, PCM16_24K)

    def speak(self, spelt: object) -> None:
        try:
            fmt = AudioFormat.parse(spelt)
            self._converter = Converter(fmt, PCM16_24K) if fmt != self.format else self._converter
            self.format = fmt
        except InvalidArgument:
            return

    def pcm16(self, data: bytes) -> bytes:
        return self._converter.push(data)

    def reset(self) -> None:
        self._converter.reset()
