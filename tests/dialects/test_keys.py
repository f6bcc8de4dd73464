from __future__ import annotations

import pytest

from realtime_transport.dialects import DIALECTS, OPENAI, Dialect, get_dialect
from realtime_transport.exceptions import InvalidArgument, UnsupportedOperation
from realtime_transport.secret import Secret


def test_presents_the_key_as_bearer_unless_told_otherwise() -> None:
    placed = OPENAI.auth("sk-1")
    assert (placed.headers, placed.sub_protocols, placed.query) == ({"Authorization": "Bearer sk-1"}, (), {})
    assert OPENAI.auth(Secret("sk-1")).headers == placed.headers


def test_presents_the_key_in_a_sub_protocol() -> None:
    assert OPENAI.auth("ek_1", "sub_protocol").sub_protocols == ("realtime", "openai-insecure-api-key.ek_1")
    assert get_dialect("beta").auth("k", "sub_protocol").sub_protocols == (
        "realtime",
        "openai-beta.realtime-v1",
        "openai-insecure-api-key.k",
    )
    assert get_dialect("xai").auth("k", "sub_protocol").sub_protocols == ("xai-client-secret.k",)


def test_presents_the_key_the_way_azure_and_others_want_it() -> None:
    azure = get_dialect("azure")
    assert azure.auth("k").headers == {"api-key": "k"}
    assert azure.auth("token", "bearer").headers == {"Authorization": "Bearer token"}
    assert azure.auth("k", "query").query == {"api-key": "k"}
    assert get_dialect("elevenlabs").auth("k").headers == {"xi-api-key": "k"}


def test_presents_nothing_without_a_key_or_where_none_is_wanted() -> None:
    nothing = get_dialect("hf").auth("whatever")
    assert nothing == OPENAI.auth(None)
    assert (nothing.headers, nothing.sub_protocols, nothing.query) == ({}, (), {})


def test_refuses_an_unknown_scheme() -> None:
    with pytest.raises(UnsupportedOperation, match="it has: bearer, sub_protocol"):
        OPENAI.auth("k", "basic")
    with pytest.raises(UnsupportedOperation, match="it has: none"):
        get_dialect("hf").auth(None, "bearer")


@pytest.mark.parametrize("dialect", [each for each in DIALECTS.values() if each.keys])
def test_fm018_refuses_a_forged_header_and_shows_no_key(dialect: Dialect) -> None:
    with pytest.raises(InvalidArgument) as caught:
        dialect.auth("sk-canary\r\nX-Evil: 1")
    assert "canary" not in str(caught.value)
    for way in dialect.keys:
        assert "canary" not in repr(dialect.auth("sk-canary", way.scheme))
