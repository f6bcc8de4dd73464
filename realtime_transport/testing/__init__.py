"""What tests need, for this library and for programs built on it: virtual time and the contract of a transport.

    from realtime_transport.testing import check_transport, virtual_time

What is in here is loaded when it is asked for: pytest imports this package in every run, for its plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime_transport.testing.contract import check_transport

__all__ = ["check_transport"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from realtime_transport.testing import contract

    return getattr(contract, name)
