"""Calls over WebRTC and SIP: open one, answer one that came in by webhook, pass it on, end it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import attrs
import msgspec

from realtime_transport.events import RealtimeSessionConfig
from realtime_transport.exceptions import ApiError, InvalidArgument
from realtime_transport.http.exchange import Exchange, Outgoing, Part
from realtime_transport.wire import to_dict

GONE: Final = 404
"""The caller hung up before we acted: the ordinary end of a call, not an error."""


@attrs.frozen(kw_only=True)
class Call:
    """A call that the server took."""

    answer: str
    """The SDP answer to the offer."""
    call_id: str | None
    """``rtc_...``: what the sideband socket and the other verbs take. None when the server did not say."""
    location: str
    """The ``Location`` header as it came, empty without one."""


class Calls:
    """The verbs of a call; reached as ``RealtimeHTTP.calls``."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def create(self, sdp: str, session: RealtimeSessionConfig | Mapping[str, Any] | None = None) -> Call:
        """Open a WebRTC call with an SDP offer. Without a ``session`` the key has to be a client secret that has one.

        Never repeated after an unclear failure: the first call may be open.
        """
        if not sdp.strip():
            raise InvalidArgument("an SDP offer is needed", path="sdp")
        offer = Part(content_type="application/sdp", data=sdp.encode())
        headers = {"accept": "application/sdp"}
        if session is None:
            request = Outgoing(path="/realtime/calls", body=offer, headers=headers)
        else:
            config = Part(content_type="application/json", data=msgspec.json.encode(_as_json(session)))
            request = Outgoing(path="/realtime/calls", parts={"sdp": offer, "session": config}, headers=headers)
        answer = await self._exchange.send(request)
        location = answer.headers.get("location", "")
        return Call(answer=answer.body.decode("utf-8", "replace"), call_id=_id_in(location), location=location)

    async def accept(self, call_id: str, session: RealtimeSessionConfig | Mapping[str, Any]) -> bool:
        """Take an incoming SIP call with ``session``. Returns False when the caller has left."""
        return await self._act(call_id, "accept", _as_json(session), idempotent=False)

    async def reject(self, call_id: str, status_code: int = 603) -> bool:
        """Refuse an incoming SIP call. ``status_code`` is the SIP status: 603 declines, 486 is busy.

        Returns False when the caller has left. Raises ``InvalidArgument`` for what is no refusal.
        """
        if not 300 <= status_code <= 699:
            raise InvalidArgument(f"a SIP refusal is 300 to 699, not {status_code}", path="status_code")
        return await self._act(call_id, "reject", {"status_code": status_code}, idempotent=True)

    async def refer(self, call_id: str, target_uri: str) -> bool:
        """Transfer a SIP call to ``target_uri`` (``tel:+1..``, ``sip:..``). Returns False when the caller has left."""
        if not target_uri.partition(":")[2]:
            raise InvalidArgument("must look like tel:+14155550123 or sip:agent@example.com", path="target_uri")
        return await self._act(call_id, "refer", {"target_uri": target_uri}, idempotent=False)

    async def hangup(self, call_id: str) -> bool:
        """End a SIP or WebRTC call. Returns False when it was over already."""
        return await self._act(call_id, "hangup", None, idempotent=True)

    async def _act(self, call_id: str, verb: str, body: Mapping[str, Any] | None, *, idempotent: bool) -> bool:
        # quote() leaves dots alone, and a path of dots would act on another resource.
        if not call_id.strip("."):
            raise InvalidArgument("a call id is needed", path="call_id")
        path = f"/realtime/calls/{quote(call_id, safe='')}/{verb}"
        try:
            await self._exchange.send(Outgoing(path=path, json=body, idempotent=idempotent))
        except ApiError as error:
            if error.status != GONE:
                raise
            return False
        return True


def _id_in(location: str) -> str | None:
    """Return the last segment of a ``Location``, absolute or not."""
    return unquote(urlsplit(location).path.rstrip("/").rpartition("/")[2]) or None


def _as_json(session: RealtimeSessionConfig | Mapping[str, Any]) -> dict[str, Any]:
    config = dict(session) if isinstance(session, Mapping) else to_dict(session)
    return {"type": "realtime", **config}
