"""``module:name`` of the command line, imported, with errors that say what to do."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, cast

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.session import RealtimeAgent


def load_agent(path: str) -> Any:
    """Import ``module:name``: a ``RealtimeAgent``, or a function that gives one for a call.

    The current folder counts as a place for modules. Raises ``InvalidArgument``; what the module itself raises is
    passed on as it is, because its traceback is the news.
    """
    module_name, colon, name = path.partition(":")
    if not (module_name and colon and name):
        raise InvalidArgument(f"{path!r} is not MODULE:NAME, as in shop.phone:agent", path="--agent")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{module_name}.".startswith(f"{missing.name}."):
            raise  # a module that it imports is missing, which is another problem
        raise InvalidArgument(f"there is no module {module_name!r}, also not in {here}", path="--agent") from None
    try:
        found = getattr(module, name)
    except AttributeError:
        agents = [key for key, value in vars(module).items() if isinstance(value, RealtimeAgent)]
        hint = f"; its agents: {', '.join(agents)}" if agents else "; it has no agent at all"
        raise InvalidArgument(f"{module_name} has no {name!r}{hint}", path="--agent") from None
    if not isinstance(found, RealtimeAgent) and not callable(found):
        raise InvalidArgument(f"{path} is a {type(found).__name__}, not an agent or a function", path="--agent")
    return cast("Any", found)
