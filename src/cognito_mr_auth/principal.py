"""Who a verified token stands for: an immutable value, which all cache hits of the token share.

This module holds the shape and its copies, and checks nothing. A Principal is only made from claims that
the verifier has accepted. Its repr shows provider, issuer kind and token use, and no claim's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

__all__ = ["Issuer", "IssuerKind", "Principal"]

IssuerKind = Literal["original", "replica", "updated"]
"""Which of a pool's issuers it is."""


_new = object.__new__
_put = object.__setattr__  # because `__setattr__` of these classes refuses


class Issuer:
    """One accepted `iss`: its URL, its kind (original, replica, updated) and the Region of its host.

    It is a frozen value and no tuple, so that a later field breaks no user. `region` is None for an issuer
    without one.
    """

    __slots__ = ("kind", "region", "url")

    url: str
    kind: IssuerKind
    region: str | None

    def __init__(self, url: str, kind: IssuerKind, region: str | None) -> None:
        _put(self, "url", url)
        _put(self, "kind", kind)
        _put(self, "region", region)

    def to_dict(self) -> dict[str, str | None]:
        """Returns a new dict of the fields."""
        return {"url": self.url, "kind": self.kind, "region": self.region}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an Issuer is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an Issuer is immutable")

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Issuer) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.url)

    def __repr__(self) -> str:
        return f"Issuer(url={self.url!r}, kind={self.kind!r}, region={self.region!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return (Issuer, (self.url, self.kind, self.region))


def _freeze(value: Any) -> Any:
    if isinstance(value, list):
        return tuple([_freeze(item) for item in value])
    if isinstance(value, dict):
        return MappingProxyType({name: _freeze(item) for name, item in value.items()})
    return value


