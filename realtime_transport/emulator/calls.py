"""Calls: conversations whose sound does not pass a WebSocket. The caller here is a test, or whoever posts over HTTP.

    ringing --accept--> active --hangup--> over           what comes in by SIP
               active --hangup--> over                    what a client opens over WebRTC

Sockets may join an active call (``?call_id=``). They see everything but the sound, and when it is played: the server
holds the output buffer, so it is also the one that truncates what an interruption cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

import attrs

from realtime_transport.audio import PCM16_24K, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.conversation.server_errors import error_detail, refusal
from realtime_transport.conversation.session_views import input_format, output_format, server_interrupts
from realtime_transport.emulator.brains import AsyncBrain
from realtime_transport.emulator.driver import Driver
from realtime_transport.events.client import (
    ClientEvent,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    OutputAudioBufferClear,
)
from realtime_transport.events.items import AssistantMessageItem
from realtime_transport.events.server import (
    ErrorFrame,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferSpeechStarted,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    ServerEvent,
    SessionCreated,
)
from realtime_transport.events.server_response import ResponseCreated, ResponseDone, ResponseOutputAudioDelta
from realtime_transport.events.session import AnySession
from realtime_transport.exceptions import DecodeError, InvalidArgument, StateError

MAX_SIDEBANDS: Final = 16
"""Sockets that may join one call: a server, a monitor, a supervisor, and some more."""
MAX_HEARD_BYTES: Final = PCM16_24K.bytes_for(600_000)
"""Of what the caller heard: ten minutes, the last of them."""
CHUNK_MS: Final = 20
"""What a telephone sends at a time."""
PAUSE_MS: Final = 1_000
"""Silence after the caller's words: long enough for every turn detection to notice it."""

KEYS: Final = "0123456789*#ABCD"
"""Of a telephone, the ones of telephones that nobody has seen included."""

Say: TypeAlias = Callable[[ServerEvent], None]
Shut: TypeAlias = Callable[[int, str], None]


@attrs.define(kw_only=True)
class _Playback:
    """One response on its way to the caller's ear."""

    response_id: str
    item_id: str
    began: float
    """When its first sound was played, on the clock of the loop."""
    ms: float = 0.0
    """How much sound there is so far."""
    item_ms: float = 0.0
    """How much of it came before its last item."""
    timer: asyncio.TimerHandle | None = None


