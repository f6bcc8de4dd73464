"""Chop bytes up at random places: what comes out of a stream must not depend on it."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def chopped(draw: st.DrawFn, data: bytes, most: int = 12) -> list[bytes]:
    """Draw the pieces of ``data``, empty ones and single bytes among them."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=most)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
