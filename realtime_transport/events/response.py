"""A response: what may be asked of one, and what the server says about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from realtime_transport.events.audio_config import AudioConfig
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.items import InputItem, Item
from realtime_transport.events.objects import ProtocolObject
from realtime_transport.events.session import MaxOutputTokens, Prompt, Reasoning
from realtime_transport.events.tools import Tool, ToolChoice
from realtime_transport.events.usage import Usage


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseOptions(ProtocolObject):
    """Overrides for one response; what is absent comes from the session."""

    conversation: Maybe[Literal["auto", "none"] | str] = UNSET
    """``none`` answers outside the conversation: nothing is added to it, and it may run beside another response."""
    input: Maybe[tuple[InputItem, ...]] = UNSET
    """The context instead of the conversation; an empty tuple means no context at all."""
    instructions: Maybe[str] = UNSET
    output_modalities: Maybe[tuple[Literal["audio", "text"] | str, ...]] = UNSET
    audio: Maybe[AudioConfig] = UNSET
    """Its ``output`` only."""
    tools: Maybe[tuple[Tool, ...]] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    max_output_tokens: Maybe[MaxOutputTokens] = UNSET
    reasoning: Maybe[Reasoning] = UNSET
    prompt: Maybe[Prompt] = UNSET
    metadata: Maybe[Mapping[str, str]] = UNSET
    """At most 16 pairs, keys up to 64 and values up to 512 characters; echoed in ``response.created`` and ``.done``."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseError(ProtocolObject):
    """Why a response failed."""

    type: Maybe[str] = UNSET
    code: Maybe[str] = UNSET
    """``rate_limit_exceeded``, ``insufficient_quota``, ..."""
    message: Maybe[str] = UNSET
    """Sent by the live server; absent from its schema until lately."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ResponseStatusDetails(ProtocolObject):
    """Why a response ended as it did."""

    type: Maybe[Literal["completed", "cancelled", "incomplete", "failed"] | str] = UNSET
    """The same word as the response's status."""
    reason: Maybe[Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"] | str] = UNSET
    error: Maybe[ResponseError] = UNSET
    """Only of a failed one."""


ResponseStatus: TypeAlias = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"] | str


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Response(ProtocolObject):
    """A response as ``response.created`` and ``response.done`` describe it."""

    id: Maybe[str] = UNSET
    object: Maybe[str] = UNSET
    """``realtime.response``."""
    status: Maybe[ResponseStatus] = UNSET
    status_details: Maybe[ResponseStatusDetails] = UNSET
    output: Maybe[tuple[Item, ...]] = UNSET
    """The items made, without their audio. Empty in ``response.created``."""
    conversation_id: Maybe[str] = UNSET
    """``None`` for a response outside the conversation."""
    output_modalities: Maybe[tuple[Literal["audio", "text"] | str, ...]] = UNSET
    max_output_tokens: Maybe[MaxOutputTokens] = UNSET
    audio: Maybe[AudioConfig] = UNSET
    usage: Maybe[Usage] = UNSET
    """``None`` until done."""
    metadata: Maybe[Mapping[str, str]] = UNSET
    """What ``response.create`` gave, or ``None``."""
