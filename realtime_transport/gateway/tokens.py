"""Stream tokens: the answer webhook gives one out, the stream brings it back, once and soon. Pure: time is passed in.

The webhook is signed and the stream often is not, so the token is what ties the second to the first. It is a random
UUID, because AudioSocket has room for nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

import attrs

from realtime_transport.exceptions import SignatureError
from realtime_transport.telephony.answers import Asked


def random_token() -> str:
    """Return a UUID with 122 random bits of the operating system."""
    return str(uuid.uuid4())


@attrs.frozen(kw_only=True)
class Ticket:
    """What the webhook said about the call that a token admits."""

    asked: Asked = attrs.field(factory=Asked)
    fields: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """All that the webhook said. Numbers and names: hence no repr."""


class StreamTokens:
    """Tokens that were given out and have not come back.

    Whoever gives them out bounds them: each stands for a call that counts against ``max_calls``.
    """

    def __init__(self, lifetime: float, make: Callable[[], str] = random_token) -> None:
        self._lifetime = lifetime
        self._make = make
        # In the order of their ends, because all live equally long.
        self._out: dict[str, tuple[float, Ticket]] = {}

    def issue(self, ticket: Ticket, now: float) -> str:
        """Return a new token for ``ticket``."""
        self._expire(now)
        token = self._make()
        self._out[token] = now + self._lifetime, ticket
        return token

    def redeem(self, token: str, now: float) -> Ticket:
        """Return what the token was given out for; it is void from now on.

        Raises ``SignatureError`` for one that is unknown, used or too old: all three look the same from here, and
        nobody outside needs to know which it was. Unlike a comparison, a look-up by hash tells no clock how far a guess
        was right.
        """
        self._expire(now)
        found = self._out.pop(token, None)
        if found is None:
            raise SignatureError("the stream's token is unknown, used or too old", reason="replayed")
        return found[1]

    def knows(self, token: str, now: float) -> bool:
        """Say whether ``token`` would be redeemed."""
        self._expire(now)
        return token in self._out

    def outstanding(self, now: float) -> int:
        """Return how many may still come."""
        self._expire(now)
        return len(self._out)

    def next_end(self) -> float | None:
        """Return when the next of them expires; None when none is out."""
        return next((end for end, _ in self._out.values()), None)

    def _expire(self, now: float) -> None:
        while self._out:
            token, (end, _) = next(iter(self._out.items()))
            if end > now:
                return
            del self._out[token]
