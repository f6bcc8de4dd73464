"""Dialling with short-lived keys: minted for the session, anew for each attempt, and typed when they are over."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import pytest

from realtime_transport.conversation.brains import Echo
from realtime_transport.emulator import Emulator
from realtime_transport.events.session import (
    AnySession,
    RealtimeSessionConfig,
    TranscriptionSessionConfig,
    TranslationSessionConfig,
)
from realtime_transport.events.tools import FunctionTool
from realtime_transport.exceptions import ApiError, AuthenticationError, CredentialExpired, InvalidArgument
from realtime_transport.http import RealtimeHTTP
from realtime_transport.secret import Secret
from realtime_transport.transports import TranslationTransport, WebSocketTransport
from realtime_transport.transports.minting import may_have_expired, minted_key, with_model
from realtime_transport.transports.request import DEFAULT_MODEL

TOOL = FunctionTool(name="opening_hours", parameters={"type": "object", "properties": {}})


class Clock:
    """The emulator's calendar, which a test may turn forward."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


# --- against a server --------------------------------------------------------------------------------------------


async def test_a_session_created_over_http_is_dialled_with_its_secret() -> None:
    async with Emulator(Echo(), token="master") as server:
        async with RealtimeHTTP("master", base_url=server.http_url) as http:
            secret = await http.client_secrets.create(RealtimeSessionConfig(instructions="Be brief.", tools=(TOOL,)))
        async with WebSocketTransport() as transport:
            await transport.connect(url=server.url, api_key=secret.value)
            assert isinstance(transport.session, RealtimeSessionConfig)
            assert transport.session.tools == (TOOL,)
            assert transport.session.instructions == "Be brief."


async def test_connect_mints_for_the_session_and_has_nothing_left_to_send() -> None:
    session = {"instructions": "Be brief.", "tools": [{"type": "function", "name": "opening_hours"}]}
    async with (
        Emulator(Echo(), token="master") as server,
        RealtimeHTTP("master", base_url=server.http_url) as http,
        WebSocketTransport() as transport,
    ):
        sent: list[object] = []
        transport.on("sent", sent.append)
        await transport.connect(url=server.url, session=session, client_secret=http.client_secrets.create)
        assert isinstance(transport.session, RealtimeSessionConfig)
        assert transport.session.tools == (FunctionTool(name="opening_hours"),)
        assert sent == []


async def test_each_connection_has_a_key_of_its_own() -> None:
    clock = Clock()
    async with (
        Emulator(Echo(), token="master", wall_clock=clock) as server,
        RealtimeHTTP("master", base_url=server.http_url) as http,
        WebSocketTransport() as transport,
    ):
        mint = functools.partial(http.client_secrets.create, expires_after=10)
        for _ in range(2):
            await transport.connect(url=server.url, client_secret=mint)
            await transport.close()
            clock.now += 11
        assert transport.connection_state.epoch == 2


async def test_a_secret_that_is_over_says_so() -> None:
    clock = Clock()
    async with (
        Emulator(Echo(), token="master", wall_clock=clock) as server,
        RealtimeHTTP("master", base_url=server.http_url) as http,
        WebSocketTransport() as transport,
    ):
        secret = await http.client_secrets.create(expires_after=10)
        await transport.connect(url=server.url, api_key=secret.value)
        await transport.close()
        clock.now += 11
        with pytest.raises(CredentialExpired) as caught:
            await transport.connect(url=server.url, api_key=secret.value)
        assert isinstance(caught.value.__cause__, AuthenticationError)
        assert secret.value.reveal() not in str(caught.value)
        with pytest.raises(AuthenticationError):
            await transport.connect(url=server.url, api_key="sk-wrong")
        assert transport.status == "disconnected"


async def test_what_minting_raises_is_what_connect_raises() -> None:
    async with (
        Emulator(Echo(), token="master") as server,
        RealtimeHTTP("wrong", base_url=server.http_url) as http,
        WebSocketTransport() as transport,
    ):
        with pytest.raises(ApiError, match="401"):
            await transport.connect(url=server.url, client_secret=http.client_secrets.create)
        assert transport.status == "disconnected"


async def test_a_translation_is_minted_for_too() -> None:
    async with (
        Emulator(token="master") as server,
        RealtimeHTTP("master", base_url=server.http_url) as http,
        TranslationTransport() as transport,
    ):
        session = {"audio": {"output": {"language": "pt"}}}
        await transport.connect(url=server.url, session=session, client_secret=http.client_secrets.create)
        assert isinstance(transport.session, TranslationSessionConfig)
        assert transport.session.audio
        assert transport.session.audio.output
        assert transport.session.audio.output.language == "pt"


async def test_a_key_and_a_way_to_mint_one_are_one_too_many() -> None:
    async def mint(session: AnySession) -> Any:
        raise AssertionError("nothing is minted")

    with pytest.raises(InvalidArgument, match="client_secret"):
        await WebSocketTransport().connect(api_key="sk-1", client_secret=mint)


# --- the pieces --------------------------------------------------------------------------------------------------


@attrs.frozen
class Minted:
    value: str


async def test_it_is_asked_anew_each_time() -> None:
    asked: list[AnySession] = []

    async def mint(session: AnySession) -> Minted:
        asked.append(session)
        return Minted(f"ek_{len(asked)}")

    key: Any = minted_key(mint, RealtimeSessionConfig(model="m"), instead_of=None)
    assert [await key(), await key()] == ["ek_1", "ek_2"]
    assert asked == [RealtimeSessionConfig(model="m")] * 2


@pytest.mark.parametrize(
    ("session", "model", "own_address", "minted_for"),
    [
        (RealtimeSessionConfig(), None, True, DEFAULT_MODEL),
        (RealtimeSessionConfig(), "asked", True, "asked"),
        (RealtimeSessionConfig(model="said"), "asked", True, "said"),
        (RealtimeSessionConfig(), "asked", False, "asked"),
        (RealtimeSessionConfig(), None, False, None),
        (TranscriptionSessionConfig(), None, True, None),
        (TranslationSessionConfig(), None, True, None),
    ],
)
def test_the_model_of_the_secret_is_that_of_the_url(
    session: AnySession, model: str | None, own_address: bool, minted_for: str | None
) -> None:
    assert (with_model(session, model, own_address=own_address).model or None) == minted_for


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        ("ek_1", Secret("ek_1"), True),
        ("sk-1", Secret("sk-1"), False),
        (lambda: "ek_1", Secret("ek_1"), False),
        (None, Secret("ek_1"), True),
        (None, None, False),
    ],
)
def test_only_a_short_lived_key_that_was_not_just_minted_may_have_expired(
    given: Any, key: Secret | None, expected: bool
) -> None:
    assert may_have_expired(given, key) is expected
