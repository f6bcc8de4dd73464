"""The conversation of a call: before it cuts anything, it asks the phone how far the caller has listened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from realtime_transport.conversation import ClientConversation
from realtime_transport.events.server import InputAudioBufferSpeechStarted, ServerEvent
from realtime_transport.telephony.leg_events import PartPlayed


class CallConversation(ClientConversation):
    """``listened`` says how much of each part has been heard by a time, estimated between the carrier's marks.

    Estimates are asked for only when something is about to be cut: then they are the best there is. At all other times
    the carrier's marks alone count, which never say too much.
    """

    def __init__(self, listened: Callable[[float], Iterable[PartPlayed]], **options: Any) -> None:
        super().__init__(**options)
        self._listened = listened

    def receive(self, event: ServerEvent, now: float) -> None:
        """Take an event from the server; speech of the caller may cut what the agent says."""
        if isinstance(event, InputAudioBufferSpeechStarted):
            self._listen(now)
        super().receive(event, now)

    def interrupt(self, now: float, *, cancel_response: bool = True, event_id: str | None = None) -> str:
        """Silence the agent and leave on both sides only what was heard."""
        self._listen(now)
        return super().interrupt(now, cancel_response=cancel_response, event_id=event_id)

    @property
    def is_answering(self) -> bool:
        """Whether a response runs, or was asked for."""
        return self._core.responses.active is not None or self._core.responses.sent is not None

    def _listen(self, now: float) -> None:
        for played in self._listened(now):
            self.heard(played.item_id, played.content_index, played.ms, now)
