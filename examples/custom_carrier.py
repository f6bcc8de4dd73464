"""A carrier that the library does not know: a codec for its messages, and a fake of it to test calls against.

No server, no key, no phone: python examples/custom_carrier.py
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from realtime_transport import LoopbackTransport
from realtime_transport.audio import PCMU, AudioFormat
from realtime_transport.conversation.brains import Script, when
from realtime_transport.conversation.peer import ServerPeer
from realtime_transport.emulator.clips import library
from realtime_transport.telephony import PhoneCall, PhoneSocket
from realtime_transport.telephony.codecs import (
    AnyCarrierEvent,
    CallStarted,
    CallStopped,
    CarrierCapabilities,
    DtmfReceived,
    Frame,
    MarkReached,
    MediaReceived,
    fields,
)
from realtime_transport.telephony.codecs.json_codec import JsonCodec
from realtime_transport.testing import virtual_time
from realtime_transport.testing.carriers import FakeCarrier, Listen, Speak, Wait


class HarbourCodec(JsonCodec):
    """Harbour, a switch that does not exist: mu-law as binary messages, and JSON beside it.

    hello {call, from}, key {digit}, played {name}, bye      what it says
    tell {name}, hush, bye                                   what it takes: a mark, a clear, the end
    """

    name: ClassVar[str] = "harbour"
    capabilities: CarrierCapabilities = CarrierCapabilities(
        formats=(PCMU,), clear_returns_marks=False, can_hang_up=True
    )
    readers: ClassVar[Mapping[str, str]] = {
        "hello": "_read_hello",
        "key": "_read_key",
        "played": "_read_played",
        "bye": "_read_bye",
    }

    # --- what it says: one event for each message; `fields` reads nonsense without raising -------------------------

    def _read_hello(self, message: dict[str, Any]) -> AnyCarrierEvent:
        self._stream_id, self._input_format = fields.text(message, "call"), PCMU
        caller = fields.text(message, "from")
        return CallStarted(call_id=self._stream_id, stream_id=self._stream_id, format=PCMU, caller=caller, raw=message)

    def _receive_binary(self, message: bytes) -> list[AnyCarrierEvent]:
        return [MediaReceived(audio=message)]

    def _read_key(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return DtmfReceived(digit=fields.text(message, "digit"), raw=message)

    def _read_played(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return MarkReached(name=fields.text(message, "name"), raw=message)

    def _read_bye(self, message: dict[str, Any]) -> AnyCarrierEvent:
        return CallStopped(raw=message)

    # --- what it takes -----------------------------------------------------------------------------------------------

    def _media(self, audio: bytes) -> Frame:
        return audio

    def _mark(self, name: str) -> Frame:
        return fields.encode({"event": "tell", "name": name})

    def _clear(self) -> Frame:
        return fields.encode({"event": "hush"})

    def _hang_up(self) -> Frame:
        return fields.encode({"event": "bye"})


class FakeHarbour(FakeCarrier):
    """The other side of that: its buffer and its clock come with the base class."""

    formats: ClassVar[tuple[AudioFormat, ...]] = (PCMU,)

    def opening(self) -> list[Frame]:
        return [json.dumps({"event": "hello", "call": self.call_id, "from": self.caller})]

    def media(self, audio: bytes, number: int, stamp: int) -> Frame:
        return audio

    def key(self, digit: str) -> Frame:
        return json.dumps({"event": "key", "digit": digit})

    def marked(self, name: str) -> Frame:
        return json.dumps({"event": "played", "name": name})

    def closing(self) -> list[Frame]:
        return [json.dumps({"event": "bye"})]

    def hear(self, message: Frame) -> None:
        if isinstance(message, bytes):
            self.play(message)
            return
        said = json.loads(message)
        match said["event"]:
            case "tell":
                self.mark(said["name"])
            case "hush":
                self.clear()
            case "bye":
                self.hang_up()
            case word:
                raise ValueError(f"harbour takes no {word!r}")  # comes back in record.faults


class Call(PhoneCall, LoopbackTransport):
    """A call with a model in memory. In production: ``TelephonyTransport(phone, carrier=HarbourCodec())``."""


async def answer(phone: PhoneSocket) -> None:
    greeting = "Good morning and welcome to the house of telephones, how may I help you?"
    peer = ServerPeer(Script(when(None, greeting, turn=1), otherwise="It is sunny."))
    async with Call(phone, carrier=HarbourCodec(), peer=peer) as call:
        call.on("dtmf", lambda event: print("the caller pressed a key"))
        await call.connect()
        print(call.plan())
        call.request_response()
        await call.wait_for("turn_done", timeout=30)
        await call.wait_for("turn_done", timeout=30)
        print("hung up:", await call.hangup())


async def main() -> None:
    question = library().audio("caller_weather")
    record = await FakeHarbour(answer).call(Listen(ms=1500), Speak(question), Listen(), Wait(2))
    assert record.faults == (), record.faults  # what harbour would not have taken
    assert record.clears == 1  # the caller spoke over the greeting
    assert record.ended_by == "agent"
    print(record.story())


virtual_time.run(main())
