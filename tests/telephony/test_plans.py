"""What a call on every carrier is planned to be: what is converted, how late that makes it, how far ahead it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from realtime_transport.audio import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from realtime_transport.audio.convert import Converter
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.telephony import MediaPlan, PhoneSocket
from realtime_transport.telephony.codecs import CarrierCodec, make_codec
from realtime_transport.telephony.codecs.asterisk import AsteriskCodec
from realtime_transport.telephony.codecs.telnyx import TelnyxCodec
from realtime_transport.telephony.leg import DEFAULTS, LegOptions
from realtime_transport.testing.carriers import (
    FakeAsterisk,
    FakeAudioSocket,
    FakeCarrier,
    FakeExotel,
    FakeGenesys,
    FakePlivo,
    FakeTelnyx,
    FakeTwilio,
    FakeVonage,
    Wait,
)
from tests.telephony.stage import Call

pytestmark = pytest.mark.virtual_time

UNTOUCHED: dict[str, tuple[type[FakeCarrier], AudioFormat, Callable[[], CarrierCodec]]] = {
    "twilio": (FakeTwilio, PCMU, lambda: make_codec("twilio")),
    "telnyx mu-law": (FakeTelnyx, PCMU, lambda: make_codec("telnyx")),
    "telnyx A-law": (FakeTelnyx, PCMA, lambda: TelnyxCodec(output_format=PCMA)),
    "plivo": (FakePlivo, PCMU, lambda: make_codec("plivo")),
    "vonage 24 kHz": (FakeVonage, PCM16_24K, lambda: make_codec("vonage")),
    "exotel 24 kHz": (FakeExotel, PCM16_24K, lambda: make_codec("exotel")),
    "genesys": (FakeGenesys, PCMU, lambda: make_codec("genesys")),
    "asterisk mu-law": (FakeAsterisk, PCMU, AsteriskCodec),
    "asterisk A-law": (FakeAsterisk, PCMA, AsteriskCodec),
}
CONVERTED: dict[str, tuple[type[FakeCarrier], AudioFormat]] = {
    "vonage": (FakeVonage, PCM16_16K),
    "exotel": (FakeExotel, PCM16_8K),
    "plivo": (FakePlivo, PCM16_16K),
    "audiosocket": (FakeAudioSocket, PCM16_8K),
}
MOST_DELAY_MS = 6.0
"""A resampler with small constant delay: a third of a frame."""


async def planned(
    fake: type[FakeCarrier], fmt: AudioFormat, codec: CarrierCodec, options: LegOptions = DEFAULTS
) -> MediaPlan:
    plans: list[MediaPlan] = []

    async def answer(phone: PhoneSocket) -> None:
        async with Call(phone, carrier=codec, phone_options=options, peer=ServerPeer()) as call:
            await call.connect()
            plans.append(call.plan())
            await call.wait_ended()

    await fake(answer, fmt=fmt).call(Wait(0.3))
    return plans[0]


@pytest.mark.parametrize("name", UNTOUCHED)
async def test_nothing_is_converted_where_the_model_speaks_the_phones_format(name: str) -> None:
    fake, fmt, codec = UNTOUCHED[name]
    plan = await planned(fake, fmt, codec())
    assert not plan.converts
    assert (plan.caller.delay_ms, plan.agent.delay_ms) == (0.0, 0.0)
    assert str(plan).count(f"{fmt}, untouched, 0.0 ms") == 2


@pytest.mark.parametrize("name", CONVERTED)
async def test_elsewhere_the_plan_says_what_it_costs(name: str) -> None:
    fake, fmt = CONVERTED[name]
    plan = await planned(fake, fmt, make_codec(name))
    assert plan.converts
    assert (plan.caller.target, plan.agent.source) == (PCM16_24K, PCM16_24K)
    for hop in (plan.caller, plan.agent):
        assert 0 < hop.delay_ms <= MOST_DELAY_MS
        assert f"{hop.source} -> {hop.target}, {hop.delay_ms:.1f} ms" in str(plan)


@pytest.mark.parametrize("name", ["twilio", "telnyx", "plivo", "vonage", "asterisk", "jambonz"])
def test_little_is_written_ahead_where_it_can_be_taken_back(name: str) -> None:
    able = make_codec(name).capabilities
    assert able.can_clear
    assert 100 <= able.lead_ms <= 200


@pytest.mark.parametrize("name", ["exotel", "genesys"])
def test_where_messages_are_long_two_of_them_are_ahead(name: str) -> None:
    able = make_codec(name).capabilities
    assert able.lead_ms == 2 * able.frame_ms


def test_less_still_is_written_ahead_where_it_cannot() -> None:
    able = make_codec("audiosocket").capabilities
    assert not able.can_clear
    assert able.lead_ms == 40


async def test_the_lead_is_ones_own_if_need_be() -> None:
    plan = await planned(FakeTwilio, PCMU, make_codec("twilio"), LegOptions(lead_ms=100))
    assert (plan.lead_ms, str(plan).endswith("written 100 ms ahead")) == (100, True)


@pytest.mark.parametrize(
    ("source", "target"), [(PCM16_24K, PCMU), (PCM16_24K, PCM16_16K), (PCM16_8K, PCM16_24K)], ids=str
)
def test_the_delay_is_the_same_all_the_time_and_flushed_at_the_end(source: AudioFormat, target: AudioFormat) -> None:
    """20 ms at a time: what is held back is the stated delay, piece for piece, and nothing after the flush."""
    samples = (np.sin(np.arange(source.rate) / 20) * 8000).astype("<i2").tobytes()
    converter, size = Converter(source, target), source.bytes_for(20)
    given = taken = 0.0
    for at in range(0, len(samples), size):
        taken += target.ms(len(converter.push(samples[at : at + size])))
        given += 20
        assert given - taken == pytest.approx(converter.delay_ms, abs=1000 / target.rate + 0.05)
    assert taken + target.ms(len(converter.flush())) == pytest.approx(given, abs=1000 / target.rate)
