"""Drivers: what carries a conversation over a medium."""

from realtime_transport.transports.base import ConnectionInfo, RealtimeTransportLayer
from realtime_transport.transports.loopback import LoopbackTransport
from realtime_transport.transports.receipts import SendReceipt
from realtime_transport.transports.request import ApiKey, ConnectRequest
from realtime_transport.transports.websocket import WebSocketOptions, WebSocketTransport

__all__ = [
    "ApiKey",
    "ConnectRequest",
    "ConnectionInfo",
    "LoopbackTransport",
    "RealtimeTransportLayer",
    "SendReceipt",
    "WebSocketOptions",
    "WebSocketTransport",
]
