"""Standards that the source keeps by what it does not hold: other algorithms, ciphers, decompression.

docs/security.md lists every requirement with the test that keeps it; the ids (STD-..) are its rows.
"""

from __future__ import annotations

import ast
import ssl
from pathlib import Path

from support import source_rules

from cognito_mr_auth._remote.fetch import JWKSFetcher

SRC = Path(__file__).resolve().parents[2] / "src"


def _library() -> list[tuple[str, ast.Module]]:
    """The modules that verify; the testing kit mints what is wrong, and the command line shows a peer."""
    others = ("cognito_mr_auth.testing", "cognito_mr_auth.cli")
    return [(n, tree) for n, _, tree in source_rules.modules(SRC) if not n.startswith(others)]


ALGORITHMS = {"none", "HS256", "HS384", "HS512", "RS384", "RS512", "PS256", "PS384", "PS512"}
ALGORITHMS |= {"ES256", "ES256K", "ES384", "ES512", "EdDSA", "Ed25519", "RS256"}


def test_one_algorithm_is_named_in_the_source() -> None:
    """STD-01, STD-03, RFC 8725 3.1: an allow-list of one, and no list of what is forbidden."""
    named = {
        (node.value, name.partition(".")[2])
        for name, tree in _library()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ALGORITHMS
    }
    # PyJWT's adapter names it to make PyJWT's key object; nothing is decided there.
    assert {text for text, _ in named} == {"RS256"}
    assert {module for _, module in named} <= {"_jwt.compact", "_jwks.document", "pyjwt"}


def test_no_other_cryptography_is_imported() -> None:
    """STD-01, STD-08: no HMAC, no cipher, no key derivation and no decompression in the library."""
    imported = {name for _, tree in _library() for name in _imports(tree)}
    banned = {"hmac", "zlib", "gzip", "bz2", "lzma", "zipfile", "pickle", "marshal", "secrets"}
    assert imported & banned == set()
    primitives = {name for name in imported if name.startswith("cryptography.")}
    assert primitives == {
        "cryptography.exceptions",
        "cryptography.hazmat.primitives.asymmetric.padding",
        "cryptography.hazmat.primitives.asymmetric.rsa",
        "cryptography.hazmat.primitives.asymmetric.utils",
        "cryptography.hazmat.primitives.hashes",
    }


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def test_certificates_are_checked_unless_the_caller_brings_a_context() -> None:
    """STD-30, RFC 9700 2.6: authority and host name are checked, and nothing below TLS 1.2 is spoken."""
    fetcher = JWKSFetcher()
    fetcher.prepare(["https://cognito-idp.us-west-2.amazonaws.com/"])
    context = fetcher._ssl_context
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    switches = {
        ast.unparse(node)
        for _, tree in _library()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("CERT_NONE", "_create_unverified_context"))
        or (isinstance(node, ast.keyword) and node.arg in ("verify", "check_hostname"))
    }
    assert switches == set()
