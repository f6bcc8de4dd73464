"""Every carrier's documents: read back by a parser, they say what was put in, whatever that was."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.answers import ANSWERS, Asked, Document, NccoAnswers, StreamOffer

URL = "wss://calls.example.com/stream/0123"
XML = ("twilio", "telnyx", "plivo", "signalwire")

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)
words = st.text("abcXYZ019", min_size=1, max_size=20)


def connect(carrier: str, **offer: Any) -> Document:
    return ANSWERS[carrier].connect(StreamOffer(**{"url": URL, **offer}))


def xml(document: Document) -> Element:
    assert document.content_type == "application/xml"
    assert document.body.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    return fromstring(document.body)


def stream_of(document: Document) -> Element:
    stream = xml(document).find(".//Stream")
    assert stream is not None
    return stream


def test_twiml_connects_the_stream() -> None:
    body = connect("twilio", custom={"tariff": "gold"}).body
    assert body == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Connect>'
        f'<Stream url="{URL}"><Parameter name="tariff" value="gold" /></Stream></Connect></Response>'
    )


@given(custom=st.dictionaries(texts, texts, max_size=5))
def test_whatever_is_custom_comes_out_of_the_xml_as_it_went_in(custom: dict[str, str]) -> None:
    for carrier in ("twilio", "telnyx"):
        stream = stream_of(connect(carrier, custom=custom))
        assert {each.get("name"): each.get("value") for each in stream} == custom
        assert stream.get("url") == URL


@given(custom=st.dictionaries(texts, texts, max_size=5), call_id=texts)
def test_whatever_is_custom_comes_out_of_the_json_as_it_went_in(custom: dict[str, str], call_id: str) -> None:
    (action,) = json.loads(connect("vonage", custom=custom, call_id=call_id).body)
    assert action["endpoint"][0]["headers"] == {**custom, "uuid": call_id}
    (verb,) = json.loads(connect("jambonz", custom=custom).body)
    assert verb["metadata"] == custom


def test_markup_in_a_parameter_stays_a_parameter() -> None:
    evil = '"/></Stream></Connect><Dial>+1900</Dial><!-- \n'
    response = xml(connect("twilio", custom={"name": evil}))
    assert [each.tag for each in response] == ["Connect"]
    assert [each.get("value") for each in response.iter("Parameter")] == [evil]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ud800", "\ufffe"])
@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_what_xml_cannot_hold_is_refused_at_the_call(carrier: str, character: str) -> None:
    for custom in ({"name": character}, {character: "value"}):
        with pytest.raises(InvalidArgument, match="XML"):
            connect(carrier, custom=custom)
    with pytest.raises(InvalidArgument, match="XML"):
        connect(carrier, url=URL + character)


def test_twilio_takes_neither_queries_nor_long_parameters() -> None:
    with pytest.raises(InvalidArgument, match="query"):
        connect("twilio", url=URL + "?token=1")
    connect("twilio", custom={"n" * 9: "v" * 490})
    with pytest.raises(InvalidArgument, match="499"):
        connect("twilio", custom={"n" * 10: "v" * 490})


@pytest.mark.parametrize(
    ("fmt", "codec", "rate"), [(None, "PCMU", None), (PCMA, "PCMA", None), (PCM16_16K, "L16", "16000")]
)
def test_telnyx_is_asked_for_rtp(fmt: AudioFormat | None, codec: str, rate: str | None) -> None:
    stream = stream_of(connect("telnyx", format=fmt))
    assert stream.get("bidirectionalMode") == "rtp"
    assert (stream.get("bidirectionalCodec"), stream.get("bidirectionalSamplingRate")) == (codec, rate)


def test_plivo_holds_the_call_and_says_the_format() -> None:
    stream = stream_of(connect("plivo", custom={"tariff": "gold", "n": "7"}, format=PCM16_16K))
    assert stream.text == URL
    assert stream.attrib == {
        "bidirectional": "true",
        "keepCallAlive": "true",
        "audioTrack": "inbound",
        "contentType": "audio/x-l16;rate=16000",
        "extraHeaders": "tariff=gold,n=7",
    }
    assert "extraHeaders" not in stream_of(connect("plivo")).attrib


def test_plivo_takes_letters_and_digits_only() -> None:
    for custom in ({"a-b": "c"}, {"a": "b,c=d"}, {"": "x"}):
        with pytest.raises(InvalidArgument, match="letters and digits"):
            connect("plivo", custom=custom)
    with pytest.raises(InvalidArgument, match="512"):
        connect("plivo", custom={"a": "b" * 511})


def test_vonage_streams_what_the_model_speaks() -> None:
    (action,) = json.loads(connect("vonage").body)
    assert action == {
        "action": "connect",
        "endpoint": [{"type": "websocket", "uri": URL, "content-type": "audio/l16;rate=24000", "headers": {}}],
    }


def test_vonage_signs_the_upgrade_when_it_is_asked_to() -> None:
    (action,) = json.loads(connect("vonage", sign=True, format=PCM16_8K).body)
    assert action["endpoint"][0]["authorization"] == {"type": "vonage"}
    assert action["endpoint"][0]["content-type"] == "audio/l16;rate=8000"


def test_exotel_has_its_rate_in_the_query() -> None:
    assert json.loads(connect("exotel").body) == {"url": f"{URL}?sample-rate=8000"}
    url = json.loads(connect("exotel", url=URL + "?a=1", format=PCM16_24K, custom={"who": "é&"}).body)["url"]
    assert parse_qsl(urlsplit(url).query) == [("a", "1"), ("sample-rate", "24000"), ("who", "é&")]


def test_exotel_takes_three_parameters() -> None:
    for custom in (dict.fromkeys("abcd", "1"), {"a": "b" * 255}):
        with pytest.raises(InvalidArgument, match="Exotel takes"):
            connect("exotel", custom=custom)


def test_jambonz_is_told_both_rates() -> None:
    (verb,) = json.loads(connect("jambonz", format=PCM16_8K).body)
    assert verb["bidirectionalAudio"] == {"enabled": True, "streaming": True, "sampleRate": 8000}
    assert (verb["verb"], verb["url"], verb["sampleRate"], verb["mixType"]) == ("listen", URL, 8000, "mono")


def test_a_dialplan_gets_the_token_alone() -> None:
    for carrier in ("asterisk", "audiosocket"):
        assert connect(carrier, token="0123").body == "0123"
        assert ANSWERS[carrier].refuse(busy=True) == Document(body="", content_type="text/plain", status=503)


def test_the_token_is_not_in_a_repr() -> None:
    assert "0123" not in repr(StreamOffer(url="wss://x", token="0123"))


@pytest.mark.parametrize("carrier", ["twilio", "plivo", "vonage", "exotel", "jambonz", "telnyx"])
def test_a_format_that_the_carrier_has_not_is_refused(carrier: str) -> None:
    strange = AudioFormat(encoding="pcm16", rate=44_100)
    with pytest.raises(InvalidArgument, match="does not stream"):
        connect(carrier, format=strange)
    if carrier not in {"twilio", "plivo", "telnyx"}:
        with pytest.raises(InvalidArgument, match="does not stream"):
            connect(carrier, format=PCMU)


@pytest.mark.parametrize(
    ("carrier", "busy", "rejected"),
    [
        ("twilio", '<Reject reason="busy" />', '<Reject reason="rejected" />'),
        ("telnyx", '<Reject reason="busy" />', '<Reject reason="rejected" />'),
        ("plivo", '<Hangup reason="busy" />', '<Hangup reason="rejected" />'),
        ("vonage", "All lines are busy", "cannot be taken"),
        ("jambonz", '"status":486', '"status":603'),
        ("exotel", "busy", "rejected"),
    ],
)
def test_refusals_say_which(carrier: str, busy: str, rejected: str) -> None:
    answers = ANSWERS[carrier]
    assert busy in answers.refuse(busy=True).body
    assert rejected in answers.refuse(busy=False).body
    if carrier in XML:
        xml(answers.refuse(busy=True))


def test_vonage_refuses_in_ones_own_words() -> None:
    (action,) = json.loads(NccoAnswers(busy_text="Besetzt.").refuse(busy=True).body)
    assert action == {"action": "talk", "text": "Besetzt."}


@pytest.mark.parametrize(
    ("carrier", "fields"),
    [
        ("twilio", {"CallSid": "C", "From": "+1", "To": "+2"}),
        ("telnyx", {"CallSid": "C", "From": "+1", "To": "+2"}),
        ("plivo", {"CallUUID": "C", "From": "+1", "To": "+2"}),
        ("vonage", {"uuid": "C", "from": "+1", "to": "+2"}),
        ("exotel", {"CallSid": "C", "CallFrom": "+1", "CallTo": "+2"}),
        ("jambonz", {"call_sid": "C", "from": "+1", "to": "+2"}),
        ("asterisk", {"call_id": "C", "caller": "+1", "called": "+2"}),
    ],
)
def test_the_webhook_says_which_call_it_is(carrier: str, fields: dict[str, str]) -> None:
    assert ANSWERS[carrier].read(fields) == Asked(call_id="C", caller="+1", called="+2")
    assert ANSWERS[carrier].read({}) == Asked()


@given(word=words)
def test_plivo_carries_every_word(word: str) -> None:
    assert stream_of(connect("plivo", custom={word: word})).get("extraHeaders") == f"{word}={word}"
