"""What the emulator does, put together from a word on the command line or from what a test hands over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias, cast

import attrs

from realtime_transport.conversation.brain import Brain
from realtime_transport.conversation.brains import Echo
from realtime_transport.conversation.mcp_script import ScriptedServers, ScriptedTool
from realtime_transport.emulator.brains import AsyncBrain, Improviser, Recorded, Spoken
from realtime_transport.emulator.faults import FaultSource
from realtime_transport.emulator.voices import EspeakVoice
from realtime_transport.exceptions import InvalidArgument

AnyBrain: TypeAlias = Brain | AsyncBrain
BrainFactory: TypeAlias = Callable[[], AnyBrain]
"""Makes the brain of one session: brains may remember."""


@attrs.frozen(kw_only=True)
class Behaviour:
    """How a server answers, and what goes wrong in it."""

    brain: BrainFactory
    faults: FaultSource | None = None
    """None where it has no opinion."""
    mcp: ScriptedServers = attrs.field(factory=dict[str, tuple[ScriptedTool, ...]])
    """MCP servers that exist on paper."""


def speech() -> AnyBrain:
    """Make the brain that speaks: with espeak-ng where it is installed, with recorded sentences only elsewhere."""
    voice = EspeakVoice()
    return Spoken(voice=voice) if voice.is_available else Recorded()


BRAINS: Final[Mapping[str, BrainFactory]] = {"speech": speech, "echo": Echo, "improvise": Improviser}
"""Brains that need nothing but their name."""

USAGE: Final = f"{', '.join(BRAINS)}, chat=URL#MODEL or script=FILE"
"""What can be asked for by word."""


def behaviour(word: str) -> Behaviour:
    """Find a behaviour by word: a name, ``chat=URL`` or ``script=FILE``.

    Raises ``InvalidArgument`` for one that does not exist, ``MissingExtra`` for ``chat`` without the extra ``http``,
    and what ``read_script`` raises.
    """
    name, given, value = word.partition("=")
    if name in BRAINS and not given:
        return Behaviour(brain=BRAINS[name])
    if name not in _WITH_VALUE:
        raise InvalidArgument(f"no brain {word!r}; there are {USAGE}", path="brain")
    if not value:
        raise InvalidArgument(f"write {_WITH_VALUE[name][0]}", path="brain")
    return _WITH_VALUE[name][1](value)


def make_brain(word: str) -> BrainFactory:
    """Find a brain by word. Raises what ``behaviour`` raises."""
    return behaviour(word).brain


def factory(brain: AnyBrain | BrainFactory) -> BrainFactory:
    """Make one brain serve all sessions; a function that makes brains is one already."""
    if getattr(brain, "answer", None) is None or isinstance(brain, type):
        return cast("BrainFactory", brain)
    return lambda: cast("AnyBrain", brain)


def _chat(url: str) -> Behaviour:
    from realtime_transport.emulator.chat import MODEL, ChatBrain

    address, _, model = url.partition("#")
    brain = ChatBrain(address, model=model or MODEL)
    return Behaviour(brain=lambda: brain)


def _script(file: str) -> Behaviour:
    from realtime_transport.emulator.script_file import read_script

    return read_script(Path(file))


_WITH_VALUE: Final[Mapping[str, tuple[str, Callable[[str], Behaviour]]]] = {
    "chat": ("chat=http://127.0.0.1:11434/v1#MODEL", _chat),
    "script": ("script=my_script.yaml", _script),
}
"""Name -> how it is written, and what it means."""
