"""What a readiness endpoint answers, to anybody: whether requests may be sent here.

Every adapter's endpoint gives these answers. They say only yes or no, because the endpoint needs no token.
Details are added only if the owner asks for them.
"""

from __future__ import annotations

from collections.abc import Collection
from json import dumps
from typing import Any, Final

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._issuers.upkeep import chosen
from cognito_mr_auth.pool import UserPool
from cognito_mr_auth.verifier import Verifier

from .bearer import HTTPResponse
from .guard import RequestGuard

__all__ = ["IGNORED", "Readiness", "answer"]

# Settings of a shared Guard that have no meaning here.
IGNORED: Final = ("optional", "subprotocol", "close_at_expiry")


def _response(status: int, said: Any) -> HTTPResponse:
    body = dumps(said).encode()
    headers = (
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
    )
    return HTTPResponse(status, headers, body)


_STATUS = {True: 200, False: 503}
_WORD = {True: {"status": "pass"}, False: {"status": "fail"}}
_PLAIN = {ready: _response(_STATUS[ready], _WORD[ready]) for ready in (True, False)}
_NOT_ALLOWED = HTTPResponse(405, (("allow", "GET, HEAD"), ("content-length", "0")), b"")


class Readiness:
    """The answers for one verifier, or for some of its pools.

    `given` is a Verifier or a Guard. `details` adds what `Verifier.health` returns. The HTTP client is loaded
    now, because otherwise the first probe would load it.

    Raises:
        ConfigurationError: the verifier does not have one of the pools.
        TypeError: an argument is no Verifier, or no pool.
    """

    __slots__ = ("_details", "_guard", "_providers")

    def __init__(
        self, given: object, providers: Collection[UserPool | str] = (), *, details: bool = False
    ) -> None:
        check_flag("details", details)
        self._guard = RequestGuard.of("ready", given, {}, ignored=IGNORED)
        self._providers = tuple(providers)
        self._details = details
        if self._providers and self._guard.bound:
            chosen(self._guard.verifier._key_sets, self._providers)

    def answer(self, method: str) -> HTTPResponse:
        """The response to a probe.

        Raises:
            ConfigurationError: there is no verifier yet, or it does not have one of the pools.
        """
        return answer(self._guard.verifier, method, self._providers, details=self._details)


def answer(
    verifier: Verifier, method: str, providers: Collection[UserPool | str] = (), *, details: bool = False
) -> HTTPResponse:
    """The response to a probe, 200 or 503. For HEAD, the adapter leaves out the body."""
    if method not in ("GET", "HEAD"):
        return _NOT_ALLOWED
    if details:
        report = verifier.health()
        ready = verifier.ready(*providers) if providers else report["ready"]
        return _response(_STATUS[ready], {**_WORD[ready], **report})
    return _PLAIN[verifier.ready(*providers)]
