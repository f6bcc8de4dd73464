"""The sideband of a phone call: the server talks with the caller over SIP, this socket only steers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import attrs

from realtime_transport.capabilities import Capabilities
from realtime_transport.conversation.session_shape import session_from
from realtime_transport.events.session import AnySession, RealtimeSessionConfig
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation
from realtime_transport.transports.base import LayerOptions
from realtime_transport.transports.request import DEFAULT_MODEL, ConnectRequest
from realtime_transport.transports.websocket import DEFAULTS, WebSocketOptions, WebSocketTransport
from realtime_transport.wire import to_dict


class SIPTransport(WebSocketTransport):
    """Control a call that the server carries: ``await SIPTransport(call_id).connect()``.

    The call id comes with the webhook ``realtime.call.incoming``; accept the call over HTTP first, with
    ``accept_config``. Audio never passes here: ``send_audio`` is refused, and ``interrupt`` tells the server to stop
    playing. The same transport joins a WebRTC call as its server-side control.
    """

    def __init__(
        self,
        call_id: str,
        *,
        options: WebSocketOptions = DEFAULTS,
        **layer: Unpack[LayerOptions],
    ) -> None:
        if not call_id:
            raise InvalidArgument("a call is joined by its id", path="call_id")
        super().__init__(options=options, **layer)
        self.call_id = call_id

    @staticmethod
    def accept_config(
        session: AnySession | Mapping[str, Any] | None = None, *, model: str = DEFAULT_MODEL
    ) -> dict[str, Any]:
        """Make the body of the HTTP request that accepts a call, in GA's shape.

        Raises ``InvalidArgument`` for a config that cannot be read, ``UnsupportedOperation`` for one of another kind:
        a call is a conversation.
        """
        config = session_from(session or {}, RealtimeSessionConfig())
        if not isinstance(config, RealtimeSessionConfig):
            raise UnsupportedOperation(f"a call is a realtime session, not a {config.type} one")
        return to_dict(attrs.evolve(config, model=config.model or model))

    def _capabilities_for(self, request: ConnectRequest) -> Capabilities:
        return super()._capabilities_for(attrs.evolve(request, call_id=self.call_id))

    async def _open(self, request: ConnectRequest) -> None:
        await super()._open(attrs.evolve(request, call_id=self.call_id))
