from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from realtime_transport.conversation.brain import CallTool, Pause, Stop
from realtime_transport.conversation.brains import after, when
from realtime_transport.session import tracing
from realtime_transport.session.agent import RealtimeAgent
from realtime_transport.session.guardrails import OutputGuardrail
from realtime_transport.session.session import RealtimeSession
from realtime_transport.session.tools import function_tool
from realtime_transport.session.tracing import attach_tracing
from realtime_transport.transports import LoopbackTransport
from tests.session.line import talking

pytestmark = pytest.mark.virtual_time


@pytest.fixture(scope="module")
def providers() -> tuple[InMemorySpanExporter, InMemoryMetricReader]:
    """OpenTelemetry takes its providers once a process."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    return exporter, reader


@pytest.fixture
def spans(
    providers: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> Callable[[], dict[str, ReadableSpan]]:
    exporter, _ = providers
    exporter.clear()
    return lambda: {span.name: span for span in exporter.get_finished_spans()}


@function_tool
async def weather(city: str) -> str:
    """Look up the weather."""
    with trace.get_tracer("application").start_as_current_span("lookup"):
        if city == "nowhere":
            raise KeyError(city)
        return f"sunny in {city}"


RULES = (
    when("secret", CallTool(name="weather", arguments='{"city": "Graz"}')),
    when("nowhere", CallTool(name="weather", arguments='{"city": "nowhere"}')),
    after("weather", "Take a hat."),
    when("fail", Stop(code="server_error")),
    when("transfer", CallTool(name="transfer_to_other")),
    after("transfer_to_other", "Other here."),
)


def desk() -> RealtimeAgent[Any]:
    return RealtimeAgent(name="desk", tools=[weather], handoffs=[RealtimeAgent(name="other")])


async def test_a_call_becomes_a_tree_of_spans(spans: Callable[[], dict[str, ReadableSpan]]) -> None:
    async with talking(desk(), *RULES, model="gpt-realtime-2") as talk:
        talk.session.send_message("my secret")
        await talk.ends(2)
        await asyncio.sleep(0)
    seen = spans()
    root, answer, tool, own = (
        seen[name] for name in ("realtime.session", "invoke_agent desk", "execute_tool weather", "lookup")
    )
    assert root.parent is None
    assert answer.parent is not None
    assert tool.parent is not None
    assert own.parent is not None
    assert answer.parent.span_id == tool.parent.span_id == root.context.span_id  # type: ignore[union-attr]
    assert own.parent.span_id == tool.context.span_id  # type: ignore[union-attr]
    assert answer.attributes is not None
    assert answer.attributes["gen_ai.request.model"] == "gpt-realtime-2"
    assert answer.attributes["gen_ai.response.finish_reasons"] == ("completed",)
    assert int(str(answer.attributes["gen_ai.usage.output_tokens"])) > 0
    assert root.attributes is not None
    assert root.attributes["close.clean"] is True
    assert [event.name for event in root.events] == ["connected"]


async def test_content_is_recorded_only_when_asked_for(spans: Callable[[], dict[str, ReadableSpan]]) -> None:
    for content in (False, True):
        guardrail = OutputGuardrail(name="hats", check=lambda _, text: "hat" in text, reaction="report")
        async with talking(desk(), *RULES, trace_content=content, output_guardrails=[guardrail]) as talk:
            talk.session.send_message("my secret")
            await talk.ends(2)
            await asyncio.sleep(1)
        recorded = "".join(span.to_json() for span in spans().values())
        for words in ("Graz", "Take a hat."):
            assert (words in recorded) is content


async def test_failures_are_errors_and_cut_answers_are_not(spans: Callable[[], dict[str, ReadableSpan]]) -> None:
    async with talking(desk(), *RULES) as talk:
        talk.session.send_message("nowhere")
        await talk.ends(2)
        assert spans()["execute_tool weather"].status.status_code is StatusCode.ERROR
        assert (spans()["execute_tool weather"].attributes or {})["error.type"] == "KeyError"
        assert spans()["invoke_agent desk"].status.status_code is StatusCode.UNSET
        await asyncio.sleep(0.2)
        talk.session.interrupt()
        await talk.session.update_history([]).acknowledged()
        talk.session.send_message("fail")
        await talk.ends(3)
        assert spans()["invoke_agent desk"].status.status_code is StatusCode.ERROR
    assert "interrupted" in [event.name for event in spans()["realtime.session"].events]


async def test_nothing_is_begun_where_the_api_has_no_provider(
    spans: Callable[[], dict[str, ReadableSpan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    async with talking(desk(), *RULES) as talk:
        talk.session.send_message("my secret")
        await talk.ends(2)
        await asyncio.sleep(0)
    assert not [name for name in spans() if name.startswith(("invoke_agent", "execute_tool"))]


async def test_a_session_that_nobody_saw_connect_has_its_span(spans: Callable[[], dict[str, ReadableSpan]]) -> None:
    line = LoopbackTransport()
    await line.connect()
    async with RealtimeSession(desk(), line) as session:
        session.send_message("hello")
        await session.wait_for("agent_end")
    assert set(spans()) == {"realtime.session", "invoke_agent desk"}


async def test_handoffs_are_noted_and_what_is_open_at_the_end_is_ended(
    spans: Callable[[], dict[str, ReadableSpan]],
) -> None:
    async with talking(desk(), *RULES) as talk:
        talk.session.send_message("transfer me")
        await talk.session.wait_for("audio")
    seen = spans()
    (event,) = [event for event in seen["realtime.session"].events if event.name == "handoff"]
    assert dict(event.attributes or {}) == {"from": "desk", "to": "other"}
    assert "invoke_agent other" in seen


async def test_metrics_count_tokens_time_and_interruptions(
    providers: tuple[InMemorySpanExporter, InMemoryMetricReader],
) -> None:
    async with talking(desk(), *RULES) as talk:
        talk.session.send_message("my secret")
        await talk.ends(2)
        await asyncio.sleep(0.1)
        talk.session.interrupt()
    data = providers[1].get_metrics_data()
    assert data is not None
    names = {
        metric.name
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert names == {
        "gen_ai.client.token.usage",
        "realtime.turn.first_audio",
        "realtime.interruptions",
        "realtime.tool.duration",
    }


async def test_what_never_ends_fills_no_memory(
    spans: Callable[[], dict[str, ReadableSpan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "OPEN_SPANS_LIMIT", 1)
    long = when("long", CallTool(name="weather", arguments='{"city": "Graz"}'), Pause(ms=5000))
    async with talking(desk(), long, *RULES) as talk:
        talk.session.send_message("a long secret")
        await talk.session.wait_for("agent_tool_end")
        assert talk.heard("agent_end") == []
        assert "invoke_agent desk" in spans()


async def test_without_the_api_there_is_nothing(
    spans: Callable[[], dict[str, ReadableSpan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nobody:
        def observe(self, instrument: object, shown: object) -> None:
            raise AssertionError(shown)

    monkeypatch.setattr("realtime_transport.session.tracing.find_spec", lambda _: None)
    assert attach_tracing(Nobody(), model="m") is False
    async with talking(desk(), *RULES) as talk:
        talk.session.send_message("my secret")
        await talk.ends(2)
    assert set(spans()) <= {"lookup"}


async def test_it_can_be_switched_off(spans: Callable[[], dict[str, ReadableSpan]]) -> None:
    async with talking(desk(), *RULES, tracing=False) as talk:
        talk.session.send_message("my secret")
        await talk.ends(2)
    assert set(spans()) == {"lookup"}
