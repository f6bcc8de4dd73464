"""The checker: our own server passes everything, and servers that do otherwise are told what and why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
from websockets.asyncio.server import ServerConnection, serve

from realtime_transport.conformance import Finding, Report, check, probes
from realtime_transport.dialects import get_dialect
from realtime_transport.emulator import Emulator, Improviser
from realtime_transport.exceptions import AuthenticationError, ConnectError, InsecureTransportError, InvalidArgument


async def test_our_own_server_passes_everything() -> None:
    seen: list[str] = []
    async with Emulator(Improviser) as server:
        report = await check(server.url, found=lambda finding: seen.append(finding.probe.name))
    assert [(finding.probe.name, finding.why) for finding in report.findings if finding.verdict != "passed"] == []
    assert report.conforms
    assert report.count("passed") == len(probes()) == len(seen)


async def test_another_dialect_is_checked_in_its_own_spelling() -> None:
    async with Emulator(Improviser) as server:
        report = await check(server.url.replace("/v1/realtime", "/openai/v1/realtime"), api_key="k", only="items")
    assert report.dialect == "azure"
    assert report.conforms


async def test_what_is_known_to_differ_is_found() -> None:
    """The beta spells items otherwise and never says that one is done."""
    async with Emulator(Improviser) as server:
        url = server.url.replace("/v1/realtime", "/openai/realtime")
        report = await check(url, api_key="k", only="is acknowledged", patience=0.2)
    (finding,) = report.findings
    assert finding.verdict == "missing"
    assert "no conversation.item.done" in finding.why
    assert not report.conforms


# --- servers that do otherwise ---------------------------------------------------------------------------------------

Reply = Callable[[dict[str, Any]], list[Any]]


@asynccontextmanager
async def server_that(reply: Reply, first: Any = None) -> AsyncIterator[str]:
    """A server that says ``first`` and answers each frame by a function."""
    opening = first or {"type": "session.created", "session": {"id": "s", "model": "m", "type": "realtime"}}

    async def talk(socket: ServerConnection) -> None:
        await socket.send(json.dumps(opening))
        async for text in socket:
            try:
                frame = json.loads(text)
            except ValueError:
                frame = {}
            for answer in reply(frame):
                if answer is None:
                    await socket.close(1011)
                    return
                await socket.send(json.dumps(answer))

    async with serve(talk, "127.0.0.1", 0) as made:
        yield f"ws://127.0.0.1:{next(iter(made.sockets)).getsockname()[1]}/v1/realtime"


async def only(url: str, name: str) -> Finding:
    report = await check(url, only=name, patience=0.2)
    (finding,) = report.findings
    return finding


def refuse(event_id: Any, **more: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": "no", "event_id": event_id, **more}}


async def test_silence_is_missing() -> None:
    async with server_that(lambda _: []) as url:
        finding = await only(url, "unknown event")
    assert (finding.verdict, finding.why) == ("missing", "no error within 0.2 s; there was nothing")
    assert [note.direction for note in finding.evidence] == ["received", "sent"]


async def test_something_else_is_missing_and_says_what_there_was() -> None:
    async with server_that(lambda _: [{"type": "vendor.pong"}]) as url:
        finding = await only(url, "unknown event")
    assert (finding.verdict, finding.why) == ("missing", "no error within 0.2 s; there was only vendor.pong")


async def test_an_error_that_names_another_event_deviates() -> None:
    async with server_that(lambda _: [refuse("someone_elses")]) as url:
        finding = await only(url, "unknown event")
    assert finding.verdict == "deviates"
    assert "names event_id 'someone_elses'" in finding.why


async def test_an_error_in_the_place_of_an_answer_deviates() -> None:
    async with server_that(lambda frame: [refuse(frame["event_id"], code="broken")]) as url:
        finding = await only(url, "null switches off")
    assert (finding.verdict, finding.why) == ("deviates", "an error instead of session.updated: broken: no")


async def test_a_frame_of_another_shape_deviates() -> None:
    async with server_that(lambda _: [{"type": "session.updated", "session": {}}]) as url:
        finding = await only(url, "null switches off")
    assert finding.verdict == "deviates"
    assert "not of the shape it should have: KeyError 'audio'" in finding.why


async def test_a_server_that_hangs_up_is_missing_something() -> None:
    async with server_that(lambda _: [None]) as url:
        finding = await only(url, "no JSON")
    assert finding.verdict == "missing"
    assert "the server hung up" in finding.why


async def test_what_is_no_object_deviates() -> None:
    async with server_that(lambda _: [["a list"]]) as url:
        finding = await only(url, "unknown event")
    assert finding.verdict == "deviates"
    assert "no object" in finding.why


async def test_the_evidence_holds_neither_audio_nor_endless_frames() -> None:
    async with Emulator(Improviser) as server:
        report = await check(server.url, only="finds turns")
    shown = json.dumps(report.to_json())
    assert "characters>" in shown
    assert len(shown) < 60_000
    assert len(report.findings[0].evidence) <= 60


# --- servers that are not there --------------------------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_an_error() -> None:
    async with Emulator(Improviser) as server:
        url = server.url
    with pytest.raises(ConnectError, match="refused"):
        await check(url)


async def test_a_server_that_wants_a_key_says_so() -> None:
    async with Emulator(Improviser, token="sesame") as server:
        with pytest.raises(AuthenticationError):
            await check(server.url, api_key="wrong")
        assert (await check(server.url, api_key="sesame", only="opens")).conforms


async def test_a_server_that_goes_away_is_a_finding() -> None:
    async with Emulator(Improviser) as server:
        stopping: list[asyncio.Task[None]] = []

        def stop(_: Finding) -> None:
            if not stopping:
                stopping.append(asyncio.create_task(server.stop()))

        report = await check(server.url, only="errors", patience=0.5, found=stop)
        await stopping[0]
    assert report.findings[0].verdict == "passed"
    assert report.findings[-1].verdict == "missing"


async def test_a_key_is_not_sent_in_clear_text() -> None:
    with pytest.raises(InsecureTransportError):
        await check("ws://voice.example.com/v1/realtime", api_key="k")


def test_a_word_that_no_probe_has_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no probe has 'telepathy' in its name; the areas are session, items"):
        probes("telepathy")


# --- the table -------------------------------------------------------------------------------------------------------


def test_every_probe_says_what_it_expects_and_what_breaks() -> None:
    assert all(probe.expects and probe.breaks for probe in probes())
    names = [(probe.area, probe.name) for probe in probes()]
    assert len(set(names)) == len(names)


def test_a_report_is_plain_values() -> None:
    probe = probes("opens")[0]
    findings = [Finding(probe=probe, verdict="passed"), Finding(probe=probe, verdict="missing", why="nothing came")]
    report = Report(url="ws://x", dialect=get_dialect("openai").name, findings=findings)
    spelt = json.loads(json.dumps(report.to_json()))
    assert (spelt["conforms"], spelt["findings"][1]["why"]) == (False, "nothing came")
    assert attrs.evolve(report, findings=findings[:1]).conforms