class Call:
    """One call, from its first ring to its end. Made by ``Emulator.ring`` and by ``POST /v1/realtime/calls``."""

    def __init__(
        self,
        call_id: str,
        ids: Callable[[str], str],
        *,
        sip_headers: Sequence[tuple[str, str]] = (),
        wall_clock: Callable[[], float],
        over: Callable[[Call], None] = lambda _: None,
    ) -> None:
        self.id: str = call_id
        self.sip_headers: tuple[tuple[str, str], ...] = tuple(sip_headers)
        self.state: Literal["ringing", "active", "over"] = "ringing"
        self.status_code: int | None = None
        """The SIP status that it was rejected with."""
        self.referred_to: str | None = None
        """Where it was passed on to."""
        self.answered: asyncio.Event = asyncio.Event()
        """Set when it was accepted, and when it ended."""
        self.ended: asyncio.Event = asyncio.Event()
        self._ids = ids
        self._wall_clock = wall_clock
        self._over = over
        self._peer: ServerPeer | None = None
        self._driver: Driver | None = None
        self._joined: dict[Say, Shut] = {}
        self._playing: _Playback | None = None
        self._cut: tuple[str, int] | None = None
        """Item id and milliseconds of what an interruption cut off, until the server has truncated it."""
        self._silenced = ""
        """Id of the response that was cleared last: what is still generated of it is not played."""
        # At most as many as may run at a time: each leaves when it is done.
        self._formats: dict[str, AudioFormat] = {}
        """Id of a running response -> what its sound is in: a request may ask for another than the session's."""
        self._heard = bytearray()

    # --- the server's side ---------------------------------------------------------------------------------------

    def begin(self, peer: ServerPeer, brain: AsyncBrain | None, unix_time: float) -> Driver:
        """Take the call; the driver is to be ended when the call has."""
        self.state = "active"
        self._peer = peer
        self._driver = Driver(peer, brain, self._say, self._closed)
        self._driver.open(unix_time)
        self.answered.set()
        return self._driver

    def end(self, status_code: int | None = None, *, reason: str = "The call is over.") -> None:
        """End the call, or reject it; the sockets that joined are closed."""
        self._closed(1000, reason, status_code=status_code)

    def refer(self, target: str) -> None:
        """Pass the call on; it is over here."""
        self.referred_to = target
        self.end(reason="The call was transferred.")

    def _closed(self, code: int, reason: str, *, status_code: int | None = None) -> None:
        if self.state == "over":
            return
        self.state, self.status_code = "over", status_code
        self._stop_playing()
        for shut in self._joined.values():
            shut(code, reason)
        self.answered.set()
        self.ended.set()
        self._over(self)

    # --- sockets that join ---------------------------------------------------------------------------------------

    @property
    def is_crowded(self) -> bool:
        """Whether no more sockets may join."""
        return len(self._joined) >= MAX_SIDEBANDS

    def join(self, say: Say, shut: Shut) -> None:
        """Let a socket in."""
        self._joined[say] = shut

    def leave(self, say: Say) -> None:
        """Let it go."""
        self._joined.pop(say, None)

    def receive(self, event: ClientEvent) -> None:
        """Take what a socket says. Sound does not come this way."""
        if self._driver is None or self.state != "active":
            return
        if isinstance(event, OutputAudioBufferClear):
            self._clear()
        elif isinstance(event, InputAudioBufferAppend):
            error = error_detail(refusal("sound_of_calls"), event.event_id or None)
            self._tell(ErrorFrame(event_id=self._ids("event"), error=error))
        else:
            self._driver.receive(event)
        self._truncate()

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None) -> None:
        """Answer a frame that has a flaw."""
        if self._driver is not None and self.state == "active":
            self._driver.receive_unreadable(error, event)

    # --- the caller ----------------------------------------------------------------------------------------------

    @property
    def heard(self) -> bytes:
        """What the caller hears, as far as it was generated: PCM16, 24 kHz, mono; cut where it was interrupted."""
        return bytes(self._heard)

    async def speak(self, audio: bytes, *, pace: float | None = 1.0) -> None:
        """Say something (PCM16, 24 kHz, mono), then be silent for a second. ``pace`` None says it all at once.

        Raises ``StateError`` when nobody has taken the call; stops when it ends.
        """
        if self._peer is None or self._driver is None:
            raise StateError(f"nobody took the call {self.id}")
        converter = Converter(PCM16_24K, input_format(self._peer.conversation.session))
        size = PCM16_24K.bytes_for(CHUNK_MS)
        said = audio + PCM16_24K.silence(PAUSE_MS)
        for at in range(0, len(said), size):
            if self.state == "over":
                return
            self._driver.receive(InputAudioBufferAppend(audio=converter.push(said[at : at + size])))
            self._truncate()
            await asyncio.sleep(0 if pace is None else CHUNK_MS / 1000 / pace)

    def press(self, key: str) -> None:
        """Press a key: the sockets that joined are told. Raises ``InvalidArgument`` for what is none."""
        if len(key) != 1 or key not in KEYS:
            raise InvalidArgument(f"a telephone has {KEYS}, and no {key!r}", path="key")
        received_at = int(self._wall_clock())
        self._tell(InputAudioBufferDtmfEventReceived(event=key, received_at=received_at))

    def hang_up(self) -> None:
        """Put the receiver down."""
        self.end(reason="The caller hung up.")

    # --- what the server says ------------------------------------------------------------------------------------

    def _say(self, event: ServerEvent) -> None:
        if isinstance(event, ResponseOutputAudioDelta):
            self._play(event)
            return
        if not isinstance(event, SessionCreated):  # a socket that joins later finds a session that is there
            self._tell(event)
        if isinstance(event, InputAudioBufferSpeechStarted) and server_interrupts(self._session):
            self._clear()
        if isinstance(event, ResponseCreated):
            self._formats[str(event.response.id)] = output_format(event.response.audio, PCM16_24K)
        if isinstance(event, ResponseDone):
            del self._formats[str(event.response.id)]
            if self._playing is not None:
                self._played(self._playing, event)
            self._truncate()

    def _tell(self, event: ServerEvent) -> None:
        for say in tuple(self._joined):
            say(event)

    @property
    def _session(self) -> AnySession | None:
        return self._peer.conversation.session if self._peer is not None else None

    # --- playing -------------------------------------------------------------------------------------------------

    def _play(self, event: ResponseOutputAudioDelta) -> None:
        if event.response_id == self._silenced:
            return
        fmt, playing = self._formats[str(event.response_id)], self._playing
        if playing is None or playing.response_id != event.response_id:
            self._stop_playing()
            now = asyncio.get_running_loop().time()
            response_id = str(event.response_id)
            playing = self._playing = _Playback(response_id=response_id, item_id=event.item_id, began=now)
            self._tell(OutputAudioBufferStarted(event_id=self._ids("event"), response_id=response_id))
        if playing.item_id != event.item_id:
            playing.item_id, playing.item_ms = event.item_id, playing.ms
        playing.ms += fmt.ms(len(event.delta))
        converter = Converter(fmt, PCM16_24K)
        self._heard += converter.push(event.delta) + converter.flush()
        del self._heard[: max(0, len(self._heard) - MAX_HEARD_BYTES)]

    def _played(self, playing: _Playback, done: ResponseDone) -> None:
        """The response is whole: it is played to its end."""
        if done.response.id == playing.response_id:
            end = playing.began + playing.ms / 1000
            playing.timer = asyncio.get_running_loop().call_at(end, self._stop_playing)

    def _taken(self) -> _Playback | None:
        """Take what is playing off the line."""
        playing, self._playing = self._playing, None
        if playing is not None and playing.timer is not None:
            playing.timer.cancel()
        return playing

    def _stop_playing(self) -> None:
        """The caller has heard all of it."""
        playing = self._taken()
        if playing is not None:
            self._tell(OutputAudioBufferStopped(event_id=self._ids("event"), response_id=playing.response_id))

    def _clear(self) -> None:
        """Stop playing in the middle, and remember what has to be truncated."""
        playing = self._taken()
        if playing is None:
            return
        played = min(playing.ms, (asyncio.get_running_loop().time() - playing.began) * 1000)
        unheard = PCM16_24K.bytes_for(playing.ms - played)
        del self._heard[max(0, len(self._heard) - unheard) :]
        self._silenced = playing.response_id
        self._cut = (playing.item_id, int(max(0.0, played - playing.item_ms)))
        self._tell(OutputAudioBufferCleared(event_id=self._ids("event"), response_id=playing.response_id))

    def _truncate(self) -> None:
        """Do what a client on a WebSocket does itself, once the item is whole; one of no conversation stays."""
        if self._cut is None or self._peer is None or self._driver is None or self.state != "active":
            return
        item_id, ms = self._cut
        item = next((item for item in self._peer.conversation.items if item.id == item_id), None)
        if isinstance(item, AssistantMessageItem) and item.status == "in_progress":
            return  # a client cleared what it did not cancel: response.done comes here again
        self._cut = None
        if item is not None:
            self._driver.receive(ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=ms))


