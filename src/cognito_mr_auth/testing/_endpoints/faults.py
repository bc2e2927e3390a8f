"""How an endpoint can fail, by name.

Owns the table FAULTS: mode -> what it does. A row is a function from the key source and the mode's options to
an action on one exchange. It runs when the test calls fail(), so wrong options raise there, and frozen
documents are frozen there. It must never know the server.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Protocol, TypedDict, cast

from cognito_mr_auth.testing._tokens.keys import SigningKey

from .exchange import Exchange, head
from .release import Release

__all__ = [
    "FAULTS",
    "Action",
    "Fault",
    "FaultMode",
    "FaultName",
    "FaultOptions",
    "KeySource",
    "jwks_body",
    "new_fault",
]

FaultName = Literal[
    "refuse",
    "stall",
    "hang",
    "slow",
    "drip",
    "drip_headers",
    "reset",
    "403",
    "404",
    "429",
    "500",
    "503",
    "redirect",
    "garbage",
    "html",
    "empty",
    "truncated",
    "huge",
    "gzip",
    "custom",
    "empty_keys",
    "old_keys",
    "private_key",
    "odd_member",
    "conflict",
]
FaultMode = FaultName | Literal[403, 404, 429, 500, 503]
"""A mode of `FakeEndpoint.fail()`; a status may be a number."""


class FaultOptions(TypedDict, total=False):
    """Options of the modes. docs/testing.md says which mode has which options."""

    interval: float
    mid_body: bool
    retry_after: int | str | None
    location: str | None
    status: int
    size: int
    body: bytes
    headers: Mapping[str, str] | None
    kid: str | None


# A body above every sensible limit on a JWKS (64 KiB here, 50 KiB in Nimbus).
HUGE_BODY_BYTES: Final = 70_000
# Slow enough that two seconds do not complete one response, fast enough to show that reads succeed.
DRIP_INTERVAL_S: Final = 0.05
# For "slow": longer than any test runs, so that the response comes when the fault is healed.
SLOW_DELAY_S: Final = 600.0
DEFAULT_RETRY_AFTER_S: Final = 30
_HTML: Final = b"<!doctype html><title>Welcome</title><p>Please sign in to the network."
_GARBAGE: Final = b"\x16\x03\x00 220 this is not HTTP \xff\r\n\r\n"
# RFC 7517 section 5: unknown members are to be ignored.
_ODD_MEMBER: Final = {"kty": "RSA", "kid": "odd", "n": "???", "e": 65537, "alg": ["RS256"]}


class KeySource(Protocol):
    """The attributes of a pool that a fault uses."""

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """The keys that are listed now."""

    def jwks(self, *, private: bool = False) -> dict[str, Any]:
        """Return the current document."""

    def impostor(self, kid: str) -> SigningKey:
        """Return other key material under a kid."""


Action = Callable[[Exchange, Release], None]


class _Mode(NamedTuple):
    """One row: `prepare(source, **options)` and the stage at which its action takes over."""

    prepare: Callable[..., Action]
    stage: Literal["listen", "connect", "request"] = "request"
    delay: float = 0.0


def jwks_body(document: Mapping[str, Any]) -> bytes:
    """Return what a working endpoint sends: compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


def _answers(
    status: int, body: bytes = b"", *, headers: Mapping[str, str] | None = None, **more: Any
) -> Action:
    return lambda exchange, _release: exchange.reply(status, body, headers=headers, **more)


def _body(source: KeySource) -> bytes:
    return jwks_body(source.jwks())


# ---- no response, or a very slow one


def _refuse(_source: KeySource) -> Action:
    return lambda _exchange, _release: None  # Nothing listens, so no exchange gets here.


def _hang(_source: KeySource) -> Action:
    return Exchange.hold


def _drip(source: KeySource, *, interval: float = DRIP_INTERVAL_S) -> Action:
    body = _body(source)

    def action(exchange: Exchange, release: Release) -> None:
        exchange.send(head(200, len(body)))
        _trickle(exchange, release, body, interval)

    return action


def _drip_headers(_source: KeySource, *, interval: float = DRIP_INTERVAL_S) -> Action:
    def action(exchange: Exchange, release: Release) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while _trickle(exchange, release, b"z" * 1024, interval):
            exchange.send(b"\r\nX-Slow: ")

    return action


def _trickle(exchange: Exchange, release: Release, data: bytes, interval: float) -> bool:
    """Send all of it slowly. Return whether it was sent before the fault was released."""
    for octet in data:
        exchange.send(bytes([octet]))
        if release.wait(interval):
            return False
    return True


def _slow(source: KeySource) -> Action:
    return lambda exchange, _release: exchange.reply(200, _body(source))


