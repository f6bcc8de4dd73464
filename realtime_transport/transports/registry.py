"""Transports by name, for whoever reads the name from a setting."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Final, Unpack

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.transports.base import LayerOptions, RealtimeTransportLayer

TRANSPORTS: Final[Mapping[str, str]] = {
    "websocket": "WebSocketTransport",
    "translation": "TranslationTransport",
    "loopback": "LoopbackTransport",
}
"""Those that need nothing to be made, in the module of their name, imported when asked for. A SIP sideband needs its
call, a script its steps."""


def create_transport(name: str, **layer: Unpack[LayerOptions]) -> RealtimeTransportLayer:
    """Make a transport by name. Raises ``InvalidArgument`` for a name that there is not."""
    if name not in TRANSPORTS:
        raise InvalidArgument(f"no transport {name!r}; there are {', '.join(sorted(TRANSPORTS))}", path="transport")
    module = importlib.import_module(f"realtime_transport.transports.{name}")
    make: Callable[..., RealtimeTransportLayer] = getattr(module, TRANSPORTS[name])
    return make(**layer)
