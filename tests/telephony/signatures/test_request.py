from __future__ import annotations

from realtime_transport.telephony.signatures import SignedRequest


def test_reads_forms_and_nothing_else_as_forms() -> None:
    form = SignedRequest(
        url="u", headers={"CONTENT-TYPE": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}, body=b"a=1&a=&b=%C3%A9+x"
    )
    assert form.is_form
    assert form.fields() == [("a", "1"), ("a", ""), ("b", "é x")]
    assert not SignedRequest(url="u", headers={"content-type": "application/json"}).is_form


def test_shows_no_body() -> None:
    assert "canary" not in repr(SignedRequest(url="u", headers={}, body=b"canary"))
