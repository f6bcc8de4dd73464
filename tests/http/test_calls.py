from __future__ import annotations

import json
from email import message_from_bytes

import pytest
from starlette.responses import Response

from realtime_transport.events import RealtimeSessionConfig
from realtime_transport.exceptions import ApiError, InvalidArgument
from realtime_transport.http import RealtimeHTTP
from tests.http.conftest import Server, refusal

DONE = Response(status_code=200)


async def test_opens_a_call_with_a_session(server: Server, http: RealtimeHTTP) -> None:
    server.then(Response("v=0 answer", 201, {"location": "/v1/realtime/calls/rtc_u0_9"}))
    call = await http.calls.create("v=0 offer", RealtimeSessionConfig(model="m"))
    assert (call.answer, call.call_id, call.location) == ("v=0 answer", "rtc_u0_9", "/v1/realtime/calls/rtc_u0_9")
    asked = server.asked[0]
    assert asked.path == "/v1/realtime/calls"
    assert asked.headers["accept"] == "application/sdp"
    form = message_from_bytes(b"content-type: " + asked.headers["content-type"].encode() + b"\r\n\r\n" + asked.body)
    sdp, session = form.get_payload()
    assert (sdp.get_param("name", header="content-disposition"), sdp.get_content_type()) == ("sdp", "application/sdp")
    assert sdp.get_payload() == "v=0 offer"
    assert session.get_content_type() == "application/json"
    assert json.loads(session.get_payload()) == {"type": "realtime", "model": "m"}


async def test_opens_a_call_with_the_session_of_the_key(server: Server, http: RealtimeHTTP) -> None:
    server.then(Response("v=0", 201, {"location": "https://h/v1/realtime/calls/rtc%2F1/?x=1"}))
    call = await http.calls.create("v=0 offer")
    assert call.call_id == "rtc/1"
    assert server.asked[0].headers["content-type"] == "application/sdp"
    assert server.asked[0].body == b"v=0 offer"


async def test_does_without_a_location(server: Server, http: RealtimeHTTP) -> None:
    server.then(Response("v=0", 201))
    call = await http.calls.create("v=0")
    assert (call.call_id, call.location) == (None, "")


async def test_does_not_open_a_call_twice(server: Server, http: RealtimeHTTP) -> None:
    server.then(refusal(500))
    with pytest.raises(ApiError):
        await http.calls.create("v=0")
    assert len(server.asked) == 1


async def test_accepts_rejects_refers_and_hangs_up(server: Server, http: RealtimeHTTP) -> None:
    server.then(DONE)
    assert await http.calls.accept("rtc_1", {"model": "m"})
    assert await http.calls.reject("rtc_1")
    assert await http.calls.reject("rtc_1", 486)
    assert await http.calls.refer("rtc_1", "tel:+14155550123")
    assert await http.calls.hangup("rtc_1")
    assert [(asked.path.rpartition("/")[2], json.loads(asked.body or b"null")) for asked in server.asked] == [
        ("accept", {"type": "realtime", "model": "m"}),
        ("reject", {"status_code": 603}),
        ("reject", {"status_code": 486}),
        ("refer", {"target_uri": "tel:+14155550123"}),
        ("hangup", None),
    ]


async def test_percent_encodes_the_id(server: Server, http: RealtimeHTTP) -> None:
    server.then(DONE)
    await http.calls.hangup("../x?y#z ü/../..")
    assert server.asked[0].path == "/v1/realtime/calls/..%2Fx%3Fy%23z%20%C3%BC%2F..%2F../hangup"
    assert server.asked[0].query == ""


@pytest.mark.parametrize("call_id", ["", ".", ".."])
async def test_refuses_an_id_that_names_another_resource(server: Server, http: RealtimeHTTP, call_id: str) -> None:
    with pytest.raises(InvalidArgument, match="call_id"):
        await http.calls.hangup(call_id)
    assert server.asked == []


async def test_a_caller_who_left_is_an_answer_not_an_error(server: Server, http: RealtimeHTTP) -> None:
    server.then(refusal(404))
    assert not await http.calls.accept("rtc_1", RealtimeSessionConfig())
    assert not await http.calls.hangup("rtc_1")
    assert len(server.asked) == 2


async def test_every_other_refusal_is_an_error(server: Server, http: RealtimeHTTP) -> None:
    server.then(refusal(400, code="bad"))
    with pytest.raises(ApiError) as caught:
        await http.calls.refer("rtc_1", "sip:x@y")
    assert caught.value.code == "bad"


@pytest.mark.parametrize("status_code", [0, 200, 299, 700])
async def test_refuses_a_status_that_refuses_nothing(http: RealtimeHTTP, status_code: int) -> None:
    with pytest.raises(InvalidArgument, match="status_code"):
        await http.calls.reject("rtc_1", status_code)


@pytest.mark.parametrize("target_uri", ["", "+14155550123", "tel:"])
async def test_refuses_a_target_without_scheme(http: RealtimeHTTP, target_uri: str) -> None:
    with pytest.raises(InvalidArgument, match="target_uri"):
        await http.calls.refer("rtc_1", target_uri)


@pytest.mark.parametrize("sdp", ["", " \r\n"])
async def test_refuses_an_empty_offer(http: RealtimeHTTP, sdp: str) -> None:
    with pytest.raises(InvalidArgument, match="sdp"):
        await http.calls.create(sdp)
