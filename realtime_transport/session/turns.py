"""One response after the other: who speaks, what is heard of it, and what cuts it short.

The transport's read loop calls these methods, so none of them waits: what takes time (guardrails, hooks) is a task of
the session.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Generic

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.events import AssistantMessageItem, Item, OutputAudioPart, OutputTextPart
from realtime_transport.events.transport import (
    AudioDoneEvent,
    AudioEvent,
    AudioInterruptedEvent,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TextDeltaEvent,
    TranscriptDeltaEvent,
    TurnDoneEvent,
    TurnStartedEvent,
)
from realtime_transport.exceptions import RequestFailed
from realtime_transport.session.announcer import Announcer
from realtime_transport.session.context import T
from realtime_transport.session.events import (
    AgentAudioEvent,
    AgentAudioInterruptedEvent,
    AgentAudioStartEvent,
    AgentAudioStoppedEvent,
    AgentEndEvent,
    AgentStartEvent,
    GuardrailTrippedEvent,
    TurnLatencyEvent,
)
from realtime_transport.session.guardrails import GuardrailSettings, OutputGuardrail
from realtime_transport.session.hold import AudioHold
from realtime_transport.session.hooks import HookCalls
from realtime_transport.session.latency import LatencyMeter
from realtime_transport.session.roster import Roster
from realtime_transport.session.tasks import SessionTasks
from realtime_transport.session.watch import OutputWatch, Trip


@attrs.frozen(kw_only=True)
class Reactions:
    """What turns ask of the rest of the session."""

    interrupt: Callable[[], None]
    """Stop the agent, now."""
    correct: Callable[[str], None]
    """Tell the model why it was stopped, and ask for a better answer."""


class Turns(Generic[T]):
    """The responses of one session."""

    def __init__(
        self,
        announcer: Announcer[T],
        roster: Roster[T],
        hooks: HookCalls,
        tasks: SessionTasks,
        *,
        settings: GuardrailSettings,
        guardrails: Sequence[OutputGuardrail],
        reactions: Reactions,
        output_format: Callable[[], AudioFormat],
    ) -> None:
        self.latency: LatencyMeter = LatencyMeter()
        self._announcer = announcer
        self._roster = roster
        self._hooks = hooks
        self._settings = settings
        self._guardrails = tuple(guardrails)
        self._reactions = reactions
        self._output_format = output_format
        self._outside: set[str] = set()
        """Responses outside the conversation: they belong to the application, not to an agent."""
        self._sounding: str | None = None
        """The response whose audio came last."""
        self._hold = AudioHold(settings.hold_ms, time_releases=not settings.fail_closed) if settings.hold_ms else None
        self._watch = OutputWatch(
            settings,
            spawn=tasks.spawn,
            on_trip=self._tripped,
            on_pass=self._passed,
            on_error=self._check_failed,
        )

    # --- responses ---------------------------------------------------------------------------------------------------

    def started(self, event: TurnStartedEvent) -> None:
        """Give the response to the agent that speaks now."""
        agent = self._roster.begin(event.response_id).agent
        if event.out_of_band:
            self._outside.add(event.response_id)
            return
        self.latency.created(event.response_id, _now())
        guardrails = (*self._guardrails, *agent.output_guardrails)
        if guardrails:
            self._watch.begin(event.response_id, self._announcer.context_of(agent), guardrails)
        self._announcer.tell(AgentStartEvent, agent, response_id=event.response_id)
        if agent.hooks is not None:
            self._hooks.call(agent.hooks.on_start, self._announcer.context_of(agent))

    def done(self, event: TurnDoneEvent) -> None:
        """Close the response; what it said is checked once more, as a whole."""
        if event.out_of_band or event.response_id in self._outside:
            self._outside.discard(event.response_id)
            return
        self._watch.finish(event.response_id)
        agent = self._roster.owner(event.response_id).agent
        output = spoken_text(event.output)
        self._announcer.tell(
            AgentEndEvent,
            agent,
            response_id=event.response_id,
            output=output,
            status=event.status,
            reason=event.reason,
            error=event.error,
            usage=event.usage,
        )
        if agent.hooks is not None:
            self._hooks.call(agent.hooks.on_end, self._announcer.context_of(agent), output)

    # --- what is heard -----------------------------------------------------------------------------------------------

    def audio(self, event: AudioEvent) -> None:
        """Pass audio on, or hold it back until its words were checked. The hot path: fifty times a second."""
        response_id = event.response_id
        if response_id != self._sounding:
            self._first_audio(event)
        if self._settings.unit == "ms" and self._watch.watches(response_id):
            self._watch.audio(response_id, self._output_format().ms(len(event.data)))
        if self._hold is None or not self._watch.watches(response_id):
            self._deliver(event)
        else:
            self._hold.push(response_id, lambda: self._deliver(event))

    def audio_done(self, event: AudioDoneEvent) -> None:
        """Say that there is no more, after everything that is held back."""
        if self._hold is None or not self._watch.watches(event.response_id):
            self._stopped(event)
        else:
            self._hold.push(event.response_id, lambda: self._stopped(event))

    def words(self, event: TranscriptDeltaEvent | TextDeltaEvent) -> None:
        """Show the words to the guardrails."""
        self._watch.words(event.response_id, event.delta)

    def interrupted(self, event: AudioInterruptedEvent) -> None:
        """Drop what was held back, and tell the listener to be silent."""
        self.latency.interrupted(_now())
        if self._hold is not None:
            self._hold.drop()
        self._sounding = None
        cut = event.cuts[0].response_id if event.cuts else None
        self._announcer.tell(AgentAudioInterruptedEvent, self._roster.owner(cut).agent, cuts=event.cuts, by=event.by)

    def speech_started(self, _: SpeechStartedEvent) -> None:
        """Start the clock of a barge-in."""
        self.latency.speech_started(_now())

    def speech_stopped(self, _: SpeechStoppedEvent) -> None:
        """Start the clock of the answer."""
        self.latency.speech_stopped(_now())

    def _first_audio(self, event: AudioEvent) -> None:
        self._sounding = event.response_id
        self._roster.spoke = True
        self.latency.audio(event.response_id, _now())

    def _deliver(self, event: AudioEvent) -> None:
        agent = self._roster.owner(event.response_id).agent
        turn = self.latency.heard(event.response_id, _now())
        if turn is not None:
            self._announcer.tell(AgentAudioStartEvent, agent, response_id=event.response_id, item_id=event.item_id)
            self._announcer.tell(TurnLatencyEvent, agent, turn=turn)
        self._announcer.tell(
            AgentAudioEvent,
            agent,
            data=event.data,
            response_id=event.response_id,
            item_id=event.item_id,
            content_index=event.content_index,
        )

    def _stopped(self, event: AudioDoneEvent) -> None:
        agent = self._roster.owner(event.response_id).agent
        self._announcer.tell(AgentAudioStoppedEvent, agent, response_id=event.response_id, item_id=event.item_id)

    # --- guardrails --------------------------------------------------------------------------------------------------

    def _passed(self, response_id: str, began: float) -> None:
        if self._hold is not None:
            self._hold.release(response_id, before=began)

    def _tripped(self, trip: Trip) -> None:
        guardrail = trip.guardrail
        reaction = guardrail.reaction or self._settings.reaction
        message = trip.verdict.message or guardrail.hint or guardrail.name
        if reaction != "report":
            if self._hold is not None:
                self._hold.drop(trip.response_id)
            self._reactions.interrupt()  # what still comes of this response is dropped by the transport
        self._announcer.tell(
            GuardrailTrippedEvent,
            trip.context.agent,
            guardrail=guardrail.name,
            kind="output",
            message=message,
            info=trip.verdict.info,
            text=trip.text,
            response_id=trip.response_id,
            error=trip.error,
            reaction=reaction,
        )
        if reaction == "tell":
            self._reactions.correct(self._settings.feedback(guardrail.name, message))
        elif reaction == "report":
            self._watch.forget(trip.response_id)
            self._passed(trip.response_id, math.inf)

    def _check_failed(self, guardrail: OutputGuardrail, error: BaseException) -> None:
        failure = RequestFailed(f"guardrail {guardrail.name!r} failed, its words went through: {error!r}")
        failure.__cause__ = error
        self._announcer.error(failure)


def spoken_text(output: Sequence[Item]) -> str:
    """Join what the agent said and wrote in a response's items."""
    parts = [part for item in output if isinstance(item, AssistantMessageItem) for part in item.content]
    words = [
        (part.transcript if isinstance(part, OutputAudioPart) else part.text) or ""
        for part in parts
        if isinstance(part, OutputAudioPart | OutputTextPart)
    ]
    return "\n".join(word for word in words if word)


def _now() -> float:
    return asyncio.get_running_loop().time()
