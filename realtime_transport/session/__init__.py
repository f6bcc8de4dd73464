"""The agent wrapper: a session that turns a transport into a conversation with agents, tools and rules."""

from realtime_transport.session.agent import AgentHooks, RealtimeAgent
from realtime_transport.session.approvals import ApprovalRequest
from realtime_transport.session.context import RunContext, ToolContext
from realtime_transport.session.guardrails import (
    GuardrailSettings,
    InputGuardrail,
    OutputGuardrail,
    ToolInputGuardrail,
    ToolOutputGuardrail,
    Verdict,
    output_guardrail,
)
from realtime_transport.session.handoffs import Handoff, handoff
from realtime_transport.session.latency import LatencySummary, TurnLatency
from realtime_transport.session.mcp import McpServer
from realtime_transport.session.outputs import quiet
from realtime_transport.session.session import RealtimeSession
from realtime_transport.session.tools import LocalTool, function_tool
from realtime_transport.session.update import AgentUpdate
from realtime_transport.session.usage import Budget, Prices, SessionUsage

__all__ = [
    "AgentHooks",
    "AgentUpdate",
    "ApprovalRequest",
    "Budget",
    "GuardrailSettings",
    "Handoff",
    "InputGuardrail",
    "LatencySummary",
    "LocalTool",
    "McpServer",
    "OutputGuardrail",
    "Prices",
    "RealtimeAgent",
    "RealtimeSession",
    "RunContext",
    "SessionUsage",
    "ToolContext",
    "ToolInputGuardrail",
    "ToolOutputGuardrail",
    "TurnLatency",
    "Verdict",
    "function_tool",
    "handoff",
    "output_guardrail",
    "quiet",
]
