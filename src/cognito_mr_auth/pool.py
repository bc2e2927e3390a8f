"""One Cognito user pool as its users configure it: ID, app clients, issuers, key endpoints.

This module derives issuers and JWKS URLs. It refuses a wrong setting with a ConfigurationError that names
the value. It does no I/O, and a token never becomes part of a URL.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from ._base.checks import HOST_NAME, check_flag, check_token_use, is_client_id, is_pool_id
from ._base.partitions import REGION, dns_suffix, partition
from ._jwks.model import Endpoint, KeySetConfig
from .errors import ConfigurationError
from .principal import Issuer, IssuerKind

__all__ = ["ANY_CLIENT", "TokenUse", "UserPool"]

TokenUse = Literal["access", "id", "any"]
"""The kinds of token that are accepted: one of Cognito's two, or both."""

_KINDS: Final = ("updated", "original", "replica")
"""The kinds of issuer, in the order in which their endpoints are preferred (R2)."""

JWKS_PATH: Final = "/.well-known/jwks.json"


class _AnyClient:
    """The type of ANY_CLIENT. Users must write this opt-out; an empty value never means it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ANY_CLIENT"

    def __reduce__(self) -> str:
        return "ANY_CLIENT"


ANY_CLIENT: Final = _AnyClient()
"""Accepts tokens of every app client of the pool. Pass it alone, as `client_ids=ANY_CLIENT`."""


class UserPool:
    """A user pool and its replicas: which tokens belong to it, and which endpoints serve its keys.

    Args:
        user_pool_id: such as "us-west-2_EXAMPLE". It begins with the primary Region.
        client_ids: IDs of the app clients whose tokens are accepted, or ANY_CLIENT.
        replica_regions: Regions that the pool is replicated to.
        issuer_kinds: the kinds of `iss` that are accepted, of "original", "replica" and "updated". The
            default is every kind that the pool can have. It does not change which endpoints are asked.
        audience: the resource identifier that access tokens must be bound to (RFC 8707), or several, of
            which a token needs one.
        unbound_machines: with `audience`, also accept tokens of machines that have no `aud`. Cognito
            binds no token of the client-credentials grant.
        jwks_urls: one URL, or {issuer URL: JWKS URL}. Only these endpoints are asked; the accepted `iss`
            stay the same. https, or http to loopback. A query is sent, and shown nowhere.
        jwks: a seed, which is the JWKS document as a mapping, str or bytes.
        key_file: path of the file that keeps the key set across restarts.
        baked_key_file: path of a key file that is shipped with the code. It is read and never written.
        offline: never use the network. It needs `jwks`, `key_file` or `baked_key_file`.
        token_use: "access", "id" or "any", in place of the verifier's.
        dns_suffix: the DNS suffix of the AWS partition, if it must not be derived from the Region.
        insecure_emulator: allow plain http beyond loopback, and emulators' public keys.

    A pool is immutable, and equal to a pool of the same settings. `copy` and `pickle` work.

    Raises:
        ConfigurationError: a setting cannot be right. The message names the value.

    Source of issuers and JWKS URLs: Cognito Developer Guide, "User pool OIDC issuer", `IssuerConfiguration`.
    """

    __slots__ = (
        "_key_set_config",
        "audience",
        "baked_key_file",
        "client_ids",
        "insecure_emulator",
        "issuers",
        "key_file",
        "offline",
        "region",
        "replica_regions",
        "token_use",
        "unbound_machines",
        "user_pool_id",
    )

    user_pool_id: str
    region: str
    client_ids: frozenset[str] | None
    replica_regions: tuple[str, ...]
    issuers: Mapping[str, Issuer]
    audience: frozenset[str] | None
    unbound_machines: bool
    token_use: TokenUse | None
    key_file: str | None
    baked_key_file: str | None
    offline: bool
    insecure_emulator: bool
    _key_set_config: KeySetConfig

    def __init__(
        self,
        user_pool_id: str,
        *,
        client_ids: Collection[str] | _AnyClient,
        replica_regions: Collection[str] = (),
        issuer_kinds: Collection[IssuerKind] | None = None,
        audience: str | Collection[str] | None = None,
        unbound_machines: bool = False,
        jwks_urls: str | Mapping[str, str] | None = None,
        jwks: Mapping[str, Any] | str | bytes | None = None,
        key_file: str | os.PathLike[str] | None = None,
        baked_key_file: str | os.PathLike[str] | None = None,
        offline: bool = False,
        token_use: TokenUse | None = None,
        dns_suffix: str | None = None,
        insecure_emulator: bool = False,
    ) -> None:
        region = _region_of(user_pool_id)
        replicas = _replicas(region, replica_regions)
        possible = tuple(_possible_issuers(user_pool_id, region, replicas, _suffix(region, dns_suffix)))
        seed = _seed(jwks)
        check_flag("insecure_emulator", insecure_emulator)
        files = _key_files(key_file, baked_key_file)
        _check_offline(offline, seed, files)
        config = KeySetConfig(
            user_pool_id,
            _endpoints(possible, jwks_urls, insecure=insecure_emulator),
            seed,
            *files,
            offline=offline,
            insecure_emulator=insecure_emulator,
        )
        values: dict[str, object] = {
            "_key_set_config": config,
            "user_pool_id": user_pool_id,
            "region": region,
            "client_ids": _client_ids(client_ids),
            "replica_regions": replicas,
            "issuers": MappingProxyType(_accepted(possible, issuer_kinds)),
            "audience": _audiences(audience, unbound_machines),
            "unbound_machines": unbound_machines,
            "token_use": _own_token_use(token_use),
            "key_file": files[0],
            "baked_key_file": files[1],
            "offline": offline,
            "insecure_emulator": insecure_emulator,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def _settings(self) -> dict[str, object]:
        """Every setting by its name. The issuers are a dict, because a mappingproxy cannot be pickled."""
        return {name: getattr(self, name) for name in UserPool.__slots__} | {"issuers": dict(self.issuers)}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a UserPool is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a UserPool is immutable")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or self._settings == other._settings

    def __hash__(self) -> int:
        return hash((self.user_pool_id, self.client_ids, self._key_set_config))

    def __copy__(self) -> UserPool:
        return self

    def __deepcopy__(self, memo: object) -> UserPool:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self._settings))

    def __repr__(self) -> str:
        kinds = sorted({issuer.kind for issuer in self.issuers.values()})
        return f"<UserPool {self.user_pool_id}, issuers: {', '.join(kinds)}>"


def _rebuild(kind: type[UserPool], settings: dict[str, Any]) -> UserPool:
    """The pool that was pickled. The constructor checked its settings before."""
    if settings.keys() != set(UserPool.__slots__):
        raise ValueError("this UserPool was pickled by another version of cognito_mr_auth")
    made = kind.__new__(kind)
    for name, value in (settings | {"issuers": MappingProxyType(settings["issuers"])}).items():
        object.__setattr__(made, name, value)
    return made


def _strings(name: str, values: object) -> tuple[str, ...]:
    """The members of a collection of distinct strings. A bare str is a frequent mistake (S7)."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ConfigurationError(f"{name}={values!r}: give a list, such as {name}=[...]")
    found = tuple(values)
    for value in found:
        if value.__class__ is not str:
            raise ConfigurationError(f"{name} holds {value!r}; every member must be a str")
    if len(set(found)) != len(found):
        raise ConfigurationError(f"{name}={list(found)!r} names something twice")
    return found


