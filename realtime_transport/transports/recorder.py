"""Record a call while it goes on: every frame both ways, and what both sides heard.

The recorder listens to the public events of a transport and knows nothing else of it, so anything that emits them can
be recorded. A recording holds voices: its files are readable by their owner only. Secrets are masked before they are
written.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, cast

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.audio.playline import CALLER_LATENESS_MS, PlayLine
from realtime_transport.audio.tracks import CallTracks, Track
from realtime_transport.events import (
    AudioDoneEvent,
    AudioEvent,
    AudioInterruptedEvent,
    InputAudioBufferAppend,
    RawEvent,
    SentEvent,
    SessionCreatedEvent,
    SessionUpdatedEvent,
    TranslationInputAudioBufferAppend,
    TransportEvent,
)
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.transports.recording import FILE_NAME, Side, frame_line, header_line, masked
from realtime_transport.wire import to_dict

WAV_NAME: Final = "call.wav"
WAV_FORMAT: Final = PCM16_24K
"""What both tracks are written in; other formats are converted."""

LOCAL_EVENTS: Final = (
    "connection_change",
    "connected",
    "disconnected",
    "audio_interrupted",
    "audio_heard",
    "audio_gap",
    "error",
)
"""Transport events that no frame tells of."""

_MAX_STRETCHES: Final = 4096
"""Stretches of the agent's speech in which a cut is looked for, as many as the playout ledger keeps."""

_PartKey: TypeAlias = tuple[str, str, int]
_CALLER: Final[_PartKey] = ("", "caller", 0)


class Recordable(Protocol):
    """What a recorder needs of a transport: to be told of its events, and what is in force when it begins."""

    @property
    def on(self) -> Callable[..., Any]:
        """Register a listener."""
        ...

    @property
    def off(self) -> Callable[..., Any]:
        """Take a listener off."""
        ...

    @property
    def session(self) -> object:
        """The session as the server last acknowledged it, or None."""
        ...


