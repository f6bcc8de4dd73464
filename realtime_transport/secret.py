"""A text that must not be seen: API keys, ephemeral secrets, signing keys.

Whatever prints, formats, pickles or copies the object by accident gets the mask; the text leaves through ``reveal()``
only, so a search for that word finds every place where a secret is used.
"""

from __future__ import annotations

from typing import Final, NoReturn, final

from realtime_transport.exceptions import InvalidArgument

MASK: Final = "***"


@final
class Secret:
    """Hold one secret text that fits into an HTTP header.

    Raises ``InvalidArgument`` for an empty text, for control characters (a newline would forge a header) and for
    anything outside latin-1. The message never repeats the text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Secret) -> None:
        revealed = text.reveal() if isinstance(text, Secret) else text
        # Another library's wrapper of secrets, for instance.
        if not isinstance(revealed, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"a secret must be text, not {type(revealed).__name__}")
        if not revealed:
            raise InvalidArgument("a secret must not be empty")
        if any(ord(c) < 0x20 or ord(c) == 0x7F or ord(c) > 0xFF for c in revealed):
            raise InvalidArgument("a secret must be latin-1 text without line breaks or other control characters")
        self._text = revealed

    def reveal(self) -> str:
        """Return the text itself. Call it where the bytes are written, and keep the result nowhere."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time, so that a clock tells nothing about the text."""
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest  # and with it OpenSSL, for the few who compare

        return compare_digest(self._text.encode("latin-1"), other._text.encode("latin-1"))

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled or copied: pass the object itself")
