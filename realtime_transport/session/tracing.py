"""OpenTelemetry spans and metrics of a session, when ``opentelemetry-api`` is installed (extra ``otel``); else nothing.

It only looks at the events that applications hear. Names follow the semantic conventions for generative AI where
they have one. What people said, and what tools were given and returned, is recorded only when asked for.

    realtime.session                one per connection
    ├── invoke_agent <agent>        one per response, with status and tokens
    └── execute_tool <tool>         one per tool run; spans that the tool opens itself nest inside
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol

from realtime_transport.session.events import (
    AgentAudioInterruptedEvent,
    AgentEndEvent,
    AgentHandoffEvent,
    AgentStartEvent,
    AgentToolEndEvent,
    AgentToolStartEvent,
    GuardrailTrippedEvent,
    SessionConnectedEvent,
    SessionDisconnectedEvent,
    TurnLatencyEvent,
)
from realtime_transport.session.usage import TokenCounts

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

NAME = "realtime_transport"

OPEN_SPANS_LIMIT = 256
"""Responses and tools whose end is awaited. What was begun before that many others is taken for lost and ended."""


class Observable(Protocol):
    """What tracing needs of a session."""

    def observe(self, instrument: _Observer, shown: Mapping[str, Callable[[_Observer, Any], None]]) -> None:
        """Show every event of a name in ``shown`` to ``instrument``."""


def attach_tracing(session: Observable, *, model: str, content: bool = False) -> bool:
    """Trace ``session``; return whether the OpenTelemetry API is there to do it.

    :param content: record words, arguments and outputs too. They are personal data: off unless you decide otherwise.
    """
    if find_spec("opentelemetry") is None:
        return False
    session.observe(_Observer(model, content), _SHOWN)
    return True


class _Instruments:
    """What all sessions measure with."""

    def __init__(self, meter: Meter, tracer: Tracer) -> None:
        self.tracer = tracer
        self.tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}", "Tokens of one response")
        self.first_audio = meter.create_histogram("realtime.turn.first_audio", "s", "End of speech to first audio")
        self.interruptions = meter.create_counter("realtime.interruptions", "{interruption}", "Answers cut short")
        self.tool_time = meter.create_histogram("realtime.tool.duration", "s", "How long a tool ran")


@functools.lru_cache(maxsize=1)
def _instruments(meters: MeterProvider, tracers: TracerProvider) -> _Instruments:
    """Make the instruments of the providers that are in force: once, not once a call."""
    return _Instruments(meters.get_meter(NAME), tracers.get_tracer(NAME))


class _Observer:
    """Turns session events into spans and metrics."""

    def __init__(self, model: str, content: bool) -> None:
        from opentelemetry import metrics, trace

        self._with = _instruments(metrics.get_meter_provider(), trace.get_tracer_provider())
        self._model = model
        self._content = content
        self._root: Span | None = None
        self._open: dict[str, Span] = {}

    def connected(self, event: SessionConnectedEvent[Any]) -> None:
        self._note("connected", {"session.id": event.session_id or "", "epoch": event.epoch})

    def disconnected(self, event: SessionDisconnectedEvent[Any]) -> None:
        for key in list(self._open):
            self._end(key)
        session = self._session()
        session.set_attributes({"close.code": event.code or 0, "close.clean": event.clean})
        session.end()
        self._root = None

    def agent_started(self, event: AgentStartEvent[Any]) -> None:
        self._begin(
            event.response_id,
            f"invoke_agent {event.agent.name}",
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": event.agent.name,
                "gen_ai.request.model": self._model,
                "gen_ai.response.id": event.response_id,
            },
        )

    def agent_ended(self, event: AgentEndEvent[Any]) -> None:
        attributes: dict[str, Any] = {"gen_ai.response.finish_reasons": [event.status]}
        if self._content:
            attributes["realtime.output"] = event.output
        if event.usage is not None:
            attributes |= self._count(TokenCounts.of(event.usage))
        error = None if event.status in {"completed", "cancelled"} else event.status
        self._end(event.response_id, attributes, error)

    def tool_started(self, event: AgentToolStartEvent[Any]) -> None:
        from opentelemetry import context, trace

        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.tool_name,
            "gen_ai.tool.call.id": event.call_id,
            "gen_ai.agent.name": event.agent.name,
        }
        if self._content:
            attributes["gen_ai.tool.call.arguments"] = str(dict(event.arguments))
        span = self._begin(event.call_id, f"execute_tool {event.tool_name}", attributes)
        # Heard in the task that is about to run the tool: what the tool traces becomes a child. The context ends
        # with that task, so nothing has to be detached.
        context.attach(trace.set_span_in_context(span))

    def tool_ended(self, event: AgentToolEndEvent[Any]) -> None:
        attributes = {"gen_ai.tool.call.result": event.output} if self._content else {}
        self._with.tool_time.record(event.seconds, {"gen_ai.tool.name": event.tool_name})
        self._end(event.call_id, attributes, type(event.error).__name__ if event.error else None)

    def handed_off(self, event: AgentHandoffEvent[Any]) -> None:
        self._note("handoff", {"from": event.source.name, "to": event.target.name})

    def tripped(self, event: GuardrailTrippedEvent[Any]) -> None:
        attributes = {"guardrail": event.guardrail, "kind": event.kind}
        self._note("guardrail_tripped", {**attributes, "text": event.text} if self._content else attributes)

    def interrupted(self, event: AgentAudioInterruptedEvent[Any]) -> None:
        self._with.interruptions.add(1, {"by": event.by})
        self._note("interrupted", {"by": event.by})

    def heard(self, event: TurnLatencyEvent[Any]) -> None:
        self._with.first_audio.record(event.turn.to_first_audio or 0.0, {"gen_ai.request.model": self._model})

    def _count(self, counts: TokenCounts) -> dict[str, int]:
        for direction, tokens in (("input", counts.input), ("output", counts.output)):
            self._with.tokens.record(tokens, {"gen_ai.token.type": direction, "gen_ai.request.model": self._model})
        return {
            "gen_ai.usage.input_tokens": counts.input,
            "gen_ai.usage.output_tokens": counts.output,
            "gen_ai.usage.cache_read.input_tokens": counts.cached,
        }

    def _begin(self, key: str, name: str, attributes: dict[str, Any]) -> Span:
        from opentelemetry import trace

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return trace.INVALID_SPAN  # the API alone is installed: nobody takes spans
        if len(self._open) >= OPEN_SPANS_LIMIT:
            self._end(next(iter(self._open)))
        parent = trace.set_span_in_context(self._session())
        span = self._open[key] = self._with.tracer.start_span(name, context=parent, attributes=attributes)
        return span

    def _end(self, key: str, attributes: dict[str, Any] | None = None, error: str | None = None) -> None:
        span = self._open.pop(key, None)
        if span is None:
            return
        from opentelemetry.trace import StatusCode

        span.set_attributes(attributes or {})
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(StatusCode.ERROR)
        span.end()

    def _note(self, name: str, attributes: dict[str, Any]) -> None:
        self._session().add_event(name, attributes)

    def _session(self) -> Span:
        """Return the span of the whole session; it may have connected before anybody looked."""
        if self._root is None:
            attributes = {"gen_ai.request.model": self._model}
            self._root = self._with.tracer.start_span("realtime.session", attributes=attributes)
        return self._root


_SHOWN: Final[Mapping[str, Callable[[_Observer, Any], None]]] = {
    "connected": _Observer.connected,
    "disconnected": _Observer.disconnected,
    "agent_start": _Observer.agent_started,
    "agent_end": _Observer.agent_ended,
    "agent_handoff": _Observer.handed_off,
    "agent_tool_start": _Observer.tool_started,
    "agent_tool_end": _Observer.tool_ended,
    "guardrail_tripped": _Observer.tripped,
    "audio_interrupted": _Observer.interrupted,
    "latency": _Observer.heard,
}
"""What is looked at, by name, and where."""
