"""How events are spelt: JSON bytes to events and back, strict about values, tolerant of peers.

The converter is made when the first of these names is used: with a program's first transport, not with its imports.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime_transport.wire.codec import Codec, Family, Role
    from realtime_transport.wire.objects import from_dict, item_from_dict, to_dict
    from realtime_transport.wire.problems import Decoded, Problem
    from realtime_transport.wire.redact import redacted
else:
    from realtime_transport.lazy import exports

    _HOMES = {
        "realtime_transport.wire.codec": (
            "Codec",
            "Family",
            "Role",
        ),
        "realtime_transport.wire.objects": (
            "from_dict",
            "item_from_dict",
            "to_dict",
        ),
        "realtime_transport.wire.problems": (
            "Decoded",
            "Problem",
        ),
        "realtime_transport.wire.redact": ("redacted",),
    }
    __getattr__, __dir__ = exports(__name__, _HOMES)

__all__ = [
    "Codec",
    "Decoded",
    "Family",
    "Problem",
    "Role",
    "from_dict",
    "item_from_dict",
    "redacted",
    "to_dict",
]
