"""A certificate for this machine, signed by nobody but itself: for clients that insist on ``wss``."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Final

from realtime_transport.exceptions import MissingExtra

NAMES: Final = ("localhost",)
ADDRESSES: Final = ("127.0.0.1", "::1")
LIFETIME: Final = datetime.timedelta(days=7)
"""Long enough for any test, short enough that nobody trusts one for good."""
_SKEW: Final = datetime.timedelta(minutes=5)
"""Clients in virtual machines run a little behind."""


def self_signed(folder: Path, host: str, unix_time: float) -> tuple[Path, Path]:
    """Write a certificate and its key into ``folder`` for this machine and ``host``; return both paths.

    The key is readable by its owner only. Raises ``MissingExtra`` without the extra ``server``.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise MissingExtra("cryptography", "server") from error
    now = datetime.datetime.fromtimestamp(unix_time, datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "realtime-transport emulator")])
    hosts: list[x509.GeneralName] = [x509.DNSName(known) for known in NAMES]
    for known in dict.fromkeys((*ADDRESSES, host)):
        try:
            hosts.append(x509.IPAddress(ipaddress.ip_address(known)))
        except ValueError:
            hosts.append(x509.DNSName(known))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.touch(mode=0o600)
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_path, key_path
