"""Our mark on a request for a response: how the server's answer to it is known.

The mark is the request's own ``event_id``, put into the metadata that servers echo in ``response.created`` and
``response.done``.
"""

from __future__ import annotations

from typing import Final

import attrs

from realtime_transport.events.client import ResponseCreate
from realtime_transport.events.response import Response, ResponseOptions
from realtime_transport.exceptions import InvalidArgument

MARKER: Final = "rt_request"
"""Key of our id in ``response.metadata``."""

MAX_METADATA_PAIRS: Final = 16
"""The server's limit on metadata; ours takes one of them."""


def marked(event: ResponseCreate) -> ResponseCreate:
    """Put our mark on a request. Raises InvalidArgument when its metadata has no room for it."""
    options = event.response or ResponseOptions()
    metadata = {**(options.metadata or {}), MARKER: str(event.event_id)}
    if len(metadata) > MAX_METADATA_PAIRS:
        raise InvalidArgument(f"at most {MAX_METADATA_PAIRS - 1} pairs: one is the library's", path="response.metadata")
    return attrs.evolve(event, response=attrs.evolve(options, metadata=metadata))


def marker_of(response: Response) -> str | None:
    """Read the mark on a response, None when it has none."""
    marker: object = (response.metadata or {}).get(MARKER)
    return marker if isinstance(marker, str) else None  # the server's word: it may be anything


def overrides(event: ResponseCreate | None) -> ResponseOptions:
    """Say what a request asks for, without the mark that tells it from others."""
    options = (event.response if event is not None else None) or ResponseOptions()
    return attrs.evolve(options, metadata={**(options.metadata or {}), MARKER: ""})
