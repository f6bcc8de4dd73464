"""Short-lived keys: what a server hands to a browser or a phone instead of its own key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from realtime_transport.dialects import get_dialect
from realtime_transport.dialects.shapes import is_object
from realtime_transport.events import (
    AnySession,
    RealtimeSessionConfig,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
)
from realtime_transport.exceptions import DecodeError, InvalidArgument, UnsupportedOperation
from realtime_transport.http.exchange import Exchange, Outgoing
from realtime_transport.secret import Secret
from realtime_transport.wire import from_dict, to_dict

SHORTEST: Final = 10
LONGEST: Final = 7200
"""Seconds that a client secret may live; the server's own default is 600."""


@attrs.frozen(kw_only=True)
class ClientSecret:
    """A minted key and the session that it opens."""

    value: Secret
    """``ek_...``: the ``api_key`` of one connection."""
    expires_at: int
    """Unix seconds after which it opens nothing; a session that is open by then goes on."""
    session: AnySession | None
    """The effective session, None when the server sent none that can be read. The key is not in it."""

    def for_browser(self) -> dict[str, Any]:
        """Return what may be sent to a browser as JSON: the secret in clear and when it expires.

        Raises ``UnsupportedOperation`` for a long-lived key (``sk-...``): a server that hands out its own key where a
        secret was minted has to fail before the browser sees it.
        """
        if self.value.reveal().startswith("sk-"):
            raise UnsupportedOperation("this is a long-lived key and never leaves the server: mint a client secret")
        return {"value": self.value.reveal(), "expires_at": self.expires_at}


class ClientSecrets:
    """Mint client secrets; reached as ``RealtimeHTTP.client_secrets``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def create(
        self, session: AnySession | Mapping[str, Any] | None = None, *, expires_after: int | None = None
    ) -> ClientSecret:
        """Mint a secret for ``session``: realtime, transcription or translation, by its class or ``type``.

        ``expires_after`` is in seconds, 10 to 7200; None leaves the server's default of 600. Raises ``InvalidArgument``
        before anything is sent, and what ``RealtimeHTTP`` raises. Repeated on unclear failures: a secret that nobody
        learns of expires by itself.
        """
        if expires_after is not None and not SHORTEST <= expires_after <= LONGEST:
            raise InvalidArgument(f"must be {SHORTEST} to {LONGEST} s, not {expires_after}", path="expires_after")
        config = _as_json(session)
        body: dict[str, Any] = {}
        if expires_after is not None:
            body["expires_after"] = {"anchor": "created_at", "seconds": expires_after}
        translation = isinstance(session, TranslationSessionConfig) or config.get("type") == "translation"
        if translation:
            config = {key: value for key, value in config.items() if key != "type"}
        if config:
            body["session"] = config
        path = "/realtime/translations/client_secrets" if translation else "/realtime/client_secrets"
        answer = (await self._exchange.send(Outgoing(path=path, json=body, idempotent=True))).json()
        kind = TranslationSessionConfig if translation else None
        return _secret(answer.get("value"), answer.get("expires_at"), answer.get("session"), kind)


class LegacySessions:
    """The endpoints before GA, for servers that still speak beta; reached as ``RealtimeHTTP.legacy_sessions``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def create(self, session: RealtimeSessionConfig | Mapping[str, Any] | None = None) -> ClientSecret:
        """Create a realtime session by ``POST /realtime/sessions``. ``session`` is in GA's shape, like everywhere."""
        return await self._create("/realtime/sessions", session)

    async def create_transcription(
        self, session: TranscriptionSessionConfig | Mapping[str, Any] | None = None
    ) -> ClientSecret:
        """Create a transcription session by ``POST /realtime/transcription_sessions``."""
        return await self._create("/realtime/transcription_sessions", session)

    async def _create(self, path: str, session: AnySession | Mapping[str, Any] | None) -> ClientSecret:
        beta = get_dialect("beta")
        config = beta.session_out(_as_json(session))
        request = Outgoing(path=path, json=config, headers=beta.headers, idempotent=True)
        created = (await self._exchange.send(request)).json()
        secret = created.get("client_secret")
        held: Mapping[str, Any] = secret if is_object(secret) else dict[str, Any]()
        nested = beta.session_in(created)
        if "transcription" in path:
            nested["type"] = "transcription"
        return _secret(held.get("value"), held.get("expires_at"), nested, None)


def _as_json(session: AnySession | Mapping[str, Any] | None) -> dict[str, Any]:
    if session is None:
        return {}
    return dict(session) if isinstance(session, Mapping) else to_dict(session)


def _secret(value: object, expires_at: object, session: object, kind: type[AnySession] | None) -> ClientSecret:
    """Return what the server minted. Only the key itself is indispensable."""
    if not isinstance(value, str):
        raise DecodeError("the answer holds no client secret", path="value")
    return ClientSecret(
        value=Secret(value),
        expires_at=expires_at if isinstance(expires_at, int) else 0,
        session=_session(session, kind),
    )


def _session(source: object, kind: type[AnySession] | None) -> AnySession | None:
    if not is_object(source):
        return None
    if kind is None:
        kind = TranscriptionSessionConfig if source.get("type") == "transcription" else RealtimeSessionConfig
    try:
        return from_dict({key: value for key, value in source.items() if key != "client_secret"}, kind)
    except InvalidArgument:
        return None
