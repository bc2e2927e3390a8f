"""The first content of a key set: the entries of key files, or the seed (P).

This module decides which of them are used, and with what age. Pure. The safety of a file was checked before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from cognito_mr_auth._base.clock import CLOCK_SKEW, Instant
from cognito_mr_auth.errors import ConfigurationError

from .document import Document
from .model import CacheLifetimes, Endpoint, FetchError, KeyFileEntry, StoredResponse
from .schedule import EndpointState

__all__ = ["load_entries", "load_seed", "response_of"]

Read = Callable[[bytes, bool], Document]
"""Reads a document. The flag says whether it comes from loopback (T4)."""


def load_entries(
    entries: Collection[KeyFileEntry],
    endpoints: Collection[Endpoint],
    lifetimes: CacheLifetimes,
    now: Instant,
    read: Read,
) -> tuple[dict[str, StoredResponse], dict[str, EndpointState]]:
    """The responses that key files hold for these endpoints, and the states of those that have answered."""
    by_url = {each.url: each for each in endpoints}
    responses: dict[str, StoredResponse] = {}
    states: dict[str, EndpointState] = {}
    # An endpoint failed meanwhile if another one's answer is newer than its own by `max_stale`.
    ours = [each.begun for each in entries if each.url in by_url]
    newest = max((begun for begun in ours if begun <= now[0] + CLOCK_SKEW), default=0.0)
    for entry in entries:
        endpoint = by_url.get(entry.url)
        if endpoint is None:  # an endpoint of another pool or of an older configuration
            continue
        age = now[0] - entry.begun
        if age < -CLOCK_SKEW:
            continue  # too far in the future
        # A time slightly in the future becomes now. Otherwise no response could replace it until then (K4).
        begun = (now[0] - age, now[1] - max(0.0, age))
        # The time since its last answer must survive a restart (R3).
        last = entry.answered or entry.begun
        silent = now[0] - last if entry.begun < last <= now[0] else age
        answered = (now[0] - silent, now[1] - max(0.0, silent))
        failing = newest - answered[0] >= lifetimes.max_stale
        states[entry.url] = EndpointState(
            since=now, answered=answered, failing_since=answered if failing else None
        )
        if age >= lifetimes.max_stale:
            continue  # too old to be used
        try:
            document = read(entry.document, endpoint.loopback)
        except FetchError:
            continue
        if document.keys:
            responses[entry.url] = response_of(entry.url, begun, document, entry.document)
    return responses, states


def load_seed(
    raw: bytes, lifetimes: CacheLifetimes, now: Instant, document_of: Callable[[bytes], Document]
) -> tuple[StoredResponse, Document]:
    """The seed as a response that is due for renewal, and its document.

    Raises:
        ConfigurationError: the seed is no JWKS document, or holds no usable key.
    """
    try:
        document = document_of(raw)
    except FetchError as error:
        raise ConfigurationError(f"jwks is no JWKS document: {error.reason}") from None
    if not document.keys:
        reasons = ", ".join(reason for reason, _ in document.skipped) or "it is empty"
        raise ConfigurationError(f"jwks holds no usable key: {reasons}")
    age = lifetimes.revalidate_after
    return response_of("", (now[0] - age, now[1] - age), document, raw), document


def response_of(url: str, begun: Instant, document: Document, raw: bytes) -> StoredResponse:
    """An endpoint's document as a stored response. `begun` is when the request for it began."""
    return StoredResponse(url, begun, document.keys, raw, document.conflicts)
