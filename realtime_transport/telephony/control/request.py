"""What is asked of a carrier over REST, as data, and the interface that every carrier's builder fills.

Builders are pure and hold the key masked: ``auth`` alone reveals it, for one request that is about to leave.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, NoReturn, Protocol, TypeAlias
from urllib.parse import quote, urlencode

import attrs
import msgspec

from realtime_transport.exceptions import ApiError, InvalidArgument, UnsupportedOperation
from realtime_transport.secret import Secret
from realtime_transport.telephony.codecs import CallStarted
from realtime_transport.telephony.codecs.base import DTMF_DIGITS

ControlOutcome: TypeAlias = Literal["done", "over", "unconfirmed"]
"""``done``: the carrier said so. ``over``: the call had ended before, which is no error. ``unconfirmed``: no answer
came in time, so it may have happened."""

GONE: Final = frozenset({404, 410})
"""What REST says of a call that is no more, where the carrier has no word of its own for that."""


@attrs.frozen(kw_only=True)
class ControlRequest:
    """One request without its key."""

    method: str
    url: str
    content_type: str = ""
    body: bytes | None = attrs.field(default=None, repr=False)
    """It may hold keys that were pressed, hence no repr."""
    idempotent: bool = False
    """Doing it twice is the same as doing it once, so an unclear failure may be repeated."""


class ControlsCalls(Protocol):
    """What acts on calls outside of their streams: ``CallControl``, or an object of yours around a vendor's library."""

    @property
    def dtmf_ends_stream(self) -> bool:
        """Whether sending keys tears the stream down; the same call comes back with another one."""
        ...

    async def hangup(self, call: CallStarted) -> ControlOutcome:
        """End the call."""
        ...

    async def send_dtmf(self, call: CallStarted, digits: str) -> ControlOutcome:
        """Press keys towards the caller."""
        ...

    async def transfer(self, call: CallStarted, target: str) -> ControlOutcome:
        """Connect the caller to ``target``."""
        ...


class CarrierControl(ABC):
    """One carrier's REST interface. What it cannot do raises ``UnsupportedOperation``, naming the alternative."""

    name: ClassVar[str]
    dtmf_ends_stream: ClassVar[bool] = False
    """Sending keys tears the stream down; the same call comes back with another one."""
    base_url: str
    """Where the interface is, without a last slash."""

    @abstractmethod
    def auth(self, now: float) -> Mapping[str, str]:
        """Return the headers that prove who asks; ``now`` is in Unix seconds, for tokens that expire."""

    @abstractmethod
    def hangup(self, call: CallStarted) -> ControlRequest:
        """Ask for the end of the call."""

    def send_dtmf(self, call: CallStarted, digits: str) -> ControlRequest:
        """Ask for keys to be pressed towards the caller."""
        self._cannot("press keys over REST")

    def transfer(self, call: CallStarted, target: str) -> ControlRequest:
        """Ask for the caller to be connected to ``target``: a number, or ``sip:``."""
        self._cannot("transfer over REST")

    def is_over(self, error: ApiError) -> bool:
        """Tell whether an answer means that the call has ended already."""
        return error.status in GONE

    def _cannot(self, what: str) -> NoReturn:
        raise UnsupportedOperation(f"{self.name} is not known to {what}")


def basic(user: str, password: Secret) -> dict[str, str]:
    """Make the header of HTTP Basic."""
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()}


def bearer(token: Secret) -> dict[str, str]:
    """Make the header of a bearer token."""
    return {"authorization": f"Bearer {token.reveal()}"}


def segment(value: str) -> str:
    """Return ``value`` as one segment of a path. Raises ``InvalidArgument`` for what would name another resource."""
    if not value.strip("."):
        raise InvalidArgument("the carrier has not named the call", path="call_id")
    return quote(value, safe="")


def checked_digits(digits: str) -> str:
    """Return keys that a telephone has. Raises ``InvalidArgument`` for others, and for none."""
    if not digits or not DTMF_DIGITS.issuperset(digits):
        raise InvalidArgument("has to be of 0-9, *, # and A-D", path="digits")
    return digits


def checked_target(target: str) -> str:
    """Return where a call is passed on to, as a number or a SIP address. Raises ``InvalidArgument`` for neither."""
    number = target.removeprefix("tel:")
    is_number = number.removeprefix("+").isdecimal()
    scheme, _, address = target.partition(":")
    is_sip = scheme in {"sip", "sips"} and bool(address) and target.isprintable()
    if not (is_number or is_sip) or " " in target:
        raise InvalidArgument("has to be a number (+14155550123) or sip:agent@example.com", path="target")
    return number


def form(method: str, url: str, fields: Mapping[str, str], *, idempotent: bool = False) -> ControlRequest:
    """Make a request with a form."""
    return ControlRequest(
        method=method,
        url=url,
        content_type="application/x-www-form-urlencoded",
        body=urlencode(fields).encode(),
        idempotent=idempotent,
    )


def json(method: str, url: str, content: Mapping[str, object], *, idempotent: bool = False) -> ControlRequest:
    """Make a request with a JSON object."""
    return ControlRequest(
        method=method,
        url=url,
        content_type="application/json",
        body=msgspec.json.encode(content),
        idempotent=idempotent,
    )
