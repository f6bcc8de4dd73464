"""What is expected of a session: how it opens, and how it is changed."""

from __future__ import annotations

from typing import Any, Final

from realtime_transport.conformance.line import Line, Missing, expect
from realtime_transport.conformance.probe import Probe


async def opens(line: Line) -> None:
    """The first frame."""
    await line.until("session.created")
    expect(line.types()[0] == "session.created", f"the first frame is {line.types()[0]}")
    session = line.received[0]["session"]
    expect(session.get("id"), "the session has no id")
    expect("model" in session, "the session names no model")


async def says_what_is_in_force(line: Line) -> None:
    """Defaults."""
    session = (await line.until("session.created"))["session"]
    expect(session.get("output_modalities"), "output_modalities are not told")
    audio: Any = session.get("audio") or {}
    for side, field in (("input", "format"), ("input", "turn_detection"), ("output", "format"), ("output", "voice")):
        expect(field in (audio.get(side) or {}), f"audio.{side}.{field} is not told")


async def merges(line: Line) -> None:
    """A partial update keeps the rest."""
    await line.until("session.created")
    await line.configure(instructions="Be brief.", audio={"output": {"speed": 1.2}})
    session = await line.configure(tools=[{"type": "function", "name": "probe", "parameters": {"type": "object"}}])
    expect(session.get("instructions") == "Be brief.", "instructions went back to their default")
    expect([tool.get("name") for tool in session.get("tools") or ()] == ["probe"], "the tool is not in force")
    speed = session["audio"]["output"].get("speed")
    expect(speed == 1.2, f"audio.output.speed went back to {speed}")


async def null_switches_off(line: Line) -> None:
    """Null is a value."""
    await line.until("session.created")
    session = await line.configure(audio={"input": {"turn_detection": None, "transcription": None}})
    inputs = session["audio"]["input"]
    expect(inputs.get("turn_detection") is None, f"turn_detection is {inputs.get('turn_detection')}")
    expect(inputs.get("transcription") is None, f"transcription is {inputs.get('transcription')}")


async def completes_turn_detection(line: Line) -> None:
    """A part of it gets the rest's defaults."""
    await line.until("session.created")
    session = await line.configure(audio={"input": {"turn_detection": {"type": "server_vad"}}})
    detection = session["audio"]["input"]["turn_detection"]
    absent = [name for name in ("threshold", "prefix_padding_ms", "silence_duration_ms") if name not in detection]
    expect(not absent, f"turn_detection lacks {', '.join(absent)}")


async def refuses_and_keeps(line: Line) -> None:
    """A bad value changes nothing."""
    await line.until("session.created")
    await line.configure(instructions="Keep me.")
    bad = {"type": "realtime", "instructions": "Lose me.", "audio": {"output": {"speed": 99}}}
    event_id = await line.send("session.update", session=bad)
    error = await line.refusal(event_id)
    expect("speed" in str(error.get("param")), f"param is {error.get('param')!r} and does not name the value")
    session = await line.configure(tool_choice="auto")
    expect(session.get("instructions") == "Keep me.", "half of a refused update is in force")


async def transcribes(line: Line) -> None:
    """A session of the other kind."""
    created = await line.until("session.created")
    kind = created["session"].get("type")
    if kind != "transcription":
        raise Missing(f"the session is of type {kind!r}")
    update = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    await line.send("session.update", session=update)
    await line.until("session.updated")
    event_id = await line.send("response.create")
    await line.refusal(event_id)


PROBES: Final = (
    Probe(
        area="session",
        name="opens",
        expects="session.created is the first frame, with id and model",
        breaks="clients wait for it before they send anything",
        run=opens,
    ),
    Probe(
        area="session",
        name="says what is in force",
        expects="session.created holds formats, turn detection, voice and modalities",
        breaks="the audio format has to be guessed",
        run=says_what_is_in_force,
    ),
    Probe(
        area="session",
        name="merges updates",
        expects="session.update changes what it names and nothing else",
        breaks="changing the tools resets the instructions",
        run=merges,
    ),
    Probe(
        area="session",
        name="null switches off",
        expects="turn_detection: null is push-to-talk",
        breaks="the server answers by itself where nobody wants it",
        run=null_switches_off,
    ),
    Probe(
        area="session",
        name="completes turn detection",
        expects="fields that are not named get their defaults, and are told",
        breaks="clients cannot tell how long a pause may be",
        run=completes_turn_detection,
    ),
    Probe(
        area="session",
        name="refuses as a whole",
        expects="a bad value is one error that names it, and nothing of the update is in force",
        breaks="half a config is in force and nobody knows which",
        run=refuses_and_keeps,
    ),
    Probe(
        area="session",
        name="transcription session",
        expects="?intent=transcription opens a session without responses",
        breaks="dictation",
        run=transcribes,
        intent="transcription",
    ),
)
