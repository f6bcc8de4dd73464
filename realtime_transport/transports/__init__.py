"""Drivers: what carries a conversation over a medium."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
else:
    from realtime_transport.lazy import exports

    _HOMES = {
        "realtime_transport.transports.base": (
            "ConnectionInfo",
            "LayerOptions",
            "RealtimeTransportLayer",
        ),
        "realtime_transport.transports.loopback": ("LoopbackTransport",),
        "realtime_transport.transports.minting": (
            "Mint",
            "MintedSecret",
        ),
        "realtime_transport.transports.receipts": ("SendReceipt",),
        "realtime_transport.transports.registry": ("create_transport",),
        "realtime_transport.transports.request": (
            "ApiKey",
            "ConnectRequest",
        ),
        "realtime_transport.transports.scripted": ("ScriptedTransport",),
        "realtime_transport.transports.sip": ("SIPTransport",),
        "realtime_transport.transports.translation": ("TranslationTransport",),
        "realtime_transport.transports.websocket": (
            "WebSocketOptions",
            "WebSocketTransport",
        ),
    }
    __getattr__, __dir__ = exports(__name__, _HOMES)

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