async def _last(call: Call, driver: Driver) -> None:
    """Wait for the end of a call, then stop everything that it waits for."""
    await call.ended.wait()
    await driver.end()


class Sideband:
    """A socket that joined a call."""

    def __init__(self, call: Call, say: Say, shut: Shut) -> None:
        self._call = call
        self._say = say
        self._shut = shut

    def open(self, unix_time: float) -> None:
        """Join: nothing is said until something happens."""
        del unix_time  # the session began without us
        self._call.join(self._say, self._shut)

    def receive(self, event: ClientEvent) -> None:
        """Take what the client said."""
        self._call.receive(event)

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None) -> None:
        """Answer a frame that has a flaw."""
        self._call.receive_unreadable(error, event)

    async def end(self) -> None:
        """Leave the call, which goes on."""
        self._call.leave(self._say)


class Calls:
    """The calls of one server."""

    def __init__(self) -> None:
        # Bounded by the server's own limit of sessions: a call that is over leaves at once.
        self._calls: dict[str, Call] = {}
        self._running: set[asyncio.Task[None]] = set()
        """One for each call that was taken."""

    def __len__(self) -> int:
        return len(self._calls)

    def add(
        self, ids: Callable[[str], str], wall_clock: Callable[[], float], sip_headers: Sequence[tuple[str, str]] = ()
    ) -> Call:
        """Make a call that rings."""
        call = Call(ids("rtc"), ids, sip_headers=sip_headers, wall_clock=wall_clock, over=self._forget)
        self._calls[call.id] = call
        return call

    def begin(self, call: Call, peer: ServerPeer, brain: AsyncBrain | None, unix_time: float) -> None:
        """Take a call, and see to its end."""
        driver = call.begin(peer, brain, unix_time)
        task = asyncio.get_running_loop().create_task(_last(call, driver), name="emulator call")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def get(self, call_id: str) -> Call | None:
        """Find a call that is not over."""
        return self._calls.get(call_id)

    def _forget(self, call: Call) -> None:
        self._calls.pop(call.id, None)

    async def stop(self) -> None:
        """End all of them."""
        for call in tuple(self._calls.values()):
            call.end(reason="The server is shutting down.")
        await asyncio.gather(*self._running)


SDP_LINES: Final = 2_000
"""Of an offer; a browser's has a hundred."""


def sdp_answer(offer: str) -> str:
    """Answer an SDP offer with a refusal of every medium: the emulator signals calls and carries no sound for them."""
    lines = offer.replace("\r\n", "\n").split("\n")[:SDP_LINES]
    media = [line.split() for line in lines if line.startswith("m=")]
    answer = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=realtime-transport emulator", "t=0 0"]
    for kind, _, *rest in media:
        answer += [" ".join((kind, "0", *rest)), "c=IN IP4 127.0.0.1"]
    return "\r\n".join(answer) + "\r\n"
