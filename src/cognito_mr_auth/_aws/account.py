"""Reads a user pool in all of its Regions at once.

This module decides which Region is asked for what. A dead Region delays no other. The primary and the
configured replica Regions are asked side by side. The first that answered is asked about the pool as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from .model import Account, AppClient, PoolSettings, RegionAnswer, Replica, Trouble, known
from .reading import READS, Reader
from .side_by_side import Deadline, side_by_side

__all__ = ["ASK_SECONDS", "read_account", "read_regions", "source_of"]

Done = Callable[[str], object]

# Three rounds against a dead Region and a slow one. A call has two attempts of 2 s to connect or 5 s to read.
ASK_SECONDS: Final = 30.0
# AWS allows 15 such calls a second, and a pool of a thousand app clients must not take minutes.
MAX_DESCRIBED: Final = 20


def read_regions(
    reader: Reader, regions: Sequence[str], deadline: Deadline, done: Done = lambda _: None
) -> dict[str, RegionAnswer]:
    """What each Region says about the pool. Replica Regions that the answers name are asked too."""
    found = _ask_regions(reader, regions, deadline, done)
    more = dict.fromkeys(
        replica.region
        for answer in found.values()
        for replica in known(answer.replicas) or ()
        if replica.region not in found
    )
    return found | _ask_regions(reader, tuple(more), deadline, done)


def source_of(regions: Mapping[str, RegionAnswer]) -> str | None:
    """The Region to ask about the pool as a whole: the first that knows it, else the first that answers."""
    found = [name for name, answer in regions.items() if known(answer.pool) is not None]
    found += [name for name, answer in regions.items() if answer.answered and not answer.absent]
    return next(iter(found), None)


def read_account(
    reader: Reader,
    regions: Sequence[str],
    deadline: Deadline,
    *,
    wanted: Collection[str] | None,
    scopes: bool = False,
    done: Done = lambda _: None,
) -> Account:
    """All that AWS says about the pool. `wanted` are the app clients to describe; None means all."""
    answers = read_regions(reader, regions, deadline, done)
    source = source_of(answers)
    settings = known(answers[source].pool) if source is not None else None
    found: dict[str, Any] = {}
    jobs = _key_jobs(reader, answers, settings)
    if source is not None:
        whole = _Whole(reader, source, regions[0], found)
        jobs[f"the pool in {source}"] = partial(whole.read, settings, wanted, scopes=scopes)
    results = side_by_side(jobs, deadline, done)
    # At the deadline, an unfinished job leaves the pieces that it has read so far.
    failure = next((each for name, each in results.items() if name.startswith("the pool")), None)

    def piece(name: str, method: str) -> Any:
        return found.get(name, _no_answer(failure, READS["cognito-idp", method]))

    return Account(
        answers,
        source,
        piece("clients", "list_user_pool_clients"),
        piece("dynamic", "list_user_pool_clients"),
        found.get("described", {}).copy(),  # a job that was cut off may still add to it
        {
            name.partition(" ")[2]: _no_answer(each, READS["kms", "describe_key"])
            if each is None or isinstance(each, Exception)
            else each
            for name, each in results.items()
            if name.startswith("key ")
        },
        piece("scopes", "list_resource_servers"),
        {
            name: piece(f"domain {name}", "describe_user_pool_domain")
            for name in (settings.domains if settings else ())
        },
        tuple(reader.dates),
    )


def _ask_regions(
    reader: Reader, regions: Sequence[str], deadline: Deadline, done: Done
) -> dict[str, RegionAnswer]:
    results = side_by_side({each: partial(_ask, reader, each) for each in regions}, deadline, done)
    return {
        region: answer
        if isinstance(answer, RegionAnswer)
        else RegionAnswer(
            _no_answer(answer, READS["cognito-idp", "describe_user_pool"]),
            _no_answer(answer, READS["cognito-idp", "list_user_pool_replicas"]),
        )
        for region, answer in results.items()
    }


def _ask(reader: Reader, region: str) -> RegionAnswer:
    pool: PoolSettings | Trouble = reader.pool(region)
    if isinstance(pool, Trouble) and pool.kind in ("unreachable", "no-credentials", "clock"):
        # The next call would wait as long, and fail in the same way.
        return RegionAnswer(pool, pool._replace(permission=READS["cognito-idp", "list_user_pool_replicas"]))
    replicas: tuple[Replica, ...] | Trouble = reader.replicas(region)
    return RegionAnswer(pool, replicas)


def _key_jobs(
    reader: Reader, answers: Mapping[str, RegionAnswer], settings: PoolSettings | None
) -> dict[str, Callable[[], Any]]:
    arn = settings.key_arn if settings else None
    if arn is None:
        return {}
    there = [region for region, each in answers.items() if each.answered and not each.absent]
    return {f"key {region}": partial(reader.key, region, arn) for region in there}


class _Whole:
    """Reads what concerns the pool as a whole from one Region, one call after the other.

    The calls follow each other, so that they do not exhaust their rate, which the account shares. Each piece
    goes into `found`.
    """

    def __init__(self, reader: Reader, source: str, primary: str, found: dict[str, Any]) -> None:
        self._reader = reader
        self._source = source
        self._primary = primary
        self._found = found

    def read(self, settings: PoolSettings | None, wanted: Collection[str] | None, *, scopes: bool) -> None:
        reader, source = self._reader, self._source
        clients = self._found["clients"] = reader.clients(source)
        self._found["dynamic"] = self._dynamic()
        if scopes:
            self._found["scopes"] = reader.scopes(source)
        for name in settings.domains if settings else ():
            # A secondary does not know a prefix domain, so the primary alone is asked.
            self._found[f"domain {name}"] = reader.domain(self._primary, name)
        self._describe(known(clients), wanted)

    def _dynamic(self) -> int | Trouble | None:
        if not self._reader.knows_client_types(self._source):
            return None
        found = self._reader.clients(self._source, ClientType="DCR")
        return found if isinstance(found, Trouble) else len(found)

    def _describe(self, listed: Mapping[str, str] | None, wanted: Collection[str] | None) -> None:
        asked = sorted(listed or () if wanted is None else wanted)
        # If the list is known, clients that it lacks are not asked for. If not, asking is the only way.
        asked = [each for each in asked if listed is None or each in listed][:MAX_DESCRIBED]
        described: dict[str, AppClient | Trouble] = {}
        self._found["described"] = described
        for number, client_id in enumerate(asked):
            answer = described[client_id] = self._reader.client(self._source, client_id)
            if isinstance(answer, Trouble) and answer.kind != "not-there":
                described |= dict.fromkeys(asked[number:], answer)
                return


def _no_answer(result: object, permission: str) -> Trouble:
    if isinstance(result, Exception):
        return Trouble("failed", permission, type(result).__name__)
    return Trouble("late", permission)
