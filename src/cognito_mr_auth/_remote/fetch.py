"""The only network I/O: it fetches the document of one JWKS URL within one deadline (F).

This module decides what a request and an answer may look like on the wire, and which proxy is used. Each
fetch has its own connection, because a kept-alive one would be dead by the next refresh. It never follows a
redirect and never sends a credential. It raises `FetchError` alone, whose reason is a fixed string.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from cognito_mr_auth._base.checks import is_loopback
from cognito_mr_auth._jwks.model import MAX_DOCUMENT_BYTES, FetchError
from cognito_mr_auth._jwks.schedule import MAX_BACK_OFF

from . import http_client
from .clocks import monotonic, wall_clock

if TYPE_CHECKING:
    import ssl

    import httpx

    from .cancel_scope import CancelScope
    from .names import Names
    from .transport import Transport

__all__ = ["JWKSFetcher", "proxy_for", "proxy_variable", "retry_after"]

# A read gives up to 64 KiB. Without this limit, a body in chunks of one octet takes a second of processor.
MAX_PIECES = 1024

_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "cognito-mr-auth",
}


class JWKSFetcher:
    """Fetches JWKS documents for all pools of one verifier.

    `transport` replaces the network (an `httpx.BaseTransport`, which we do not close). `ssl_context` replaces
    the default one, which trusts the certificates that httpx trusts. `environment` holds proxies by scheme,
    as `urllib.request.getproxies` returns them; the default is the process's own. `getaddrinfo` replaces
    `socket.getaddrinfo`.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        environment: Mapping[str, str] | None = None,
        getaddrinfo: Callable[..., Any] | None = None,
    ) -> None:
        self._transport = transport
        self._ssl_context = ssl_context
        self._environment = environment
        self._getaddrinfo = getaddrinfo
        self._lock = threading.Lock()
        self._names: Names | None = None
        self._scopes: set[CancelScope] = set()
        self._closed = False
        self._imported = False

    def prepare(self, urls: Iterable[str]) -> None:
        """Take all of `prepare_steps`."""
        for _ in self.prepare_steps(urls):
            pass

    def prepare_steps(self, urls: Iterable[str]) -> Iterator[None]:
        """Import what a fetch needs and load certificates, on the caller's thread.

        It yields where others may run between two steps. Several callers may take the steps in turns.

        Raises:
            ImportError, OSError: something cannot be loaded.
        """
        needs_context = any(url.startswith("https:") for url in urls)
        if self._imported and not (needs_context and self._ssl_context is None):
            return  # the usual case, which pays for no import
        if not self._imported:
            yield from http_client.load()
            self._imported = True
        if needs_context and self._ssl_context is None:
            yield from http_client.load_certificates()
            if self._ssl_context is None:  # set before others have their turn, so that only one is made
                self._ssl_context = http_client.default_ssl_context()
                yield

    def __call__(self, url: str, scope: CancelScope) -> bytes:
        """Returns the body of a 200 answer. A scope is for one call.

        Raises:
            FetchError: anything else, at the scope's deadline at the latest. The reason is "cancelled" soon
                after `scope.cancel()`, "closed" after `close`, and otherwise names the phase that failed.
        """
        self._scopes.add(scope)
        try:
            if self._closed:
                raise FetchError("closed")
            self._check(scope)
            body = self._get(url, scope)
            self._check(scope)
            return body
        finally:
            self._scopes.discard(scope)

    def _check(self, scope: CancelScope) -> None:
        if scope.cancelled:
            raise FetchError("closed" if self._closed else "cancelled")

    def _get(self, url: str, scope: CancelScope) -> bytes:
        import httpx

        from .transport import NETWORK_ERRORS, reason_of

        own = None if self._transport else self._own_transport(url, scope)
        try:
            # `proxy_for` and `prepare_steps` read the environment. Nothing reads .netrc.
            client = httpx.Client(
                transport=self._transport or own,
                trust_env=False,
                follow_redirects=False,
                timeout=scope.deadline - monotonic(),  # for a transport that does not use the scope
            )
            try:
                with client.stream("GET", url, headers=_HEADERS) as answer:
                    return _body(answer, scope.deadline)
            finally:
                if self._transport is None:
                    client.close()
        except NETWORK_ERRORS as error:
            # A transport or a test's mock in place of the network gives no phase.
            reason, status = reason_of(error, scope.phase if own is not None and own.asked else "answer")
        self._check(scope)
        raise FetchError(reason, status=status)

    def _own_transport(self, url: str, scope: CancelScope) -> Transport:
        from .names import Names
        from .transport import Transport

        with self._lock:
            if self._names is None:
                self._names = Names(self._getaddrinfo) if self._getaddrinfo else Names()
            names = self._names
        proxy = proxy_for(url, self._environment)
        if proxy is not None:
            scope.proxy = proxy_variable(url, self._environment)
        try:
            return Transport(scope, self._ssl_context, proxy, names)
        except ValueError:  # the proxy variable is no http or https URL
            pass
        raise FetchError("proxy")

    def close(self) -> None:
        """Shut down every open connection, so that the fetch threads end now."""
        self._closed = True
        for scope in list(self._scopes):
            scope.cancel()

    def reset_after_fork(self) -> None:
        """Start anew after a fork. The parent's connections stay open, and its look-ups do not run here."""
        self._scopes = set()
        self._lock = threading.Lock()
        if self._names is not None:
            self._names.reset_after_fork()


