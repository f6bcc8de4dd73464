from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse

from realtime_transport.events import (
    AudioConfig,
    AudioInputConfig,
    AudioOutputConfig,
    RealtimeSessionConfig,
    TranscriptionSessionConfig,
    TranslationAudioConfig,
    TranslationOutputConfig,
    TranslationSessionConfig,
)
from realtime_transport.exceptions import DecodeError, InvalidArgument, UnsupportedOperation
from realtime_transport.http import ClientSecret, RealtimeHTTP
from realtime_transport.secret import Secret
from tests.http.conftest import Server


def minted(**session: Any) -> JSONResponse:
    return JSONResponse({"value": "ek_canary", "expires_at": 1750000600, "session": session})


async def test_mints_a_key_for_a_realtime_session(server: Server, http: RealtimeHTTP) -> None:
    server.then(minted(type="realtime", model="gpt-realtime", id="sess_1", client_secret={"value": "ek_canary"}))
    config = RealtimeSessionConfig(model="gpt-realtime", audio=AudioConfig(input=AudioInputConfig(turn_detection=None)))
    secret = await http.client_secrets.create(config, expires_after=60)
    assert server.asked[0].path == "/v1/realtime/client_secrets"
    assert json.loads(server.asked[0].body) == {
        "expires_after": {"anchor": "created_at", "seconds": 60},
        "session": {"type": "realtime", "model": "gpt-realtime", "audio": {"input": {"turn_detection": None}}},
    }
    assert secret.value == Secret("ek_canary")
    assert secret.expires_at == 1750000600
    assert isinstance(secret.session, RealtimeSessionConfig)
    assert secret.session.id == "sess_1"
    assert "canary" not in repr(secret)


async def test_mints_a_key_for_a_transcription_session(server: Server, http: RealtimeHTTP) -> None:
    server.then(minted(type="transcription"))
    secret = await http.client_secrets.create({"type": "transcription"})
    assert json.loads(server.asked[0].body) == {"session": {"type": "transcription"}}
    assert isinstance(secret.session, TranscriptionSessionConfig)


@pytest.mark.parametrize(
    "session",
    [
        TranslationSessionConfig(
            model="gpt-rt", audio=TranslationAudioConfig(output=TranslationOutputConfig(language="es"))
        ),
        {"type": "translation", "model": "gpt-rt", "audio": {"output": {"language": "es"}}},
    ],
)
async def test_mints_a_key_for_a_translation_session(
    server: Server, http: RealtimeHTTP, session: TranslationSessionConfig | dict[str, Any]
) -> None:
    server.then(minted(type="translation", id="sess_t"))
    secret = await http.client_secrets.create(session)
    assert server.asked[0].path == "/v1/realtime/translations/client_secrets"
    assert json.loads(server.asked[0].body) == {"session": {"model": "gpt-rt", "audio": {"output": {"language": "es"}}}}
    assert isinstance(secret.session, TranslationSessionConfig)


@pytest.mark.parametrize("seconds", [-1, 0, 9, 7201])
async def test_checks_the_lifetime_before_anything_is_sent(server: Server, http: RealtimeHTTP, seconds: int) -> None:
    with pytest.raises(InvalidArgument, match="expires_after: must be 10 to 7200 s"):
        await http.client_secrets.create(expires_after=seconds)
    assert server.asked == []


@pytest.mark.parametrize("seconds", [10, 7200])
async def test_lets_the_limits_themselves_pass(server: Server, http: RealtimeHTTP, seconds: int) -> None:
    server.then(minted())
    await http.client_secrets.create(expires_after=seconds)
    assert json.loads(server.asked[0].body)["expires_after"]["seconds"] == seconds


@pytest.mark.parametrize(
    "answer",
    [{"value": "ek"}, {"value": "ek", "expires_at": None, "session": 5}, {"value": "ek", "session": {"type": 7}}],
)
async def test_needs_nothing_but_the_key(server: Server, http: RealtimeHTTP, answer: dict[str, Any]) -> None:
    server.then(JSONResponse(answer))
    secret = await http.client_secrets.create()
    assert (secret.value, secret.expires_at, secret.session) == (Secret("ek"), 0, None)


async def test_says_when_there_is_no_key(server: Server, http: RealtimeHTTP) -> None:
    server.then(JSONResponse({"value": None}))
    with pytest.raises(DecodeError, match="no client secret"):
        await http.client_secrets.create()


async def test_creates_a_beta_session_from_a_ga_config(server: Server, http: RealtimeHTTP) -> None:
    server.then(
        JSONResponse(
            {
                "id": "sess_1",
                "voice": "alloy",
                "client_secret": {"value": "ek_canary", "expires_at": 5},
                "modalities": ["text"],
            }
        )
    )
    config = RealtimeSessionConfig(model="m", audio=AudioConfig(output=AudioOutputConfig(voice="alloy")))
    secret = await http.legacy_sessions.create(config)
    asked = server.asked[0]
    assert asked.path == "/v1/realtime/sessions"
    assert asked.headers["openai-beta"] == "realtime=v1"
    assert json.loads(asked.body) == {"model": "m", "voice": "alloy"}
    assert (secret.value, secret.expires_at) == (Secret("ek_canary"), 5)
    assert isinstance(secret.session, RealtimeSessionConfig)
    assert secret.session.output_modalities == ("text",)
    assert secret.session.client_secret != {"value": "ek_canary", "expires_at": 5}


async def test_creates_a_beta_transcription_session(server: Server, http: RealtimeHTTP) -> None:
    server.then(JSONResponse({"client_secret": {"value": "ek", "expires_at": 5}, "input_audio_format": "pcm16"}))
    secret = await http.legacy_sessions.create_transcription()
    assert server.asked[0].path == "/v1/realtime/transcription_sessions"
    assert isinstance(secret.session, TranscriptionSessionConfig)


async def test_says_when_a_beta_session_has_no_key(server: Server, http: RealtimeHTTP) -> None:
    server.then(JSONResponse({"id": "sess_1", "client_secret": None}))
    with pytest.raises(DecodeError):
        await http.legacy_sessions.create()


def test_fm125_gives_a_browser_the_secret_and_never_a_long_lived_key() -> None:
    secret = ClientSecret(value=Secret("ek_1"), expires_at=5, session=None)
    assert secret.for_browser() == {"value": "ek_1", "expires_at": 5}
    with pytest.raises(UnsupportedOperation, match="long-lived") as caught:
        ClientSecret(value=Secret("sk-canary"), expires_at=5, session=None).for_browser()
    assert "canary" not in str(caught.value)
