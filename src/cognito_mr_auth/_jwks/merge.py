"""What several endpoints answered, merged to one set of keys (DESIGN K1 to K3).

Owns which key a `kid` means. Pure: no clock, lock or I/O.
"""

from collections.abc import Collection
from types import MappingProxyType

from cognito_mr_auth._base.clock import Instant, elapsed

from .model import CacheLifetimes, Key, Snapshot, StoredResponse

__all__ = ["assemble"]


def assemble(
    words: Collection[StoredResponse], now: Instant, windows: CacheLifetimes, fresh_for: float
) -> Snapshot:
    """The pool's keys at this moment: the union of the standing words (K1), conflicts settled (K3).

    `fresh_for` is the refresh interval drawn for this snapshot (`refresh_after` +-10 %), in seconds.
    """
    standing = sorted(
        (word for word in words if word.ageless or elapsed(now, word.begun) < windows.max_stale),
        key=lambda word: elapsed(now, word.begun),
    )
    exposed = frozenset().union(*(word.exposed for word in standing))
    keys: dict[str, Key] = {}
    owners: dict[str, StoredResponse] = {}
    quarantined: dict[str, tuple[str, ...]] = {}
    changes: list[float] = []
    for word in standing:
        age = elapsed(now, word.begun)
        if not word.ageless:
            changes.append(windows.max_stale - age)
        recent = age < windows.revalidate_after
        if recent and word.conflicts:
            quarantined.update((kid, (word.url,)) for kid in word.conflicts)
            changes.append(windows.revalidate_after - age)
        for kid, key in word.keys.items():
            if key.material[0] in exposed:
                continue
            if keys.setdefault(kid, key).material != key.material and recent:
                # Both words are young, for `standing` goes from the newest to the oldest.
                quarantined[kid] = (*quarantined.get(kid, (owners[kid].url,)), word.url)
                changes.append(windows.revalidate_after - age)
            owners.setdefault(kid, word)
    begun = next((word.begun for word in standing if word.keys), None)
    usable = {kid: key for kid, key in keys.items() if kid not in quarantined}
    recheck_in = min(changes, default=float("inf"))
    ageless = any(word.ageless for word in standing)
    return Snapshot(
        made=now,
        calm_for=_calm(begun, now, fresh_for, recheck_in, ageless=ageless),
        begun=begun,
        fresh_for=float("inf") if ageless else fresh_for,
        keys=MappingProxyType(usable),
        quarantined=MappingProxyType(quarantined),
        recheck_in=recheck_in,
    )


def _calm(
    begun: Instant | None, now: Instant, fresh_for: float, recheck_in: float, *, ageless: bool
) -> float:
    """Seconds from now in which a known kid needs no decision; negative when it needs one now."""
    if ageless:
        return recheck_in
    if begun is None:
        return -1.0
    return min(fresh_for - elapsed(now, begun), recheck_in)