def _body(answer: httpx.Response, deadline: float) -> bytes:
    if answer.status_code != 200:
        raise FetchError(
            "redirect" if answer.is_redirect else "status",
            status=answer.status_code,
            retry_after=retry_after(answer.headers.get("retry-after"), wall_clock()),
        )
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError("encoding", status=200)
    return b"".join(_pieces(answer, deadline))


def _pieces(answer: httpx.Response, deadline: float) -> Iterator[bytes]:
    size = 0
    # Not `iter_bytes`: it drops empty pieces, so a replaced transport could send any number of them. Nothing
    # needs decoding, because another encoding than identity has been refused.
    for count, piece in enumerate(cast("httpx.SyncByteStream", answer.stream)):
        size += len(piece)
        if count >= MAX_PIECES:
            raise FetchError("answer", status=200)
        if size > MAX_DOCUMENT_BYTES:
            raise FetchError("body-too-large", status=200)
        if monotonic() > deadline:  # a replaced transport may have no deadline
            raise FetchError("answer-timeout", status=200)
        yield piece


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for, 0 to 60; None if it has neither form.

    RFC 9110 10.2.3 has two forms: seconds, and a date. A date is compared with `now` (wall seconds).
    """
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_BACK_OFF)
    from email.utils import parsedate_to_datetime

    try:
        seconds = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_BACK_OFF)


def proxy_for(url: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The proxy for this URL from HTTPS_PROXY and similar variables; None for loopback and NO_PROXY."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies_environment
    from urllib.request import proxy_bypass_environment as bypass  # type: ignore[attr-defined]

    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    proxies = dict(getproxies_environment() if environment is None else environment)
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or bypass(host, proxies):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def proxy_variable(
    url: str, environment: Mapping[str, str] | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """The name of the variable from which `proxy_for` takes the proxy of this URL, in the user's case.

    `variables` are the process's own by default. As in urllib.request, a name in lower case comes first.
    """
    from urllib.parse import urlsplit
    from urllib.request import getproxies_environment

    proxies = dict(getproxies_environment() if environment is None else environment)
    scheme = urlsplit(url).scheme
    name = f"{scheme if proxies.get(scheme) else 'all'}_proxy"
    found = os.environ if variables is None else variables
    names = [
        each for each in found if each.lower() == name and found[each] == proxies.get(name.partition("_")[0])
    ]
    return min(names, key=lambda each: not each.endswith("_proxy"), default=name.upper())
