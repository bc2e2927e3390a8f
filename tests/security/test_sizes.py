"""What is too large is refused before it is copied, and no text of any size takes long (ATK-36, ATK-37)."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from support.segments import segment

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth._jwks.document import MAX_KEYS, read_document
from cognito_mr_auth._jwks.model import MAX_DOCUMENT_BYTES, FetchError
from cognito_mr_auth._jwt.compact import MAX_HEADER_CHARS, MAX_TOKEN_CHARS
from cognito_mr_auth._runtime.token_cache import MAX_CACHED_CHARS
from cognito_mr_auth._web.bearer import HTTPRequest, Sources, find_token
from cognito_mr_auth.errors import AuthError, CredentialsMissing, RequestMalformed, TokenMalformed
from cognito_mr_auth.testing import FakeClock, FakeUserPool

# A refusal takes some kilobytes (the error, its traceback); a copy of the text would be megabytes.
A_COPY = 256 * 1024
# Of processor time, not by the wall: what is linear takes milliseconds here, what is not takes minutes.
LINEAR_SECONDS = 1.0
MEMBER_SECONDS = 0.2

POOL = FakeUserPool(clock=FakeClock())
GOOD = POOL.access_token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")


@pytest.fixture(params=["empty", "primed"])
def verifier(request: pytest.FixtureRequest) -> Iterator[Verifier]:
    """A verifier that has seen nothing, and one that has the good token in its cache."""
    with POOL.offline_verifier() as made:
        if request.param == "primed":
            made.verify(GOOD)
        yield made


def refusing(verifier: Verifier, token: str) -> list[type[AuthError]]:
    """The errors of verify and averify."""
    found = []
    for call in (verifier.verify, lambda each: verifier.averify(each).send(None)):
        with pytest.raises(AuthError) as caught:
            call(token)
        found.append(type(caught.value))
    return found


HUGE: dict[str, Callable[[], str]] = {
    "100 MB": lambda: "A" * 100_000_000,
    "10 million dots": lambda: "." * 10_000_000,
    "a good token and 50 MB": lambda: GOOD + "A" * 50_000_000,
    "50 MB and a good token": lambda: "A" * 50_000_000 + GOOD,
    "a good token a hundred thousand times": lambda: GOOD * 50_000,
    "5 million of four octets each": lambda: "\U0001f511" * 5_000_000,
    "5 million surrogates": lambda: "\ud800" * 5_000_000,
    "spaces and a good token": lambda: " " * 10_000_000 + GOOD,
    "a scheme and 10 MB": lambda: "Bearer " + "A" * 10_000_000,
    "one character too long": lambda: f"{HEAD}.{'A' * (MAX_TOKEN_CHARS - len(HEAD) - 1)}.",
}


@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE)
def test_what_is_too_long_is_refused_without_a_copy(verifier: Verifier, make: Callable[[], str]) -> None:
    """ATK-37: the length is looked at first; not hashed for the cache, not encoded, not split."""
    token = make()
    assert len(token) > MAX_TOKEN_CHARS
    refusing(verifier, token)  # what is loaded by a first refusal is loaded now
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        started = time.thread_time()
        assert refusing(verifier, token) == [TokenMalformed] * 2
        taken = time.thread_time() - started
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < A_COPY
    assert taken < LINEAR_SECONDS


def signed(payload: bytes) -> str:
    """Signed by the pool, so that nothing but the content can refuse it."""
    return POOL.sign(None, payload)


def filled(opening: bytes, piece: bytes, closing: bytes = b"") -> bytes:
    """As much of the piece as the longest token holds."""
    room = MAX_TOKEN_CHARS * 3 // 4 - 400 - len(opening) - len(closing)
    return opening + piece * (room // len(piece)) + closing


CLAIMS = json.dumps({"iss": POOL.issuer()}).encode()[:-1]

# Each is just short enough to be read, and expensive for some parser.
EXPENSIVE: dict[str, Callable[[], str]] = {
    "dots": lambda: "." * MAX_TOKEN_CHARS,
    "dots and letters": lambda: "A." * (MAX_TOKEN_CHARS // 2),
    "a long header": lambda: "A" * (MAX_TOKEN_CHARS - 2) + "..",
    "a header at its limit": lambda: (
        f"{segment(b'[' * (MAX_HEADER_CHARS * 3 // 4 - 3))}.{PAYLOAD}.{SIGNATURE}"
    ),
    "a long signature": lambda: f"{HEAD}.{PAYLOAD}.{'A' * 12_000}",
    "arrays, nested": lambda: signed(filled(CLAIMS + b',"x":', b"[")),
    "arrays, nested and closed": lambda: signed(filled(CLAIMS + b',"x":', b"[", b"]" * 6000)),
    "objects, nested": lambda: signed(filled(CLAIMS + b',"x":', b'{"a":')),
    "closing brackets": lambda: signed(filled(CLAIMS + b',"x":', b"]")),
    "pairs of brackets": lambda: signed(filled(CLAIMS + b',"x":[', b"[],", b"1]}")),
    "crossed brackets": lambda: signed(filled(CLAIMS + b',"x":', b"[}")),
    "quotes": lambda: signed(filled(CLAIMS + b',"x":[', b'""')),
    "escapes": lambda: signed(filled(CLAIMS + b',"x":"[[', rb"\\")),
    "escapes, odd": lambda: signed(filled(CLAIMS + b',"x":"[[\\', rb"\\")),
    "escaped quotes": lambda: signed(filled(CLAIMS + b',"x":"[', rb"\"")),
    "escaped surrogates": lambda: signed(filled(CLAIMS + b',"x":"', rb"\ud83d\udd11", rb'\ud800"}')),
    "digits": lambda: signed(filled(CLAIMS + b',"x":', b"9", b"}")),
    "digits of many numbers": lambda: signed(filled(CLAIMS + b',"x":[', b"9" * 4299 + b",", b"1]}")),
    "digits after the point": lambda: signed(filled(CLAIMS + b',"x":0.', b"1", b"e400}")),
    "an exponent": lambda: signed(filled(CLAIMS + b',"x":1e', b"9", b"}")),
    "duplicate names": lambda: signed(filled(CLAIMS, b',"a":1', b"}")),
    "white space": lambda: signed(filled(b"", b" ", CLAIMS)),
    "white space between": lambda: signed(filled(CLAIMS, b"\n", b"x}")),
    "many names": lambda: signed(CLAIMS + b"".join(b',"%d":0' % n for n in range(900)) + b"}"),
    "no UTF-8 at the end": lambda: signed(filled(CLAIMS + b',"x":"', b"x", b'\xff"}')),
}


@pytest.mark.parametrize("make", EXPENSIVE.values(), ids=EXPENSIVE)
def test_no_text_of_legal_size_takes_long(verifier: Verifier, make: Callable[[], str]) -> None:
    """ATK-34 to ATK-36, ATK-44: fifty refusals of the worst texts of 16 KiB in a second, each documented."""
    token = make()
    assert len(token) <= MAX_TOKEN_CHARS
    started = time.thread_time()
    for _ in range(25):
        for kind in refusing(verifier, token):
            assert issubclass(kind, errors.TokenRejected)
    assert time.thread_time() - started < LINEAR_SECONDS


def jwks(members: list[Any]) -> bytes:
    """A document of these members."""
    return json.dumps({"keys": members}).encode()


KEY = POOL.access_key.jwk()

DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "one octet too many": lambda: b" " * MAX_DOCUMENT_BYTES + b"{",
    "300 MB": lambda: bytes(300_000_000),
    "50,000 keys": lambda: jwks([{"kid": str(n)} for n in range(50_000)]),
    "33 keys": lambda: jwks([KEY] * (MAX_KEYS + 1)),
    "arrays, nested": lambda: b'{"keys":' + b"[" * 60_000,
    "arrays, nested and closed": lambda: b'{"keys":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "6,000 digits": lambda: b'{"keys":[],"x":' + b"9" * 6000 + b"}",
    "quotes": lambda: b'{"keys":[' + b'""' * 32_000,
}


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_large_document_is_refused_at_little_cost(make: Callable[[], bytes]) -> None:
    """ATK-35, ATK-47: a failed fetch with a fixed reason; nothing is read beyond 64 KiB and 32 keys."""
    raw = make()
    started = time.thread_time()
    with pytest.raises(FetchError, match=r"^document-[a-z-]+$"):
        read_document(raw)
    assert time.thread_time() - started < LINEAR_SECONDS


def read_at_best(raw: bytes) -> tuple[Any, float]:
    """The document, and the least seconds of three readings, because garbage may be collected in one."""
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        found = read_document(raw)
        seconds.append(time.thread_time() - started)
    return found, min(seconds)


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(KEY | {"n": "A" * 60_000}, id="n-60000"),
        pytest.param(KEY | {"n": "_" * 60_000}, id="n-all-ones"),
        pytest.param(KEY | {"e": "_" * 60_000}, id="e-60000"),
        pytest.param(KEY | {"kid": "k" * 60_000}, id="kid-60000"),
        pytest.param(KEY | {"key_ops": ["verify"] * 5000}, id="key-ops-5000"),
        pytest.param(KEY | {"key_ops": [str(n) for n in range(5000)]}, id="key-ops-without-verify"),
        pytest.param(KEY | {"key_ops": ["verify", *range(8000)]}, id="key-ops-numbers"),
        pytest.param(KEY | {"use": "s" * 60_000}, id="use-60000"),
        pytest.param({str(n): n for n in range(4000)}, id="members-4000"),
    ],
)
def test_a_large_member_is_skipped_at_little_cost(member: dict[str, Any]) -> None:
    """ATK-51: skipped and counted, beside a key that stays good."""
    raw = jwks([member, POOL.id_key.jwk()])
    found, seconds = read_at_best(raw)
    assert seconds < MEMBER_SECONDS
    assert list(found.keys) == [POOL.id_key.kid]
    assert sum(count for _, count in found.skipped) == 1


def test_many_operations_cost_little() -> None:
    """RFC 7517 4.3 sets no bound to `key_ops`: six thousand are looked through once."""
    found, seconds = read_at_best(jwks([KEY | {"key_ops": ["verify", *map(str, range(6000))]}]))
    assert seconds < MEMBER_SECONDS
    assert list(found.keys) == [POOL.access_key.kid]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Bearer " + "A" * 1_000_000, id="letters"),
        pytest.param("Bearer " + "=" * 1_000_000, id="padding"),
        pytest.param("Bearer " + "A=" * 500_000, id="letters-and-padding"),
        pytest.param("Bearer" + " " * 1_000_000 + "A", id="spaces"),
        pytest.param("Bearer" + "\t" * 1_000_000, id="tabs"),
        pytest.param("!" * 1_000_000, id="a-scheme"),
        pytest.param("!" * 1_000_000 + "\0", id="a-scheme-and-a-nul"),
        pytest.param("Digest " + "a=b," * 250_000, id="parameters"),
        pytest.param("Digest " + ",a" * 500_000, id="parameters-without-a-value"),
        pytest.param("Digest " + "," * 1_000_000, id="commas"),
        pytest.param("Digest x," + "a" * 1_000_000, id="one-long-parameter"),
        pytest.param("Bearer " + "\u00e9" * 1_000_000, id="no-ascii"),
    ],
)
def test_no_header_takes_long(value: str) -> None:
    """ATK-44: a megabyte in Authorization or Cookie, made for backtracking, is one pass."""
    cookies = Sources(cookie="token", allowed_origins=frozenset({"https://app.example"}))
    said = []
    started = time.thread_time()
    for sources, headers in (
        (Sources(), {"authorization": [value]}),
        (Sources(bare=True), {"authorization": [value]}),
        (cookies, {"cookie": [value, "token=" + value, ";" * 100_000, "token=;" * 100_000]}),
    ):
        try:
            said.append(find_token(HTTPRequest("GET", "/", "", partial(_values, headers)), sources) in value)
        except (CredentialsMissing, RequestMalformed):
            said.append(True)
    assert all(said)
    assert time.thread_time() - started < LINEAR_SECONDS


def _values(headers: dict[str, list[str]], name: str) -> list[str]:
    return headers.get(name, [])


@pytest.mark.parametrize(
    "characters", [MAX_CACHED_CHARS - 200, MAX_CACHED_CHARS + 200, MAX_TOKEN_CHARS - 200]
)
def test_large_good_tokens_pass(verifier: Verifier, characters: int) -> None:
    """What is long but legal is verified each time; beyond 8 KiB nothing of it is kept (C1)."""
    room = (characters - len(GOOD)) * 3 // 4
    token = POOL.access_token(claims={"custom:x": "x" * room})
    kept = len(verifier._token_cache)
    for _ in range(2):
        assert verifier.verify(token).subject
    assert len(verifier._token_cache) == kept + (len(token) <= MAX_CACHED_CHARS)
