"""No key in what is told: ``websockets`` logs the handshake, and a server may repeat what it refuses."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, quote_plus

from realtime_transport.exceptions import RealtimeError
from realtime_transport.secret import MASK, Secret

LEAST_SECRET: Final = 8
"""Letters of a key. What is shorter stands in for one ("EMPTY", "x") and may be a word of the message."""

E = TypeVar("E", bound=RealtimeError)
_Adapter: TypeAlias = logging.LoggerAdapter[logging.Logger]


class RedactingLogger(_Adapter):
    """Replaces keys in whatever is logged, in clear and as URLs spell them."""

    def __init__(self, logger: logging.Logger, *keys: Secret) -> None:
        super().__init__(logger, None)
        texts = [key.reveal() for key in keys]
        spelt = {spelling for text in texts for spelling in (text, quote(text, safe=""), quote_plus(text))}
        self._spellings = tuple(sorted(spelt, key=len, reverse=True))  # one may be the beginning of another

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Mask the key in a message that was formatted by its caller."""
        return _masked(msg, self._spellings), kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Mask the key in the arguments too."""
        if self.isEnabledFor(level):
            super().log(level, msg, *(_masked(arg, self._spellings) for arg in args), **kwargs)

    def masked(self, error: E) -> E:
        """Mask the keys in the message and the facts of an error, but for its ``code``, and return it."""
        keys = [spelling for spelling in self._spellings if len(spelling) >= LEAST_SECRET]
        error.args = tuple(_masked(arg, keys) for arg in error.args)
        facts = {name: fact for name, fact in vars(error).items() if isinstance(fact, str) and name != "code"}
        vars(error).update({name: _masked(fact, keys) for name, fact in facts.items()})
        return error


def _masked(value: object, spellings: Sequence[str]) -> object:
    if isinstance(value, int | float) or not any(spelling in str(value) for spelling in spellings):
        return value
    text = str(value)
    for spelling in spellings:
        text = text.replace(spelling, MASK)
    return text
