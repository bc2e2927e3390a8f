"""Asks every key endpoint of a pool, as the library does, and notes what the library does not need.

Owns those notes: the `date` header, the version of TLS, the proxy. `_remote.fetch` owns the fetch with its
limits and reasons, and `_jwks.document` reads the document.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from cognito_mr_auth._aws.model import DateSample
from cognito_mr_auth._aws.side_by_side import Deadline, side_by_side
from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwks.model import Endpoint, FetchError
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.fetch import JWKSFetcher, proxy_for
from cognito_mr_auth.pool import UserPool

from .answers import EndpointAnswer

if TYPE_CHECKING:
    import httpx

    from cognito_mr_auth._remote.transport import Transport

__all__ = ["ENDPOINT_SECONDS", "Fetcher", "ask_endpoints"]

# Twice the time after which the library calls an endpoint silent, because a person can wait.
ENDPOINT_SECONDS: Final = 10.0


class _Notes(NamedTuple):
    date: str | None
    age: str | None
    tls: str | None
    received: float


class Fetcher(JWKSFetcher):
    """The library's fetcher, which also notes headers and the version of TLS, by URL."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        environment: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(ssl_context=ssl_context, environment=environment)
        self.wall = wall
        self.proxies = environment
        self.notes: dict[str, _Notes] = {}

    def _own_transport(self, url: str, scope: CancelScope) -> Transport:
        transport = super()._own_transport(url, scope)
        transport.on_answer = partial(self._note, url)
        return transport

    def _note(self, url: str, answer: httpx.Response) -> None:
        secured = answer.extensions["network_stream"].get_extra_info("ssl_object")
        date, age = answer.headers.get("date"), answer.headers.get("age")
        self.notes[url] = _Notes(date, age, secured.version() if secured else None, self.wall())


def ask_endpoints(
    pool: UserPool,
    fetcher: Fetcher,
    deadline: Deadline,
    done: Callable[[str], object] = lambda _: None,
) -> list[EndpointAnswer]:
    """Return the response of each endpoint of the pool, in the pool's order."""
    endpoints = pool._key_set_config.endpoints
    jobs = {each.url: partial(_ask, pool, each, fetcher) for each in endpoints}
    results = side_by_side(jobs, deadline, done)
    return [
        answer if isinstance(answer := results[each.url], EndpointAnswer) else _lost(each, answer)
        for each in endpoints
    ]


def _lost(endpoint: Endpoint, error: Exception | None) -> EndpointAnswer:
    return EndpointAnswer(endpoint, None, "answer-timeout" if error is None else type(error).__name__)


def _ask(pool: UserPool, endpoint: Endpoint, fetcher: Fetcher) -> EndpointAnswer:
    sent, began = fetcher.wall(), time.monotonic()
    answer = EndpointAnswer(endpoint, None, proxy=_proxy_of(endpoint.url, fetcher))
    try:
        raw = fetcher(endpoint.target, CancelScope(ENDPOINT_SECONDS))
        emulators = endpoint.loopback or pool.insecure_emulator
        answer = answer._replace(document=read_document(raw, allow_emulators=emulators))
    except FetchError as error:
        answer = answer._replace(reason=error.reason, status=error.status)
    answer = answer._replace(seconds=time.monotonic() - began)
    notes = fetcher.notes.get(endpoint.target)
    if notes is None:
        return answer
    return answer._replace(tls=notes.tls, date=_date(answer.name, notes, sent))


def _date(source: str, notes: _Notes, sent: float) -> DateSample | None:
    # A cached response has the date of its origin, which is old.
    if notes.date is None or notes.age not in (None, "0"):
        return None
    try:
        date = parsedate_to_datetime(notes.date).timestamp()
    except ValueError:
        return None
    return DateSample(f"the endpoint {source}", date, sent, notes.received)


def _proxy_of(url: str, fetcher: Fetcher) -> str | None:
    """Return the proxy's host and port, without its login."""
    proxy = proxy_for(url, fetcher.proxies)
    if proxy is None:
        return None
    parts = urlsplit(proxy)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "unnamed"
