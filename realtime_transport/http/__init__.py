"""The HTTP side of the API: client secrets, calls, webhooks. Needs the ``http`` extra, except for webhooks."""

from __future__ import annotations

from realtime_transport.http.calls import Call, Calls
from realtime_transport.http.client import RealtimeHTTP
from realtime_transport.http.client_secrets import ClientSecret, ClientSecrets, LegacySessions
from realtime_transport.http.exchange import ApiKey
from realtime_transport.http.retry import RetryPolicy
from realtime_transport.http.webhooks import CallIncoming, SipHeader, WebhookEvent, Webhooks

__all__ = [
    "ApiKey",
    "Call",
    "CallIncoming",
    "Calls",
    "ClientSecret",
    "ClientSecrets",
    "LegacySessions",
    "RealtimeHTTP",
    "RetryPolicy",
    "SipHeader",
    "WebhookEvent",
    "Webhooks",
]
