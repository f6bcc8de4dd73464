"""No key in what is told: ``websockets`` logs the handshake, and a server may repeat what it refuses."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, quote_plus

from realtime_transport.exceptions import RealtimeError
from realtime_transport.secret import MASK, Secret

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
        return self._masked(msg), kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Mask the key in the arguments too."""
        if self.isEnabledFor(level):
            super().log(level, msg, *(self._masked(arg) for arg in args), **kwargs)

    def masked(self, error: E) -> E:
        """Mask the keys in the message and the facts of an error, and return it."""
        error.args = tuple(map(self._masked, error.args))
        vars(error).update({name: self._masked(fact) for name, fact in vars(error).items() if isinstance(fact, str)})
        return error

    def _masked(self, value: object) -> object:
        if isinstance(value, int | float) or not any(spelling in str(value) for spelling in self._spellings):
            return value
        text = str(value)
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text
