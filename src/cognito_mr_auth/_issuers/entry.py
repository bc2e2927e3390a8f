"""What belongs to an accepted `iss`: its key set, the requirements on its tokens, and its pool.

This module combines these for one pool, and looks up an `iss`. An `iss` never becomes a URL (T1).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from cognito_mr_auth._base.clock import Clock
from cognito_mr_auth._jwks.model import KeyFileContents, KeySetConfig
from cognito_mr_auth._jwt.claims import ClaimRequirements, check_claims, in_time
from cognito_mr_auth._remote.dependencies import Dependencies
from cognito_mr_auth._remote.remote_key_set import RemoteKeySet
from cognito_mr_auth._runtime.outcomes import Outcomes, Tally
from cognito_mr_auth.errors import AuthError, IssuerUnknown
from cognito_mr_auth.events import Event, InsecureEmulator
from cognito_mr_auth.pool import UserPool
from cognito_mr_auth.principal import Issuer

__all__ = [
    "IssuerEntry",
    "authorization_servers",
    "compose",
    "entry_of",
    "fetched_urls",
    "requirements_of",
    "save_keys",
]


class IssuerEntry:
    """One issuer of one pool in one verifier."""

    __slots__ = ("expected", "issuer", "key_set", "origin", "pool", "tally")

    def __init__(
        self, issuer: Issuer, pool: UserPool, key_set: RemoteKeySet, expected: ClaimRequirements, tally: Tally
    ) -> None:
        self.issuer = issuer
        self.pool = pool
        self.key_set = key_set
        self.expected = expected
        self.origin = (pool.user_pool_id, issuer.kind)
        self.tally = tally

    def plausible(
        self, payload: dict[str, Any], clock: Clock, *, times_alone: bool = False
    ) -> Callable[[], bool]:
        """A function that says whether a token could pass if its key were known (R5).

        It is called only when that matters. With `times_alone` it checks no claim but the times, because the
        caller checks none.
        """

        def could_pass() -> bool:
            if times_alone:
                return in_time(payload, self.expected.leeway, clock()[0])
            try:
                check_claims(payload, self.expected, clock()[0])
            except AuthError:
                return False
            return True

        return could_pass


def compose(
    pool: UserPool, dependencies: Dependencies, token_use: str, leeway: float, outcomes: Outcomes
) -> tuple[RemoteKeySet, dict[str, IssuerEntry], list[Event]]:
    """A pool's key set, the entry of each `iss` that it accepts, and the events to report at the start.

    The pool's own `token_use` takes precedence over the verifier's.
    """
    config = pool._key_set_config
    stored, events = KeyFileContents([], {}), list[Event]()
    if config.key_file is not None or config.baked_key_file is not None:
        from cognito_mr_auth._remote import persistence  # imported here, because most pools have no key file

        stored, events = persistence.load(config)
    if pool.insecure_emulator:
        events.append(InsecureEmulator(config.provider))
    key_set = RemoteKeySet(config, dependencies, stored)
    expected = requirements_of(pool, token_use, leeway)
    entries = {
        url: IssuerEntry(issuer, pool, key_set, expected, outcomes.tally(pool.user_pool_id, issuer.kind))
        for url, issuer in pool.issuers.items()
    }
    return key_set, entries, events


def save_keys(config: KeySetConfig, contents: KeyFileContents) -> Collection[Event]:
    """Write the key file of a pool that has one."""
    from cognito_mr_auth._remote import persistence  # `compose` has loaded it

    return persistence.save(config, contents)


def requirements_of(pool: UserPool, token_use: str, leeway: float) -> ClaimRequirements:
    """What a verifier requires of a pool's tokens. The pool's `token_use` precedes the verifier's."""
    return ClaimRequirements(
        pool.token_use or token_use, pool.client_ids, pool.audience, leeway, pool.unbound_machines
    )


def entry_of(entries: Mapping[object, IssuerEntry], payload: Mapping[str, Any]) -> IssuerEntry:
    """The entry of a payload's `iss`, found by exact comparison (T1).

    Raises:
        IssuerUnknown: no entry has this `iss`.
    """
    issuer = payload.get("iss")
    # A list or a number is no issuer, and a list cannot be hashed.
    entry = entries.get(issuer) if issuer.__class__ is str else None
    if entry is None:
        raise IssuerUnknown(
            hint="the token is from another user pool, or from a Region that is not listed in replica_regions"
        )
    return entry


def fetched_urls(entries: Iterable[IssuerEntry]) -> list[str]:
    """Every URL that may be asked for keys. A pool that is offline has none."""
    configs = [each.pool._key_set_config for each in entries]
    return [endpoint.url for each in configs if not each.offline for endpoint in each.endpoints]


def authorization_servers(entries: Iterable[IssuerEntry]) -> list[str]:
    """The issuers, the original ones first, because clients begin with the first (RFC 9728 section 2).

    An updated issuer answers nobody before the pool has switched to it, and neither does a replica before it
    exists.
    """
    found = sorted(entries, key=lambda entry: entry.issuer.kind != "original")
    return [entry.issuer.url for entry in found]
