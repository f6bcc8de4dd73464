"""What the WebSocket transport uses of ``websockets``, and what builds on it: imported when the first of it is used.

That is when the first socket is opened. ``websockets`` reads its version from the installed packages and brings an HTTP
client for proxies with it: together a fifth of what a program would wait for before its first line.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.connection import Connection
    from websockets.exceptions import ConcurrencyError, ConnectionClosed
    from websockets.protocol import State
    from websockets.typing import Subprotocol

    from realtime_transport.transports.connection import FaithfulConnect, QuickConnection
    from realtime_transport.transports.errors import close_code, connect_error, way_to
else:
    from realtime_transport.lazy import exports

    _HOMES = {
        "realtime_transport.transports.connection": (
            "FaithfulConnect",
            "QuickConnection",
        ),
        "realtime_transport.transports.errors": (
            "close_code",
            "connect_error",
            "way_to",
        ),
        "websockets.asyncio.client": ("ClientConnection",),
        "websockets.asyncio.connection": ("Connection",),
        "websockets.exceptions": (
            "ConcurrencyError",
            "ConnectionClosed",
        ),
        "websockets.protocol": ("State",),
        "websockets.typing": ("Subprotocol",),
    }
    __getattr__, __dir__ = exports(__name__, _HOMES)

__all__ = [
    "ClientConnection",
    "ConcurrencyError",
    "Connection",
    "ConnectionClosed",
    "FaithfulConnect",
    "QuickConnection",
    "State",
    "Subprotocol",
    "close_code",
    "connect_error",
    "way_to",
]
