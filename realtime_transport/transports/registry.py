"""Transports by name, for whoever reads the name from a setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Unpack

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.transports.base import LayerOptions, RealtimeTransportLayer
from realtime_transport.transports.loopback import LoopbackTransport
from realtime_transport.transports.translation import TranslationTransport
from realtime_transport.transports.websocket import WebSocketTransport

TRANSPORTS: Final[Mapping[str, Callable[..., RealtimeTransportLayer]]] = {
    "websocket": WebSocketTransport,
    "translation": TranslationTransport,
    "loopback": LoopbackTransport,
}
"""Those that need nothing to be made. A SIP sideband needs its call, a script its steps."""


def create_transport(name: str, **layer: Unpack[LayerOptions]) -> RealtimeTransportLayer:
    """Make a transport by name. Raises ``InvalidArgument`` for a name that there is not."""
    if name not in TRANSPORTS:
        raise InvalidArgument(f"no transport {name!r}; there are {', '.join(sorted(TRANSPORTS))}", path="transport")
    return TRANSPORTS[name](**layer)
