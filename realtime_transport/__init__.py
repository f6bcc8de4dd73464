"""Event-emitter transports for speech-to-speech ("Realtime") APIs.

The names below are what most programs need. More live where they belong: the protocol's events in ``events``, errors in
``exceptions``, providers in ``dialects``, phone carriers in ``telephony``, HTTP calls in ``http`` (extra ``http``), the
server to run against in ``emulator`` (extra ``server``), tools for tests in ``testing``.
"""

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
    "ToolContext",
    "WebSocketOptions",
    "WebSocketTransport",
    "function_tool",
    "handoff",
    "output_guardrail",
    "record",
]
