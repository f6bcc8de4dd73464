"""Scripts by rule, and the outputs that steer time and the connection."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.audio import PCM16_24K
from realtime_transport.conversation.brain import HangUp, Pace, Say
from realtime_transport.conversation.brains import Rule, Script
from realtime_transport.conversation.server import Close, ServerLimits
from realtime_transport.events import ResponseCancel, ResponseDone
from tests.conversation.serving import Canned, Served, types
from tests.conversation.test_brain import request, spoken, user

SECOND = Say(transcript="One second.", audio=PCM16_24K.silence(1000))


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"text": " WHAT is it? "}, True),
        ({"text": "What"}, False),
        ({"says": "what"}, True),
        ({"by": "writing"}, True),
        ({"by": "speech"}, False),
        ({}, True),
    ],
)
def test_conditions_on_what_was_written(rule: dict[str, Any], holds: bool) -> None:
    assert Rule(outputs=(), **rule).holds(request(user("What is it?"))) is holds


def test_speech_counts_without_words() -> None:
    item, heard = spoken("a")
    said = request(item, heard=(heard,))
    assert Rule(outputs=(), by="speech").holds(said)
    assert not Rule(outputs=(), by="writing").holds(said)
    assert not Rule(outputs=(), text="a").holds(said)


def test_a_pace_holds_for_the_rest_of_its_response() -> None:
    served = Served(Script(Rule(outputs=(SECOND, Pace(times=1), SECOND))), pace=10)
    served.respond()
    served.wait(0.15)
    assert served.conversation.active_response_id is not None
    served.wait(0.9)
    assert served.conversation.active_response_id is not None
    served.wait(0.1)
    assert served.at(ResponseDone) == pytest.approx(1.1)


def test_hanging_up_in_the_middle() -> None:
    served = Served(Canned([SECOND, HangUp(code=1013, reason="Enough."), SECOND]))
    sent = types(served.respond())
    assert served.conversation.closing == Close(1013, "Enough.")
    assert "response.done" not in sent
    assert served.respond() == []


def test_nobody_hangs_up_for_a_response_that_is_over() -> None:
    served = Served(Canned([SECOND, HangUp()]), pace=1)
    served.respond()
    served.send(ResponseCancel())
    served.wait(5)
    assert served.conversation.closing is None


# --- what an account may spend -----------------------------------------------------------------------------------


def test_responses_fail_once_the_tokens_are_spent() -> None:
    long = Say(transcript="word " * 400)
    served = Served(Canned([long], [long], [long]), limits=ServerLimits(tokens_per_minute=300))
    served.respond()
    assert served.last(ResponseDone).response.status == "completed"
    sent = types(served.respond())
    assert sent == ["response.created", "response.done"]
    failed = served.last(ResponseDone).response
    assert failed.status == "failed"
    assert failed.status_details
    assert failed.status_details.error
    assert (failed.status_details.error.type, failed.status_details.error.code) == ("tokens", "rate_limit_exceeded")
    assert "try again in" in str(failed.status_details.error.message)
    served.wait(1)
    served.respond()
    assert served.last(ResponseDone).response.status == "completed"


def test_without_a_number_nobody_is_refused() -> None:
    long = Say(transcript="word " * 40_000)
    served = Served(Canned([long], [long], [long]))
    for _ in range(3):
        served.respond()
        assert served.last(ResponseDone).response.status == "completed"
