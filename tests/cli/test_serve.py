"""``serve`` in a process of its own: it says where it is, talks, and stops when it is told to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

from realtime_transport.cli import main
from realtime_transport.cli.serve import directions
from realtime_transport.transports import WebSocketTransport


async def test_serves_until_it_is_stopped() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "realtime_transport.cli", "serve", "--port", "0", "--brain", "echo"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.search(r"ws://\S+", process.stdout.readline())
        assert found is not None
        transport = WebSocketTransport()
        await transport.connect(url=found.group(), session={"output_modalities": ["text"]})
        transport.send_message("Is anybody there?")
        assert (await transport.wait_for("text_done", timeout=10)).text == "Is anybody there?"
        process.send_signal(signal.SIGTERM)
        lost = await transport.wait_for("disconnected", timeout=10)
        assert lost.code == 1001
        await transport.close()
        assert process.wait(timeout=10) == 0


def test_directions_name_the_key_that_is_needed() -> None:
    told = directions("ws://h/v1/realtime", "http://h/v1", "s3cret")
    assert told.count("s3cret") >= 4
    assert "ws://h/v1/realtime" in told


def test_other_hosts_need_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    assert "token" in capsys.readouterr().err
