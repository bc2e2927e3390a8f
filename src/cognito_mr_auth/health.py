"""The types of what `Verifier.health()` returns. At run time these are plain dicts that JSON takes.

This module holds the shapes alone. Later versions may add members, and take none away.
"""

from typing import TYPE_CHECKING

from .events import State
from .principal import IssuerKind

if TYPE_CHECKING:
    from typing import TypedDict
else:
    try:  # before Python 3.12, pydantic (and so FastAPI's response models) accepts no other TypedDict
        from typing_extensions import TypedDict
    except ImportError:
        from typing import TypedDict

__all__ = ["EndpointHealth", "Health", "ProviderHealth", "State"]


class EndpointHealth(TypedDict):
    """One endpoint of a pool. Times are in seconds.

    `kind` is the kind of its issuer: "original", "replica" or "updated". `age` is the time since the request
    for its stored response began, or None without one. `failures` counts the failures since its last answer.
    `last_error` is the reason of the last failure, and `hint` says what that means. `down` says whether the
    log calls it down. `disabled` says whether it has answered that the pool does not have it. It is not asked
    again for `retry_in` seconds.
    """

    url: str
    kind: IssuerKind
    region: str | None
    age: float | None
    failures: int
    last_error: str | None
    hint: str | None
    down: bool
    disabled: bool
    retry_in: float


class ProviderHealth(TypedDict):
    """One pool. Times are in seconds.

    `ready` means that it has a usable key, which may be stale. `healthy` means that it is ready and its keys
    are fresh or aged. `age` is the age of the newest response. `usable_for` is how long its keys still serve
    if no endpoint answers any more. It is None for keys that never expire, and 0 without a usable key.
    """

    state: State
    ready: bool
    healthy: bool
    age: float | None
    usable_for: float | None
    keys: int
    quarantined: int
    endpoints: list[EndpointHealth]


class Health(TypedDict):
    """The verifier as a whole. `ready` and `healthy` are true while they are true of every pool.

    `providers` has the pools by ID. `hook_failures` counts the exceptions and the invalid answers of your
    functions.
    """

    ready: bool
    healthy: bool
    providers: dict[str, ProviderHealth]
    hook_failures: int
