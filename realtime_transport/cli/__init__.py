"""The program ``realtime-transport``: talk, serve, demo.

Errors that a person can act on are one line on standard error and exit code 1; a wrong command line is exit code 2.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from realtime_transport.cli.arguments import parser
from realtime_transport.exceptions import RealtimeError

__all__ = ["main"]

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb of the command line and return its exit code.

    A verb is the module of the same name in this package with a coroutine ``run(options)``, imported only when asked
    for: ``talk --help`` must not need the packages that ``serve`` needs.
    """
    options = parser().parse_args(argv)
    try:
        verb = importlib.import_module(f"realtime_transport.cli.{options.verb}")
        run: Callable[[Namespace], Coroutine[Any, Any, int]] = verb.run
        return asyncio.run(run(options))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (RealtimeError, OSError) as error:
        print(f"realtime-transport {options.verb}: {error}", file=sys.stderr)
        return 1
