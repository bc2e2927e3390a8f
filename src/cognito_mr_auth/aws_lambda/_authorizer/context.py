"""The context that an authorizer passes to the API behind it: values of a principal under chosen names.

Owns the names and the form of their values. They are flat scalars, which API Gateway turns into strings, or
JSON for HTTP APIs with payload 2.0. `_proxy.upstream` reads them back. No name or value has a control
character, because an API may map it to a header.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.principal import Principal

from .callbacks import ask, require_callable

__all__ = ["DEFAULT", "Context", "ContextSource", "flat_groups", "is_plain", "principal_id"]

ContextSource = Collection[str] | Callable[[Principal], Mapping[str, Any]]
"""Names of values, or a callable that returns names and values of a principal."""

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
"""The default names, which are all that `principal_from_authorizer` needs."""

# Payload 1.0 refuses `claims`. API Gateway itself uses the others beside the names of the context.
RESERVED: Final = frozenset(
    {"claims", "iam", "integrationLatency", "jwt", "lambda", "principalId", "usageIdentifierKey"}
)
# AWS documents no limit for API Gateway. All headers of one request to an HTTP API may have 10,240 bytes,
# and a context is usually mapped to headers. This limit leaves a fifth of them to other headers.
MAX_CONTEXT_CHARS = 8 * 1024

# Line ends of every kind (RFC 9110 5.5; U+0085, U+2028 and U+2029 too), the other control characters of both
# sets, and surrogates, which have no form in UTF-8.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _groups(principal: Principal) -> tuple[str, ...] | None:
    """Return the groups, none if the token has none; None if the claim is not an array of names.

    Cognito omits the claim for a user without groups. The API behind may check that a user is not in a group.
    An absent claim would not prove that, because malformed groups are omitted as well.
    """
    claimed = principal.claims.get("cognito:groups", ())
    return None if claimed != principal.groups else principal.groups


_OWN: Mapping[str, Callable[[Principal], Any]] = {
    "sub": lambda principal: principal.subject,
    "client_id": lambda principal: principal.client_id,
    "username": lambda principal: principal.username,
    "token_use": lambda principal: principal.token_use,
    "scope": lambda principal: " ".join(sorted(filter(is_plain, principal.scopes))) or None,
    "groups": _groups,
    "iss": lambda principal: principal.issuer.url,
    "user_pool_id": lambda principal: principal.user_pool_id,
    "iat": lambda principal: int(principal.issued_at),
    "exp": lambda principal: int(principal.expires_at),
    "kind": lambda principal: "machine" if principal.is_machine else "user",
}


def is_plain(text: str) -> bool:
    """Whether a string may be in a header: no control characters, line ends or surrogates."""
    return not _CONTROL.search(text)


def principal_id(principal: Principal, fits: Callable[[str], bool] = is_plain) -> str:
    """Return the pool's ID, "|" and the subject, because a subject is unique only within its pool.

    A subject that could break a log line or a header is replaced by its digest. No two principals have the
    same result.
    """
    subject = principal.subject
    if not fits(subject):
        from hashlib import sha256  # rarely needed, because Cognito's own subjects are UUIDs

        subject = sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{principal.provider}|{subject}"


def flat_groups(groups: Collection[str]) -> str:
    """Join group names with spaces, because Cognito's own names never contain one (CreateGroup).

    A pre-token-generation trigger may have added other names. The result is a JSON array then, so that one
    name cannot be read as two groups. A joined string never begins with "[".
    """
    joined = " ".join(groups)
    if joined.startswith("[") or joined.split() != list(groups) or not is_plain(joined):
        return _json_text(list(groups), (", ", ": "))
    return joined


class Context:
    """The chosen names and their values for a principal, or a callable that returns both.

    Raises:
        ConfigurationError: a name is reserved, given twice, or not a str.
        TypeError: the callable is a coroutine function.
    """

    __slots__ = ("_make", "_names")

    def __init__(self, source: ContextSource = DEFAULT) -> None:
        self._make: Callable[[Principal], Any] | None = None
        names: Collection[str] = DEFAULT
        if callable(source):
            require_callable("context", source)
            self._make = source
        else:
            names = source
        if isinstance(names, (str, bytes)):
            raise ConfigurationError(f"context={names!r}: give a list of names, such as ['sub', 'scope']")
        _check_names(names)
        if len(set(names)) != len(names):
            raise ConfigurationError("context holds a name twice")
        self._names = tuple(names)

    def of(self, principal: Principal, *, nested: bool, admitted: bool) -> dict[str, Any]:
        """Return the context of a principal, without absent claims and values that `is_plain` refuses.

        `nested` keeps arrays and objects, which payload 2.0 allows; otherwise they become strings. The user's
        callable is called only for a principal who is admitted. Others get the default names.

        Raises:
            CheckUnavailable: the callable raised an exception.
            ConfigurationError: the context is too large for any API, or the callable returned a reserved
                name.
            TypeError: the callable returned something other than names and JSON values.
        """
        if self._make is not None and admitted:
            given = _json_members(ask("context", self._make, principal))
        else:
            given = self._values(principal)
        made: dict[str, Any] = {}
        for name, value in given.items():
            formed = _nested(value) if nested else _flat(value)
            if formed is not None and is_plain(name):
                made[name] = formed
        if sum(map(_size, made.items())) > MAX_CONTEXT_CHARS:
            raise ConfigurationError(
                f"the context is larger than {MAX_CONTEXT_CHARS} characters: choose fewer names with context="
            )
        return made

    def _values(self, principal: Principal) -> dict[str, Any]:
        reads_claims = not set(self._names) <= set(_OWN)
        claims: Mapping[str, Any] = principal.to_dict()["claims"] if reads_claims else {}
        return {name: _OWN[name](principal) if name in _OWN else claims.get(name) for name in self._names}


def _check_names(names: Iterable[Any]) -> None:
    for name in names:
        if type(name) is not str or not name:
            raise ConfigurationError(f"context holds {name!r}: give names of claims")
        if name in RESERVED:
            raise ConfigurationError(f"context holds {name!r}, which API Gateway keeps for itself")


def _json_members(given: object) -> dict[str, Any]:
    """Return the result of a user's callable as JSON data."""
    if not isinstance(given, Mapping):
        raise TypeError(f"context returned {type(given).__name__}, not a mapping of names to values")
    _check_names(given)
    members: dict[str, Any] = {}
    for name, value in given.items():
        try:
            members[name] = json.loads(json.dumps(value, allow_nan=False))
            continue
        except (TypeError, ValueError, RecursionError):
            pass  # the exception may hold the value
        raise TypeError(f"context gave a value for {name!r} that is not JSON")
    return members


