"""A whole server in memory: a conversation, a brain, and the pace at which answers come.

The loopback transport and every socket of the emulator turn the same ``ServerPeer``. It is as pure as its parts: time
comes in, frames go out, and ``next_deadline`` says when more will.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from realtime_transport.conversation.brain import (
    Brain,
    GenerationRequest,
    Output,
    Pace,
    Pause,
    Reply,
    Say,
    Stop,
    Voice,
    Write,
)
from realtime_transport.conversation.brains import hum
from realtime_transport.conversation.mcp_script import ScriptedServers, scripted_result, scripted_tools
from realtime_transport.conversation.server import Close, ServerConversation
from realtime_transport.conversation.server_items import words_of
from realtime_transport.conversation.server_mcp import McpListing, McpRequest
from realtime_transport.conversation.server_outbox import counted_ids
from realtime_transport.events.client import ClientEvent
from realtime_transport.events.server import ServerEvent
from realtime_transport.exceptions import DecodeError

CHUNK_MS: Final = 200
"""Speech in one delta: what the live service sends once it is under way."""

PACE: Final = 8.0
"""Speech is generated so many times faster than it plays. The live service does not say; captures look like 5 to 10."""

WORD_MS: Final = 60
"""How long a written word takes at pace 1: text comes at the same pace as speech, a little faster than it is read."""


@attrs.define
class _Delivery:
    """One answer on its way to the client."""

    request: GenerationRequest
    due: float
    """When its next piece is sent."""
    source: Iterator[Output] | None
    """The brain's outputs, taken one by one; None when the driver feeds them."""
    pace: float | None
    """Times real time; None for all at once."""
    # Bounded by the answer itself: a brain's outputs are taken only when the one before has been sent, and a driver
    # feeds one answer.
    pieces: deque[Output] = attrs.field(factory=deque[Output])
    complete: bool = False
    """Nothing will be added to ``pieces``."""

    @property
    def is_waiting(self) -> bool:
        """Whether it cannot go on by itself: all that was fed is sent, and the driver has not said that it is all."""
        return self.source is None and not self.pieces and not self.complete


