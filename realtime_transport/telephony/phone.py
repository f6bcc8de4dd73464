"""Turns one phone leg over one socket: reads, writes, keeps its time. Owns the socket, a reader and a writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from realtime_transport.tasks import begin
from realtime_transport.telephony.codecs.base import CarrierCodec, Frame
from realtime_transport.telephony.leg import DEFAULTS, LegOptions, PhoneLeg
from realtime_transport.telephony.leg_events import LegEnded, LegEvent
from realtime_transport.telephony.sockets import PhoneSocket

MAX_UNSENT: Final = 512
"""Messages that the socket has not taken: ten seconds of frames. A carrier that far behind takes nothing any more."""

PARTING_TIMEOUT: Final = 0.5
"""Seconds for a carrier that closes the socket itself to do so: two round trips, however far away it is."""


class Phone:
    """A phone leg and its socket. ``tell`` hears every event, inside whatever call caused it, and must not raise."""

    def __init__(
        self,
        socket: PhoneSocket,
        codec: CarrierCodec,
        tell: Callable[[LegEvent], None],
        options: LegOptions = DEFAULTS,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.leg: PhoneLeg = PhoneLeg(codec, self._loop.time(), options)
        self._socket = socket
        self._tell = tell
        self._telling = False
        # Bounded by MAX_UNSENT, beyond which the call ends.
        self._unsent: list[Frame] = []
        self._timer: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[str] = self._loop.create_future()
        self._closed = False
        self._writer: asyncio.Task[None] | None = None
        self._reader = begin(self._read(), name="realtime_transport phone reader", loop=self._loop)
        self.turn()

    def turn(self) -> None:
        """Carry away what the leg made. Call it after everything that was done to the leg."""
        self._unsent += self.leg.frames_to_send()
        if len(self._unsent) > MAX_UNSENT:
            self._unsent.clear()
            self.leg.hung_up("the carrier takes nothing any more")
        if self._unsent and self._writer is None:
            self._writer = begin(self._write(), name="realtime_transport phone writer", loop=self._loop)
        self._deliver()
        self._set_timer()

    async def wait_ended(self) -> str:
        """Wait until the leg is over; return why."""
        await asyncio.wait({self._over})
        return self._over.result()

    async def close(self, code: int, reason: str) -> None:
        """Hang up, send what waits, close the socket, and return when nothing is left. Closing twice does nothing.

        A carrier that has to be the one who closes (Genesys) gets half a second for that.
        """
        if self._closed:
            return
        self._closed = True
        self.leg.hang_up(reason)
        self.turn()
        try:
            if self.leg.is_parting:
                await asyncio.wait({self._reader}, timeout=PARTING_TIMEOUT)
            if self._writer is not None:
                await asyncio.wait({self._writer})
            await self._socket.close(code, reason)
        finally:
            await self._end()

    async def _end(self) -> None:
        tasks = [task for task in (self._reader, self._writer) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def abort(self) -> None:
        """Drop everything at once: closing took too long."""
        self.leg.hung_up("aborted")
        if not self._over.done():
            self._over.set_result("aborted")  # nobody else is told: whoever aborts knows
        self._set_timer()
        self._reader.cancel()
        if self._writer is not None:
            self._writer.cancel()

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        reason = "the caller hung up"
        try:
            while (message := await self._socket.receive()) is not None:
                self.leg.receive(message, self._loop.time())
                self.turn()
        except Exception as error:  # noqa: BLE001 - the socket is somebody else's code; what it raises ends the call
            reason = f"the phone's socket failed: {type(error).__name__}: {error}"
        self.leg.hung_up(reason)
        self.turn()

    async def _write(self) -> None:
        try:
            while self._unsent:
                await self._socket.send(self._unsent.pop(0))
        except Exception as error:  # noqa: BLE001 - as above
            self._unsent.clear()
            self.leg.hung_up(f"the phone's socket failed: {type(error).__name__}: {error}")
        self._writer = None
        self.turn()

    def _deliver(self) -> None:
        """Tell events in order, also when a listener causes more of them."""
        if self._telling:
            return
        self._telling = True
        try:
            while events := self.leg.events():
                for event in events:
                    if isinstance(event, LegEnded) and not self._over.done():
                        self._over.set_result(event.reason)
                    self._tell(event)
        finally:
            self._telling = False

    def _set_timer(self) -> None:
        deadline = self.leg.next_deadline()
        if self._timer is not None:
            if deadline is not None and self._timer.when() == deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.leg.wake(self._loop.time())
        self.turn()
