"""Makes a UserPool from what AWS's own API says, when a program starts (extra `[aws]`).

This module decides which answers become which options. A verifier needs no AWS permission. A program that
discovers needs two: cognito-idp:ListUserPoolReplicas and cognito-idp:ListUserPoolClients. It also needs AWS's
API at its start. So most programs do better with fixed options, which `cognito-mr-auth doctor` compares with
the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

from ._aws import boto
from ._aws.model import Trouble
from ._aws.reading import Reader
from ._aws.side_by_side import Deadline, side_by_side
from .errors import ConfigurationError
from .pool import ANY_CLIENT, UserPool

if TYPE_CHECKING:
    from ._issuers.options import AllPoolOptions

__all__ = ["DiscoveryError", "user_pool"]

T = TypeVar("T")

# Two calls follow each other. Each makes two attempts of 2 s to connect, or of 5 s to read.
TIMEOUT_SECONDS: Final = 30.0


class DiscoveryError(Exception):
    """AWS could not be asked. `reasons` has one reason for each Region.

    A reason is "unreachable", "late", "no-credentials", "not-permitted", "not-there", "not-enabled",
    "throttled", "clock" or "failed". `permissions` are the missing IAM actions.
    """

    def __init__(self, message: str, reasons: Mapping[str, str], permissions: frozenset[str]) -> None:
        super().__init__(message)
        self.reasons: dict[str, str] = dict(reasons)
        self.permissions: frozenset[str] = permissions

    def __reduce__(self) -> tuple[type[DiscoveryError], tuple[object, ...]]:
        return type(self), (self.args[0], self.reasons, self.permissions)


def user_pool(user_pool_id: str, *, session: Any = None, **options: Unpack[AllPoolOptions]) -> UserPool:
    """Returns a UserPool with the replica Regions and app clients that AWS names.

    The primary and the Regions of `replica_regions` are asked side by side, so one of them may be away. Give
    `replica_regions` if discovery must work while the primary is away. The call blocks the caller's thread
    for 30 s at most.

    Every kind of issuer that the pool can have is accepted, whatever IssuerConfiguration says, because it may
    change while the process runs. Tokens that were issued before the change stay valid.

    Args:
        user_pool_id: such as "us-west-2_EXAMPLE".
        session: a `boto3.Session`; by default one with AWS's default profile and credentials.
        options: options of UserPool. Each one wins over what AWS says. Without `client_ids`, every app client
            of the pool is accepted, except those that applications registered themselves.

    Raises:
        ImportError: boto3 is missing or too old. The message says what to install.
        DiscoveryError: no Region could be asked. It has the reason of each.
        ConfigurationError: there is no such pool, it has no app client, or an option cannot be right.
    """
    # A wrong ID or a wrong Region fails before AWS is asked.
    regions = options.get("replica_regions", ())
    probe = UserPool(user_pool_id, client_ids=ANY_CLIENT, replica_regions=regions)
    given: Mapping[str, Any] = options
    if not {"replica_regions", "client_ids"} <= given.keys():
        reader = _reader(probe, boto.load_session() if session is None else session)
        given = _discovered(reader, probe, given)
    return UserPool(user_pool_id, **given)


def _reader(pool: UserPool, session: Any) -> Reader:
    reader = Reader(boto.clients_of(session), pool.user_pool_id)
    trouble = reader.prepare(pool.region)
    if trouble is not None:
        raise _error({pool.region: trouble})
    return reader


def _discovered(reader: Reader, pool: UserPool, options: Mapping[str, Any]) -> dict[str, Any]:
    """The given options, and AWS's answers for those that are missing."""
    found = dict(options)
    deadline = Deadline(TIMEOUT_SECONDS)
    regions = (pool.region, *pool.replica_regions)
    if "replica_regions" not in found:
        replicas = _first(reader.replicas, regions, deadline)
        found["replica_regions"] = [each.region for each in replicas]
        regions = (pool.region, *found["replica_regions"])
    if "client_ids" not in found:
        if not reader.knows_client_types(pool.region):
            raise boto.OldBotoError(
                "boto3 1.44.3 or later is needed, because an older one cannot leave out app clients that "
                "applications registered themselves; or give client_ids="
            )
        clients = _first(partial(reader.clients, ClientType="REGULAR"), regions, deadline)
        if not clients:
            raise ConfigurationError(f"user_pool_id={pool.user_pool_id!r}: the pool has no app client")
        found["client_ids"] = list(clients)
    return found


def _first(ask: Callable[[str], T | Trouble], regions: Collection[str], deadline: Deadline) -> T:
    """The answer of the first Region that gives one, in this order. The primary's answer is never older."""
    jobs: dict[str, Callable[[], T | Trouble]] = {region: partial(ask, region) for region in regions}
    troubles: dict[str, Trouble] = {}
    for region, answer in side_by_side(jobs, deadline).items():
        if answer is None:
            troubles[region] = Trouble("late")
        elif isinstance(answer, Exception):
            troubles[region] = Trouble("failed", detail=type(answer).__name__)
        elif isinstance(answer, Trouble):
            troubles[region] = answer
        else:
            return answer
    raise _error(troubles)


def _error(troubles: Mapping[str, Trouble]) -> DiscoveryError | ConfigurationError:
    reasons: dict[str, str] = {region: trouble.kind for region, trouble in troubles.items()}
    if set(reasons.values()) == {"not-there"}:
        return ConfigurationError(
            f"user_pool_id: there is no such pool in {', '.join(reasons)} for these credentials"
        )
    missing = frozenset(each.permission for each in troubles.values() if each.kind == "not-permitted")
    said = "; ".join(f"{region}: {reason}" for region, reason in reasons.items())
    if missing:
        said += f" (allow {', '.join(sorted(missing))})"
    return DiscoveryError(f"AWS could not be asked about the user pool: {said}", reasons, missing)
