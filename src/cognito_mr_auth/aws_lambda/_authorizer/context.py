"""The context that an authorizer hands to the API behind it: values of a principal, by chosen names.

Owns the names and the form of their values: flat scalars, which API Gateway turns into strings, or JSON
for HTTP APIs with payload 2.0. `_proxy.upstream` reads them back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.principal import Principal

__all__ = ["DEFAULT", "Context", "flat_groups"]

DEFAULT: Final = (
    "sub",
    "client_id",
    "username",
    "token_use",
    "scope",
    "groups",
    "iss",
    "user_pool_id",
    "iat",
    "exp",
    "kind",
)
"""The names by default: all that `principal_from_authorizer` needs."""

# `claims` is refused by payload 1.0; the others are API Gateway's own names beside the context's.
RESERVED: Final = frozenset(
    {"claims", "iam", "integrationLatency", "jwt", "lambda", "principalId", "usageIdentifierKey"}
)
# AWS names no limit for API Gateway. All headers of one request to an HTTP API may have 10,240 bytes,
# and a context is most often mapped to headers: this leaves a fifth of them to others.
MAX_CONTEXT_CHARS = 8 * 1024

_OWN: Mapping[str, Callable[[Principal], Any]] = {
    "sub": lambda principal: principal.subject,
    "client_id": lambda principal: principal.client_id,
    "username": lambda principal: principal.username,
    "token_use": lambda principal: principal.token_use,
    "scope": lambda principal: " ".join(sorted(principal.scopes)) or None,
    "groups": lambda principal: principal.groups or None,
    "iss": lambda principal: principal.issuer.url,
    "user_pool_id": lambda principal: principal.user_pool_id,
    "iat": lambda principal: int(principal.issued_at),
    "exp": lambda principal: int(principal.expires_at),
    "kind": lambda principal: "machine" if principal.is_machine else "user",
}


def flat_groups(groups: Collection[str]) -> str:
    """Group names as one string: joined with spaces, which Cognito's names never hold (CreateGroup).

    A pre-token-generation trigger may have added others. Then it is a JSON array, so that one name cannot
    be read as two groups. A joined string never begins with "[".
    """
    joined = " ".join(groups)
    if joined.startswith("[") or joined.split() != list(groups):
        return json.dumps(list(groups), ensure_ascii=False)
    return joined


class Context:
    """The chosen names, and their values for a principal.

    Raises:
        ConfigurationError: a name is reserved, given twice, or no str.
    """

    __slots__ = ("_names",)

    def __init__(self, names: Collection[str] = DEFAULT) -> None:
        if isinstance(names, (str, bytes)):
            raise ConfigurationError(f"context={names!r}: give a list of names, such as ['sub', 'scope']")
        for name in names:
            if type(name) is not str or not name:
                raise ConfigurationError(f"context holds {name!r}: give names of claims")
            if name in RESERVED:
                raise ConfigurationError(f"context holds {name!r}, which API Gateway keeps for itself")
        if len(set(names)) != len(names):
            raise ConfigurationError("context holds a name twice")
        self._names = tuple(names)

    def of(self, principal: Principal, *, nested: bool) -> dict[str, Any]:
        """The context of a principal; what its token does not hold is left out.

        `nested` keeps arrays and objects, which payload 2.0 allows; otherwise they become strings.

        Raises:
            ConfigurationError: it is larger than what any API would hand on.
        """
        claims: Mapping[str, Any] = principal.to_dict()["claims"] if self._reads_claims else {}
        made: dict[str, Any] = {}
        for name in self._names:
            value = _OWN[name](principal) if name in _OWN else claims.get(name)
            if isinstance(value, tuple):
                value = list(value) if nested else flat_groups(value)
            elif isinstance(value, (list, dict)) and not nested:
                value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            if value is not None:
                made[name] = value
        if sum(map(_size, made.items())) > MAX_CONTEXT_CHARS:
            raise ConfigurationError(
                f"the context is larger than {MAX_CONTEXT_CHARS} characters: choose fewer names with context="
            )
        return made

    @property
    def _reads_claims(self) -> bool:
        return not set(self._names) <= set(_OWN)


def _size(item: tuple[str, Any]) -> int:
    name, value = item
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(name) + len(text)
