"""What `Verifier.health()` gives, as types for annotations: plain dicts at run time, which JSON takes.

Owns the shapes alone. Members are added by later versions and never taken away.
"""

from typing import TYPE_CHECKING

from .events import State
from .principal import IssuerKind

if TYPE_CHECKING:
    from typing import TypedDict
else:
    try:  # before Python 3.12 pydantic, and so a FastAPI route that returns a report, takes no other
        from typing_extensions import TypedDict
    except ImportError:
        from typing import TypedDict

__all__ = ["EndpointHealth", "Health", "ProviderHealth", "State"]


class EndpointHealth(TypedDict):
    """One endpoint of a pool. Times are in seconds.

    `kind` is that of its issuer: "original", "replica" or "updated". `age` is how long ago the request for
    its stored answer began; None while it has none. `failures` counts those since its last answer.
    `last_error` is the reason of the last one, and `hint` what that means. `down`: the log says so of it.
    `disabled`: it says that the pool does not have it. `retry_in`: for so long it is left alone.
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

    `ready`: it has a usable key, which may be a stale one. `healthy`: it is ready, and its keys are fresh or
    aged. `age` is that of the newest answer. `usable_for` is how long its keys still serve if no endpoint
    answers any more; None for keys without age, 0 where there are none.
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
    """A verifier: `ready` and `healthy` while all of its pools are; the pools by their IDs.

    `hook_failures` counts what functions of yours have raised, and answers of theirs that are none.
    """

    ready: bool
    healthy: bool
    providers: dict[str, ProviderHealth]
    hook_failures: int