def _region_of(user_pool_id: object) -> str:
    # A subclass of str is refused, because an f-string shows a member of a str Enum as "Pools.MAIN".
    if type(user_pool_id) is not str or not is_pool_id(user_pool_id):
        raise ConfigurationError(f"user_pool_id={user_pool_id!r}: a pool ID looks like 'us-west-2_EXAMPLE'")
    return user_pool_id.partition("_")[0]


def _replicas(primary: str, regions: object) -> tuple[str, ...]:
    found = _strings("replica_regions", regions)
    for region in found:
        if not REGION.fullmatch(region):
            raise ConfigurationError(f"replica_regions holds {region!r}; a Region looks like 'us-east-1'")
        if region == primary:
            raise ConfigurationError(f"replica_regions holds {region!r}, the pool's own Region")
        if partition(region) != partition(primary):
            raise ConfigurationError(
                f"replica_regions holds {region!r}, of another AWS partition than {primary!r}"
            )
    return found


def _suffix(region: str, given: object) -> str:
    if given is None:
        return dns_suffix(region)
    if type(given) is not str or not re.fullmatch(HOST_NAME, given, re.ASCII):
        raise ConfigurationError(f"dns_suffix={given!r}: give a DNS name such as 'amazonaws.com'")
    return given


def _possible_issuers(pool_id: str, region: str, replicas: tuple[str, ...], suffix: str) -> Iterable[Issuer]:
    yield Issuer(f"https://issuer-cognito-idp.{region}.{suffix}/{pool_id}", "updated", region)
    yield Issuer(f"https://cognito-idp.{region}.{suffix}/{pool_id}", "original", region)
    for replica in replicas:
        yield Issuer(f"https://cognito-idp.{replica}.{suffix}/{pool_id}", "replica", replica)


def _accepted(possible: tuple[Issuer, ...], kinds: object) -> dict[str, Issuer]:
    if kinds is None:
        return {issuer.url: issuer for issuer in possible}
    wanted = _strings("issuer_kinds", kinds)
    if not wanted:
        raise ConfigurationError("issuer_kinds is empty, so no token could be accepted")
    available = {issuer.kind for issuer in possible}
    for kind in wanted:
        if kind not in _KINDS:
            raise ConfigurationError(f"issuer_kinds holds {kind!r}; the kinds are {', '.join(_KINDS)}")
        if kind not in available:
            raise ConfigurationError("issuer_kinds holds 'replica', but replica_regions is empty")
    return {issuer.url: issuer for issuer in possible if issuer.kind in wanted}


