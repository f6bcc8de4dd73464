"""The emulator on its own thread."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator.background import BackgroundEmulator
from realtime_transport.exceptions import InvalidArgument


def test_a_blocking_client() -> None:
    with BackgroundEmulator(Echo()) as server:
        assert server.http_url.endswith("/v1")
        with connect(server.url) as socket:
            assert json.loads(socket.recv(timeout=10))["type"] == "session.created"


def test_sessions_are_closed_and_the_thread_is_gone() -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        with BackgroundEmulator(Echo()) as server:
            socket = stack.enter_context(connect(server.url))
            socket.recv(timeout=10)
        with pytest.raises(ConnectionClosed, match="1001"):
            socket.recv(timeout=10)
    assert threading.active_count() == before


def test_what_it_cannot_do_is_raised_at_once() -> None:
    with pytest.raises(InvalidArgument):
        BackgroundEmulator(Echo(), host="0.0.0.0")
    with BackgroundEmulator(Echo()) as first:
        port = int(first.url.split(":")[2].split("/")[0])
        second = BackgroundEmulator(Echo(), port=port)
        with pytest.raises(OSError), second:
            pass
