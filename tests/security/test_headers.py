"""Forged headers through the whole verifier: read in full, or found in its header cache (T3, S1, S3)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.segments import octets_of, segment
from support.verdicts import verdict

from cognito_mr_auth import Principal, Verifier, errors
from cognito_mr_auth._jwt.compact import MAX_HEADERS
from cognito_mr_auth.errors import AlgorithmNotAllowed, AuthError, KeyUnknown, TokenMalformed
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool, SigningKey

POOL = FakeUserPool(clock=FakeClock())
KID = POOL.access_key.kid
GOOD = POOL.access_token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
OTHER_KEY = SigningKey(KID)

Header = dict[str, Any] | bytes


def primed() -> Verifier:
    """A verifier whose caches hold the good token and its header."""
    verifier = POOL.offline_verifier()
    verifier.verify(GOOD)
    assert list(verifier._header_cache.kids.values()) == [KID]
    return verifier


FRESH, PRIMED, UNCACHED = POOL.offline_verifier(), primed(), POOL.offline_verifier(cache_size=0)
UNCACHED.verify(GOOD)
STATES = {"fresh": FRESH, "header-and-token-known": PRIMED, "header-known-no-cache": UNCACHED}


def ends(verifier: Verifier, token: str) -> type[AuthError] | None:
    """The class of the error, or None."""
    found = verdict(verifier, token)
    return None if isinstance(found, Principal) else type(found)


def header(**changes: Any) -> dict[str, Any]:
    """The good header with members changed, added or removed."""
    changed = {"kid": KID, "alg": "RS256"} | changes
    return {name: value for name, value in changed.items() if value is not REMOVE}


def raw(text: str) -> bytes:
    """A header as text, with the good kid for %s."""
    return text.replace("%s", KID).encode()


SIGNERS: dict[str, Callable[[str], bytes]] = {
    "signed-by-the-pool": lambda text: POOL.access_key.sign(text.encode()),
    "signed-by-another-key": lambda text: OTHER_KEY.sign(text.encode()),
    "unsigned": lambda text: b"",
}


def forged(part: Header, signer: str) -> str:
    """A token of the good payload under this header."""
    text = f"{segment(part)}.{PAYLOAD}"
    return f"{text}.{segment(SIGNERS[signer](text))}"


ALGORITHMS: list[Any] = ["none", "None", "NONE", "nOnE", "none ", "none\0", "", REMOVE, None]
ALGORITHMS += [[], ["RS256"], [["RS256"]], {"RS256": 1}, 256, 0, True, "rs256", "RS256 ", " RS256", "RS256\n"]
ALGORITHMS += ["RS256\0", "\uff32\uff33256", "RS\u0662\u0665\u0666", "RS256,none", "HS256", "HS384", "HS512"]
ALGORITHMS += ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES256K", "ES384", "EdDSA", "Ed25519"]
ALGORITHMS += ["dir", "A256KW", "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "PBES2-HS256+A128KW", "ECDH-ES"]

# Each with an attacker's values; also false and null, since a reader may look only for the name.
BRINGING: dict[str, list[Any]] = {
    "jwk": [OTHER_KEY.jwk(), POOL.access_key.jwk(), {}, None],
    "jku": ["http://127.0.0.1:9/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", None],
    "x5u": ["gopher://127.0.0.1:9/_x", "data:application/json,{}", "https://cognito-idp.example/", ""],
    "x5c": [["AAAA"], [], None],
    "crit": [["exp"], ["b64"], ["kid", "kid"], [], None, "exp", {"exp": 1}, [1]],
    "b64": [False, True, "false", None],
    "zip": ["DEF", "", None],
    "enc": ["A256GCM", None],
    "p2c": [2**31 - 1, 0, -1, 1e308],
    "cty": ["JWT", "application/jwt", "jwt", "", None],
}

ROWS: dict[str, tuple[Header, type[AuthError]]] = {
    **{f"ATK-01-05 alg {value!r}": (header(alg=value), AlgorithmNotAllowed) for value in ALGORITHMS},
    **{
        f"ATK-06-09-10-46 {name} {number}": (header(**{name: value}), TokenMalformed)
        for name, values in BRINGING.items()
        for number, value in enumerate(values)
    },
    "ATK-05 alg twice": (raw('{"alg":"none","alg":"RS256","kid":"%s"}'), TokenMalformed),
    "ATK-05 alg twice, the other way": (raw('{"alg":"RS256","alg":"none","kid":"%s"}'), TokenMalformed),
    "ATK-30 alg twice, escaped": (
        raw('{"alg":"RS256","\\u0061lg":"none","kid":"%s"}'),
        TokenMalformed,
    ),
    "ATK-30 kid twice": (raw('{"alg":"RS256","kid":"x","kid":"%s"}'), TokenMalformed),
    "ATK-30 a name in capitals is no alg": (raw('{"ALG":"RS256","kid":"%s"}'), AlgorithmNotAllowed),
    "ATK-30 a name in capitals is no kid": (raw('{"alg":"RS256","KID":"%s"}'), TokenMalformed),
    "T3 an escaped jku": (
        raw('{"alg":"RS256","\\u006aku":"http://127.0.0.1:9/","kid":"%s"}'),
        TokenMalformed,
    ),
    "inherited members": (raw('{"__proto__":{"alg":"RS256","kid":"%s"}}'), AlgorithmNotAllowed),
    "a list of headers": (raw('[{"alg":"RS256","kid":"%s"}]'), TokenMalformed),
    "two headers": (raw('{"alg":"RS256","kid":"%s"}{"alg":"none"}'), TokenMalformed),
    "a BOM": (b"\xef\xbb\xbf" + raw('{"alg":"RS256","kid":"%s"}'), TokenMalformed),
    "UTF-16": (raw('{"alg":"RS256","kid":"%s"}').decode().encode("utf-16"), TokenMalformed),
    "empty": (b"", TokenMalformed),
    "an empty object": (b"{}", AlgorithmNotAllowed),
    **{
        f"kid of another type: {value!r}".replace(KID, "KID"): (header(kid=value), TokenMalformed)
        for value in (REMOVE, None, "", 0, 1, True, 1.5, [], [KID], {KID: KID}, "k" * 257)
    },
    **{
        f"STD-13 nearly the kid: {name}": (header(kid=value), KeyUnknown)
        for name, value in {
            "a space behind": KID + " ",
            "a space before": " " + KID,
            "NUL behind": KID + "\0",
            "a line end behind": KID + "\n",
            "lower case": KID.lower(),
            "upper case": KID.upper(),
            "no padding": KID.rstrip("="),
            "percent-encoded": KID.replace("=", "%3D"),
            "a zero-width space": KID + "\u200b",
            "an accent": KID[0] + "\u0301" + KID[1:],
        }.items()
    },
    **{
        f"STD-13 kid {value[:24]!r}": (header(kid=value), KeyUnknown)
        for value in (
            "../../../../dev/null",
            "/proc/self/environ",
            "http://127.0.0.1:9/jwks.json",
            "' OR '1'='1",
            "x' UNION SELECT 'key'; --",
            "$(id)`id`|id",
            "{}%s%n${jndi:ldap://127.0.0.1:9/x}",
            "\x1b[31m\r\nINFO forged log line",
            "*",
            "__class__",
            "0",
        )
    },
    "STD-14 another kind of token": (header(typ="logout+jwt"), TokenMalformed),
    "STD-14 a Kelvin sign in typ": (header(typ="\u212awt"), TokenMalformed),
    "STD-14 typ of another type": (header(typ=["JWT"]), TokenMalformed),
    "ATK-25 a load balancer's": (
        header(alg="ES256", signer="arn:aws:elasticloadbalancing:x", iss=POOL.issuer(), exp=2**31),
        AlgorithmNotAllowed,
    ),
    "ATK-24 an identity pool's": (header(alg="RS512", typ="JWS"), AlgorithmNotAllowed),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_forged_header_is_refused_in_every_state(row: str) -> None:
    """One error, whatever key signed and whatever the verifier has seen before, sync or async; twice."""
    part, kind = ROWS[row]
    for signer in SIGNERS:
        token = forged(part, signer)
        found = [ends(verifier, token) for verifier in STATES.values() for _ in range(2)]
        assert (signer, set(found)) == (signer, {kind})
    assert all(set(each._header_cache.kids) <= {HEAD.encode()} for each in STATES.values())


PIECES = {
    "header as payload": f"{HEAD}.{HEAD}.{SIGNATURE}",
    "header as signature": f"{HEAD}.{PAYLOAD}.{HEAD}",
    "no payload": f"{HEAD}..{SIGNATURE}",
    "no signature": f"{HEAD}.{PAYLOAD}.",
    "neither": f"{HEAD}..",
    "header alone": HEAD,
    "two parts": f"{HEAD}.{PAYLOAD}",
    "no header": f".{PAYLOAD}.{SIGNATURE}",
    "header twice": f"{HEAD}.{GOOD}",
    "header doubled": f"{HEAD}{GOOD}",
    "dot before": f".{GOOD}",
    "dot after": f"{GOOD}.",
    "four parts": f"{GOOD}.{SIGNATURE}",
    "five parts": f"{HEAD}.{PAYLOAD}.{PAYLOAD}.{PAYLOAD}.{SIGNATURE}",
    "parts reversed": f"{SIGNATURE}.{PAYLOAD}.{HEAD}",
    "header and payload changed places": f"{PAYLOAD}.{HEAD}.{SIGNATURE}",
    "two tokens": f"{GOOD}{GOOD}",
    "two tokens and a comma": f"{GOOD},{GOOD}",
    "space in the header": f" {GOOD}",
    "padded header": f"{HEAD}=.{PAYLOAD}.{SIGNATURE}",
    "another payload": f"{HEAD}.{segment({'iss': POOL.issuer()})}.{SIGNATURE}",
    "signature of nothing": f"{HEAD}.{PAYLOAD}.{segment(POOL.access_key.sign(b''))}",
    "signature of the payload": f"{HEAD}.{PAYLOAD}.{segment(POOL.access_key.sign(PAYLOAD.encode()))}",
    "signature of the header": f"{HEAD}.{PAYLOAD}.{segment(POOL.access_key.sign(HEAD.encode()))}",
    "signature of the JSON": f"{HEAD}.{PAYLOAD}.{segment(POOL.access_key.sign(octets_of(PAYLOAD)))}",
}


@pytest.mark.parametrize("token", PIECES.values(), ids=PIECES)
def test_a_known_header_carries_nothing_else(token: str) -> None:
    """A cached header changes no verdict on the other parts; the good token stays good."""
    found = [ends(verifier, token) for verifier in STATES.values()]
    assert len(set(found)) == 1
    assert found[0] in (TokenMalformed, AlgorithmNotAllowed, errors.IssuerUnknown, errors.SignatureInvalid)
    assert ends(PRIMED, GOOD) is None


def test_only_valid_signatures_fill_the_header_cache() -> None:
    """A flood of headers under invalid signatures leaves the header cache as it was (ATK-58)."""
    verifier = primed()
    for number in range(2 * MAX_HEADERS):
        token = forged(header(flood=number), "signed-by-another-key")
        assert ends(verifier, token) is errors.SignatureInvalid
        unknown = POOL.access_token(signed_by="unknown", header={"flood": number})
        assert ends(verifier, unknown) is KeyUnknown
    assert set(verifier._header_cache.kids) == {HEAD.encode()}


def test_a_cached_header_brings_no_key() -> None:
    """Its kid is looked up each time: a withdrawn key ends new tokens under an old header (K1)."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock, replica_regions=[])
    with pool.serve(), pool.verifier() as verifier:
        verifier.warm(timeout=30.0)
        old = pool.access_key
        verifier.verify(pool.access_token())
        pool.rotate()
        pool.withdraw()
        verifier.warm(timeout=30.0)
        assert old.kid in verifier._header_cache.kids.values()
        for token in (
            pool.access_token(signed_by=old),
            pool.access_token(signed_by=OTHER_KEY.under(old.kid)),
        ):
            with pytest.raises(KeyUnknown):
                verifier.verify(token)


@pytest.mark.usefixtures("hurried")
def test_threads_that_replace_the_header_cache_let_nothing_in() -> None:
    """Four threads fill the header cache over and over while four forge the headers that it holds."""
    verifier = POOL.offline_verifier(cache_size=0)
    headers = [header(spelled=number) for number in range(MAX_HEADERS + 6)]
    good = [forged(each, "signed-by-the-pool") for each in headers]
    bad = [forged(each, "signed-by-another-key") for each in headers]
    bad += [token.replace(segment(header(spelled=0)), segment(header(alg="none"))) for token in good[:1]]

    def work(tokens: list[str]) -> set[type[AuthError] | None]:
        return {ends(verifier, token) for _ in range(3) for token in tokens}

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(work, [good, bad] * 4))
    assert found[::2] == [{None}] * 4
    assert found[1::2] == [{errors.SignatureInvalid, AlgorithmNotAllowed}] * 4
    assert len(verifier._header_cache.kids) <= MAX_HEADERS
