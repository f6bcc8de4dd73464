"""Carriers to test call flows against: each with the buffer, the clock, and the marks and clears of the real one.

    async def answer(phone: PhoneSocket) -> None:
        async with TelephonyTransport(phone, carrier="twilio") as call:
            await call.connect(url=emulator.url)
            await call.wait_ended()

    heard = await FakeTwilio(answer).call(Speak("question.wav"), Wait(5))

In memory, on whatever clock the loop has; with virtual time a long call takes milliseconds. The caller's side is sent
in real time, 20 ms at a time, silence where nothing is said, as a carrier does. What each carrier does is what its
documentation says; where that is silent, the class says what was assumed.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, Final, Literal, TypeAlias, TypeVar

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.audio.files import read_pcm16
from realtime_transport.telephony.codecs import Frame
from realtime_transport.testing.fake_playback import FakePlayback

T = TypeVar("T")

FRAME_MS: Final = 20.0
MAX_MESSAGES: Final = 100_000
"""Messages that one side has not read: more means that it never will."""

APPLICATION_TIMEOUT: Final = 60.0
"""Seconds for the application to end after the caller has gone."""


@attrs.frozen
class Speak:
    """Say something: a file, or PCM16 at 24 kHz."""

    audio: bytes | str | os.PathLike[str] = attrs.field(repr=False)


@attrs.frozen
class Wait:
    """Say nothing for so many seconds; silence is sent."""

    seconds: float


@attrs.frozen
class Drop:
    """Send nothing at all for so many seconds: mute, hold, loss. The carrier's time stamps go on."""

    seconds: float


@attrs.frozen
class Flood:
    """Send so many seconds of audio at once."""

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


Step: TypeAlias = Speak | Wait | Drop | Flood | Press | Send | Restart


@attrs.frozen(kw_only=True)
class CallRecord:
    """What a call was, from the caller's end."""

    heard: bytes = attrs.field(repr=False)
    """From the first moment of the call, silence included, in ``format``."""
    format: AudioFormat
    spoken_ms: float
    """How much of it the agent played, pauses not counted."""
    ended_by: Literal["caller", "agent"]
    seconds: float
    code: int | None = None
    """The close code, when the agent ended it."""
    reason: str = ""
    keys: str = ""
    """What the agent pressed."""
    messages: tuple[Frame, ...] = attrs.field(default=(), repr=False)
    """All that the application sent, as it was on the wire."""
    clears: int = 0


class FakeSocket:
    """The application's end of the socket: a ``PhoneSocket``."""

    def __init__(self, carrier: FakeCarrier) -> None:
        self._carrier = carrier
        self.incoming: asyncio.Queue[Frame | None] = asyncio.Queue(maxsize=MAX_MESSAGES)
        self.closed: tuple[int, str] | None = None

    async def receive(self) -> Frame | None:
        """Return the carrier's next message, None after its end."""
        return await self.incoming.get()

    async def send(self, message: Frame) -> None:
        """Give the carrier a message."""
        self._carrier.later(self._arrive, message)

    def _arrive(self, message: Frame) -> None:
        if self.closed is None:
            self._carrier.take(message)

    async def close(self, code: int, reason: str) -> None:
        """End the call from the application's side."""
        if self.closed is None:
            self.closed = code, reason
            self._carrier.over.set()


