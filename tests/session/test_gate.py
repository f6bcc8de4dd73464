import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from realtime_transport.session.context import RunContext
from realtime_transport.session.gate import UNHEARD, InputGate, Refusal
from realtime_transport.session.guardrails import InputGuardrail, Verdict
from realtime_transport.session.tasks import SessionTasks
from realtime_transport.testing import virtual_time


@attrs.define
class Findings:
    passed: list[str] = attrs.field(factory=list)
    refused: list[Refusal] = attrs.field(factory=list)

    def gate(self) -> InputGate:
        tasks = SessionTasks(on_error=lambda error: pytest.fail(repr(error)))
        return InputGate(timeout=5.0, spawn=tasks.spawn, on_pass=self.passed.append, on_refusal=self.refused.append)


def named(name: str, check: Callable[[RunContext[Any], str], Any]) -> InputGuardrail:
    return InputGuardrail(name=name, check=check)


def test_words_pass_or_are_refused(run_context: RunContext[Any]) -> None:
    async def main() -> None:
        findings = Findings()
        gate = findings.gate()
        rude = named("rude", lambda context, text: context is run_context and "damn" in text)
        gate.heard("item_1", "hello", run_context, [rude])
        gate.heard("item_2", "damn", run_context, [named("ok", lambda _, __: False), rude])
        await asyncio.sleep(1)
        assert findings.passed == ["item_1"]
        (refusal,) = findings.refused
        assert (refusal.item_id, refusal.text, refusal.guardrail.name) == ("item_2", "damn", "rude")
        assert refusal.context is run_context
        assert UNHEARD.check(run_context, "")

    virtual_time.run(main())


def test_a_check_that_fails_or_hangs_refuses(run_context: RunContext[Any]) -> None:
    async def hang(_: RunContext[Any], __: str) -> bool:
        await asyncio.Event().wait()
        return False

    def fail(_: RunContext[Any], __: str) -> bool:
        raise KeyError("x")

    async def main() -> None:
        findings = Findings()
        gate = findings.gate()
        for check in (fail, hang):
            gate.heard("item", "hello", run_context, [named("broken", check)])
        await asyncio.sleep(10)
        assert findings.passed == []
        assert [type(refusal.error) for refusal in findings.refused] == [KeyError, TimeoutError]
        assert {refusal.verdict for refusal in findings.refused} == {Verdict(tripped=True, message="the check failed")}

    virtual_time.run(main())


def test_speech_without_words_is_refused(run_context: RunContext[Any]) -> None:
    async def main() -> None:
        findings = Findings()
        error = ValueError("noise")
        findings.gate().unheard("item_1", run_context, error)
        (refusal,) = findings.refused
        assert (refusal.guardrail, refusal.error, refusal.text) == (UNHEARD, error, "")
        assert (refusal.item_id, refusal.context) == ("item_1", run_context)
        assert refusal.verdict == Verdict(tripped=True, message="the words could not be understood")

    virtual_time.run(main())
