"""The fixtures, used by a test suite of somebody else's."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import asyncio, json
import pytest
from websockets.sync.client import connect
from websockets.asyncio.client import connect as connect_async
from realtime_transport.conversation.brain import Reply
from realtime_transport.conversation.brains import Script


def test_a_blocking_client(realtime_server):
    with connect(realtime_server.url) as socket:
        assert json.loads(socket.recv())["type"] == "session.created"


async def test_an_async_client(realtime_server):
    async with connect_async(realtime_server.url) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
    assert realtime_server.http_url.startswith("http://127.0.0.1:")


@pytest.mark.realtime_server("echo", token="secret")
def test_options(realtime_server):
    with pytest.raises(Exception, match="401"):
        connect(realtime_server.url)


def test_an_hour_in_memory(realtime_loopback, spoken, fake_clock):
    async def call():
        transport = realtime_loopback(pace=8.0)
        heard = bytearray()
        transport.on("audio", lambda event: heard.extend(event.data))
        await transport.connect(api_key="none")
        transport.send_audio(bytes(24_000) + spoken("Wait, stop.") + bytes(48_000))
        await asyncio.sleep(3500)
        await transport.close()
        return bytes(heard)

    assert len(fake_clock(call())) > 24_000


def test_speech(spoken):
    assert spoken("caller_stop") == spoken("wait, stop.")
    assert len(spoken("never recorded")) > 24_000
"""


def test_a_suite_that_uses_every_fixture(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    # Loaded by hand: whether this very package is installed, with its entry point, must make no difference.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(SUITE)
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error"
    )
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "realtime_transport.testing.pytest_plugin"]
    result = pytester.runpytest_inprocess(*plugins, "-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=5)


def test_the_plugin_is_light() -> None:
    """It is loaded by every pytest run: what fixtures need comes when they are used."""
    heavy = ("starlette", "uvicorn", "numpy", "soundfile", "realtime_transport.emulator")
    code = (
        "import sys, realtime_transport.testing.pytest_plugin; "
        f"print(*(name for name in {heavy!r} if name in sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
