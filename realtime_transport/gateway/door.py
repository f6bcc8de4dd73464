"""Who gets in: signatures, tokens, room. Pure but for the verifiers' own memory: time is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from realtime_transport.exceptions import InvalidArgument, SignatureError
from realtime_transport.gateway.limits import Bucket, GatewayLimits
from realtime_transport.gateway.news import RefusalReason
from realtime_transport.gateway.tokens import StreamTokens, Ticket
from realtime_transport.telephony.signatures import SignedRequest, Verifier

SIGNS_UPGRADES: Final = frozenset({"twilio", "genesys"})
"""Carriers that are documented to sign the upgrade with the secret of their webhooks. Telnyx sends a token of ours,
Exotel and Asterisk Basic credentials where they were given some: give those a ``stream_verifier``, or rely on the
tokens of the answer webhook."""

SIGNS_WHEN_ASKED: Final = frozenset({"vonage"})
"""Carriers that sign the upgrade when the answer document asks for it: it does when there is a ``stream_verifier``."""


@attrs.frozen(kw_only=True)
class Refusal:
    """Why somebody does not get in. A value, because it is expected."""

    reason: RefusalReason
    detail: str

    @property
    def status(self) -> int:
        """The HTTP status that says so."""
        return _STATUS[self.reason]


_STATUS: Final[Mapping[RefusalReason, int]] = {
    "signature": 401,
    "draining": 503,
    "full": 503,
    "rate": 503,
    "unstarted": 503,
}


class Door:
    """The rules of one gateway.

    A webhook has to pass ``verifier``. A stream has to bring a token of the webhook's, or to pass ``stream_verifier``;
    with ``signs_upgrades`` both, if it brings one. So a stream is never taken on nobody's word. With ``allow_unsigned``
    what no verifier was given for is let in. Raises ``InvalidArgument`` without any verifier and without that word.
    """

    def __init__(
        self,
        *,
        limits: GatewayLimits,
        tokens: StreamTokens,
        verifier: Verifier | None,
        stream_verifier: Verifier | None,
        signs_upgrades: bool,
        allow_unsigned: bool,
    ) -> None:
        if verifier is None and stream_verifier is None and not allow_unsigned:
            raise InvalidArgument(
                "a gateway without one takes calls from anybody, at your cost: give the carrier's verifier, or say "
                "allow_unsigned=True",
                path="verifier",
            )
        self.limits: GatewayLimits = limits
        self.tokens: StreamTokens = tokens
        self.streams: int = 0
        """Streams that are open."""
        self.unstarted: int = 0
        """Those of them that have not said which call they are."""
        self.draining: bool = False
        self._verifier = verifier
        self._stream_verifier = stream_verifier
        self._signs_upgrades = signs_upgrades
        self._allow_unsigned = allow_unsigned
        self._bucket = Bucket(limits.calls_per_second, limits.call_burst)

    def verify(self, request: SignedRequest, wall: float) -> None:
        """Return when a webhook is the carrier's. Raises ``SignatureError``."""
        if self._verifier is not None:
            self._verifier.verify(request, wall)
        elif not self._allow_unsigned:
            raise SignatureError("no verifier for webhooks was configured", reason="missing")

    def expect(self, ticket: Ticket, now: float, *, held: bool = False) -> str | Refusal:
        """Give out a token for a stream, when there will be room for it, or its call is ``held`` here already."""
        refusal = None if held else self._room(now)
        return refusal or self.tokens.issue(ticket, now)

    def admit(self, request: SignedRequest, token: str, now: float, wall: float) -> Ticket | Refusal:
        """Let a stream in, or say why not. Whoever comes with a token was promised a place, draining or not."""
        try:
            if self._stream_verifier is not None and (self._signs_upgrades or not token):
                self._stream_verifier.verify(request, wall)
            if token:
                return self.tokens.redeem(token, now)
            if self._stream_verifier is None and not self._allow_unsigned:
                raise SignatureError("the stream brings no token", reason="missing")
        except SignatureError as error:
            return Refusal(reason="signature", detail=str(error))
        return self._room(now) or Ticket()

    def _room(self, now: float) -> Refusal | None:
        limits = self.limits
        if self.draining:
            return Refusal(reason="draining", detail="this gateway takes no more calls")
        if self.streams + self.tokens.outstanding(now) >= limits.max_calls:
            return Refusal(reason="full", detail=f"there are {limits.max_calls} calls")
        if self.unstarted >= limits.max_unstarted:
            return Refusal(reason="unstarted", detail=f"{self.unstarted} streams have not said which call they are")
        if not self._bucket.take(now):
            return Refusal(reason="rate", detail=f"more than {limits.calls_per_second:g} calls a second")
        return None