def _client_ids(given: object) -> frozenset[str] | None:
    if given is ANY_CLIENT:
        return None
    if not isinstance(given, (str, bytes)) and isinstance(given, Iterable):
        given = tuple(given)
        if ANY_CLIENT in given:
            raise ConfigurationError("ANY_CLIENT must be the only value, as in client_ids=ANY_CLIENT")
    found = _strings("client_ids", given)
    if not found:
        raise ConfigurationError("client_ids is empty: name app clients, or give ANY_CLIENT")
    for client_id in found:
        if not is_client_id(client_id):
            raise ConfigurationError(f"client_ids holds {client_id!r}, which is no app client ID")
    return frozenset(found)


def _audiences(given: object, unbound_machines: object) -> frozenset[str] | None:
    check_flag("unbound_machines", unbound_machines)
    if given is None:
        if unbound_machines:
            raise ConfigurationError(
                "unbound_machines=True excepts machines from audience=, which is not given"
            )
        return None
    found = _strings("audience", [given] if isinstance(given, str) else given)
    if not found or not all(each.strip() for each in found):
        raise ConfigurationError(f"audience={given!r}: give a resource identifier, or a list of them")
    return frozenset(found)


def _key_files(own: object, baked: object) -> tuple[str | None, str | None]:
    found = _path("key_file", own), _path("baked_key_file", baked)
    if found[0] is not None and found[0] == found[1]:
        raise ConfigurationError(f"baked_key_file={baked!r} is key_file too, which is written")
    return found


def _path(name: str, given: object) -> str | None:
    if given is None:
        return None
    path = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigurationError(f"{name}={given!r}: give the path of a file")
    # Absolute and normalised, so that the check above recognises two forms of one path (P).
    return os.path.abspath(path)


def _check_offline(offline: object, seed: bytes | None, files: tuple[str | None, str | None]) -> None:
    check_flag("offline", offline)
    if offline and seed is None and files == (None, None):
        raise ConfigurationError("offline=True needs keys: give jwks=, key_file= or baked_key_file=")


def _own_token_use(given: object) -> object:
    if given is not None:
        check_token_use(given)
    return given


def _seed(jwks: object) -> bytes | None:
    if jwks is None or isinstance(jwks, bytes):
        return jwks
    if isinstance(jwks, str):
        return jwks.encode("utf-8", "surrogatepass")  # the parser refuses a lone surrogate later
    if isinstance(jwks, Mapping):
        try:
            return json.dumps(dict(jwks), allow_nan=False).encode("ascii")
        except (TypeError, ValueError, RecursionError):
            raise ConfigurationError("jwks cannot be written as JSON") from None
    raise ConfigurationError(f"jwks is a {type(jwks).__name__}; give the JWKS document as a dict")


def _endpoints(possible: tuple[Issuer, ...], jwks_urls: object, *, insecure: bool) -> tuple[Endpoint, ...]:
    if jwks_urls is None:
        return tuple(
            Endpoint(
                issuer.url + JWKS_PATH,
                issuer.kind,
                issuer.region,
                loopback=False,
                optional=issuer.kind != "original",
            )
            for issuer in possible
        )
    from ._base.urls import shown  # imported here, because most pools have derived endpoints only

    if isinstance(jwks_urls, str):
        return (_endpoint(jwks_urls, possible[1], insecure=insecure),)
    if not isinstance(jwks_urls, Mapping) or not jwks_urls:
        raise ConfigurationError(
            f"jwks_urls={shown(jwks_urls)}: give one URL, or a dict of issuer URL to JWKS URL"
        )
    by_url = {issuer.url: issuer for issuer in possible}
    for issuer_url in jwks_urls:
        if issuer_url not in by_url:
            raise ConfigurationError(
                f"jwks_urls names {shown(issuer_url)}, which is no issuer of this pool: {', '.join(by_url)}"
            )
    found = [
        _endpoint(jwks_urls[issuer.url], issuer, insecure=insecure)
        for issuer in possible
        if issuer.url in jwks_urls
    ]
    return _named(list({endpoint.target: endpoint for endpoint in reversed(found)}.values())[::-1])


def _named(endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints, with names that differ even where two URLs differ by their query alone."""
    urls = [each.url for each in endpoints]
    return tuple(
        each if urls.count(each.url) == 1 else each._replace(url=f"{each.url}#{each.kind}-{each.region}")
        for each in endpoints
    )


def _endpoint(given: object, issuer: Issuer, *, insecure: bool) -> Endpoint:
    from ._base.urls import read_key_url

    url = read_key_url("jwks_urls", given, insecure=insecure)
    optional = issuer.kind == "updated"
    return Endpoint(url.place, issuer.kind, issuer.region, url.loopback, optional=optional, query=url.query)
