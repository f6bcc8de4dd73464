"""Dialling with a short-lived key: minted for the very session, anew for each attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

import attrs

from realtime_transport.events.session import AnySession, RealtimeSessionConfig
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.secret import Secret
from realtime_transport.transports.request import DEFAULT_MODEL, ApiKey

SHORT_LIVED: Final = "ek_"
"""What every client secret begins with."""


class MintedSecret(Protocol):
    """What minting gives; ``http.ClientSecret`` is one."""

    @property
    def value(self) -> str | Secret:
        """The key."""
        ...


Mint: TypeAlias = Callable[[AnySession], Awaitable[MintedSecret]]
"""Mints a key that opens the given session: ``RealtimeHTTP().client_secrets.create`` does."""


def with_model(session: AnySession, model: str | None, *, own_address: bool) -> AnySession:
    """Name the model in the session that a secret is minted for, so that it is the one in the URL.

    What the session says goes before ``model``; at the provider's own address a conversation has a default.
    """
    if own_address and isinstance(session, RealtimeSessionConfig):
        model = model or DEFAULT_MODEL
    return attrs.evolve(session, model=model) if model and not session.model else session


def minted_key(mint: Mint, session: AnySession, *, instead_of: ApiKey | None) -> ApiKey:
    """Make an ``api_key`` that mints; what minting raises is what ``connect`` raises.

    Raises ``InvalidArgument`` when there is a key already.
    """
    if instead_of is not None:
        raise InvalidArgument("give a key or a way to mint one, not both", path="client_secret")

    async def key() -> str | Secret:
        return (await mint(session)).value

    return key


def may_have_expired(given: ApiKey | None, key: Secret | None) -> bool:
    """Tell whether a key that was refused was good once: a short-lived one, and not made for this attempt."""
    return key is not None and not callable(given) and key.reveal().startswith(SHORT_LIVED)
