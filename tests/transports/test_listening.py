"""The typed names: every event has its overloads, and they are those of the table."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from realtime_transport.events.transport import TRANSPORT_EVENTS, AudioEvent
from realtime_transport.exceptions import InvalidArgument
from tests.transports.bare import Bare

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "scripts" / "generate_overloads.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_overloads", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_overloads_are_those_of_the_tables() -> None:
    """Run ``make docs`` when this fails: an event was added, removed or renamed."""
    generator = script()
    assert generator.TARGETS
    stale = [target.path.name for target in generator.TARGETS if generator.generated(target) != target.path.read_text()]
    assert stale == []


def test_every_name_is_there_for_every_verb() -> None:
    text = (ROOT / "realtime_transport" / "transports" / "listening.py").read_text()
    for name in TRANSPORT_EVENTS:
        assert text.count(f'Literal["{name}"]') == 5, name


def test_type_checkers_know_the_payload_of_a_name_and_refuse_a_wrong_listener(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from realtime_transport.events.transport import AudioEvent, TurnDoneEvent\n"
        "from realtime_transport.transports import WebSocketTransport\n"
        "transport = WebSocketTransport()\n"
        "def play(event: AudioEvent) -> None: ...\n"
        "async def later(event: AudioEvent) -> None: ...\n"
        "transport.on('audio', play)\n"
        "transport.once('audio', later)\n"
        "transport.on('audio', lambda event: len(event.data))\n"
        "@transport.on('audio')\n"
        "def also(event: AudioEvent) -> None: ...\n"
        "transport.off('audio', play)\n"
        "async def main() -> None:\n"
        "    status: str = (await transport.wait_for('turn_done')).status\n"
        "transport.on('turn_done', play)  # wrong payload\n"
        "transport.on('audoi', play)  # wrong name\n"
        "async def wrong() -> None:\n"
        "    status: int = (await transport.wait_for('turn_done')).status\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(program)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    errors = {
        int(line.split(":")[1]) for line in checked.stdout.splitlines() if "program.py" in line and "error:" in line
    }
    assert errors == {14, 15, 17}


def test_a_wrong_name_is_refused_at_run_time_too() -> None:
    transport = Bare()
    with pytest.raises(InvalidArgument, match="did you mean 'audio'"):
        transport.on("audoi", print)  # type: ignore[call-overload]


@pytest.mark.virtual_time
async def test_subclass_authors_emit_events_of_their_own() -> None:
    transport = Bare()
    heard: list[object] = []
    transport.once("audio", heard.append)
    event = AudioEvent(data=b"\0\0", response_id="r", item_id="i", content_index=0)
    transport.emit(event)
    transport.emit(event)
    assert heard == [event]
