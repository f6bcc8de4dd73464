"""Read a session config that is given as a mapping: the GA shape, or the flat names of the beta.

One function, ``session_from``, does it for both, by tables. Values may be plain data or config objects, mixed freely;
the two families of names may not be mixed, because the result would depend on which of them won.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import attrs

from realtime_transport.audio import AudioFormat
from realtime_transport.conversation.session_views import turn_detection
from realtime_transport.events.audio_config import (
    AudioConfig,
    AudioFormatConfig,
    AudioInputConfig,
    AudioOutputConfig,
    InputTranscription,
    NoiseReduction,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    SemanticVad,
    ServerVad,
    VoiceId,
)
from realtime_transport.events.objects import ProtocolObject, UnknownObject
from realtime_transport.events.session import (
    AnySession,
    Prompt,
    RealtimeSessionConfig,
    Reasoning,
    RetentionRatio,
    TokenLimits,
    Tracing,
    TranscriptionSessionConfig,
    TranslationAudioConfig,
    TranslationInputConfig,
    TranslationOutputConfig,
    TranslationSessionConfig,
)
from realtime_transport.events.tools import (
    FunctionTool,
    McpApprovalFilter,
    McpTool,
    McpToolFilter,
    ToolChoiceFunction,
    ToolChoiceMcp,
)
from realtime_transport.exceptions import InvalidArgument

Plain: TypeAlias = Mapping[str, Any]

# --- the flat names of the beta ----------------------------------------------------------------------------------

LEGACY: Final[Mapping[str, tuple[str, ...]]] = {
    "modalities": ("output_modalities",),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "input_audio_format": ("audio", "input", "format"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "max_response_output_tokens": ("max_output_tokens",),
}
"""Flat name -> where it lives now. ``temperature`` is gone from GA: it is sent as it is, for dialects that know it."""

_GA_ONLY: Final = frozenset({path[0] for path in LEGACY.values()})


def from_legacy(config: Plain) -> Plain:
    """Move flat names to where they live now; a config without any comes back as it is.

    Raises InvalidArgument when flat names and the names that replaced them appear together.
    """
    legacy = sorted(LEGACY.keys() & config.keys())
    if not legacy:
        return config
    mixed = sorted(_GA_ONLY & config.keys())
    if mixed:
        raise InvalidArgument(f"flat names {legacy} cannot be mixed with {mixed}", path="session")
    moved: dict[str, Any] = {name: value for name, value in config.items() if name not in LEGACY}
    for name in legacy:
        *parents, leaf = LEGACY[name]
        place = moved
        for parent in parents:
            place = place.setdefault(parent, {})
        place[leaf] = _modalities(config[name]) if name == "modalities" else config[name]
    return moved


def _modalities(value: Any) -> Any:
    """GA takes exactly one modality; audio always came with its transcript."""
    return ("audio",) if type(value) in {list, tuple} and "audio" in value else value


# --- objects -----------------------------------------------------------------------------------------------------

Reader: TypeAlias = Callable[[Any, str], Any]


def _config(cls: type[ProtocolObject]) -> Reader:
    """Read an object of one kind."""

    def read(value: Any, path: str) -> Any:
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return _build(cls, cast("Plain", value), path)
        raise InvalidArgument(f"must be a mapping or {cls.__name__}, not {type(value).__name__}", path=path)

    return read


def _tagged(classes: Mapping[str, type[ProtocolObject]]) -> Reader:
    """Read one of several kinds, told apart by ``type``; a kind unknown here is kept whole."""

    def read(value: Any, path: str) -> Any:
        if isinstance(value, ProtocolObject):
            return value
        if not isinstance(value, Mapping):
            raise InvalidArgument(f"must be a mapping, not {type(value).__name__}", path=path)
        fields = cast("Plain", value)
        tag = str(fields.get("type", ""))
        cls = classes.get(tag)
        if cls is None:
            return UnknownObject(type=tag, extra={name: part for name, part in fields.items() if name != "type"})
        return _build(cls, fields, path)

    return read


def _either(words: tuple[type, ...], reader: Reader) -> Reader:
    """Read a plain value of these types as it is, anything else with ``reader``."""

    def read(value: Any, path: str) -> Any:
        return value if isinstance(value, words) else reader(value, path)

    return read


def _list(reader: Reader | None = None) -> Reader:
    """Read a list into a tuple."""

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, list | tuple):
            raise InvalidArgument(f"must be a list, not {type(value).__name__}", path=path)
        parts = cast("Sequence[Any]", value)
        if reader is None:
            return tuple(parts)
        return tuple(reader(part, f"{path}[{index}]") for index, part in enumerate(parts))

    return read


def _names_or(reader: Reader) -> Reader:
    """Read a list of names into a tuple, anything else with ``reader``."""

    def read(value: Any, path: str) -> Any:
        return tuple(cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else reader(value, path)

    return read


def _plain(*types: type) -> Reader:
    """Read a plain value of one of these types; ``bool`` is no number."""

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = " or ".join(cls.__name__ for cls in types)
            raise InvalidArgument(f"must be {wanted}, not {value!r}", path=path)
        return value

    return read


_FORMATS: Final[Mapping[str, Callable[[AudioFormat], AudioFormatConfig]]] = {
    "pcm16": lambda audio: PcmFormat(rate=audio.rate),
    "pcmu": lambda _: PcmuFormat(),
    "pcma": lambda _: PcmaFormat(),
}


def format_config(audio: AudioFormat) -> AudioFormatConfig:
    """Spell a format the way a session does."""
    return _FORMATS[audio.encoding](audio)


def _format(value: Any, path: str) -> Any:
    """Read a format: as the session spells it, an ``AudioFormat``, or any of the words for one."""
    if isinstance(value, AudioFormat | str):
        try:
            return format_config(AudioFormat.parse(value))
        except InvalidArgument as error:
            raise InvalidArgument(str(error), path=path) from error
    return _tagged({cls.type: cls for cls in (PcmFormat, PcmuFormat, PcmaFormat)})(value, path)


_TOOL_FILTER: Final = _config(McpToolFilter)

_READERS: Final[Mapping[tuple[type[ProtocolObject], str], Reader]] = {
    (RealtimeSessionConfig, "instructions"): _plain(str),
    (RealtimeSessionConfig, "model"): _plain(str),
    (RealtimeSessionConfig, "audio"): _config(AudioConfig),
    (RealtimeSessionConfig, "output_modalities"): _list(),
    (RealtimeSessionConfig, "tools"): _list(_tagged({"function": FunctionTool, "mcp": McpTool})),
    (RealtimeSessionConfig, "tool_choice"): _either(
        (str,), _tagged({"function": ToolChoiceFunction, "mcp": ToolChoiceMcp})
    ),
    (RealtimeSessionConfig, "parallel_tool_calls"): _plain(bool),
    (RealtimeSessionConfig, "max_output_tokens"): _plain(int, str),
    (RealtimeSessionConfig, "reasoning"): _config(Reasoning),
    (RealtimeSessionConfig, "tracing"): _either((str,), _config(Tracing)),
    (RealtimeSessionConfig, "truncation"): _either((str,), _tagged({"retention_ratio": RetentionRatio})),
    (RealtimeSessionConfig, "prompt"): _config(Prompt),
    (RealtimeSessionConfig, "include"): _list(),
    (TranscriptionSessionConfig, "audio"): _config(AudioConfig),
    (TranscriptionSessionConfig, "include"): _list(),
    (TranslationSessionConfig, "audio"): _config(TranslationAudioConfig),
    (TranslationAudioConfig, "input"): _config(TranslationInputConfig),
    (TranslationAudioConfig, "output"): _config(TranslationOutputConfig),
    (TranslationInputConfig, "transcription"): _config(InputTranscription),
    (TranslationInputConfig, "noise_reduction"): _config(NoiseReduction),
    (TranslationOutputConfig, "language"): _plain(str),
    (AudioConfig, "input"): _config(AudioInputConfig),
    (AudioConfig, "output"): _config(AudioOutputConfig),
    (AudioInputConfig, "format"): _format,
    (AudioInputConfig, "transcription"): _config(InputTranscription),
    (AudioInputConfig, "noise_reduction"): _config(NoiseReduction),
    (AudioInputConfig, "turn_detection"): _tagged({cls.type: cls for cls in (ServerVad, SemanticVad)}),
    (AudioOutputConfig, "format"): _format,
    (AudioOutputConfig, "voice"): _either((str, ProtocolObject), _config(VoiceId)),
    (AudioOutputConfig, "speed"): _plain(int, float),
    (InputTranscription, "languages"): _list(),
    (InputTranscription, "keywords"): _list(),
    (RetentionRatio, "token_limits"): _config(TokenLimits),
    (McpTool, "allowed_tools"): _names_or(_TOOL_FILTER),
    (McpTool, "require_approval"): _either((str,), _config(McpApprovalFilter)),
    (McpTool, "allowed_callers"): _list(),
    (McpToolFilter, "tool_names"): _list(),
    (McpApprovalFilter, "always"): _TOOL_FILTER,
    (McpApprovalFilter, "never"): _TOOL_FILTER,
}
"""How a field is read; one that is not listed is taken as it is, and the codec checks it."""


def _build(cls: type[ProtocolObject], value: Plain, path: str) -> ProtocolObject:
    names = {field.name for field in attrs.fields(cls)}
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, part in value.items():
        if name not in names or name == "extra":
            if name != "type":  # a class variable of kinds that have one word for it
                extra[name] = part
            continue
        reader = _READERS.get((cls, name))
        known[name] = part if part is None or reader is None else reader(part, f"{path}.{name}")
    try:
        return cls(extra=extra, **known)
    except TypeError as error:
        raise InvalidArgument(f"not a {cls.__name__}: {error}", path=path) from error


# --- the whole ---------------------------------------------------------------------------------------------------

SESSIONS: Final[Mapping[str, type[RealtimeSessionConfig] | type[TranscriptionSessionConfig]]] = {
    "realtime": RealtimeSessionConfig,
    "transcription": TranscriptionSessionConfig,
}


def session_from(
    changes: Plain | AnySession, in_force: AnySession | None = None
) -> RealtimeSessionConfig | TranscriptionSessionConfig:
    """Read a session config, or changes to one, in either family of names.

    Without ``type`` it is of the kind of ``in_force``, else a realtime session; turn detection without a ``type`` is of
    the kind in force. Absent fields stay absent, ``None`` stays ``None``.

    Raises InvalidArgument, with the path, for a kind that cannot be updated, for values of the wrong sort, and when the
    two families of names are mixed.
    """
    if isinstance(changes, RealtimeSessionConfig | TranscriptionSessionConfig):
        return changes
    if not isinstance(changes, Mapping):
        raise InvalidArgument(f"must be a mapping or a session config, not {type(changes).__name__}", path="session")
    config = from_legacy(changes)
    kind = str(config.get("type") or (in_force.type if in_force is not None else "realtime"))
    if kind not in SESSIONS:
        raise InvalidArgument(f"must be one of {sorted(SESSIONS)}, not {kind!r}", path="session.type")
    return cast(
        "RealtimeSessionConfig | TranscriptionSessionConfig",
        _build(SESSIONS[kind], _with_turn_detection_kind({**config, "type": kind}, in_force), "session"),
    )


def translation_session_from(changes: Plain | AnySession) -> TranslationSessionConfig:
    """Read the config of a translation, or changes to one. Its ``type`` is left out: no update may carry it.

    Raises InvalidArgument, with the path, for values of the wrong sort and for sessions of another kind.
    """
    if isinstance(changes, TranslationSessionConfig):
        return changes
    if not isinstance(changes, Mapping):
        raise InvalidArgument(f"must describe a translation, not be a {type(changes).__name__}", path="session")
    kind = changes.get("type", "translation")
    if kind != "translation":
        raise InvalidArgument(f"must be 'translation', not {kind!r}", path="session.type")
    config = {name: value for name, value in changes.items() if name != "type"}
    return cast("TranslationSessionConfig", _build(TranslationSessionConfig, config, "session"))


def _with_turn_detection_kind(config: Plain, in_force: AnySession | None) -> Plain:
    """Complete ``{"turn_detection": {"threshold": 0.7}}`` with the kind that the change is meant for."""
    audio = _mapping(config.get("audio"))
    inputs = _mapping(audio.get("input"))
    change = _mapping(inputs.get("turn_detection"))
    if not change:
        return config
    current = turn_detection(in_force)
    kind = current.type if isinstance(current, ServerVad | SemanticVad) else ServerVad.type
    return {**config, "audio": {**audio, "input": {**inputs, "turn_detection": {"type": kind, **change}}}}


def _mapping(value: object) -> Plain:
    return cast("Plain", value) if isinstance(value, Mapping) else {}