class FakeCarrier(ABC):
    """One call on one carrier. ``answer`` is the application: it gets the socket, and returns when the call is over.

    ``fmt`` is what the call is set up with, without it the carrier's usual format. ``loses_mark`` tells of a mark's
    number, from 1, whether it never comes back. ``swap`` sends every pair of the caller's pieces in the wrong order.
    ``latency`` is how many seconds a message travels, either way.
    """

    formats: ClassVar[tuple[AudioFormat, ...]]
    clear_returns_marks: ClassVar[bool] = False

    def __init__(
        self,
        answer: Callable[[FakeSocket], Awaitable[object]],
        *,
        fmt: AudioFormat | None = None,
        loses_mark: Callable[[int], bool] = lambda number: False,
        swap: bool = False,
        latency: float = 0.0,
    ) -> None:
        self.format: AudioFormat = fmt or self.formats[0]
        self._answer = answer
        self._loses_mark = loses_mark
        self._swap = swap
        self._latency = latency
        self._marks = 0
        self._numbers = 0
        self._held: Frame | None = None
        self._keys = ""
        self._clears = 0
        self._messages: list[Frame] = []
        self.over: asyncio.Event = asyncio.Event()
        self.hung_up: bool = False

    async def call(self, *script: Step) -> CallRecord:
        """Call the application, do the script, hang up when it is done; return what the caller heard.

        Raises what the application raised, and ``TimeoutError`` when it goes on after the end.
        """
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self.playback: FakePlayback = FakePlayback(self.format, self._reached)
        self.socket: FakeSocket = FakeSocket(self)
        application = loop.create_task(self._run(), name="the application of a fake call")
        try:
            for message in self.opening():
                self.deliver(message)
            await self._perform(script)
            seconds = loop.time() - self._began
            ended_by: Literal["caller", "agent"] = "agent" if self.over.is_set() else "caller"
            self.playback.clear()
            for message in self.closing() if ended_by == "caller" else ():
                self.deliver(message)
            self.later(self.socket.incoming.put_nowait, None)
            async with asyncio.timeout(APPLICATION_TIMEOUT):
                await application
        finally:
            self.playback.clear()
            application.cancel()
            await asyncio.gather(application, return_exceptions=True)
        code, reason = self.socket.closed or (None, "")
        return CallRecord(
            heard=self.playback.heard(),
            format=self.format,
            spoken_ms=self.playback.spoken_ms(),
            ended_by=ended_by,
            seconds=seconds,
            code=code,
            reason=reason,
            keys=self._keys,
            messages=tuple(self._messages),
            clears=self._clears,
        )

    async def _run(self) -> None:
        try:
            await self._answer(self.socket)
        finally:
            self.over.set()

    # --- the caller's side -------------------------------------------------------------------------------------------

    async def _perform(self, script: Iterable[Step]) -> None:
        self._at = self._began
        for step in script:
            match step:
                case Speak(audio):
                    await self._say(self._converted(audio))
                case Wait(seconds):
                    await self._say(self.format.silence(seconds * 1000))
                case Drop(seconds):
                    self._at += seconds
                    await self._until(self._at)
                case Flood(seconds):
                    for piece in self._frames(self.format.silence(seconds * 1000)):
                        self._media(piece)
                case Press(digits):
                    for digit in digits:
                        self.deliver(self.key(digit))
                case Send(message):
                    self.deliver(message)
                case Restart():
                    for message in self.opening():
                        self.deliver(message)
            if self.over.is_set():
                return

    async def _say(self, audio: bytes) -> None:
        """Send audio in real time: each piece when it has been spoken, by absolute deadlines."""
        for piece in self._frames(audio):
            self._at += self.format.ms(len(piece)) / 1000
            if await self._until(self._at):
                return
            self._media(piece)

    async def _until(self, when: float) -> bool:
        """Wait until ``when``; True when the call is over before."""
        try:
            async with asyncio.timeout_at(when):
                await self.over.wait()
        except TimeoutError:
            return False
        return True

    def _converted(self, audio: bytes | str | os.PathLike[str]) -> bytes:
        pcm = audio if isinstance(audio, bytes) else read_pcm16(audio)
        converter = Converter(PCM16_24K, self.format)
        return converter.push(pcm) + converter.flush()

    def _frames(self, audio: bytes) -> list[bytes]:
        size = self.format.bytes_for(FRAME_MS)
        return [audio[at : at + size] for at in range(0, len(audio), size)]

    def _media(self, audio: bytes) -> None:
        self._numbers += 1
        stamp = round((self._at - self._began) * 1000 - self.format.ms(len(audio)))
        message = self.media(audio, self._numbers, stamp)
        if self._swap and self._held is None:
            self._held = message
            return
        held, self._held = self._held, None
        for each in [message] if held is None else [message, held]:
            self.deliver(each)

    def deliver(self, message: Frame) -> None:
        """Give the application a message."""
        self.later(self.socket.incoming.put_nowait, message)

    def later(self, arrive: Callable[[T], None], what: T) -> None:
        """Let something arrive when it has travelled: at once, where that takes no time."""
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, arrive, what)
        else:
            arrive(what)

    # --- the agent's side --------------------------------------------------------------------------------------------

    def take(self, message: Frame) -> None:
        """Take a message of the application's."""
        self._messages.append(message)
        self.hear(message)

    def play(self, audio: bytes) -> None:
        """Play audio of the agent's."""
        self.playback.write(audio)

    def mark(self, name: str) -> None:
        """Note a mark behind what was written."""
        self._marks += 1
        if not self._loses_mark(self._marks):
            self.playback.mark(name)

    def clear(self) -> None:
        """Throw away what was not played; say so the carrier's way."""
        self._clears += 1
        names = self.playback.clear()
        for message in self.cleared():
            self.deliver(message)
        for name in names if self.clear_returns_marks else ():
            self.deliver(self.marked(name))

    def press(self, digits: str) -> None:
        """Note keys that the agent pressed."""
        self._keys += digits

    def hang_up(self) -> None:
        """End the call because the application asked for it."""
        self.hung_up = True
        self.over.set()

    def _reached(self, name: str) -> None:
        self.deliver(self.marked(name))

    # --- what a carrier is -----------------------------------------------------------------------------------------

    @abstractmethod
    def opening(self) -> list[Frame]:
        """Return the messages that begin a call."""

    @abstractmethod
    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        """Return a piece of the caller's audio; ``stamp`` is its beginning in milliseconds of the call."""

    @abstractmethod
    def hear(self, message: Frame) -> None:
        """Do what a message of the application asks for."""

    @abstractmethod
    def key(self, digit: str) -> Frame:
        """Return the news of a key."""

    def marked(self, name: str) -> Frame:
        """Return the news that a mark was reached."""
        raise AssertionError(f"{type(self).__name__} has no marks")

    def cleared(self) -> list[Frame]:
        """Return what answers a clear."""
        return []

    def closing(self) -> list[Frame]:
        """Return what is said when the caller hangs up; the socket ends in any case."""
        return []
