"""Merges the stored responses of several endpoints into one snapshot (K1 to K3).

This module decides which key a `kid` means. Pure: no clock, lock or I/O.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

from cognito_mr_auth._base.clock import Instant, elapsed

from .exposure import ExposedKeys
from .model import CacheLifetimes, Key, Snapshot, StoredResponse

__all__ = ["assemble"]


def assemble(
    responses: Collection[StoredResponse],
    now: Instant,
    lifetimes: CacheLifetimes,
    fresh_for: float,
    exposed: ExposedKeys | None = None,
) -> Snapshot:
    """The pool's keys at this moment: the union of the standing responses (K1), conflicts resolved (K3).

    `fresh_for` is the refresh interval of this snapshot (`refresh_after` +-10 %), in seconds. The keys in
    `exposed` are not used, whoever lists them (T5). A response without another key gives the set no age.
    """
    standing = _standing(responses, now, lifetimes)
    keys: dict[str, Key] = {}
    owners: dict[str, StoredResponse] = {}
    quarantined: dict[str, tuple[str, ...]] = {}
    changes: list[float] = []
    begun: Instant | None = None
    for response in standing:
        age = elapsed(now, response.begun)
        if not response.never_expires:
            changes.append(lifetimes.max_stale - age)
        recent = age < lifetimes.revalidate_after
        if recent and response.conflicts:
            quarantined.update((kid, (response.url,)) for kid in response.conflicts)
            changes.append(lifetimes.revalidate_after - age)
        for kid, key in response.keys.items():
            if exposed and key.material[0] in exposed:
                continue
            begun = begun or response.begun
            if keys.setdefault(kid, key).material != key.material and recent:
                # Both responses are recent, because `standing` goes from the newest to the oldest.
                quarantined[kid] = (*quarantined.get(kid, (owners[kid].url,)), response.url)
                changes.append(lifetimes.revalidate_after - age)
            owners.setdefault(kid, response)
    usable = {kid: key for kid, key in keys.items() if kid not in quarantined}
    rebuild_in = min(changes, default=float("inf"))
    never_expires = any(response.never_expires for response in standing)
    return Snapshot(
        made=now,
        safe_for=_safe_for(begun, now, fresh_for, rebuild_in, never_expires=never_expires),
        begun=begun,
        fresh_for=fresh_for,
        keys=MappingProxyType(usable),
        quarantined=MappingProxyType(quarantined),
        rebuild_in=rebuild_in,
        never_expires=never_expires,
    )


def _standing(
    responses: Collection[StoredResponse], now: Instant, lifetimes: CacheLifetimes
) -> list[StoredResponse]:
    """The responses that are young enough (K1), the newest first."""
    return sorted(
        (
            response
            for response in responses
            if response.never_expires or elapsed(now, response.begun) < lifetimes.max_stale
        ),
        key=lambda response: elapsed(now, response.begun),
    )


def _safe_for(
    begun: Instant | None, now: Instant, fresh_for: float, rebuild_in: float, *, never_expires: bool
) -> float:
    """Seconds from now in which a known kid needs no decision. Negative if it needs one now."""
    if never_expires:
        return rebuild_in
    if begun is None:
        return -1.0
    return min(fresh_for - elapsed(now, begun), rebuild_in)
