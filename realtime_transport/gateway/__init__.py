"""Phone calls for agents, served: the answer webhook, the stream, limits, drain. Needs the extra ``gateway``.

    app = gateway_app(agent, carrier="twilio", public_url="https://calls.example.com", verifier=TwilioVerifier(token))

``gateway_app`` is an ASGI application for uvicorn, or to be mounted. ``Gateway`` is what is behind its paths, for other
servers. ``realtime-transport gateway`` does all that from the command line.
"""

from __future__ import annotations

from realtime_transport.exceptions import MissingExtra

try:
    from realtime_transport.gateway.app import gateway_app
    from realtime_transport.gateway.server import GatewayServer
except ImportError as _missing:
    raise MissingExtra(_missing.name or "starlette", "gateway") from _missing
from realtime_transport.gateway.audiosocket import AudioSocketServer
from realtime_transport.gateway.gateway import Gateway
from realtime_transport.gateway.incoming import AgentSource, IncomingCall
from realtime_transport.gateway.limits import GatewayLimits
from realtime_transport.gateway.news import GatewayNews

__all__ = [
    "AgentSource",
    "AudioSocketServer",
    "Gateway",
    "GatewayLimits",
    "GatewayNews",
    "GatewayServer",
    "IncomingCall",
    "gateway_app",
]