class ServerPeer:
    """The other end of a connection, in memory.

    ``open`` begins the session. ``brain`` answers; without one the driver drains ``requests`` and feeds each with
    ``feed`` and ``end``. ``pace`` is how many times faster than real time speech is sent, None for all at once;
    ``latency_ms`` is how long the model thinks before its first word. ``voice`` speaks what a brain only words.
    ``mcp`` are MCP servers that exist on paper; with ``runs_mcp`` the driver drains ``mcp_requests`` for all others and
    tells the conversation, without it they cannot be reached.
    """

    def __init__(
        self,
        brain: Brain | None = None,
        *,
        conversation: ServerConversation | None = None,
        pace: float | None = PACE,
        chunk_ms: float = CHUNK_MS,
        latency_ms: float = 0.0,
        voice: Voice = hum,
        mcp: ScriptedServers | None = None,
        runs_mcp: bool = False,
    ) -> None:
        self.conversation: ServerConversation = conversation or ServerConversation(ids=counted_ids())
        self._brain = brain
        self._pace = pace
        self._chunk_ms = chunk_ms
        self._latency = latency_ms / 1000
        self._voice = voice
        self._deliveries: dict[str, _Delivery] = {}
        self._requests: list[GenerationRequest] = []
        self._mcp = mcp or {}
        self._runs_mcp = runs_mcp
        self._mcp_requests: list[McpRequest] = []

    # --- what a driver turns ---------------------------------------------------------------------------------------

    def open(self, now: float, unix_time: float = 0.0) -> None:
        """Begin the session: the first frame is there afterwards. ``unix_time`` is for ``expires_at`` only."""
        self.conversation.open(now, unix_time)
        self._advance(now)

    def receive(self, event: ClientEvent, now: float) -> None:
        """Take what the client said."""
        self.conversation.receive(event, now)
        self._advance(now)

    def receive_unreadable(self, error: DecodeError, event: ClientEvent | None = None) -> None:
        """Answer a frame that the codec found a flaw in; ``event`` is what it could make of it."""
        self.conversation.receive_unreadable(error, event)

    def frames_to_send(self) -> list[ServerEvent]:
        """Hand over what goes to the client."""
        return self.conversation.frames_to_send()

    @property
    def closing(self) -> Close | None:
        """Set when the connection is to be closed once the frames are sent."""
        return self.conversation.closing

    def next_deadline(self) -> float | None:
        """When ``wake`` has something to do; None before the session has begun and once it is over."""
        own = self.conversation.next_deadline()
        if own is None:
            return None
        return min([own, *(delivery.due for delivery in self._deliveries.values() if not delivery.is_waiting)])

    def wake(self, now: float) -> None:
        """Send what is due."""
        self.conversation.wake(now)
        self._advance(now)

    # --- answers from outside ----------------------------------------------------------------------------------------

    def requests(self) -> list[GenerationRequest]:
        """Hand over the responses that want words; none while a brain of its own answers."""
        requests, self._requests = self._requests, []
        return requests

    def wants(self, response_id: str) -> bool:
        """Tell whether a response still takes outputs: it does not once it was cancelled."""
        return self.conversation.is_running(response_id)

    def feed(self, response_id: str, output: Output, now: float) -> None:
        """Add to the answer of a response. One that is over takes no more, in silence."""
        delivery = self._deliveries.get(response_id)
        if delivery is not None:
            if not delivery.pieces:
                delivery.due = max(delivery.due, now)
            delivery.pieces.extend(self._pieces(output, delivery.request))
            self._advance(now)

    def end(self, response_id: str, now: float) -> None:
        """Say that the answer is whole; the response ends when all of it was sent."""
        delivery = self._deliveries.get(response_id)
        if delivery is not None:
            delivery.complete = True
            self._advance(now)

    # --- MCP servers -----------------------------------------------------------------------------------------------

    def mcp_requests(self) -> list[McpRequest]:
        """Hand over what MCP servers are to be asked that exist."""
        requests, self._mcp_requests = self._mcp_requests, []
        return requests

    def _see_to(self, request: McpRequest) -> None:
        tools = self._mcp.get(request.tool.server_label)
        if tools is None and self._runs_mcp:
            self._mcp_requests.append(request)
        elif isinstance(request, McpListing):
            self.conversation.mcp_listed(request.item_id, None if tools is None else scripted_tools(tools))
        else:
            self.conversation.mcp_ran(request.item_id, scripted_result(tools or (), request.name))

    # --- delivering ------------------------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Take up new requests and send what is due, until nothing more is."""
        while True:
            for request in self.conversation.generations():
                self._begin(request, now)
            for asked in self.conversation.mcp_requests():
                self._see_to(asked)
            progress = [self._deliver(delivery, now) for delivery in tuple(self._deliveries.values())]
            if not any(progress):
                return

    def _begin(self, request: GenerationRequest, now: float) -> None:
        source = None
        if self._brain is None:
            self._requests.append(request)
        else:
            source = _guarded(self._brain, request)
        self._deliveries[request.response_id] = _Delivery(request, now + self._latency, source, self._pace)

    def _deliver(self, delivery: _Delivery, now: float) -> bool:
        """Send the next piece of an answer if it is due; tell whether that changed anything."""
        response_id = delivery.request.response_id
        if not self.conversation.is_running(response_id):
            del self._deliveries[response_id]
            return False
        if delivery.due > now or not self._refill(delivery):
            return False
        if not delivery.pieces:
            del self._deliveries[response_id]
            self.conversation.finish(response_id, now)
            return True
        piece = delivery.pieces.popleft()
        if isinstance(piece, Pace):
            delivery.pace = piece.times
        delivery.due += _seconds(piece, delivery.pace)
        if not isinstance(piece, Pause | Pace):
            self.conversation.produce(response_id, piece, now)
        return True

    def _refill(self, delivery: _Delivery) -> bool:
        """Take what the brain says until there is a piece, or no more; False when a driver has not fed it yet."""
        while delivery.source is not None and not delivery.pieces:
            output = next(delivery.source, None)
            if output is None:
                delivery.source, delivery.complete = None, True
            else:
                delivery.pieces.extend(self._pieces(output, delivery.request))
        return bool(delivery.pieces) or delivery.complete

    def _pieces(self, output: Output, request: GenerationRequest) -> Iterable[Output]:
        """Cut an output into what one delta each carries."""
        if isinstance(output, Reply):
            spoken = request.modality == "audio"
            output = (
                Say(transcript=output.text, audio=self._voice(output.text), phase=output.phase)
                if spoken
                else Write(text=output.text, phase=output.phase)
            )
        if isinstance(output, Say):
            return speech_pieces(output, self._chunk_ms)
        if isinstance(output, Write):
            return [attrs.evolve(output, text=word) for word in words_of(output.text)]
        return [output]


def _seconds(piece: Output, pace: float | None) -> float:
    """How long the model takes for a piece."""
    if isinstance(piece, Pause):
        return piece.ms / 1000
    if pace is None:
        return 0.0
    if isinstance(piece, Say):
        return piece.format.ms(len(piece.audio)) / 1000 / pace
    return WORD_MS / 1000 / pace if isinstance(piece, Write) else 0.0


def _guarded(brain: Brain, request: GenerationRequest) -> Iterator[Output]:
    """Take a brain's outputs; one that raises fails its response, and says so in it."""
    try:
        yield from brain.answer(request)
    except Exception as error:  # noqa: BLE001  # a brain is somebody else's code: the session outlives it
        yield Stop(code="brain_failed", message=f"{type(error).__name__}: {error}")


# --- pieces --------------------------------------------------------------------------------------------------------


def speech_pieces(speech: Say, chunk_ms: float) -> list[Output]:
    """Cut speech into chunks, each with the words that are said in it."""
    size = max(speech.format.bytes_for(chunk_ms), speech.format.frame_bytes)
    chunks = [speech.audio[at : at + size] for at in range(0, len(speech.audio), size)] or [b""]
    texts = [""] * len(chunks)
    position = 0
    for word in words_of(speech.transcript):
        texts[position * len(chunks) // len(speech.transcript)] += word
        position += len(word)
    return [attrs.evolve(speech, transcript=text, audio=chunk) for text, chunk in zip(texts, chunks, strict=True)]
