"""How events are spelt: JSON bytes to events and back, strict about values, tolerant of peers."""

from realtime_transport.wire.codec import Codec, Family, Role
from realtime_transport.wire.objects import from_dict, item_from_dict, to_dict
from realtime_transport.wire.problems import Decoded, Problem
from realtime_transport.wire.redact import redacted

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
