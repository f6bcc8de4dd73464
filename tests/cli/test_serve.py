"""``serve`` in a process of its own: it says where it is, talks, and stops when it is told to."""

from __future__ import annotations

import argparse
import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from realtime_transport.cli import main
from realtime_transport.cli import serve as serve_module
from realtime_transport.cli.arguments import parser
from realtime_transport.cli.serve import directions, emulator, faults, webhook
from realtime_transport.emulator import WebhookTarget
from realtime_transport.emulator.faults import Faults
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.transports import WebSocketTransport
from realtime_transport.transports.websocket import WebSocketOptions


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run the program; yields the process, its URL and all that it said first."""
    command = [sys.executable, "-u", "-m", "realtime_transport.cli", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = ""
        while "Ctrl-C" not in told:
            line = process.stdout.readline()
            assert line, "it ended before it said where it is"
            told += line
        found = re.search(r"wss?://\S+", told)
        assert found is not None
        try:
            yield process, found.group(), told
        finally:
            process.kill()


async def test_serves_until_it_is_stopped() -> None:
    with serving("--brain", "echo") as (process, url, _):
        transport = WebSocketTransport()
        await transport.connect(url=url, session={"output_modalities": ["text"]})
        transport.send_message("Is anybody there?")
        assert (await transport.wait_for("text_done", timeout=10)).text == "Is anybody there?"
        process.send_signal(signal.SIGTERM)
        lost = await transport.wait_for("disconnected", timeout=10)
        assert lost.code == 1001
        await transport.close()
        assert process.wait(timeout=10) == 0


async def test_everything_at_once(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("otherwise: From the script.\n")
    options = ["--self-signed", "--record", str(tmp_path / "calls"), "--brain", f"script={script}", "--token", "s3cret"]
    with serving(*options, "--session-limit", "1.5") as (_, url, told):
        certificate = re.search(r"certificate +(\S+)", told)
        assert certificate is not None
        assert url.startswith("wss://")
        trust = ssl.create_default_context(cafile=certificate.group(1))
        transport = WebSocketTransport(options=WebSocketOptions(ssl=trust))
        await transport.connect(url=url, api_key="s3cret", session={"output_modalities": ["text"]})
        transport.send_message("Is anybody there?")
        assert (await transport.wait_for("text_done", timeout=10)).text == "From the script."
        lost = await transport.wait_for("disconnected", timeout=10)
        assert (lost.code, lost.reason) == (1001, "Your session hit the maximum duration of 0.025 minutes.")
        await transport.close()
    (call,) = (tmp_path / "calls").iterdir()
    assert json.loads((call / "call.jsonl").read_text().splitlines()[0])["format"] == "realtime-transport-recording"


def options(*words: str) -> argparse.Namespace:
    return parser().parse_args(["serve", "--port", "0", *words])


def test_directions_name_the_key_that_is_needed() -> None:
    told = directions("ws://h/v1/realtime", "http://h/v1", "s3cret")
    assert told.count("s3cret") >= 4
    assert "ws://h/v1/realtime" in told
    assert "certificate" not in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "token"),
        (["--brain", "telepathy"], "chat=URL#MODEL or script=FILE"),
        (["--brain", "script=/nowhere.yaml"], "/nowhere.yaml"),
        (["--fault", "latency"], "NAME=VALUE"),
        (["--fault", "latenzy=1"], "there are seed, status"),
        (["--session-limit", "0"], "more than 0 seconds"),
        (["--webhook", "http://127.0.0.1:9"], "--webhook-secret"),
        (["--webhook", "nowhere", "--webhook-secret", "s"], "is no URL"),
        (["--tls", "/nowhere.pem", "/nowhere.key"], "/nowhere.pem and /nowhere.key"),
    ],
)
def test_what_is_wrong_is_one_line(capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert main(["serve", "--port", "0", *words]) == 1
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_another_host_with_a_token() -> None:
    emulator(options("--host", "0.0.0.0", "--token", "s3cret"))


def test_webhooks_by_word() -> None:
    assert webhook(None, None) is None
    assert webhook("http://127.0.0.1:9", "s") == WebhookTarget(url="http://127.0.0.1:9", secret="s")


def test_faults_by_word() -> None:
    assert faults([]) is None
    assert faults(["latency_ms=2.5", "close_at=response.created", "seed=7"]) == Faults(
        latency_ms=2.5, close_at="response.created", seed=7
    )
    with pytest.raises(InvalidArgument):
        faults(["lose=2"])


async def test_it_says_so_when_it_cannot_speak(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    class Mute:
        is_available = False

    class Stopped(serve_module.asyncio.Event):  # type: ignore[name-defined]
        async def wait(self) -> bool:
            return True

    monkeypatch.setattr(serve_module, "EspeakVoice", Mute)
    monkeypatch.setattr(serve_module.asyncio, "Event", Stopped)
    assert await serve_module.run(options("--record", str(tmp_path / "calls"), "--brain", "echo", "--pace", "0")) == 0
    told = capsys.readouterr().out
    assert "espeak-ng is not installed" in told
    assert "Recordings go to" in told