def _thaw(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_thaw(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _thaw(item) for name, item in value.items()}
    return value


class Principal:
    """The user or machine that a verified token stands for.

    It is deeply immutable: arrays are tuples, objects are read-only mappings. `copy` and `pickle` work.

    Attributes:
        subject: `sub`. It is unique within a pool. A machine's equals its `client_id`.
        client_id: the app client: `client_id` of an access token, `aud` of an ID token; None without one.
        username: `username` or `cognito:username`; None for a machine.
        token_use: "access" or "id".
        scopes: the members of `scope` (RFC 6749 section 3.3); empty for ID tokens.
        groups: `cognito:groups` in the token's order; empty where the claim is absent.
        issuer: the `Issuer` whose URL is the token's `iss`.
        provider: the pool's ID, the same for every issuer of a replicated pool.
        user_pool_id: such as "us-west-2_EXAMPLE"; None for a provider that is no user pool.
        issued_at: `iat`, seconds since the epoch.
        expires_at: `exp`, seconds since the epoch.
        claims: every claim of the payload, as signed. For JSON, use `to_dict()["claims"]`.
    """

    # Most requests read few attributes, so these are read from the claims on access. While `_claims` is a
    # dict, it is the payload as it was parsed; the first access to `claims` freezes it.
    __slots__ = ("_claims", "_groups", "_partial", "_scopes", "issuer", "provider", "user_pool_id")

    issuer: Issuer
    provider: str
    user_pool_id: str | None
    _claims: dict[str, Any] | MappingProxyType[str, Any]
    _groups: tuple[str, ...]
    _partial: bool
    _scopes: frozenset[str]

    def __init__(
        self,
        claims: Mapping[str, Any],
        *,
        issuer: Issuer,
        user_pool_id: str | None,
        provider: str | None = None,
    ) -> None:
        """Makes a principal of accepted claims. Adapters and copies call it; users get principals.

        `provider` is the pool's ID by default.

        Raises:
            TypeError: neither a pool nor a provider is given.
        """
        provider = user_pool_id if provider is None else provider
        if provider is None:
            raise TypeError("a Principal needs user_pool_id= or provider=")
        _put(self, "_claims", _freeze(dict(claims)))
        _put(self, "issuer", issuer)
        _put(self, "provider", provider)
        _put(self, "user_pool_id", user_pool_id)

    @property
    def claims(self) -> Mapping[str, Any]:
        """Every claim of the payload, as signed, read-only. For JSON, use `to_dict()["claims"]`."""
        held = self._claims
        if held.__class__ is dict:
            held = _freeze(held)
            _put(self, "_claims", held)
        return held

    @property
    def subject(self) -> str:
        """`sub`."""
        found: str = self._claims["sub"]
        return found

    @property
    def client_id(self) -> str | None:
        """`client_id` of an access token, `aud` of an ID token; None if the token names no app client."""
        found = self._claims.get("client_id" if self._claims["token_use"] == "access" else "aud")
        return found if found.__class__ is str else None

    @property
    def username(self) -> str | None:
        """`username` or `cognito:username`; None for a machine."""
        found = self._claims.get("username" if self._claims["token_use"] == "access" else "cognito:username")
        return found if found.__class__ is str else None

    @property
    def token_use(self) -> Literal["access", "id"]:
        """Either "access" or "id"."""
        found: Literal["access", "id"] = self._claims["token_use"]
        return found

    @property
    def scopes(self) -> frozenset[str]:
        """The members of `scope`; empty for ID tokens."""
        try:
            return self._scopes
        except AttributeError:
            scope = self._claims.get("scope") if self._claims["token_use"] == "access" else None
            # RFC 6749 3.3 separates scopes by single spaces, so an empty piece is no scope.
            found = frozenset(scope.split(" ")) - {""} if scope.__class__ is str else frozenset()
            _put(self, "_scopes", found)
            return found

    @property
    def groups(self) -> tuple[str, ...]:
        """`cognito:groups` in the token's order; empty where the claim is absent."""
        try:
            return self._groups
        except AttributeError:
            groups: Any = self._claims.get("cognito:groups")
            is_array = groups.__class__ is tuple or groups.__class__ is list
            found = tuple(groups) if is_array and all(item.__class__ is str for item in groups) else ()
            _put(self, "_groups", found)
            return found

    @property
    def issued_at(self) -> float:
        """`iat`, seconds since the epoch."""
        found: float = self._claims["iat"]
        return found

    @property
    def expires_at(self) -> float:
        """`exp`, seconds since the epoch."""
        found: float = self._claims["exp"]
        return found

    @property
    def is_machine(self) -> bool:
        """Whether this is an app client on its own (client credentials, RFC 6749 section 4.4)."""
        is_access = self.token_use == "access"
        return is_access and self.subject == self.client_id and "username" not in self._claims

    def to_dict(self) -> dict[str, Any]:
        """Returns a new copy of everything that JSON takes: lists and dicts, with the scopes sorted."""
        return {
            "subject": self.subject,
            "client_id": self.client_id,
            "username": self.username,
            "token_use": self.token_use,
            "scopes": sorted(self.scopes),
            "groups": list(self.groups),
            "issuer": self.issuer.to_dict(),
            "provider": self.provider,
            "user_pool_id": self.user_pool_id,
            "issued_at": self.issued_at,
            "expires_at": self.expires_at,
            "is_machine": self.is_machine,
            "claims": _thaw(self.claims),
        }

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        """For pydantic: only a Principal is valid, never a dict. It is serialised by `to_dict()`."""
        from pydantic_core import core_schema  # only pydantic calls this

        shown = core_schema.plain_serializer_function_ser_schema(cls.to_dict)
        return core_schema.is_instance_schema(cls, serialization=shown)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, Any]:
        """For OpenAPI: the members of `to_dict()`."""
        text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
        maybe, time = {"anyOf": [text, {"type": "null"}]}, {"type": "number"}
        issuer = {"url": text, "kind": text, "region": maybe}
        members: dict[str, Any] = {
            "subject": text,
            "client_id": maybe,
            "username": maybe,
            "token_use": text,
            "scopes": texts,
            "groups": texts,
            "issuer": {"type": "object", "properties": issuer, "required": list(issuer)},
            "provider": text,
            "user_pool_id": maybe,
            "issued_at": time,
            "expires_at": time,
            "is_machine": {"type": "boolean"},
            "claims": {"type": "object", "additionalProperties": True},
        }
        return {"title": "Principal", "type": "object", "properties": members, "required": list(members)}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Principal is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Principal is immutable")

    def __repr__(self) -> str:
        return f"<Principal {self.token_use} token of {self.provider}, {self.issuer.kind} issuer>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Principal):
            return NotImplemented
        return self.claims == other.claims and self.issuer == other.issuer and self.provider == other.provider

    def __hash__(self) -> int:
        return hash((self.issuer, self.subject, self.expires_at))

    def __copy__(self) -> Principal:
        return self

    def __deepcopy__(self, memo: object) -> Principal:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        values = (_thaw(self.claims), self.issuer, self.provider, self.user_pool_id, _is_partial(self))
        return (_rebuild, values)


def _principal_from_payload(
    payload: dict[str, Any], issuer: Issuer, provider: str, user_pool_id: str | None
) -> Principal:
    """The principal of a payload that a verifier has accepted, and that no other code holds."""
    made = _new(Principal)
    _put(made, "_claims", payload)
    _put(made, "issuer", issuer)
    _put(made, "provider", provider)
    _put(made, "user_pool_id", user_pool_id)
    return made


def _as_partial(principal: Principal) -> Principal:
    """Marks a principal that was made of some claims of a token, where nobody knows which are missing."""
    _put(principal, "_partial", True)
    return principal


def _is_partial(principal: Principal) -> bool:
    """Whether its token may hold claims that are absent here, so that an absence proves nothing (H1)."""
    return getattr(principal, "_partial", False)  # no default is stored, because every token would pay for it


def _rebuild(
    claims: dict[str, Any], issuer: Issuer, provider: str, user_pool_id: str | None, partial: bool = False
) -> Principal:
    made = Principal(claims, issuer=issuer, user_pool_id=user_pool_id, provider=provider)
    return _as_partial(made) if partial else made
