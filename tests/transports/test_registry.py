"""Transports by name."""

from __future__ import annotations

import pytest

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.transports import LoopbackTransport, WebSocketTransport, create_transport


def test_names() -> None:
    assert type(create_transport("websocket")) is WebSocketTransport
    assert type(create_transport("loopback", close_timeout=1.0)) is LoopbackTransport
    with pytest.raises(InvalidArgument, match="loopback"):
        create_transport("pigeon")
