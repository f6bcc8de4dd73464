"""What a server checks in every object a client sends: by tables, in one walk.

The codec has already refused what is of the wrong sort (a text for a number). Here is what the types cannot say:
fields that do not exist, words and numbers out of range, texts too long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

import attrs

from realtime_transport.conversation.server_errors import refusal
from realtime_transport.events.audio_config import (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    NoiseReduction,
    PcmFormat,
    SemanticVad,
    ServerVad,
)
from realtime_transport.events.base import UNSET, Maybe
from realtime_transport.events.client import ClientEvent, ConversationItemTruncate
from realtime_transport.events.items import (
    AssistantMessageItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputImagePart,
    McpApprovalRequestItem,
    McpApprovalResponseItem,
    McpCallItem,
    McpListToolsItem,
    SystemMessageItem,
    UnknownItem,
    UnknownPart,
    UserMessageItem,
)
from realtime_transport.events.objects import ProtocolObject, UnknownObject
from realtime_transport.events.response import ResponseOptions
from realtime_transport.events.session import (
    RealtimeSessionConfig,
    Reasoning,
    RetentionRatio,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
)
from realtime_transport.events.tools import FunctionTool
from realtime_transport.exceptions import ServerError

WORDS: Final[Mapping[tuple[type, str], frozenset[str]]] = {
    (NoiseReduction, "type"): frozenset({"near_field", "far_field"}),
    (SemanticVad, "eagerness"): frozenset({"low", "medium", "high", "auto"}),
    (Reasoning, "effort"): frozenset({"minimal", "low", "medium", "high", "xhigh"}),
    (InputImagePart, "detail"): frozenset({"auto", "low", "high"}),
    (RealtimeSessionConfig, "tool_choice"): frozenset({"none", "auto", "required"}),
    (RealtimeSessionConfig, "truncation"): frozenset({"auto", "disabled"}),
    (RealtimeSessionConfig, "max_output_tokens"): frozenset({"inf"}),
    (RealtimeSessionConfig, "tracing"): frozenset({"auto"}),
    (ResponseOptions, "conversation"): frozenset({"auto", "none"}),
    (ResponseOptions, "tool_choice"): frozenset({"none", "auto", "required"}),
    (ResponseOptions, "max_output_tokens"): frozenset({"inf"}),
}
"""Fields whose text is one of a few words. Voices, models and languages are not among them: new ones come daily."""

RANGES: Final[Mapping[tuple[type, str], tuple[float, float]]] = {
    (ServerVad, "threshold"): (0, 1),
    (ServerVad, "prefix_padding_ms"): (0, 5_000),
    (ServerVad, "silence_duration_ms"): (0, 10_000),
    (ServerVad, "idle_timeout_ms"): (5_000, 30_000),
    (AudioOutputConfig, "speed"): (0.25, 1.5),
    (RetentionRatio, "retention_ratio"): (0, 1),
    (RealtimeSessionConfig, "max_output_tokens"): (1, 32_000),
    (ResponseOptions, "max_output_tokens"): (1, 32_000),
    (ConversationItemTruncate, "audio_end_ms"): (0, 2**53),
    (ConversationItemTruncate, "content_index"): (0, 2**31),
}

ID_LENGTH: Final = 32
"""Of an id of an item or call that the client makes."""

LENGTHS: Final[Mapping[tuple[type, str], int]] = {
    (FunctionTool, "name"): 64,
    (FunctionTool, "description"): 1024,
    (FunctionCallItem, "call_id"): ID_LENGTH,
    (FunctionCallOutputItem, "call_id"): ID_LENGTH,
    **{
        (item, "id"): ID_LENGTH
        for item in (SystemMessageItem, UserMessageItem, AssistantMessageItem, FunctionCallItem, FunctionCallOutputItem)
    },
}

EVENT_ID_LENGTH: Final = 512

PARTS: Final[Mapping[type, frozenset[str]]] = {
    SystemMessageItem: frozenset({"input_text"}),
    UserMessageItem: frozenset({"input_text", "input_audio", "input_image"}),
    AssistantMessageItem: frozenset({"output_text", "output_audio"}),
}
"""Role -> the parts its messages may have."""

_ITEMS: Final = ", ".join(
    f"'{name}'"
    for name in sorted(
        {
            cls.type
            for cls in (
                SystemMessageItem,
                FunctionCallItem,
                FunctionCallOutputItem,
                McpListToolsItem,
                McpCallItem,
                McpApprovalRequestItem,
                McpApprovalResponseItem,
            )
        }
    )
)

_ROLES: Final = ", ".join(f"'{cls.role}'" for cls in (AssistantMessageItem, SystemMessageItem, UserMessageItem))
_MODALITIES: Final = frozenset({"audio", "text"})
_METADATA_PAIRS: Final = 16
_METADATA_KEY: Final = 64
_METADATA_VALUE: Final = 512
_SERVER_ONLY: Final = ("id", "object", "expires_at", "client_secret")
"""Fields of a session that only the server sets."""


_Numbers: TypeAlias = Mapping[str, tuple[float, float]]
"""Name of a field -> its range."""

BETA_NUMBERS: Final[_Numbers] = {"temperature": (0.6, 1.2)}
"""Fields of a session and of a response that the beta has and GA has not, and their ranges."""


def check_event(event: ClientEvent, *, beta: bool = False) -> None:
    """Refuse, with the ServerError to be sent, an event that holds something the protocol has no place for.

    ``beta`` lets the fields pass that only the beta has a place for.
    """
    if event.event_id and len(event.event_id) > EVENT_ID_LENGTH:
        raise refusal("too_long", param="event_id", limit=EVENT_ID_LENGTH, value=len(event.event_id))
    _check(event, "", BETA_NUMBERS if beta else {})


def check_rates(audio: Maybe[AudioConfig], path: str, rates: tuple[int, ...]) -> None:
    """Refuse, with the ServerError to be sent, PCM of a rate that this server does not speak."""
    for name in ("input", "output"):
        side: AudioInputConfig | AudioOutputConfig | None = getattr(audio, name, None) or None
        rate = side.format.rate if side is not None and isinstance(side.format, PcmFormat) else None
        where = f"{path}.{name}.format.rate"
        if not rate or rate in rates:
            continue
        if rate < min(rates):
            raise refusal("too_small", param=where, limit=min(rates), value=rate)
        if rate > max(rates):
            raise refusal("too_large", param=where, limit=max(rates), value=rate)
        raise refusal("unknown_value", param=where, value=rate, supported=", ".join(map(str, sorted(rates))))


def _check(value: object, path: str, more: _Numbers) -> None:
    if isinstance(value, tuple | list):
        for index, part in enumerate(cast("tuple[object, ...]", value)):
            _check(part, f"{path}[{index}]", more)
    elif isinstance(value, ProtocolObject | ClientEvent):
        _check_object(value, path, more)


def _check_object(value: ProtocolObject | ClientEvent, path: str, more: _Numbers) -> None:
    _check_kind(value, path)
    prefix = f"{path}." if path else ""
    for name, number in value.extra.items():
        if name not in more or not isinstance(value, RealtimeSessionConfig | ResponseOptions):
            raise refusal("unknown_parameter", param=f"{prefix}{name}")
        _check_number(number, more[name], f"{prefix}{name}")
    for field in attrs.fields(type(value)):
        part = getattr(value, field.name)
        if part is UNSET or part is None:
            continue
        _check_field((type(value), field.name), part, f"{prefix}{field.name}")
        _check(part, f"{prefix}{field.name}", more)


def _check_number(value: object, bounds: tuple[float, float], path: str) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise refusal("wrong_type", param=path, reason="expected a number, got no number")
    _check_range(value, bounds, path)


def _check_range(value: float, bounds: tuple[float, float], path: str) -> None:
    if value < bounds[0]:
        raise refusal("too_small", param=path, limit=f"{bounds[0]:g}", value=value)
    if value > bounds[1]:
        raise refusal("too_large", param=path, limit=f"{bounds[1]:g}", value=value)


def _check_field(key: tuple[type, str], value: Any, path: str) -> None:
    words, bounds, longest = WORDS.get(key), RANGES.get(key), LENGTHS.get(key)
    if words is not None and isinstance(value, str) and value not in words:
        raise refusal("unknown_value", param=path, value=value, supported=_listed(words))
    if bounds is not None and isinstance(value, int | float):
        _check_range(value, bounds, path)
    if longest is not None and isinstance(value, str) and len(value) > longest:
        raise refusal("too_long", param=path, limit=longest, value=len(value))
    if key in _BY_FUNCTION:
        _BY_FUNCTION[key](value, path)


def _check_kind(value: object, path: str) -> None:
    """Refuse what has a kind that nobody knows, and parts in the wrong message."""
    if isinstance(value, UnknownItem | UnknownObject | UnknownPart):
        raise _unknown_kind(value, path)
    if isinstance(value, SystemMessageItem | UserMessageItem | AssistantMessageItem):
        allowed = PARTS[type(value)]
        for index, part in enumerate(value.content):
            if part.type and part.type not in allowed:
                where = f"{path}.content[{index}].type"
                raise refusal("unknown_value", param=where, value=part.type, supported=_listed(allowed))
    if isinstance(value, RealtimeSessionConfig | TranscriptionSessionConfig | TranslationSessionConfig):
        for name in _SERVER_ONLY:
            if getattr(value, name, UNSET) is not UNSET:
                raise refusal("unknown_parameter", param=f"{path}.{name}")


def _unknown_kind(value: UnknownItem | UnknownObject | UnknownPart, path: str) -> ServerError:
    if not value.type:
        return refusal("missing", param=f"{path}.type")
    if not isinstance(value, UnknownItem):
        return refusal("wrong_value", param=f"{path}.type", value=value.type, reason="It is not supported here.")
    if value.type != "message":
        return refusal("unknown_value", param=f"{path}.type", value=value.type, supported=_ITEMS)
    role = value.extra.get("role")  # what a message is unknown for
    if role is None:
        return refusal("missing", param=f"{path}.role")
    if not isinstance(role, str):
        return refusal("wrong_type", param=f"{path}.role", reason="expected a text, got no text")
    return refusal("unknown_value", param=f"{path}.role", value=role, supported=_ROLES)


def _check_modalities(value: tuple[str, ...], path: str) -> None:
    if len(value) != 1 or value[0] not in _MODALITIES:
        shown = ", ".join(f"'{word}'" for word in value)
        raise refusal("unknown_value", param=path, value=f"[{shown}]", supported="['text'] and ['audio']")


def _check_metadata(value: Mapping[str, str], path: str) -> None:
    if len(value) > _METADATA_PAIRS:
        raise refusal("too_large", param=path, limit=_METADATA_PAIRS, value=len(value))
    for key, text in value.items():
        if len(key) > _METADATA_KEY:
            raise refusal("too_long", param=path, limit=_METADATA_KEY, value=len(key))
        if len(text) > _METADATA_VALUE:
            raise refusal("too_long", param=f"{path}.{key}", limit=_METADATA_VALUE, value=len(text))


_BY_FUNCTION: Final[Mapping[tuple[type, str], Callable[[Any, str], None]]] = {
    (RealtimeSessionConfig, "output_modalities"): _check_modalities,
    (ResponseOptions, "output_modalities"): _check_modalities,
    (ResponseOptions, "metadata"): _check_metadata,
}


def _listed(words: frozenset[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))
