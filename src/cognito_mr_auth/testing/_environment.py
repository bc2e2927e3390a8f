"""A fake pool as environment variables, for a program or a process that reads them at its start.

Owns which COGNITO_ variables name the pool, and which must be unset. Owns also the one pool that this
process's environment names. It serves until the process ends.
"""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from cognito_mr_auth._config.environment import FORMER, PREFIX, VARIABLES

from ._endpoints.endpoints import FakeEndpoints

__all__ = ["enter", "entered", "variables_of"]


class _Pool(Protocol):
    """The attributes of a FakeUserPool that are used here. FakeUserPool's module imports this one."""

    @property
    def user_pool_id(self) -> str: ...

    @property
    def client_id(self) -> str: ...

    @property
    def replica_regions(self) -> tuple[str, ...]: ...

    @property
    def endpoints(self) -> FakeEndpoints | None: ...

    def serve(self) -> FakeEndpoints: ...


P = TypeVar("P", bound=_Pool)

_entered: dict[str, Any] = {}
"""The pool of this process's environment, by the settings with which it was made; or empty."""


def variables_of(pool: _Pool, *, every_endpoint: bool = False) -> dict[str, str | None]:
    """Return each variable of `Verifier.from_env()` with its value for a serving pool; None for one to unset.

    The variables of a real pool would break the fake one, and the real pool's key file would be overwritten.
    COGNITO_JWKS_URLS is the original issuer's URL, which every program can read, or an object of all URLs.

    Raises:
        RuntimeError: the pool does not serve.
    """
    endpoints = pool.endpoints
    if endpoints is None:
        raise RuntimeError("not serving: there is no URL of its keys")
    found: dict[str, str | None] = dict.fromkeys(sorted(VARIABLES | FORMER.keys()))
    values = {
        "USER_POOL_ID": pool.user_pool_id,
        "CLIENT_IDS": pool.client_id,
        "REPLICA_REGIONS": ",".join(pool.replica_regions) or None,  # an empty variable is an error
        "JWKS_URLS": json.dumps(endpoints.jwks_urls) if every_endpoint else endpoints.original.url,
    }
    return found | {PREFIX + name: value for name, value in values.items()}


def enter(settings: str, make: Callable[[], P], **more: str) -> P:
    """Return the pool that `make` makes, named by this process's environment. A second call returns the same.

    `more` are values of other variables, without their prefix.

    Raises:
        RuntimeError: an earlier call had other settings.
    """
    for before, pool in _entered.items():
        if before == settings:
            found: P = pool
            return found
        raise RuntimeError(f"in_environ() was called before, and with other settings: {before}")
    made = make()
    endpoints = made.serve().start()
    atexit.register(endpoints.stop)
    variables = variables_of(made) | {PREFIX + name: value for name, value in more.items()}
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _entered[settings] = made
    return made


def entered() -> Any:
    """Return the pool of `FakeUserPool.in_environ()` if this process has called it, else None."""
    return next(iter(_entered.values()), None)
