"""Drivers: what carries a conversation over a medium."""

from realtime_transport.transports.base import ConnectionInfo, LayerOptions, RealtimeTransportLayer
from realtime_transport.transports.loopback import LoopbackTransport
from realtime_transport.transports.minting import Mint, MintedSecret
from realtime_transport.transports.receipts import SendReceipt
from realtime_transport.transports.registry import create_transport
from realtime_transport.transports.request import ApiKey, ConnectRequest
from realtime_transport.transports.scripted import ScriptedTransport
from realtime_transport.transports.sip import SIPTransport
from realtime_transport.transports.translation import TranslationTransport
from realtime_transport.transports.websocket import WebSocketOptions, WebSocketTransport

__all__ = [
    "ApiKey",
    "ConnectRequest",
    "ConnectionInfo",
    "LayerOptions",
    "LoopbackTransport",
    "Mint",
    "MintedSecret",
    "RealtimeTransportLayer",
    "SIPTransport",
    "ScriptedTransport",
    "SendReceipt",
    "TranslationTransport",
    "WebSocketOptions",
    "WebSocketTransport",
    "create_transport",
]