class Recorder:
    """Write ``call.jsonl`` and ``call.wav`` into a folder, from now until ``close``.

    ``call.jsonl`` grows line by line and is good up to its last whole line whatever happens; see ``recording``.
    ``call.wav`` is stereo, caller left and agent right on the axis of the recording's times: the caller when it was
    sent, the agent when it was heard, cut where it was cut. It appears when the recorder is closed. Memory does not
    grow with the call. Files of an earlier recording in the folder are replaced.

    Writing is done in the listener, one unbuffered write per frame: a queue for a writer thread would lose its
    content with the process, and the page cache takes a line in microseconds. When the disk refuses, the recorder lets
    go of the transport and the listener that met the refusal raises, so that the transport reports it once, on
    ``error``; the call goes on.

    Make it inside the event loop. Raises ``OSError`` when the folder or the file cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep_dtmf: bool = False) -> None:
        self.folder: Path = Path(folder)
        self.error: OSError | None = None
        """Why recording stopped before its time."""
        self._keep_dtmf = keep_dtmf
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._file = _fresh_file(self.jsonl_path)
        self._tracks = CallTracks(self.folder, WAV_FORMAT)
        self._caller = _Voice(self._tracks.caller, lateness_ms=CALLER_LATENESS_MS)
        self._agent = _Voice(self._tracks.agent, lateness_ms=0.0)
        self._transport: Recordable | None = None
        self._closing: asyncio.Future[None] | None = None
        self._listeners: dict[str, Callable[[Any], None]] = {
            "*": self._on_received,
            "sent": self._on_sent,
            "session_created": self._on_session,
            "session_updated": self._on_session,
            "audio": self._on_audio,
            "audio_done": self._on_audio_done,
            **dict.fromkeys(LOCAL_EVENTS, self._on_local),
            "audio_interrupted": self._on_interrupted,
        }
        try:
            self._write(header_line())
        except OSError:
            self._file.close()
            self._tracks.close()
            raise

    @property
    def jsonl_path(self) -> Path:
        """Where the frames are."""
        return self.folder / FILE_NAME

    @property
    def wav_path(self) -> Path:
        """Where the sound will be."""
        return self.folder / WAV_NAME

    def attach(self, transport: Recordable) -> None:
        """Listen to a transport from now on; best before it connects."""
        self._transport = transport
        self._use_formats(transport.session)
        for name, listener in self._listeners.items():
            transport.on(name, listener)

    async def close(self) -> None:
        """Let go of the transport and write ``call.wav``, in a thread. Closing again waits for the same end.

        Raises ``OSError`` when the WAV cannot be written. Nothing is written after a failure that was reported: the
        frames up to it are there. A cancelled close still ends by itself.
        """
        if self._closing is None:
            self._detach()
            self._closing = asyncio.ensure_future(asyncio.to_thread(self._finish))
        await asyncio.shield(self._closing)

    # --- listeners -----------------------------------------------------------------------------------------------

    def _on_received(self, event: RawEvent) -> None:
        self._record("in", to_dict(event.event) if event.event.raw is None else event.event.raw)

    def _on_sent(self, event: SentEvent) -> None:
        sent = event.event
        self._record("out", to_dict(sent))
        if isinstance(sent, InputAudioBufferAppend | TranslationInputAudioBufferAppend):
            self._guarded(self._caller.write, _CALLER, sent.audio, self._now())

    def _on_local(self, event: TransportEvent) -> None:
        self._record("local", {"type": event.name, **_plain_fields(event)})

    def _on_session(self, event: SessionCreatedEvent | SessionUpdatedEvent) -> None:
        self._use_formats(event.session)

    def _on_audio(self, event: AudioEvent) -> None:
        key = (event.response_id, event.item_id, event.content_index)
        self._guarded(self._agent.write, key, event.data, self._now())

    def _on_audio_done(self, _: AudioDoneEvent) -> None:
        self._guarded(self._agent.flush)

    def _on_interrupted(self, event: AudioInterruptedEvent) -> None:
        self._on_local(event)
        heard_ms = {(c.response_id, c.item_id, c.content_index): float(c.heard_ms) for c in event.cuts}
        self._guarded(self._agent.cut, heard_ms)

    # --- inside --------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return (self._loop.time() - self._began) * 1000

    def _record(self, side: Side, frame: Mapping[str, Any]) -> None:
        self._guarded(self._write, frame_line(self._now(), side, masked(frame, keep_dtmf=self._keep_dtmf)))

    def _write(self, line: bytes) -> None:
        # A raw file may take less than it was given when the disk is nearly full; the next write then says why.
        left = memoryview(line)
        while left:
            left = left[self._file.write(left) :]

    def _guarded(self, write: Callable[..., None], *args: Any) -> None:
        """Write; let go of the call when the disk refuses."""
        try:
            write(*args)
        except OSError as error:
            self.error = error
            self._detach()
            raise

    def _use_formats(self, session: object) -> None:
        for side, voice in (("input", self._caller), ("output", self._agent)):
            spelt = _within(session, "audio", side, "format")
            if spelt:
                voice.speak(spelt)

    def _detach(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            for name, listener in self._listeners.items():
                transport.off(name, listener)

    def _finish(self) -> None:
        try:
            self._file.close()
            if self.error is None:
                self._caller.flush()
                self._agent.flush()
                self._tracks.save(self.wav_path)
        finally:
            self._tracks.close()


@asynccontextmanager
async def record(
    transport: Recordable, folder: str | os.PathLike[str], *, keep_dtmf: bool = False
) -> AsyncGenerator[Recorder]:
    """Record a transport into a folder for the length of a block.

    async with record(transport, "calls/4711") as recorder:
        await transport.connect(...)
        ...
    print(recorder.wav_path)
    """
    recorder = Recorder(folder, keep_dtmf=keep_dtmf)
    recorder.attach(transport)
    try:
        yield recorder
    finally:
        await recorder.close()


class _Voice:
    """One side of the call: what its bytes mean, where on the time axis they lie, and the track that keeps them."""

    def __init__(self, track: Track, *, lateness_ms: float) -> None:
        self._track = track
        self._line = PlayLine[_PartKey](_MAX_STRETCHES, lateness_ms=lateness_ms)
        self._format: AudioFormat | None = None
        """None when the bytes cannot be converted: the track is silent then, the frames have all."""
        self._converter = Converter(WAV_FORMAT, WAV_FORMAT)
        self.speak(WAV_FORMAT)

    def speak(self, spelt: object) -> None:
        try:
            fmt = AudioFormat.parse(spelt)
            if fmt != self._format:
                self._converter = Converter(fmt, WAV_FORMAT)
            self._format = fmt
        except InvalidArgument:
            self._format = None

    def write(self, key: _PartKey, data: bytes, now_ms: float) -> None:
        if self._format is not None:
            ended = self._line.ends_ms
            begins = self._line.place(key, self._format.ms(len(data)), now_ms)
            # What is joined goes behind what was written, which a resampler may hold back by a millisecond or two.
            self._track.write(self._converter.push(data), begins if begins > ended else 0.0)

    def flush(self) -> None:
        self._track.write(self._converter.flush(), 0.0)

    def cut(self, heard_ms: Mapping[_PartKey, float]) -> None:
        stop = self._line.cut(heard_ms)
        if stop is not None:
            self._converter.reset()
            self._track.cut(stop)


def _fresh_file(path: Path) -> FileIO:
    """Open a new file for its owner only. An old one goes first: it may be a link, or others may read it."""
    path.unlink(missing_ok=True)
    return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


def _within(value: object, *names: str) -> object:
    """Follow attributes as far as they are set."""
    for name in names:
        value = getattr(value, name, None) or None
    return value


def _plain_fields(value: attrs.AttrsInstance) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value))}


def _plain(value: object) -> Any:
    """Spell a field of a transport event in JSON."""
    if isinstance(value, BaseException):
        return {"class": type(value).__name__, "message": str(value)}
    if attrs.has(type(value)):
        return _plain_fields(cast("attrs.AttrsInstance", value))
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in cast("list[object]", value)]
    return value
