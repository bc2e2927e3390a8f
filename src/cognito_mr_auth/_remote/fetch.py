"""The only network I/O: one JWKS URL to its document, within one deadline (F).

Owns what a request and an answer may look like on the wire, and the choice of proxy. One connection
per fetch: between two refreshes a kept-alive one would have gone stale. Never follows a redirect,
never sends a credential, and raises `FetchError` alone, whose reason is a fixed string.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from cognito_mr_auth._base.checks import is_loopback
from cognito_mr_auth._jwks.model import MAX_DOCUMENT_BYTES, FetchError
from cognito_mr_auth._jwks.schedule import MAX_BACK_OFF

if TYPE_CHECKING:
    import ssl

    import httpx

    from .transport import CancelScope

__all__ = ["JWKSFetcher", "proxy_for", "retry_after"]

# A read gives up to 64 KiB; a body in chunks of one octet would keep a processor busy for a second.
MAX_PIECES = 1024

_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "cognito-mr-auth",
}


class JWKSFetcher:
    """Fetches JWKS documents for all pools of one verifier.

    `transport` replaces the network (an `httpx.BaseTransport`, not closed by us); `ssl_context`
    replaces the default one, which trusts the certificates that httpx trusts. `environment` holds
    proxies by scheme, as `urllib.request.getproxies` gives them; the process's own by default.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._transport = transport
        self._ssl_context = ssl_context
        self._environment = environment
        self._scopes: set[CancelScope] = set()
        self._closed = False
        self._imported = False

    def prepare(self, urls: Iterable[str]) -> None:
        """Import what a fetch needs and load certificates, on the caller's thread.

        A fork during an import inside a fetch thread would leave the import lock held in the child.
        """
        if not self._imported:
            import email.utils  # noqa: F401
            import encodings.idna  # noqa: F401 - getaddrinfo's, whose failed import the child remembers
            import urllib.request  # noqa: F401

            from . import transport as _transport  # noqa: F401

            self._imported = True
        if self._ssl_context is None and any(url.startswith("https:") for url in urls):
            import httpx

            self._ssl_context = httpx.create_ssl_context()

    def __call__(self, url: str, seconds: float) -> bytes:
        """The body of a 200 answer.

        Raises:
            FetchError: for anything else, after at most `seconds`, unless the DNS resolver hangs.
        """
        from .transport import CancelScope

        scope = CancelScope(time.monotonic() + seconds)
        self._scopes.add(scope)
        try:
            if self._closed:
                raise FetchError("closed")
            return self._get(url, scope, seconds)
        finally:
            self._scopes.discard(scope)
            scope.close()

    def _get(self, url: str, scope: CancelScope, seconds: float) -> bytes:
        import httpcore
        import httpx

        try:
            # `proxy_for` and `prepare` read the environment; .netrc is never read.
            client = httpx.Client(
                transport=self._transport or self._own_transport(url, scope),
                trust_env=False,
                follow_redirects=False,
                timeout=seconds,
            )
            try:
                with client.stream("GET", url, headers=_HEADERS) as answer:
                    return _body(answer, scope.deadline)
            finally:
                if self._transport is None:
                    client.close()
        except (httpx.TimeoutException, httpcore.TimeoutException):
            reason = "timeout"
        except (httpx.ConnectError, httpcore.ConnectError) as error:
            reason = "tls" if _is_tls(error) else "connect"
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            reason = "protocol"
        except (httpcore.NetworkError, OSError):
            reason = "reset"
        except (httpcore.ProtocolError, httpcore.ProxyError, httpcore.UnsupportedProtocol):
            reason = "protocol"
        raise FetchError(reason)

    def _own_transport(self, url: str, scope: CancelScope) -> httpx.BaseTransport:
        from .transport import Transport

        try:
            return Transport(scope, self._ssl_context, proxy_for(url, self._environment))
        except ValueError:  # a proxy variable that is no http or https URL
            pass
        raise FetchError("proxy")

    def close(self) -> None:
        """Shut down every connection that is still open, so that their threads end now."""
        self._closed = True
        for scope in list(self._scopes):
            scope.cancel()

    def reset_after_fork(self) -> None:
        """After a fork: the parent's connections are not ours to close."""
        self._scopes = set()


def _is_tls(error: BaseException) -> bool:
    import ssl

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _body(answer: httpx.Response, deadline: float) -> bytes:
    if answer.status_code != 200:
        raise FetchError(
            "redirect" if answer.is_redirect else "status",
            status=answer.status_code,
            retry_after=retry_after(answer.headers.get("retry-after"), time.time()),
        )
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise FetchError("encoding", status=200)
    return b"".join(_pieces(answer, deadline))


def _pieces(answer: httpx.Response, deadline: float) -> Iterator[bytes]:
    size = 0
    # Not `iter_bytes`, which swallows empty pieces, so a replaced transport could send them without a bound.
    # There is nothing to decode: another encoding than identity has been refused.
    for count, piece in enumerate(cast("httpx.SyncByteStream", answer.stream)):
        size += len(piece)
        if count >= MAX_PIECES:
            raise FetchError("protocol", status=200)
        if size > MAX_DOCUMENT_BYTES:
            raise FetchError("body-too-large", status=200)
        if time.monotonic() > deadline:  # a replaced transport may know no deadline
            raise FetchError("timeout", status=200)
        yield piece


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, 0 to 60; None where it has neither form.

    Both forms of RFC 9110 10.2.3: seconds, and a date, which is compared with `now` (wall seconds).
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
    """The proxy that HTTPS_PROXY and similar variables name for this URL; none for loopback and NO_PROXY."""
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
