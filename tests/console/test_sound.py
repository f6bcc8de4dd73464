"""Sound: times of a caller's milliseconds across pauses, and an agent that is cut."""

from __future__ import annotations

from realtime_transport.console.sound import AgentSound, CallerSound
from realtime_transport.events import AudioInterruptedEvent, Cut, PcmuFormat


def test_milliseconds_of_audio_are_found_in_time() -> None:
    caller = CallerSound()
    assert caller.time_of(70) == 70
    caller.sent(bytes(4800), 1000)
    caller.sent(bytes(4800), 1150)  # late, not silent
    caller.sent(bytes(4800), 5000)
    assert [caller.time_of(ms) for ms in (0, 199, 200, 250, 300)] == [1000, 1199, 5000, 5050, 5100]


def test_what_comes_of_a_response_after_its_cut_is_not_heard() -> None:
    agent = AgentSound()
    agent.speak(PcmuFormat())
    agent.received(("r", "i", 0), bytes(1600), 0)
    cut = Cut(response_id="r", item_id="i", content_index=0, heard_ms=50, received_ms=200)
    event = AudioInterruptedEvent(cuts=(cut,), by="caller")
    assert agent.interrupted(event) == 50
    assert agent.interrupted(event) is None
    agent.received(("r", "i", 0), bytes(1600), 60)
    assert agent.line.ends_ms == 50
    agent.response_done("r")
    agent.received(("r", "j", 0), bytes(1600), 100)
    assert agent.line.ends_ms == 300
