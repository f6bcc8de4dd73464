"""The conversation that the demo holds: what the caller says and when, what answers, what the agent can do.

Pure but for reading the recorded speech. The demo runs it over a socket at the pace of a person; a test runs the same
call in memory on a clock that jumps, and checks it against what is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypedDict

import attrs

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import CallTool, Say
from realtime_transport.conversation.brains import Script, after, when
from realtime_transport.session import RealtimeAgent, function_tool


@attrs.frozen
class Line:
    """One sentence of the caller and how long they then wait."""

    clip: str
    then_wait_s: float


CALL: Final = (
    Line("caller_hello", 3.6),
    Line("caller_weather", 5.6),
    # The answer lasts 8.7 s: the next line cuts in while it is being heard.
    Line("caller_city", 4.2),
    Line("caller_barge_in", 3.0),
    Line("caller_goodbye", 3.4),
)
FIRST_BREATH_S: Final = 0.6
"""Room tone before the first word: a detector needs to know what silence is."""

Clip = Callable[[str], bytes]
"""Name of a clip -> its PCM16 at 24 kHz."""
Words = Callable[[str], str]
"""Name of a clip -> what it says."""


CONFIG: Final = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
"""The caller's words are wanted too: for the history and the screen."""


def caller_audio(clip: Clip) -> bytes:
    """Compose the caller's side of the call as 24 kHz PCM16."""
    spoken = [PCM16_24K.silence(FIRST_BREATH_S * 1000)]
    for line in CALL:
        spoken += [clip(line.clip), PCM16_24K.silence(line.then_wait_s * 1000)]
    return b"".join(spoken)


def brain(clip: Clip, words: Words) -> Script:
    """Make what answers on the server: a script over the caller's words, spoken with recorded speech."""

    def say(name: str) -> Say:
        return Say(transcript=words(name), audio=clip(name))

    return Script(
        when("weather", CallTool(name="get_weather", arguments='{"city": "Lisbon"}')),
        after("get_weather", say("agent_weather")),
        when("about the city", say("agent_city")),
        when("driest", say("agent_driest")),
        when("goodbye", say("agent_goodbye")),
        when("hello", say("agent_hello")),
        otherwise=say("agent_fallback"),
    )


class Weather(TypedDict):
    """What the tool tells the model."""

    city: str
    sky: str
    celsius: int


@function_tool
def get_weather(city: str) -> Weather:
    """Look up today's weather in a city."""
    return {"city": city, "sky": "sunny", "celsius": 22}


def agent() -> RealtimeAgent[None]:
    """Make the agent that takes the call."""
    return RealtimeAgent(
        name="concierge",
        instructions="You help people plan a weekend by the sea. Look up the weather before you speak of it.",
        tools=[get_weather],
    )
