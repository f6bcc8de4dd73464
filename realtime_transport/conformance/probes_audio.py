"""What is expected of the caller's audio: the buffer, turn detection, transcripts, and what was heard of an answer."""

from __future__ import annotations

from typing import Any, Final

import pybase64

from realtime_transport.audio import PCM16_24K
from realtime_transport.conformance.line import Frame, Line, expect
from realtime_transport.conformance.probe import Probe
from realtime_transport.emulator.clips import library

_LONG: Final = "Tell me a long story about a lighthouse."
_BY_HAND: Final = {"input": {"turn_detection": None}}
_SILENCE: Final = PCM16_24K.silence(1500)


def _speech() -> bytes:
    """A question of two seconds, spoken by a person's stand-in, and the silence after it."""
    return PCM16_24K.silence(300) + library().audio("caller_hello") + _SILENCE


async def is_committed(line: Line) -> None:
    """By hand."""
    await line.until("session.created")
    await line.configure(audio=_BY_HAND)
    await line.speak(_speech())
    await line.send("input_audio_buffer.commit")
    committed = await line.until("input_audio_buffer.committed")
    added = await line.until("conversation.item.added")
    expect(committed.get("item_id") == added["item"]["id"], "committed names another item than was added")
    expect(added["item"]["content"][0].get("type") == "input_audio", "the item holds no audio")
    await line.fence()
    expect(not line.of("response.created"), "it answers though nobody asked")


async def refuses_nothing(line: Line) -> None:
    """An empty buffer."""
    await line.until("session.created")
    await line.configure(audio=_BY_HAND)
    error = await line.refusal(await line.send("input_audio_buffer.commit"))
    code = "input_audio_buffer_commit_empty"
    expect(error.get("code") == code, f"the code is {error.get('code')!r}, not {code!r}")


async def is_cleared(line: Line) -> None:
    """And then empty."""
    await line.until("session.created")
    await line.configure(audio=_BY_HAND)
    await line.speak(_speech())
    await line.send("input_audio_buffer.clear")
    await line.until("input_audio_buffer.cleared")
    await line.refusal(await line.send("input_audio_buffer.commit"))


async def finds_turns(line: Line) -> None:
    """Server VAD, from the first sound to the answer."""
    await line.until("session.created")
    await line.configure(audio={"input": {"turn_detection": {"type": "server_vad"}}})
    await line.speak(_speech())
    started = await line.until("input_audio_buffer.speech_started")
    stopped = await line.until("input_audio_buffer.speech_stopped")
    committed = await line.until("input_audio_buffer.committed")
    ids = {frame.get("item_id") for frame in (started, stopped, committed)}
    expect(len(ids) == 1, f"start, stop and commit name the items {ids}")
    begin, end = started["audio_start_ms"], stopped["audio_end_ms"]
    expect(0 <= begin < end, f"the speech is from {begin} to {end} ms")
    done = await line.until("response.done")
    expect(done["response"].get("status") == "completed", f"the status is {done['response'].get('status')!r}")