# -- the forms of a value ---------------------------------------------------------------------------


def _flat(value: Any) -> Any:
    """Return a scalar; None for a value that is left out."""
    if isinstance(value, tuple):
        return flat_groups(value)
    if isinstance(value, (list, dict)):
        return _json_text(value)
    return None if isinstance(value, str) and not is_plain(value) else value


def _nested(value: Any) -> Any:
    """Return the value unchanged; None if a string within it is not plain.

    Groups are never left out, because a policy may require their absence. They become JSON text instead.
    """
    plain = _is_plain_within(value)
    if isinstance(value, tuple):
        return list(value) if plain else flat_groups(value)
    return value if plain else None


def _json_text(value: Any, separators: tuple[str, str] = (",", ":")) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=separators)
    if is_plain(text):
        return text
    # json.dumps always escapes some control characters; in ASCII it escapes all but one.
    return json.dumps(value, separators=separators).replace("\x7f", "\\u007f")


def _is_plain_within(value: Any) -> bool:
    if isinstance(value, str):
        return is_plain(value)
    if isinstance(value, dict):
        return all(is_plain(name) and _is_plain_within(each) for name, each in value.items())
    return not isinstance(value, (list, tuple)) or all(map(_is_plain_within, value))


def _size(item: tuple[str, Any]) -> int:
    name, value = item
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(name) + len(text)
