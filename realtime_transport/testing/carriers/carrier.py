"""One call on a fake carrier: what every carrier has in common. What each of them is, its own module says."""

from __future__ import annotations

import asyncio
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import ClassVar, Final, Literal, TypeAlias

from websockets.exceptions import InvalidStatus

from realtime_transport.audio import AudioFormat
from realtime_transport.exceptions import InvalidArgument, StateError
from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import Frame
from realtime_transport.testing.carriers.caller import Caller
from realtime_transport.testing.carriers.link import FakeSocket, dialled
from realtime_transport.testing.carriers.playback import FakePlayback
from realtime_transport.testing.carriers.record import CallRecord, Happening, Kind, MarkFate, MarkRecord, track
from realtime_transport.testing.carriers.script import Step

Answer: TypeAlias = Callable[[FakeSocket], Awaitable[object]]
"""The application: gets the socket of a call, and returns when the call is over."""

APPLICATION_TIMEOUT: Final = 60.0
"""Seconds for the application to end after the caller has gone."""

MAX_FAULTS: Final = 100
"""Faults that are kept: whoever makes more makes the same ones."""


class FakeCarrier(ABC):
    """One call on one carrier; make another one for the next call.

    - ``answer`` is the application, for ``call``; ``dial`` goes to a URL instead.
    - ``fmt`` is what the call is set up with, without it the carrier's usual format.
    - ``call_id``, ``caller``, ``called`` and ``custom`` (the parameters of the answer document) are told to the
      application where the carrier tells them.
    - ``secret`` signs the upgrade, on carriers that do so; ``wall_clock`` gives the time for it.
    - ``loses_mark`` tells of a mark's number, from 1, whether it never comes back.
    - ``swap`` sends every pair of the caller's pieces in the wrong order.
    - ``latency`` is how many seconds a message travels, either way.
    - ``clear_returns_marks`` is what a clear does to marks that wait, for carriers that do not document it.
    """

    formats: ClassVar[tuple[AudioFormat, ...]]
    piece_ms: ClassVar[float] = 20.0
    """Audio in one message of the carrier's."""
    clear_returns_marks: bool = False
    buffer_ms: ClassVar[float] = 3_600_000.0
    """What the carrier buffers; where it is not documented, an hour: who writes more has lost the pacer."""
    subprotocols: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        answer: Answer | None = None,
        *,
        fmt: AudioFormat | None = None,
        call_id: str = "CA0123",
        caller: str = "+15550100",
        called: str = "+15550101",
        custom: Mapping[str, str] | None = None,
        secret: str | Secret | None = None,
        wall_clock: Callable[[], float] = time.time,
        loses_mark: Callable[[int], bool] = lambda number: False,
        swap: bool = False,
        latency: float = 0.0,
        clear_returns_marks: bool | None = None,
    ) -> None:
        self.format: AudioFormat = fmt or self.formats[0]
        if self.format not in self.formats:
            raise InvalidArgument(f"{type(self).__name__} has no {self.format}", path="fmt")
        self.call_id: str = call_id
        self.stream_id: str = f"MZ{call_id}"
        self.caller: str = caller
        self.called: str = called
        self.custom: dict[str, str] = dict(custom or {})
        self.secret: Secret | None = None if secret is None else Secret(secret)
        self.wall_clock: Callable[[], float] = wall_clock
        if clear_returns_marks is not None:
            self.clear_returns_marks = clear_returns_marks
        self._answer = answer
        self._loses_mark = loses_mark
        self._swap = swap
        self._latency = latency
        self._numbers = 0
        self._held: Frame | None = None
        self._keys = ""
        self._clears = 0
        self._cleared_ms = 0.0
        self._marks: list[MarkRecord] = []
        self._faults: list[str] = []
        self._messages: list[Frame] = []
        self._happenings: list[Happening] = []
        self._timers: list[asyncio.TimerHandle] = []
        self.over: asyncio.Event = asyncio.Event()
        self._used = False

    # --- calling -----------------------------------------------------------------------------------------------------

    async def call(self, *script: Step) -> CallRecord:
        """Call ``answer`` in memory, on whatever clock the loop has; do the script, hang up when it is done.

        Returns what the caller heard. Raises what the application raised, and ``TimeoutError`` when it goes on for a
        minute after the end, or when the agent was not heard as a step wants it.
        """
        if self._answer is None:
            raise InvalidArgument("is what call() calls; dial() needs none", path="answer")
        return await self._call(self._answer, script)

    async def dial(self, url: str, *script: Step, tls: ssl.SSLContext | None = None) -> CallRecord:
        """Call the application at ``ws://``, ``wss://`` or (AudioSocket) ``tcp://host:port``; else like ``call``.

        ``tls`` says whom to trust, where the certificate is of your own making.
        An application that refuses the upgrade is a call too: ``refused`` is the status. Raises ``OSError`` or
        ``TimeoutError`` when nobody answers.
        """
        try:
            async with dialled(url, self.upgrade_headers(url), self.subprotocols, tls) as line:
                return await self._call(line.carry, script)
        except InvalidStatus as refusal:
            return CallRecord(
                format=self.format,
                heard=b"",
                said=b"",
                stretches=(),
                seconds=0.0,
                ended_by="agent",
                refused=refusal.response.status_code,
            )

    async def _call(self, answer: Answer, script: tuple[Step, ...]) -> CallRecord:
        if self._used:
            raise StateError("this call was made: make another fake for the next one")
        self._used = True
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self.playback: FakePlayback = FakePlayback(
            self.format, limit_ms=self.buffer_ms, reached=self._reached, changed=self._changed
        )
        self.socket: FakeSocket = FakeSocket(self._later, self.take, self._on_close)
        caller = Caller(self, self.over)
        application = loop.create_task(self._run(answer), name="the application of a fake call")
        try:
            for message in self.opening():
                self.deliver(message)
            await caller.perform(script)
            ended_by: Literal["caller", "agent"] = "agent" if self.over.is_set() else "caller"
            self.note("end", detail=f"the {ended_by} hung up")
            seconds = loop.time() - self._began
            heard = tuple(self.playback.stretches())
            self.playback.clear()
            if ended_by == "caller":
                for message in self.closing():
                    self.deliver(message)
                await self.parting()
            self._later(partial(self.socket.incoming.put_nowait, None))
            async with asyncio.timeout(APPLICATION_TIMEOUT):
                await application
        finally:
            self.playback.clear()
            for timer in self._timers:
                timer.cancel()
            application.cancel()
            await asyncio.gather(application, return_exceptions=True)
        self._happenings += [Happening(at_ms=each.begin_ms, kind="heard", ms=each.ms) for each in heard]
        code, reason = (self.socket.closed if ended_by == "agent" else None) or (None, "")
        return CallRecord(
            format=self.format,
            heard=track(self.format, ((each.begin_ms, each.data) for each in heard)),
            said=caller.said,
            stretches=heard,
            marks=tuple(self._marks),
            timeline=tuple(sorted(self._happenings, key=lambda each: each.at_ms)),
            messages=tuple(self._messages),
            faults=tuple(self._faults),
            clears=self._clears,
            cleared_ms=self._cleared_ms,
            keys=self._keys,
            seconds=seconds,
            ended_by=ended_by,
            code=code,
            reason=reason,
        )

    async def _run(self, answer: Answer) -> None:
        try:
            await answer(self.socket)
        finally:
            self.over.set()

    # --- to the application ----------------------------------------------------------------------------------------

    def send_audio(self, audio: bytes, stamp: int) -> None:
        """Send a piece of the caller's audio, whose beginning is at ``stamp`` milliseconds of the call."""
        self._numbers += 1
        message = self.media(audio, self._numbers, stamp)
        if message is None:
            return
        if self._swap and self._held is None:
            self._held = message
            return
        held, self._held = self._held, None
        for each in [message] if held is None else [message, held]:
            self.deliver(each)

    def press_key(self, digit: str) -> None:
        """Send a key of the caller's."""
        self.note("digit", detail=digit)
        self.deliver(self.key(digit))

    def deliver(self, message: Frame) -> None:
        """Give the application a message."""
        self._later(partial(self.socket.incoming.put_nowait, message))

    def _later(self, arrive: Callable[[], None]) -> None:
        """Let something arrive when it has travelled: at once, where that takes no time."""
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, arrive)
        else:
            arrive()

    # --- from the application --------------------------------------------------------------------------------------

    def take(self, message: Frame) -> None:
        """Take a message of the application's."""
        self._messages.append(message)
        try:
            self.hear(message)
        except (KeyError, TypeError, ValueError) as error:
            self.fault(f"cannot be read ({type(error).__name__}: {error}): {message[:200]!r}")

    def play(self, audio: bytes) -> None:
        """Play audio of the agent's."""
        lost = self.playback.write(audio)
        if lost:
            self.note("overflow", ms=lost)
            self.fault(f"the buffer of {self.buffer_ms:g} ms is full")

    def mark(self, name: str) -> None:
        """Note a mark behind what was written."""
        number = len(self._marks)
        self._marks.append(MarkRecord(name=name, set_ms=self.now_ms))
        if self._loses_mark(number + 1):
            self._settle(number, "lost")
        else:
            self.playback.mark(number)

    def clear(self) -> None:
        """Throw away what was not played; say so the carrier's way."""
        self._clears += 1
        ms, marks = self.playback.clear()
        self._cleared_ms += ms
        self.note("cleared", ms=ms)
        for message in self.cleared():
            self.deliver(message)
        for number in marks:
            self._settle(number, "returned" if self.clear_returns_marks else "destroyed")
            if self.clear_returns_marks:
                self.deliver(self.returned(self._marks[number].name))

    def press(self, digits: str) -> None:
        """Note keys that the agent pressed."""
        self._keys += digits
        self.note("pressed", detail=digits)

    def _on_close(self) -> None:
        self.closed_by_application()
        self.over.set()

    def hang_up(self) -> None:
        """End the call because the application asked for it."""
        self.over.set()

    def fault(self, what: str) -> None:
        """Note what the real carrier would not have taken, or played badly."""
        self.note("fault", detail=what)
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(what)

    def note(self, kind: Kind, *, ms: float = 0.0, detail: str = "") -> None:
        """Write something into the timeline."""
        self._happenings.append(Happening(at_ms=self.now_ms, kind=kind, ms=ms, detail=detail))

    def after(self, ms: float, do: Callable[[], None]) -> None:
        """Do something later in the call."""
        self._timers.append(asyncio.get_running_loop().call_later(ms / 1000, do))

    @property
    def now_ms(self) -> float:
        """Milliseconds of the call."""
        return (asyncio.get_running_loop().time() - self._began) * 1000

    def _reached(self, number: int) -> None:
        self._settle(number, "played")
        self.deliver(self.marked(self._marks[number].name))

    def _changed(self, begins: bool) -> None:
        for message in self.playing(begins):
            self.deliver(message)

    def _settle(self, number: int, fate: MarkFate) -> None:
        mark = self._marks[number]
        mark.fate, mark.at_ms = fate, self.now_ms
        self.note("mark", detail=f"{mark.name} {fate}")

    # --- what a carrier is -----------------------------------------------------------------------------------------

    def upgrade_headers(self, url: str) -> dict[str, str]:
        """Return the headers that the upgrade to ``url`` has, signature included."""
        return {}

    @abstractmethod
    def opening(self) -> list[Frame]:
        """Return the messages that begin a call."""

    @abstractmethod
    def media(self, audio: bytes, number: int, stamp: int) -> Frame | None:
        """Return a piece of the caller's audio; ``stamp`` is its beginning in milliseconds of the call.

        None when nothing is sent now.
        """

    @abstractmethod
    def hear(self, message: Frame) -> None:
        """Do what a message of the application asks for. What it raises is a fault of the application's."""

    @abstractmethod
    def key(self, digit: str) -> Frame:
        """Return the news of a key."""

    def marked(self, name: str) -> Frame:
        """Return the news that a mark was reached. Overridden by carriers with marks."""
        raise AssertionError(f"{type(self).__name__} has no marks")

    def returned(self, name: str) -> Frame:
        """Return the news that a clear threw a mark out; most carriers tell no difference."""
        return self.marked(name)

    def cleared(self) -> list[Frame]:
        """Return what answers a clear."""
        return []

    def playing(self, begins: bool) -> list[Frame]:
        """Return what is said when sound begins or ends."""
        return []

    def leaving_out(self, seconds: float | None) -> list[Frame]:
        """Return what is said when audio is left out from now on (None), or was for ``seconds``."""
        return []

    def closing(self) -> list[Frame]:
        """Return what is said when the caller hangs up; the socket ends in any case."""
        return []

    async def parting(self) -> None:  # noqa: B027 - most carriers close the socket at once
        """Wait for what the application has to say to that."""

    def closed_by_application(self) -> None:  # noqa: B027 - most carriers have no rule for it
        """Look whether the application was allowed to close the socket now."""
