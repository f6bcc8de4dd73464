"""Where a server listens: the rules that make a URL out of model, call, intent and what the caller gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, quote, unquote_plus, urlsplit, urlunsplit

import attrs

from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation

_SCHEMES: Final[Mapping[str, str]] = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


@attrs.frozen(kw_only=True)
class Endpoint:
    """The address rules of one provider."""

    url: str
    """The default. A ``{placeholder}`` in it means that there is none and the caller has to give a URL."""
    model_param: str | None = "model"
    """Query parameter that names the model (Azure's dated API: ``deployment``). None: not told in the URL."""
    call_param: str | None = None
    """Query parameter that joins a running call. None: the provider has no such thing."""
    query: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Parameters that every URL carries unless the caller gives them (``api-version``)."""
    intents: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Intent -> what it does to the default URL: ``?name=value`` is added, ``/segment`` is appended."""
    instead_of_model: frozenset[str] = frozenset()
    """Query parameters that already say what to talk to, so that no model is added (``agent_id``)."""

    def resolve(
        self,
        url: str | None,
        *,
        model: str | None,
        call_id: str | None,
        intent: str | None,
        query: Mapping[str, str],
    ) -> str:
        """Return the URL to dial; ``Dialect.endpoint`` says how the parts weigh."""
        self._check(model, call_id, intent)
        scheme, netloc, path, segments = self._base(url)
        added = dict(self.query)
        change = self.intents[intent] if intent is not None else ""
        if change.startswith("?"):
            name, _, value = change[1:].partition("=")
            added[name] = value
        elif change and path == urlsplit(self.url).path:
            path += change
        if self.call_param is not None and call_id is not None:
            added[self.call_param] = call_id
        if self.model_param is not None and model is not None and not self._names_a_peer(segments, query):
            added[self.model_param] = model
        kept = [segment for segment in segments if _name(segment) not in query]
        present = {_name(segment) for segment in kept}
        new = {name: value for name, value in added.items() if name not in present} | dict(query)
        joined = "&".join([*kept, *(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in new.items())])
        return urlunsplit((scheme, netloc, path, joined, ""))

    def _check(self, model: str | None, call_id: str | None, intent: str | None) -> None:
        if model is not None and call_id is not None:
            raise InvalidArgument("a call already has its model: give call_id or model, not both", path="call_id")
        for path, value in (("model", model), ("call_id", call_id)):
            if value == "":
                raise InvalidArgument("must not be empty", path=path)
        if call_id is not None and self.call_param is None:
            raise UnsupportedOperation("this provider cannot join a running call: connect without call_id")
        if intent is not None and intent not in self.intents:
            known = ", ".join(sorted(self.intents)) or "none"
            raise UnsupportedOperation(f"this provider has no endpoint for {intent!r} (it has: {known})")

    def _base(self, url: str | None) -> tuple[str, str, str, list[str]]:
        """Return scheme, authority, path and the raw query segments to start from."""
        if url is None and "{" in self.url:
            raise InvalidArgument(f"give the address of your own resource: {self.url}", path="url")
        given = split_url(url if url is not None else self.url)
        scheme = _SCHEMES.get(given.scheme) if given is not None else None
        if given is None or scheme is None or not given.hostname:
            raise InvalidArgument("must look like wss://host/path", path="url")
        path = given.path if given.path not in {"", "/"} else urlsplit(self.url).path
        return scheme, given.netloc, path, [segment for segment in given.query.split("&") if segment]

    def _names_a_peer(self, segments: list[str], query: Mapping[str, str]) -> bool:
        names = {_name(segment) for segment in segments} | set(query)
        return bool(names & (self.instead_of_model | {self.call_param}))


def split_url(url: str) -> SplitResult | None:
    """Return the parts of ``url``, None when it is none: the standard library splits lazily and raises late."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _name(segment: str) -> str:
    """Return the decoded name of one ``name=value``."""
    return unquote_plus(segment.partition("=")[0])
