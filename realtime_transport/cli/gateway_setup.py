"""What each carrier needs: its secrets from the environment, and the lines to enter at its console."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from realtime_transport.exceptions import InvalidArgument
from realtime_transport.telephony.control import (
    CallControl,
    CarrierControl,
    PlivoControl,
    TelnyxControl,
    TwilioControl,
)
from realtime_transport.telephony.signatures import (
    BasicAuthVerifier,
    GenesysVerifier,
    PlivoVerifier,
    TelnyxVerifier,
    TwilioVerifier,
    Verifier,
    VonageVerifier,
)


@attrs.frozen(kw_only=True)
class Setup:
    """One carrier, as a person sets it up."""

    secrets: tuple[str, ...]
    """Environment variables, in the order that ``verifier`` takes them."""
    where: str
    """Where the carrier's console shows them."""
    verifier: Callable[..., Verifier]
    vouches_for_streams: bool = False
    """Whether the same credentials may come with the stream, instead of a token."""
    console: tuple[tuple[str, str], ...]
    """What to enter, and where; ``{http}`` and ``{ws}`` are the public address."""


def _genesys(api_key: str, client_secret: str) -> Verifier:
    return GenesysVerifier({api_key: client_secret})


_BASIC: Final = ("GATEWAY_USERNAME", "GATEWAY_PASSWORD")
_CHOSEN: Final = "they are yours to choose"

SETUPS: Final[Mapping[str, Setup]] = {
    "twilio": Setup(
        secrets=("TWILIO_AUTH_TOKEN",),
        where="Account > API keys & tokens: the primary auth token",
        verifier=TwilioVerifier,
        console=(
            ("Phone Numbers > (number) > A call comes in", "Webhook, {http}/answer, HTTP POST"),
            ("Phone Numbers > (number) > Call status changes", "{http}/status, HTTP POST"),
        ),
    ),
    "telnyx": Setup(
        secrets=("TELNYX_PUBLIC_KEY",),
        where="Account > Public key",
        verifier=TelnyxVerifier,
        console=(
            ("Voice > TeXML applications > (application) > Webhook URL", "{http}/answer, POST"),
            ("Voice > TeXML applications > (application) > Status callback", "{http}/status, POST"),
        ),
    ),
    "plivo": Setup(
        secrets=("PLIVO_AUTH_TOKEN",),
        where="Overview: the auth token",
        verifier=PlivoVerifier,
        console=(
            ("Voice > Applications > (application) > Answer URL", "{http}/answer, POST"),
            ("Voice > Applications > (application) > Hangup URL", "{http}/status, POST"),
        ),
    ),
    "vonage": Setup(
        secrets=("VONAGE_SIGNATURE_SECRET",),
        where="Settings > Signed webhooks: the signature secret, not the API secret",
        verifier=VonageVerifier,
        console=(
            ("Applications > (application) > Voice > Answer URL", "{http}/answer, POST"),
            ("Applications > (application) > Voice > Event URL", "{http}/status, POST"),
        ),
    ),
    "exotel": Setup(
        secrets=_BASIC,
        where=_CHOSEN,
        verifier=BasicAuthVerifier,
        vouches_for_streams=True,
        console=(("App Bazaar > (flow) > Voicebot > URL", "{ws_with_login}/stream"),),
    ),
    "genesys": Setup(
        secrets=("GENESYS_API_KEY", "GENESYS_CLIENT_SECRET"),
        where="Integrations > AudioHook or Audio Connector > Credentials",
        verifier=_genesys,
        console=(("Integrations > (integration) > Connection URI", "{ws}/stream"),),
    ),
    "jambonz": Setup(
        secrets=_BASIC,
        where=_CHOSEN,
        verifier=BasicAuthVerifier,
        console=(
            ("Applications > (application) > Calling webhook", "{http}/answer, POST, with basic auth"),
            ("Applications > (application) > Call status webhook", "{http}/status, POST, with basic auth"),
        ),
    ),
    "asterisk": Setup(
        secrets=_BASIC,
        where=_CHOSEN,
        verifier=BasicAuthVerifier,
        vouches_for_streams=True,
        console=(
            ("websocket_client.conf, [gateway]", "uri = {ws}/stream, username, password, protocols = media"),
            ("extensions.conf", "same => n,Dial(WebSocket/gateway/c(ulaw))"),
        ),
    ),
    "audiosocket": Setup(
        secrets=_BASIC,
        where=_CHOSEN,
        verifier=BasicAuthVerifier,
        console=(
            ("extensions.conf", "same => n,Set(CURLOPT(userpwd)=(username):(password))"),
            ("", "same => n,Set(CALL=${{CURL({http}/answer?call_id=${{UNIQUEID}}&caller=${{CALLERID(num)}})}})"),
            ("", 'same => n,GotoIf($["${{CALL}}" = ""]?busy)'),
            ("", "same => n,AudioSocket(${{CALL}},{host}:{audiosocket_port})"),
        ),
    ),
}
"""Carrier -> how to set it up. Look-alikes have no entry: whether they sign, and how, nobody here has tried."""


@attrs.frozen(kw_only=True)
class ControlSetup:
    """What acting on a carrier's calls over REST takes, beside its stream."""

    secrets: tuple[str, ...]
    make: Callable[[Mapping[str, str], str], CarrierControl]
    """Makes the control from the environment and the webhook's address."""


CONTROLS: Final[Mapping[str, ControlSetup]] = {
    "twilio": ControlSetup(
        secrets=("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
        make=lambda env, answer_url: TwilioControl(
            account_sid=env["TWILIO_ACCOUNT_SID"], auth_token=env["TWILIO_AUTH_TOKEN"], answer_url=answer_url
        ),
    ),
    "telnyx": ControlSetup(
        secrets=("TELNYX_API_KEY",), make=lambda env, answer_url: TelnyxControl(api_key=env["TELNYX_API_KEY"])
    ),
    "plivo": ControlSetup(
        secrets=("PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN"),
        make=lambda env, answer_url: PlivoControl(auth_id=env["PLIVO_AUTH_ID"], auth_token=env["PLIVO_AUTH_TOKEN"]),
    ),
}
"""Carrier -> how its calls are acted on; what is not in the environment cannot be done, and says so when asked for."""


def control_for(carrier: str, environment: Mapping[str, str], answer_url: str) -> CallControl | None:
    """Make the control of a carrier's calls; None when its secrets are not there. Raises ``MissingExtra``."""
    setup = CONTROLS.get(carrier)
    if setup is None or not all(environment.get(name) for name in setup.secrets):
        return None
    return CallControl(setup.make(environment, answer_url))


def verifier_for(setup: Setup, environment: Mapping[str, str]) -> Verifier:
    """Make the carrier's verifier. Raises ``InvalidArgument`` with what is missing, and where it is found."""
    missing = [name for name in setup.secrets if not environment.get(name)]
    if missing:
        raise InvalidArgument(
            f"set {' and '.join(missing)} ({setup.where}), or say --allow-unsigned to take calls from anybody"
        )
    return setup.verifier(*(environment[name] for name in setup.secrets))


def directions(console: Sequence[tuple[str, str]], **addresses: object) -> str:
    """Lay out what is to be entered at the carrier's console."""
    width = max((len(where) for where, _ in console), default=0)
    return "\n".join(f"  {where:<{width}}  {what.format(**addresses)}" for where, what in console)
