"""The pace of answers, and answers that come from outside."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import GenerationRequest, Output, Pause, Reply, Say, Stop, Write
from realtime_transport.conversation.brains import Echo, hum
from realtime_transport.conversation.peer import ServerPeer, speech_pieces, words_of
from realtime_transport.events import (
    ResponseCancel,
    ResponseCreate,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)
from tests.conversation.serving import Canned, Served

SPEECH = Say(transcript="one two three four", audio=bytes(PCM16_24K.bytes_for(1000)))


def moments(served: Served, kind: type) -> list[float]:
    return [round(at, 6) for at, event in served.log if isinstance(event, kind)]


def test_speech_comes_faster_than_it_plays() -> None:
    served = Served(Canned(SPEECH), pace=4, chunk_ms=200)
    served.respond()
    served.wait(1)
    assert moments(served, ResponseOutputAudioDelta) == [0, 0.05, 0.1, 0.15, 0.2]
    assert moments(served, ResponseDone) == [0.25]


def test_a_late_wake_catches_up() -> None:
    served = Served(Canned(SPEECH), pace=1, chunk_ms=100)
    served.respond()
    served.now = 0.55
    served.peer.wake(served.now)
    served.collect()
    assert moments(served, ResponseOutputAudioDelta) == [0, *[0.55] * 5]
    served.wait(0.1)
    assert moments(served, ResponseOutputAudioDelta)[-1] == 0.6


def test_text_has_a_pace_too() -> None:
    served = Served(Canned(Reply(text="one two three")), pace=2)
    served.respond(output_modalities=["text"])
    served.wait(1)
    assert moments(served, ResponseOutputTextDelta) == [0, 0.03, 0.06]


def test_thinking_takes_time() -> None:
    served = Served(Canned([Pause(ms=100), SPEECH]), latency_ms=400)
    served.respond()
    assert served.types[-1] == "response.created"
    served.wait(1)
    assert moments(served, ResponseDone) == [0.5]


def test_outputs_are_taken_when_they_are_due() -> None:
    taken: list[int] = []

    class Lazy:
        def answer(self, request: GenerationRequest) -> Iterable[Output]:
            for index in range(3):
                taken.append(index)
                yield SPEECH

    served = Served(Lazy(), pace=1)
    served.respond()
    assert taken == [0]
    served.wait(1)
    assert taken == [0, 1]
    served.send(ResponseCancel())
    served.wait(10)
    assert taken == [0, 1]


def test_a_brain_that_raises_fails_its_response_only() -> None:
    class Broken:
        def answer(self, request: GenerationRequest) -> Iterable[Output]:
            if request.turn == 1:
                raise KeyError("nobody")
            yield SPEECH

    served = Served(Broken())
    served.respond()
    details = served.last(ResponseDone).response.status_details
    assert details
    assert details.error
    assert (details.error.code, details.error.message) == ("brain_failed", "KeyError: 'nobody'")
    served.respond()
    assert served.last(ResponseDone).response.status == "completed"


def test_words_alone_are_spoken_by_the_voice() -> None:
    served = Served(Canned(Reply(text="hello there")))
    served.respond()
    assert b"".join(event.delta for event in served.all(ResponseOutputAudioDelta)) == hum("hello there")
    transcript = "".join(event.delta for event in served.all(ResponseOutputAudioTranscriptDelta))
    assert transcript == "hello there"


# --- fed from outside ----------------------------------------------------------------------------------------------


def fed(pace: float | None = None) -> tuple[Served, str]:
    served = Served(pace=pace)
    served.respond()
    (request,) = served.peer.requests()
    assert served.peer.requests() == []
    return served, request.response_id


def test_a_driver_feeds_the_answer() -> None:
    served, response_id = fed()
    served.peer.feed(response_id, Write(text="Hello"), 1.0)
    served.peer.feed(response_id, Reply(text=" there."), 2.0)
    assert served.conversation.active_response_id == response_id
    served.peer.end(response_id, 3.0)
    assert served.conversation.active_response_id is None
    assert not served.peer.wants(response_id)


def test_what_was_fed_is_paced() -> None:
    served, response_id = fed(pace=1)
    served.wait(5)
    served.peer.feed(response_id, SPEECH, served.now)
    served.collect()
    served.peer.feed(response_id, Say(transcript="", audio=b""), served.now)
    served.peer.end(response_id, served.now)
    served.wait(0.9)
    assert served.peer.wants(response_id)
    served.wait(0.2)
    assert moments(served, ResponseOutputAudioDelta) == pytest.approx([5, 5.2, 5.4, 5.6, 5.8])
    assert moments(served, ResponseDone) == [6]


def test_nothing_is_due_while_a_driver_thinks() -> None:
    served, response_id = fed(pace=1)
    served.wait(1)
    assert served.peer.next_deadline() == 3600
    served.peer.end(response_id, served.now)
    assert not served.peer.wants(response_id)


def test_feeding_what_was_cancelled() -> None:
    served, response_id = fed()
    served.send(ResponseCancel())
    served.peer.feed(response_id, SPEECH, 1.0)
    served.peer.end(response_id, 1.0)
    assert served.all(ResponseOutputAudioDelta) == []
    assert served.peer.next_deadline() == 3600


def test_a_stop_ends_at_once() -> None:
    served, response_id = fed(pace=1)
    served.peer.feed(response_id, Stop(), 0)
    served.peer.feed(response_id, SPEECH, 0)
    assert not served.peer.wants(response_id)


def test_a_peer_of_its_own_making() -> None:
    peer = ServerPeer(Echo())
    assert peer.next_deadline() is None
    peer.open(100.0)
    peer.receive(ResponseCreate(), 100.0)
    assert [event.type for event in peer.frames_to_send()][:2] == ["session.created", "response.created"]


# --- pieces --------------------------------------------------------------------------------------------------------


@given(st.text(alphabet="ab .\n", max_size=40))
def test_words_join_again(text: str) -> None:
    words = words_of(text)
    assert "".join(words) == (text if text.strip() else "")
    assert all(word.strip() for word in words)


@given(st.text(alphabet="ab ", max_size=40), st.integers(0, 2000), st.floats(0.01, 50))
def test_speech_joins_again(text: str, samples: int, chunk_ms: float) -> None:
    speech = Say(transcript=text, audio=bytes(2 * samples))
    pieces = speech_pieces(speech, chunk_ms)
    assert b"".join(piece.audio for piece in pieces if isinstance(piece, Say)) == speech.audio
    assert "".join(piece.transcript for piece in pieces if isinstance(piece, Say)) == (text if text.strip() else "")
