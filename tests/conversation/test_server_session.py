"""What a session begins with, and what an update may change."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.conversation.brain import Reply, Say
from realtime_transport.conversation.server import ServerTraits
from realtime_transport.conversation.server_session import ServerSession, default_session
from realtime_transport.conversation.session_views import input_format
from realtime_transport.events import (
    RealtimeSessionConfig,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    TranscriptionSessionConfig,
)
from realtime_transport.exceptions import ServerError
from realtime_transport.wire import to_dict
from tests.conversation.serving import Canned, Served, plain, types

VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


def session(served: Served) -> dict[str, Any]:
    return to_dict(served.conversation.session)


def detection(served: Served) -> Any:
    return session(served)["audio"]["input"]["turn_detection"]


def test_the_first_frame_is_the_whole_session() -> None:
    frame = plain(Served().last(SessionCreated))["session"]
    instructions = frame.pop("instructions")
    assert instructions.startswith("Your knowledge cutoff is 2023-10")
    assert frame == {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_0001",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 1_800_003_600,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": VAD,
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def test_newer_models_wait_longer_and_have_another_voice() -> None:
    served = Served(model="gpt-realtime-2.1")
    assert detection(served)["silence_duration_ms"] == 500
    assert session(served)["audio"]["output"]["voice"] == "marin"
    assert session(served)["model"] == "gpt-realtime-2.1"


def test_an_update_is_merged_deeply_and_echoed_whole() -> None:
    served = Served()
    (updated,) = served.update(
        instructions="Be brief.", audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.8}}}
    )
    assert isinstance(updated, SessionUpdated)
    assert plain(updated)["session"] == session(served)
    assert session(served)["instructions"] == "Be brief."
    assert detection(served) == VAD | {"threshold": 0.8}
    assert session(served)["audio"]["output"]["voice"] == "alloy"


def test_two_updates_add_up() -> None:
    served = Served()
    served.update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.8}}})
    served.update(audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 900}}})
    assert detection(served) == VAD | {"threshold": 0.8, "silence_duration_ms": 900}


def test_another_kind_of_turn_detection_replaces_the_first() -> None:
    served = Served()
    served.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}})
    assert detection(served) == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }
    served.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert detection(served) == VAD
    served.update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    assert detection(served)["eagerness"] == "auto"


def test_null_switches_off() -> None:
    served = Served()
    served.update(audio={"input": {"transcription": {"model": "whisper-1"}, "noise_reduction": {"type": "near_field"}}})
    assert session(served)["audio"]["input"]["transcription"] == {
        "model": "whisper-1",
        "language": None,
        "prompt": None,
    }
    served.update(audio={"input": {"transcription": None, "noise_reduction": None, "turn_detection": None}})
    inputs = session(served)["audio"]["input"]
    assert (inputs["transcription"], inputs["noise_reduction"], inputs["turn_detection"]) == (None, None, None)


def test_null_where_there_is_no_off_is_the_default() -> None:
    served = Served()
    served.update(instructions="x", max_output_tokens=10, audio={"output": {"voice": "echo", "speed": 1.2}})
    served.update(instructions=None, max_output_tokens=None, audio={"output": {"voice": None}})
    assert session(served)["instructions"].startswith("Your knowledge")
    assert session(served)["max_output_tokens"] == "inf"
    assert session(served)["audio"]["output"]["voice"] == "alloy"
    assert session(served)["audio"]["output"]["speed"] == 1.2


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("rate", [{}, {"rate": None}, {"rate": 24_000}])
def test_pcm_is_shown_with_its_rate(side: str, rate: dict[str, Any]) -> None:
    served = Served()
    for law in ({"type": "audio/pcmu"}, {"type": "audio/pcm", **rate}):
        served.update(audio={side: {"format": law}})
    assert session(served)["audio"][side]["format"] == {"type": "audio/pcm", "rate": 24_000}


def test_pcm_without_a_rate_has_the_one_of_the_server() -> None:
    served = Served(traits=ServerTraits(pcm_rates=(16_000, 24_000)))
    for asked, shown in (({}, 16_000), ({"rate": 24_000}, 24_000), ({"rate": None}, 16_000)):
        served.update(audio={"input": {"format": {"type": "audio/pcm", **asked}}})
        assert session(served)["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": shown}


def test_a_voice_that_was_heard_does_not_go_back_to_the_default() -> None:
    served = Served(Canned(Reply(text="Hi.")))
    served.update(audio={"output": {"voice": "echo"}})
    served.respond()
    served.update(audio={"output": {"voice": None}})
    assert served.codes == ["cannot_update_voice"]
    assert session(served)["audio"]["output"]["voice"] == "echo"


def test_noise_reduction_without_a_type_is_none() -> None:
    served = Served()
    served.update(audio={"input": {"noise_reduction": {}}})
    assert session(served)["audio"]["input"]["noise_reduction"] is None


def test_empty_clears_instructions_and_tools() -> None:
    served = Served()
    served.update(instructions="x", tools=[{"type": "function", "name": "f", "parameters": {}}])
    served.update(instructions="", tools=[])
    assert (session(served)["instructions"], session(served)["tools"]) == ("", [])


def test_a_flat_session_keeps_the_temperature_that_ga_has_no_place_for() -> None:
    served = Served(traits=ServerTraits(needs_session_type=False))
    served.update(temperature=0.8)
    served.update(instructions="Be brief.")
    assert session(served)["temperature"] == 0.8
    assert served.codes == []


def test_a_session_has_no_temperature_unless_it_is_one_of_the_beta() -> None:
    kept = ServerSession(default_session("any", session_id="sess_1", kind="realtime"))
    warm = SessionUpdate(session=RealtimeSessionConfig(extra={"temperature": 0.8}))
    with pytest.raises(ServerError, match="unknown_parameter"):
        kept.update(warm)
    assert kept.config.extra == {}
    kept.update(warm, beta=True)
    assert kept.config.extra == {"temperature": 0.8}


def test_the_model_cannot_change_and_nobody_minds() -> None:
    served = Served(model="gpt-realtime-2")
    served.update(model="gpt-realtime-mini")
    assert session(served)["model"] == "gpt-realtime-2"
    assert served.codes == []


def test_voice_is_fixed_once_heard() -> None:
    served = Served(Canned(Say(transcript="Hi.", audio=b"\0\0" * 2400)))
    served.update(audio={"output": {"voice": "echo"}})
    served.respond()
    served.update(audio={"output": {"voice": "echo"}}, instructions="the same voice is no change")
    assert served.codes == []
    served.update(audio={"output": {"voice": "marin"}}, instructions="not applied either")
    assert served.codes == ["cannot_update_voice"]
    assert session(served)["instructions"] == "the same voice is no change"


def test_tracing_is_fixed_but_can_be_switched_off() -> None:
    served = Served()
    served.update(tracing="auto")
    served.update(tracing={"workflow_name": "w"})
    assert served.codes == ["cannot_update_tracing"]
    served.update(tracing=None)
    assert session(served)["tracing"] is None
    served.update(tracing={"workflow_name": "w"})
    assert session(served)["tracing"] == {"workflow_name": "w"}


def test_a_refused_update_changes_nothing() -> None:
    served = Served()
    before = session(served)
    (error,) = served.update(
        instructions="x", audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}
    )
    assert plain(error)["error"]["param"] == "session.audio.input.turn_detection.threshold"
    assert session(served) == before


@pytest.mark.parametrize("kind", ["transcription", "nonsense"])
def test_the_kind_of_a_session_cannot_change(kind: str) -> None:
    served = Served()
    (refused,) = served.update(type=kind)
    error = plain(refused)["error"]
    assert (error["code"], error["param"]) == ("invalid_value", "session.type")
    assert error["message"] == (
        f"Invalid value: '{kind}'. Passing a {kind} session update event to a realtime session is not allowed."
    )


def test_a_transcription_session() -> None:
    served = Served(kind="transcription")
    assert plain(served.last(SessionCreated))["session"] == {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": "sess_0001",
        "expires_at": 1_800_003_600,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": VAD,
            }
        },
        "include": None,
    }
    served.update_transcription(audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}})
    assert session(served)["audio"]["input"]["transcription"]["model"] == "gpt-4o-transcribe"
    served.send(SessionUpdate(session=TranscriptionSessionConfig()))
    assert types(served.respond()) == ["error"]


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_a_session_that_nobody_opened_has_no_end_yet(kind: Any) -> None:
    nobodys = default_session("gpt-realtime", session_id="sess_1", kind=kind, input_rate=16_000)
    assert (nobodys.id, nobodys.expires_at) == ("sess_1", 0)
    assert input_format(nobodys).rate == 16_000


def test_defaults_of_a_client_secret_are_laid_under_it() -> None:
    served = Served(defaults=RealtimeSessionConfig(instructions="From the secret."))
    assert plain(served.last(SessionCreated))["session"]["instructions"] == "From the secret."
