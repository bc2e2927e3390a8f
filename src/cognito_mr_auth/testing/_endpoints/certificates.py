"""A throw-away certificate authority for the loopback endpoints' TLS.

Owns one authority per process. It is made at first use and ends with the process. Only a context that a test
requests trusts it: nothing goes into a trust store, and the authority's key is not kept.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
import tempfile
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["client_context", "server_context"]

# Long enough for a test run that is left open in a debugger, and short enough to be worthless to a thief.
VALID_DAYS: Final = 7
# A container's clock may be behind the clock of the machine that made its image.
BACKDATED_DAYS: Final = 1


class _Authority(NamedTuple):
    certificate_pem: bytes
    server_pem: bytes  # certificate, then its key


def server_context() -> ssl.SSLContext:
    """Return a context for servers on 127.0.0.1, ::1 and localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The ssl module reads certificates only from files.
    with tempfile.TemporaryDirectory(prefix="fake-cognito-") as folder:
        chain = Path(folder) / "server.pem"
        chain.write_bytes(_authority().server_pem)
        context.load_cert_chain(chain)
    return context


def client_context() -> ssl.SSLContext:
    """Return a context that trusts only the throw-away authority. Host names are checked as usual."""
    return ssl.create_default_context(cadata=_authority().certificate_pem.decode())


@cache
def _authority() -> _Authority:
    """Make an authority with a P-256 key, because that takes only a millisecond."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("fake-cognito throw-away authority")
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(authority_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _builder(_name("localhost"), authority_name, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False)
        # VERIFY_X509_STRICT, the default since Python 3.13, requires it (RFC 5280 section 4.2.1.1).
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName(_loopback_names()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return _Authority(
        certificate_pem=authority.public_bytes(pem),
        server_pem=server.public_bytes(pem)
        + server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = _system_time()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=BACKDATED_DAYS))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
    )


def _system_time() -> dt.datetime:
    """Return the time with which OpenSSL compares a certificate. A test's frozen clock does not change it."""
    with tempfile.TemporaryFile() as made:
        return dt.datetime.fromtimestamp(os.fstat(made.fileno()).st_mtime, dt.UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _loopback_names() -> list[x509.GeneralName]:
    return [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