def _reset(source: KeySource, *, mid_body: bool = False) -> Action:
    body = _body(source)

    def action(exchange: Exchange, _release: Release) -> None:
        if mid_body:
            exchange.send(head(200, len(body)) + body[: len(body) // 2])
        exchange.reset()

    return action


# ---- a wrong response


def _status(status: int) -> Callable[..., Action]:
    def prepare(_source: KeySource, *, retry_after: int | str | None = None) -> Action:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return _answers(status, b'{"message":"fault"}', headers=headers)

    return prepare


def _too_many(source: KeySource, *, retry_after: int | str | None = DEFAULT_RETRY_AFTER_S) -> Action:
    return _status(429)(source, retry_after=retry_after)


def _redirect(source: KeySource, *, location: str | None = None, status: int = 302) -> Action:
    """Redirect; without a location, to a path of this server that serves the good keys."""

    def action(exchange: Exchange, _release: Release) -> None:
        if exchange.path.startswith("/moved/"):
            exchange.reply(200, _body(source))
        else:
            target = location or f"/moved{exchange.path}"
            exchange.reply(status, headers={"Location": target})

    return action


def _garbage(_source: KeySource) -> Action:
    return lambda exchange, _release: exchange.send(_GARBAGE)


def _html(_source: KeySource) -> Action:
    return _answers(200, _HTML, headers={"Content-Type": "text/html"})


def _empty(_source: KeySource) -> Action:
    return _answers(200)


def _truncated(source: KeySource) -> Action:
    body = _body(source)
    return _answers(200, body[: len(body) // 2], claimed_length=len(body))


def _huge(source: KeySource, *, size: int = HUGE_BODY_BYTES) -> Action:
    """Send the good document, then white space, so that only the size is wrong."""
    return _answers(200, _body(source).ljust(size))


def _gzip(source: KeySource) -> Action:
    return _answers(200, gzip.compress(_body(source)), headers={"Content-Encoding": "gzip"})


def _custom(
    _source: KeySource,
    *,
    status: int = 200,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Action:
    return _answers(status, body, headers=headers)


# ---- a wrong key set


def _empty_keys(_source: KeySource) -> Action:
    return _answers(200, b'{"keys":[]}')


def _old_keys(source: KeySource) -> Action:
    return _answers(200, _body(source))


def _private_key(source: KeySource) -> Action:
    return _answers(200, jwks_body(source.jwks(private=True)))


def _odd_member(source: KeySource) -> Action:
    return lambda exchange, _release: exchange.reply(
        200, jwks_body({"keys": [_ODD_MEMBER, *source.jwks()["keys"]]})
    )


def _conflict(source: KeySource, *, kid: str | None = None) -> Action:
    """List the current kids, or this one, with key material that no pool has."""
    keys = [key if kid not in (None, key.kid) else source.impostor(key.kid) for key in source.keys]
    return _answers(200, jwks_body({"keys": [key.jwk() for key in keys]}))


FAULTS: Final[Mapping[FaultName, _Mode]] = MappingProxyType(
    {
        "refuse": _Mode(_refuse, "listen"),
        "stall": _Mode(_hang, "connect"),
        "hang": _Mode(_hang),
        "slow": _Mode(_slow, delay=SLOW_DELAY_S),
        "drip": _Mode(_drip),
        "drip_headers": _Mode(_drip_headers),
        "reset": _Mode(_reset),
        "403": _Mode(_status(403)),
        "404": _Mode(_status(404)),
        "429": _Mode(_too_many),
        "500": _Mode(_status(500)),
        "503": _Mode(_status(503)),
        "redirect": _Mode(_redirect),
        "garbage": _Mode(_garbage),
        "html": _Mode(_html),
        "empty": _Mode(_empty),
        "truncated": _Mode(_truncated),
        "huge": _Mode(_huge),
        "gzip": _Mode(_gzip),
        "custom": _Mode(_custom),
        "empty_keys": _Mode(_empty_keys),
        "old_keys": _Mode(_old_keys),
        "private_key": _Mode(_private_key),
        "odd_member": _Mode(_odd_member),
        "conflict": _Mode(_conflict),
    }
)
"""The failure modes of ``FakeEndpoint.fail()``. Their options are in the documentation."""


class Fault:
    """A mode in force: which requests it hits, and the release of those that it holds."""

    def __init__(self, mode: FaultName, action: Action, delay: float, after: int, times: int | None):
        self.mode = mode
        self.stage = FAULTS[mode].stage
        self.release = Release()
        self._action = action
        self._delay = delay
        self._first = after
        self._last = None if times is None else after + times - 1
        self._seen = 0
        self._lock = threading.Lock()

    def hits(self) -> bool:
        """Count one more request. Return whether it is among those that fail."""
        with self._lock:
            self._seen += 1
            return self._first <= self._seen and (self._last is None or self._seen <= self._last)

    def act(self, exchange: Exchange) -> None:
        """Wait for the delay or the release, then do what the mode does."""
        self.release.wait(self._delay)
        self._action(exchange, self.release)


def new_fault(
    source: KeySource,
    mode: FaultMode,
    *,
    delay: float | None,
    after: int,
    times: int | None,
    options: FaultOptions,
) -> Fault:
    """Return a fault of this mode. An unknown mode raises ValueError, a wrong option TypeError."""
    name = cast("FaultName", str(mode))
    if name not in FAULTS:
        raise ValueError(f"{name!r} is none of {', '.join(FAULTS)}")
    if after < 1 or (times is not None and times < 1):
        raise ValueError(f"requests are counted from 1: after={after}, times={times}")
    row = FAULTS[name]
    if row.stage == "listen" and (delay, after, times) != (None, 1, None):
        raise ValueError(f"{name!r} concerns every connection: no delay=, after= or times=")
    action = row.prepare(source, **options)
    return Fault(name, action, row.delay if delay is None else delay, after, times)
