from __future__ import annotations

from typing import Any

import pytest

from realtime_transport.exceptions import InvalidArgument, SignatureError
from realtime_transport.gateway.door import Door, Refusal
from realtime_transport.gateway.limits import GatewayLimits
from realtime_transport.gateway.tokens import StreamTokens, Ticket
from realtime_transport.telephony.signatures import SignedRequest


class Knows:
    """Verifies requests with one header."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.asked = 0

    def verify(self, request: SignedRequest, now: float) -> None:
        self.asked += 1
        if request.header("word") != self.word:
            raise SignatureError("another word", reason="mismatch")


def door(limits: GatewayLimits | None = None, **options: Any) -> Door:
    limits = limits or GatewayLimits()
    given = {"verifier": None, "stream_verifier": None, "signs_upgrades": False, "allow_unsigned": False, **options}
    return Door(limits=limits, tokens=StreamTokens(limits.token_lifetime), **given)


def request(word: str = "") -> SignedRequest:
    return SignedRequest(url="wss://h/stream", headers={"word": word})


def token_of(here: Door, now: float = 0.0) -> str:
    token = here.expect(Ticket(), now)
    assert isinstance(token, str)
    return token


def test_somebody_has_to_vouch() -> None:
    with pytest.raises(InvalidArgument, match="allow_unsigned=True") as caught:
        door()
    assert caught.value.path == "verifier"
    door(allow_unsigned=True)


def test_a_webhook_passes_its_verifier() -> None:
    here = door(verifier=Knows("x"))
    here.verify(request("x"), 0.0)
    with pytest.raises(SignatureError):
        here.verify(request("y"), 0.0)


def test_a_webhook_that_nobody_can_verify_is_refused() -> None:
    with pytest.raises(SignatureError, match="no verifier for webhooks"):
        door(stream_verifier=Knows("x")).verify(request("x"), 0.0)
    door(allow_unsigned=True).verify(request(), 0.0)


@pytest.mark.parametrize(
    ("options", "word", "with_token", "gets_in"),
    [
        # A token alone, where upgrades are not signed.
        ({"verifier": Knows("w")}, "", True, True),
        ({"verifier": Knows("w")}, "", False, False),
        ({"verifier": Knows("w")}, "w", False, False),
        # Either, where they may bring credentials.
        ({"verifier": Knows("w"), "stream_verifier": Knows("s")}, "", True, True),
        ({"verifier": Knows("w"), "stream_verifier": Knows("s")}, "s", False, True),
        ({"verifier": Knows("w"), "stream_verifier": Knows("s")}, "", False, False),
        # Both, where they are signed.
        ({"verifier": Knows("w"), "stream_verifier": Knows("s"), "signs_upgrades": True}, "s", True, True),
        ({"verifier": Knows("w"), "stream_verifier": Knows("s"), "signs_upgrades": True}, "", True, False),
        ({"verifier": Knows("w"), "stream_verifier": Knows("s"), "signs_upgrades": True}, "s", False, True),
        ({"verifier": Knows("w"), "stream_verifier": Knows("s"), "signs_upgrades": True}, "", False, False),
        # Anybody, where that was said.
        ({"allow_unsigned": True}, "", False, True),
        ({"allow_unsigned": True}, "", True, True),
        # What was configured is verified all the same.
        ({"allow_unsigned": True, "stream_verifier": Knows("s")}, "", False, False),
    ],
)
def test_who_gets_in(options: dict[str, Any], word: str, with_token: bool, gets_in: bool) -> None:
    here = door(**options)
    token = token_of(here) if with_token else ""
    admitted = here.admit(request(word), token, 1.0, 1.0)
    assert isinstance(admitted, Ticket) is gets_in
    if isinstance(admitted, Refusal):
        assert (admitted.reason, admitted.status) == ("signature", 401)


def test_a_bad_signature_does_not_use_the_token_up() -> None:
    here = door(verifier=Knows("w"), stream_verifier=Knows("s"), signs_upgrades=True)
    token = token_of(here)
    assert isinstance(here.admit(request("x"), token, 1.0, 1.0), Refusal)
    assert isinstance(here.admit(request("s"), token, 1.0, 1.0), Ticket)
    assert isinstance(here.admit(request("s"), token, 1.0, 1.0), Refusal)


def test_a_guessed_token_is_refused_even_where_all_is_allowed() -> None:
    assert isinstance(door(allow_unsigned=True).admit(request(), "guessed", 0.0, 0.0), Refusal)


def refusal(here: Door, now: float = 0.0) -> str:
    place = here.expect(Ticket(), now)
    assert isinstance(place, Refusal)
    assert place.status == 503
    return place.reason


def test_calls_that_were_promised_a_place_count() -> None:
    here = door(GatewayLimits(max_calls=2), allow_unsigned=True)
    here.streams = 1
    token_of(here)
    assert refusal(here) == "full"
    assert isinstance(here.admit(request(), "", 0.0, 0.0), Refusal)
    # Its time goes by, and there is room.
    token_of(here, 31.0)


def test_a_drain_keeps_its_promises() -> None:
    here = door(allow_unsigned=True)
    token = token_of(here)
    here.draining = True
    assert refusal(here) == "draining"
    assert isinstance(here.admit(request(), token, 1.0, 1.0), Ticket)
    assert isinstance(here.admit(request(), "", 1.0, 1.0), Refusal)


def test_silent_streams_and_too_many_calls_a_second_are_refused() -> None:
    here = door(GatewayLimits(max_unstarted=1, call_burst=1, calls_per_second=1.0), allow_unsigned=True)
    here.unstarted = 1
    assert refusal(here) == "unstarted"
    here.unstarted = 0
    token_of(here)
    assert refusal(here) == "rate"
    token_of(here, 1.0)
