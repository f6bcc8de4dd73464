"""A logger for ``websockets``, whose debug lines repeat the handshake: the key is masked in them."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote, quote_plus

from realtime_transport.secret import MASK, Secret

_Adapter: TypeAlias = logging.LoggerAdapter[logging.Logger]


class RedactingLogger(_Adapter):
    """Replaces a key in whatever is logged, in clear and as URLs spell it."""

    def __init__(self, logger: logging.Logger, key: Secret | None) -> None:
        super().__init__(logger, None)
        revealed = key.reveal() if key is not None else ""
        self._spellings = tuple({revealed, quote(revealed, safe=""), quote_plus(revealed)} - {""})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Mask the key in a message that was formatted by its caller."""
        return self._masked(msg), kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Mask the key in the arguments too."""
        if self.isEnabledFor(level):
            super().log(level, msg, *(self._masked(arg) for arg in args), **kwargs)

    def _masked(self, value: object) -> object:
        if isinstance(value, int | float) or not any(spelling in str(value) for spelling in self._spellings):
            return value
        text = str(value)
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text
