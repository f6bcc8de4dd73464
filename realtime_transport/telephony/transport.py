"""``TelephonyTransport``: a phone call with the model at the other end of a WebSocket."""

from __future__ import annotations

from realtime_transport.telephony.call import PhoneCall
from realtime_transport.transports.websocket import WebSocketTransport


class TelephonyTransport(PhoneCall, WebSocketTransport):
    """A carrier's socket on one side, a Realtime server on the other.

    async def answer(websocket):                        # Starlette; the signature was checked, accept() was called
        async with TelephonyTransport(StarletteSocket(websocket), carrier="twilio") as call:
            await call.connect(model="gpt-realtime-2", session={"instructions": "Be brief."})
            call.request_response()                     # the greeting
            await call.wait_ended()

    See ``PhoneCall`` for what it takes and does, ``WebSocketTransport`` for the model's side.
    """
