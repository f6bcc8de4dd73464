"""Basic authentication, for those who sign nothing: Exotel's streams, Asterisk's ``websocket_client.conf``, jambonz."""

from __future__ import annotations

import base64

from realtime_transport.secret import Secret
from realtime_transport.telephony.signatures.request import SignedRequest, check


class BasicAuthVerifier:
    """Verify that a request brings a user name and a password of our choice.

    It says who asks, not what was asked: whoever reads the request can repeat it, so it is worth what TLS is worth.
    """

    def __init__(self, username: str, password: str | Secret) -> None:
        pair = f"{username}:{Secret(password).reveal()}"
        self._expected = Secret(f"Basic {base64.b64encode(pair.encode()).decode()}")

    def verify(self, request: SignedRequest, now: float) -> None:
        """Return when the credentials are ours. ``now`` plays no part. Raises ``SignatureError``."""
        scheme, _, credentials = request.required("authorization").partition(" ")
        check([self._expected.reveal()], [f"{scheme.title()} {credentials.strip()}"])
