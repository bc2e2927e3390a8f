"""Arguments that the fake pool and its like pass on, as types, so that a type checker finds a slip in one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal, TypedDict

from cognito_mr_auth._issuers.options import PoolOptions, VerifierOptions
from cognito_mr_auth._web.settings import Preflight
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

__all__ = ["DjangoKeys", "PoolOptions", "VerifierOptions"]


class DjangoKeys(TypedDict, total=False):
    """The keys of COGNITO_AUTH that do not say which verifier there is."""

    CSRF_EXEMPT: bool
    PROTECT_ALL: bool
    USER: str | Callable[[Principal], Any] | None
    REQUIRE: Policy | None
    OPTIONAL: bool
    PREFLIGHT: Preflight
    EXCLUDE: Collection[str]
    COOKIE: str | None
    ALLOWED_ORIGINS: Collection[str]
    HEADER: str
    SCHEME: Literal["Bearer"] | None
    REALM: str
    RESOURCE: str | None
    RESOURCE_SCOPES: Collection[str]
    RESOURCE_NAME: str | None
    RESOURCE_METADATA: str | None
    AUTHORIZATION_SERVERS: Collection[str] | None
    TIMEOUT: float
