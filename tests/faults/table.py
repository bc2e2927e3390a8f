"""The faults of a key endpoint, one line each: row of the list, name, what it does, the reason.

Owns only the table; cell.py has what must hold, and test_matrix.py crosses the table with the states.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from faults.cell import HANGS, SERVED, Fault
from faults.endpoints import (
    DRIP_SECONDS,
    PIECE,
    How,
    answer,
    beside,
    chunked,
    claiming,
    document,
    each_key,
    endless,
    gzip_bomb,
    mode,
    raw,
    raw_then_silence,
    recoded,
    same_kid_first,
    wire,
)

# The reasons (events.FetchFailed.reason).
NOT_JWKS, NO_KEY, TOO_MANY = "document-not-jwks", "document-no-usable-key", "document-too-many-keys"
TOO_LARGE, ANSWER, ENCODING = "body-too-large", "answer", "encoding"

OK = b"HTTP/1.1 200 OK\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 900 + b"\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"
HTML = b"<!doctype html><title>Welcome</title><form>Please sign in to the network</form>"
DATE = "Fri, 31 Dec 9999 23:59:59 GMT"
TERABYTE = 10**12

# Members that RFC 7517 section 5 wants ignored.
EC = {"kty": "EC", "crv": "P-256", "kid": "ec", "x": "A" * 43, "y": "A" * 43, "alg": "ES256"}
OKP = {"kty": "OKP", "crv": "Ed25519", "kid": "okp", "x": "A" * 43}
AKP = {"kty": "AKP", "alg": "ML-DSA-44", "kid": "akp", "pub": "A" * 1750}
ODD = {"kty": "OIDF-CONFORMANCE-UNSUPPORTED", "kid": "odd"}
OCT = {"kty": "oct", "k": "A" * 43, "alg": "HS256"}
# A complete RSA key, except for what a row changes in it.
THIRD = {"kty": "RSA", "kid": "third", "n": "g" + "A" * 339 + "AQ", "e": "AQAB"}
TWIN = {**THIRD, "n": "gA" + "A" * 337 + "BAQ"}
WEAK: tuple[dict[str, object], ...] = (
    {"kid": 1},
    {"n": 5},
    {"n": "???"},
    {"n": "A" * 50_000},
    {"n": "g" + "A" * 168 + "AQ"},  # 1024 bits
    {"e": "AQ"},  # 1
    {"e": "AQAC"},  # even
)


def statuses(row: str, *codes: int) -> list[Fault]:
    """A fault for each of these statuses, with the good document as its body."""
    return [Fault(row, f"status-{code}", wire(_with_status(code)), f"status {code}") for code in codes]


def _with_status(code: int) -> Callable[[bytes], list[bytes]]:
    def make(body: bytes) -> list[bytes]:
        fields = f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return [b"HTTP/1.1 %d What\r\n" % code + fields + (b"" if code == 204 else body)]

    return make


def redirects(row: str) -> list[Fault]:
    """A fault for each way of sending the client elsewhere."""
    places = {"plain-http": "http://127.0.0.1:9/elsewhere", "itself": "", "a-file": "file:///etc/passwd"}
    found = [
        Fault(row, f"redirect-{code}", mode("redirect", status=code), f"redirect {code}")
        for code in (301, 303, 307, 308)
    ]
    for name, place in places.items():
        how = mode("custom", status=302, headers={"Location": place})
        found.append(Fault(row, f"redirect-to-{name}", how, "redirect 302"))
    return found


def too_many(name: str, retry_after: object) -> Fault:
    """429 with this Retry-After."""
    return Fault("FI-15", f"429-{name}", mode("429", retry_after=retry_after), "status 429")


def bodies(row: str, named: dict[str, bytes]) -> list[Fault]:
    """A fault for each of these bodies, none of which is a key set."""
    return [Fault(row, name, answer(body), NOT_JWKS) for name, body in named.items()]


def both_lengths(body: bytes) -> list[bytes]:
    """Content-Length and chunks at once: the chunks count (RFC 9112 6.3)."""
    start = claiming(5, extra="Transfer-Encoding: chunked\r\n")
    return [start, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)]


def one_chunk(*more: bytes) -> How:
    """The good document in one chunk, then something that HTTP does not want there."""
    return wire(lambda body: [chunked(body), *more])


def amid(text: bytes) -> How:
    """The good document with one more member, in this spelling."""
    return recoded(lambda body: body[:-1] + b"," + text + b"}")


def third(**changes: object) -> How:
    """A third RSA key beside the good ones, with something wrong about it; the good ones stay good."""
    return beside({**THIRD, **changes})


FAULTS = [
    Fault("FI-01", "refused", mode("refuse"), "connect"),
    Fault("FI-03", "accepted-and-silent", mode("stall"), HANGS),
    Fault("FI-03", "silent-after-the-request", mode("hang"), HANGS),
    Fault("FI-05", "reset", mode("reset"), ANSWER),
    Fault("FI-05", "reset-in-the-body", mode("reset", mid_body=True), ANSWER),
    Fault("FI-05", "closed-without-an-answer", raw(), ANSWER),
    Fault("FI-06", "headers-drip", endless(OK + b"X-Slow: ", b"z", DRIP_SECONDS), HANGS),
    Fault("FI-07", "body-drips", endless(claiming(60_000), b" ", DRIP_SECONDS), HANGS),
    Fault("FI-07", "chunks-drip", endless(chunked(b"{"), b"1\r\n \r\n", DRIP_SECONDS), HANGS),
    Fault("FI-07", "body-stops-half-way", raw_then_silence(claiming(900) + b'{"keys":['), HANGS),
    Fault("FI-08", "100-continue-drips", endless(b"", CONTINUE, DRIP_SECONDS), HANGS),
    Fault("FI-08", "early-hints-in-torrents", endless(b"", HINTS * 40), ANSWER),
    Fault("FI-09", "endless-headers", endless(OK, b"X: " + b"y" * 900 + b"\r\n"), ANSWER),
    Fault("FI-09", "endless-header", endless(OK + b"X: ", b"y" * 65536), ANSWER),
    Fault("FI-09", "endless-status-line", endless(b"HTTP/1.1 200 ", PIECE), ANSWER),
    Fault("FI-10", "shorter-than-its-length", mode("truncated"), ANSWER),
    Fault("FI-10", "cut-off-without-a-length", wire(lambda body: [OK, b"\r\n", body[:-9]]), NOT_JWKS),
    Fault("FI-10", "chunks-cut-off", raw(chunked(b'{"keys":[')), ANSWER),
    Fault("FI-11", "empty-200", mode("empty"), NOT_JWKS),
    *statuses("FI-11", 204),
    Fault("FI-12", "html", mode("html"), NOT_JWKS),
    Fault("FI-12", "captive-portal", answer(HTML, Content_Type="application/json"), NOT_JWKS),
    Fault("FI-13", "garbage", mode("garbage"), ANSWER),
    Fault("FI-13", "another-protocol", raw(b"220 mail.example ESMTP\r\n"), ANSWER),
    *statuses("FI-14", 400, 401, 403, 404),
    too_many("no-hint", None),
    too_many("in-30-s", 30),
    too_many("at-the-end-of-time", DATE),
    too_many("in-30-years", 10**9),
    too_many("nonsense", "-5, soon"),
    *statuses("FI-16", 500, 502, 504),
    Fault("FI-16", "503-in-a-minute", mode("503", retry_after=60), "status 503"),
    *statuses("FI-17", 203, 206, 299, 599),
    Fault("FI-17", "101-unasked", raw(SWITCHING), ANSWER),
    Fault("FI-17", "304-unasked", raw(NOT_MODIFIED), "redirect 304"),
    *redirects("FI-18"),
    Fault("FI-19", "300-MB", endless(claiming(300 << 20), PIECE), TOO_LARGE),
    Fault("FI-19", "no-end", endless(OK + b"\r\n", PIECE), TOO_LARGE),
    Fault("FI-20", "a-terabyte", endless(claiming(TERABYTE), PIECE), TOO_LARGE),
    Fault("FI-20", "a-terabyte-and-silence", raw_then_silence(claiming(TERABYTE)), HANGS),
    Fault("FI-20", "a-terabyte-cut-off", raw(claiming(TERABYTE) + b"{}"), ANSWER),
    Fault("FI-20", "negative-length", raw(claiming(-1) + b"{}"), ANSWER),
    Fault("FI-20", "length-of-5000-digits", raw(claiming("9" * 5000) + b"{}"), ANSWER),
    Fault("FI-20", "two-lengths", raw(claiming(2, 3) + b"{}"), ANSWER),
    Fault("FI-20", "length-and-chunks", wire(both_lengths), SERVED),
    Fault("FI-21", "chunk-of-2-to-the-64", endless(chunked() + b"F" * 16 + b"\r\n", PIECE), TOO_LARGE),
    Fault("FI-21", "chunk-size-without-end", endless(chunked(), b"F" * 4096), ANSWER),
    Fault("FI-21", "chunk-size-no-number", raw(chunked() + b"xyz\r\n{}\r\n0\r\n\r\n"), ANSWER),
    Fault("FI-21", "chunks-of-one-octet", endless(chunked(), b"1\r\n \r\n" * 5000), ANSWER),
    Fault("FI-21", "1025-chunks-of-one-octet", raw(chunked(*[b" "] * 1025) + b"0\r\n\r\n"), ANSWER),
    Fault("FI-21", "1024-chunks-of-one-octet", raw(chunked(*[b" "] * 1024) + b"0\r\n\r\n"), NOT_JWKS),
    Fault("FI-21", "rubbish-after-the-end", one_chunk(b"0\r\n\r\n", b"FFFF\r\nrubbish"), SERVED),
    Fault("FI-21", "endless-trailers", one_chunk(b"0\r\n", b"X: y\r\n" * 99_999), ANSWER),
    Fault("FI-22", "gzip-unasked", mode("gzip"), ENCODING),
    Fault("FI-22", "gzip-not-said", recoded(gzip.compress), NOT_JWKS),
    Fault("FI-22", "three-encodings", answer(b"{}", Content_Encoding="deflate, br, zstd"), ENCODING),
    Fault("FI-23", "gzip-bomb", answer(gzip_bomb(500), Content_Encoding="gzip"), ENCODING),
    Fault("FI-23", "gzip-bomb-not-said", answer(gzip_bomb(60)), NOT_JWKS),
    Fault("FI-24", "utf-16", recoded(lambda body: body.decode().encode("utf-16")), NOT_JWKS),
    Fault("FI-24", "utf-32", recoded(lambda body: body.decode().encode("utf-32-le")), NOT_JWKS),
    Fault("FI-24", "byte-order-mark", recoded(lambda body: b"\xef\xbb\xbf" + body), NOT_JWKS),
    Fault("FI-24", "utf-16-said-only", recoded(bytes, Content_Type="text/json; charset=utf-16"), SERVED),
    Fault("FI-25", "invalid-utf-8", amid(b'"x":"\xff"'), NOT_JWKS),
    Fault("FI-25", "utf-8-of-a-surrogate", amid(b'"x":"\xed\xa0\x80"'), NOT_JWKS),
    Fault("FI-26", "200000-levels", answer(b"[" * 200_000), TOO_LARGE),
    Fault("FI-26", "30000-levels", amid(b'"x":' + b"[" * 30_000 + b"]" * 30_000), NOT_JWKS),
    Fault("FI-26", "number-of-6000-digits", amid(b'"x":' + b"9" * 6000), NOT_JWKS),
    Fault("FI-26", "not-a-number", amid(b'"x":NaN'), NOT_JWKS),
    Fault("FI-26", "keys-twice", amid(b'"keys":[]'), NOT_JWKS),
    *bodies("FI-27", {"array": b"[]", "null": b"null", "text": b'"keys"'}),
    *bodies("FI-28", {"no-member": b"{}", "keys-null": b'{"keys":null}'}),
    *bodies("FI-28", {"keys-object": b'{"keys":{}}', "keys-text": b'{"keys":"RSA"}'}),
    Fault("FI-29", "no-keys", mode("empty_keys"), NO_KEY),
    Fault("FI-30", "odd-members", beside(1, None, "x", [], {}), SERVED),
    Fault("FI-31", "unknown-kinds", beside(AKP, ODD), SERVED),
    Fault("FI-32", "ec-and-okp", beside(EC, OKP), SERVED),
    Fault("FI-33", "symmetric-key-first", same_kid_first(OCT), SERVED),
    Fault("FI-34", "each-key-twice", document(lambda good: {"keys": good["keys"] * 2}), SERVED),
    Fault("FI-34", "two-of-one-other-kid", beside(THIRD, TWIN), SERVED),
    Fault("FI-35", "a-key-without-a-kid", third(kid=None), SERVED),
    Fault("FI-35", "no-key-has-a-kid", each_key(kid=None), NO_KEY),
    Fault("FI-36", "no-alg-and-no-use", each_key(alg=None, use=None), SERVED),
    Fault("FI-37", "a-key-for-encryption", third(use="enc"), SERVED),
    Fault("FI-37", "all-for-encryption", each_key(use="enc"), NO_KEY),
    Fault("FI-37", "another-alg", each_key(alg="RS512"), NO_KEY),
    Fault("FI-37", "key-ops-encrypt", each_key(key_ops=["encrypt"]), NO_KEY),
    Fault("FI-38", "weak-and-malformed", beside(*({**THIRD, **each} for each in WEAK)), SERVED),
    Fault("FI-39", "a-private-key-beside", third(d="AQAB"), SERVED),
    Fault("FI-40", "34-keys", document(lambda good: {"keys": good["keys"] * 17}), TOO_MANY),
    Fault("FI-40", "50000-keys", answer(json.dumps({"keys": [ODD] * 50_000}).encode()), TOO_LARGE),
]