async def waits_when_told(line: Line) -> None:
    """create_response: false."""
    await line.until("session.created")
    await line.configure(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    await line.speak(_speech())
    await line.until("input_audio_buffer.committed")
    await line.fence()
    expect(not line.of("response.created"), "it answers though create_response is false")


async def transcribes(line: Line) -> None:
    """The caller's words."""
    await line.until("session.created")
    transcription = {"model": "gpt-4o-mini-transcribe"}
    await line.configure(audio={"input": {"transcription": transcription, "turn_detection": {"type": "server_vad"}}})
    await line.speak(_speech())
    committed = await line.until("input_audio_buffer.committed")
    item_id = committed.get("item_id")
    heard = await line.until(
        "conversation.item.input_audio_transcription.completed", lambda frame: frame.get("item_id") == item_id
    )
    expect(isinstance(heard.get("transcript"), str), "it has no transcript")
    expect(isinstance(heard.get("usage"), dict), "it has no usage")


async def _speaking(line: Line) -> Frame:
    """Let it speak at length; give its first piece of audio."""
    await line.until("session.created")
    await line.configure(audio={"input": {"turn_detection": {"type": "server_vad"}}})
    await line.say(_LONG)
    return await line.until("response.output_audio.delta")


async def is_interrupted(line: Line) -> None:
    """The caller speaks."""
    await _speaking(line)
    await line.speak(_speech())
    await line.until("input_audio_buffer.speech_started")
    response = (await line.until("response.done"))["response"]
    expect(response.get("status") == "cancelled", f"the status is {response.get('status')!r}")
    details: Any = response.get("status_details") or {}
    expect(details.get("reason") == "turn_detected", f"the reason is {details.get('reason')!r}")


async def _spoken(line: Line) -> tuple[str, int]:
    """Let it say something; give the item and its length in milliseconds."""
    await line.until("session.created")
    await line.say("Say hello.")
    response = (await line.until("response.done"))["response"]
    audio = b"".join(pybase64.b64decode(frame["delta"]) for frame in line.of("response.output_audio.delta"))
    expect(audio, "it said nothing")
    expect(len(audio) % 2 == 0, "half a sample at the end")
    return response["output"][0]["id"], int(PCM16_24K.ms(len(audio)))


async def is_truncated(line: Line) -> None:
    """At what was heard."""
    item_id, _ = await _spoken(line)
    await line.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    truncated = await line.until("conversation.item.truncated")
    told = (truncated.get("item_id"), truncated.get("audio_end_ms"))
    expect(told == (item_id, 100), f"it was truncated as {told}")


async def refuses_past_the_end(line: Line) -> None:
    """More than there is."""
    item_id, ms = await _spoken(line)
    event_id = await line.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=ms + 60_000)
    await line.refusal(event_id)


async def speaks_telephone(line: Line) -> None:
    """G.711, both ways."""
    await line.until("session.created")
    pcmu = {"type": "audio/pcmu"}
    session = await line.configure(audio={"input": {"format": pcmu}, "output": {"format": pcmu}})
    told = session["audio"]["output"]["format"]
    expect(told.get("type") == "audio/pcmu", f"the format in force is {told}")
    await line.say("Say hello.")
    await line.until("response.done")
    audio = b"".join(pybase64.b64decode(frame["delta"]) for frame in line.of("response.output_audio.delta"))
    expect(audio, "it said nothing")
    # Linear speech is mostly near zero: its high bytes are 0 or 255. Companded speech uses all codes.
    high = sum(byte in (0, 255) for byte in audio[1::2]) / (len(audio) // 2)
    expect(high < 0.5, "that is linear audio")


def _probe(name: str, expects: str, breaks: str, run: Any) -> Probe:
    return Probe(area="audio", name=name, expects=expects, breaks=breaks, run=run)


PROBES: Final = (
    _probe("is committed", "commit makes a user item of the buffer, and no response", "push-to-talk", is_committed),
    _probe(
        "refuses an empty commit",
        "input_audio_buffer_commit_empty",
        "a key that was pressed by mistake",
        refuses_nothing,
    ),
    _probe("is cleared", "clear empties the buffer", "push-to-talk that is given up", is_cleared),
    _probe(
        "finds turns",
        "speech_started, speech_stopped, committed about one item, then a response",
        "talking without a button",
        finds_turns,
    ),
    _probe("waits when told", "create_response: false makes no response", "input guardrails", waits_when_told),
    _probe("transcribes", "the caller's words, with usage, under the item's id", "captions of the caller", transcribes),
    _probe("is interrupted", "speech cancels the running response (turn_detected)", "barge-in", is_interrupted),
    _probe(
        "is truncated", "truncate cuts the answer at what was heard", "what the model believes it said", is_truncated
    ),
    _probe("refuses past the end", "more than there is, is an error", "clocks that run ahead", refuses_past_the_end),
    _probe("speaks mu-law", "audio/pcmu in and out", "phone calls without resampling", speaks_telephone),
)
