"""Event-emitter transports for speech-to-speech ("Realtime") APIs.

The names below are what most programs need. More live where they belong: the protocol's events in ``events``, errors in
``exceptions``, providers in ``dialects``, phone carriers in ``telephony``, their calls served in ``gateway`` (extra
``gateway``), HTTP calls in ``http`` (extra ``http``), the server to run against in ``emulator`` (extra ``server``),
tools for tests in ``testing``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime_transport.audio import AudioFormat
    from realtime_transport.capabilities import Capabilities
    from realtime_transport.events import UNSET
    from realtime_transport.exceptions import RealtimeError, ServerError
    from realtime_transport.secret import Secret
    from realtime_transport.session import (
        AgentHooks,
        ApprovalRequest,
        Budget,
        GuardrailSettings,
        Handoff,
        InputGuardrail,
        McpServer,
        OutputGuardrail,
        RealtimeAgent,
        RealtimeSession,
        RunContext,
        ToolContext,
        function_tool,
        handoff,
        output_guardrail,
    )
    from realtime_transport.telephony import TelephonyTransport
    from realtime_transport.transports import (
        ConnectRequest,
        LoopbackTransport,
        RealtimeTransportLayer,
        ScriptedTransport,
        SendReceipt,
        SIPTransport,
        WebSocketOptions,
        WebSocketTransport,
    )
    from realtime_transport.transports.recorder import Recorder, record
else:
    from realtime_transport.lazy import exports

    _HOMES = {
        "realtime_transport.audio": ("AudioFormat",),
        "realtime_transport.capabilities": ("Capabilities",),
        "realtime_transport.events": ("UNSET",),
        "realtime_transport.exceptions": (
            "RealtimeError",
            "ServerError",
        ),
        "realtime_transport.secret": ("Secret",),
        "realtime_transport.session": (
            "AgentHooks",
            "ApprovalRequest",
            "Budget",
            "GuardrailSettings",
            "Handoff",
            "InputGuardrail",
            "McpServer",
            "OutputGuardrail",
            "RealtimeAgent",
            "RealtimeSession",
            "RunContext",
            "ToolContext",
            "function_tool",
            "handoff",
            "output_guardrail",
        ),
        "realtime_transport.telephony": ("TelephonyTransport",),
        "realtime_transport.transports": (
            "ConnectRequest",
            "LoopbackTransport",
            "RealtimeTransportLayer",
            "ScriptedTransport",
            "SendReceipt",
            "SIPTransport",
            "WebSocketOptions",
            "WebSocketTransport",
        ),
        "realtime_transport.transports.recorder": (
            "Recorder",
            "record",
        ),
    }
    __getattr__, __dir__ = exports(__name__, _HOMES)

__all__ = [
    "UNSET",
    "AgentHooks",
    "ApprovalRequest",
    "AudioFormat",
    "Budget",
    "Capabilities",
    "ConnectRequest",
    "GuardrailSettings",
    "Handoff",
    "InputGuardrail",
    "LoopbackTransport",
    "McpServer",
    "OutputGuardrail",
    "RealtimeAgent",
    "RealtimeError",
    "RealtimeSession",
    "RealtimeTransportLayer",
    "Recorder",
    "RunContext",
    "SIPTransport",
    "ScriptedTransport",
    "Secret",
    "SendReceipt",
    "ServerError",
    "TelephonyTransport",
    "ToolContext",
    "WebSocketOptions",
    "WebSocketTransport",
    "function_tool",
    "handoff",
    "output_guardrail",
    "record",
]
