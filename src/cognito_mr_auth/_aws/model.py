"""AWS's answers about a user pool as values, and the reasons for a missing answer.

This module has the shapes, and is pure. `reading` drops what AWS's answers hold beyond these shapes (above
all an app client's secret) before anything keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeVar

__all__ = [
    "ORIGINAL",
    "UPDATED",
    "Account",
    "AppClient",
    "DateSample",
    "Domain",
    "EncryptionKey",
    "Kind",
    "PoolSettings",
    "RegionAnswer",
    "Replica",
    "Trouble",
    "known",
]

T = TypeVar("T")

ORIGINAL: Final = "ORIGINAL"
UPDATED: Final = "UPDATED"

Kind = Literal[
    "unreachable",  # nothing answered
    "late",  # no answer before the deadline of the whole reading
    "no-credentials",  # none, expired ones, or their source cannot be reached
    "not-permitted",
    "not-there",  # no such pool, key or domain
    "not-enabled",  # the operation is not available here, or for this pool
    "throttled",
    "clock",  # the signature was refused, as it is where a clock is far off
    "failed",  # anything else
]


class Trouble(NamedTuple):
    """Why a call gave nothing. `permission` is its IAM action, `detail` an error code or an error class."""

    kind: Kind
    permission: str = ""
    detail: str = ""


def known(answer: T | Trouble) -> T | None:
    """The answer, or None where there is none."""
    return None if isinstance(answer, Trouble) else answer


class Replica(NamedTuple):
    """A secondary of the pool, as ListUserPoolReplicas names it."""

    region: str
    status: str


class PoolSettings(NamedTuple):
    """What concerns a verifier of DescribeUserPool's answer in one Region.

    `triggers` are the names of Lambda triggers, with the version of the event if there is one.
    """

    issuer_type: str
    key_type: str
    key_arn: str | None
    tier: str | None
    domains: tuple[str, ...]
    triggers: frozenset[str]


class RegionAnswer(NamedTuple):
    """One Region's answers about the pool."""

    pool: PoolSettings | Trouble
    replicas: tuple[Replica, ...] | Trouble

    @property
    def answered(self) -> bool:
        """Whether the Region's API has answered at all. A refusal counts."""
        silent = ("unreachable", "late", "no-credentials")
        return not isinstance(self.pool, Trouble) or self.pool.kind not in silent

    @property
    def absent(self) -> bool:
        """Whether the Region says that it has no such pool."""
        return isinstance(self.pool, Trouble) and self.pool.kind == "not-there"


class AppClient(NamedTuple):
    """DescribeUserPoolClient's answer without the secret. Lifetimes are in seconds."""

    client_id: str
    access_seconds: int
    id_seconds: int
    revocable: bool
    scopes: frozenset[str]


class EncryptionKey(NamedTuple):
    """The pool's own KMS key in one Region. `principals` are those of the Allow statements of its policy."""

    state: str
    regions: frozenset[str] | None
    """The Regions of a multi-Region key; None for another key."""
    principals: frozenset[str] | Trouble


class Domain(NamedTuple):
    """A domain of the sign-in pages, and the Region that it fails over to."""

    name: str
    failover_region: str | None


class DateSample(NamedTuple):
    """A `date` header, with the wall times of this machine at which its request began and its answer came."""

    source: str
    date: float
    sent: float
    received: float


class Account(NamedTuple):
    """All that AWS said. The answers about the pool as a whole come from the Region `source`, if any."""

    regions: Mapping[str, RegionAnswer]
    source: str | None
    clients: Mapping[str, str] | Trouble
    """The name of each app client, by its ID."""
    dynamic: int | Trouble | None
    """How many of them applications registered themselves; None if this boto3 cannot ask."""
    described: Mapping[str, AppClient | Trouble]
    keys: Mapping[str, EncryptionKey | Trouble]
    scopes: frozenset[str] | Trouble
    domains: Mapping[str, Domain | Trouble]
    dates: tuple[DateSample, ...]
