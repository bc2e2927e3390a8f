"""FakeUserPool: a user pool that exists only in the test's process.

Owns the pool's configuration, its keys and the tokens that it mints. It must never open a socket, because
`_endpoints.endpoints` serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Self, Unpack

from cognito_mr_auth._base.partitions import dns_suffix as suffix_of
from cognito_mr_auth._remote.clocks import monotonic, wall_clock
from cognito_mr_auth.pool import TokenUse
from cognito_mr_auth.principal import IssuerKind

from ._endpoints.endpoints import FakeEndpoints
from ._regions import default_replicas
from ._tokens.claims import MACHINE_SCOPE, SDK_SCOPE, Moment, User, access_claims, id_claims, machine_claims
from ._tokens.keys import SigningKey, new_kid
from ._tokens.malformed import damaged
from ._tokens.mint import (
    AccessTokenOptions,
    ClaimOptions,
    Draft,
    Part,
    Signer,
    TokenOptions,
    UserOptions,
    compact,
    merged,
)

if TYPE_CHECKING:
    from cognito_mr_auth import Principal, UserPool, Verifier

    from ._options import PoolOptions, VerifierOptions

# Cognito's default for access and ID tokens, which may live from 5 minutes to 24 hours.
DEFAULT_LIFETIME_S = 3600

Clock = Callable[[], float | tuple[float, float]]


class _KeyPair(NamedTuple):
    """Cognito signs access and ID tokens with different keys."""

    access: SigningKey
    id: SigningKey


class FakeUserPool:
    """A Cognito user pool with three kinds of issuer, to mint tokens for and serve keys from.

    `clock` returns the seconds since the epoch, or a pair that begins with them (FakeClock). It dates the
    tokens, and the verifiers made here use it. By default both use the system's time of day, also while
    freezegun or a similar tool has frozen it. `replica_regions` are the Regions of its replicas. By default
    it is one Region of the pool's partition: us-east-1 or, for a pool in us-east-1, us-west-2. `tls` serves
    https with a throw-away certificate. `updated_enabled=False` makes the updated endpoint answer 403, as
    Cognito does for a pool that has not switched its issuer.
    """

    def __init__(
        self,
        user_pool_id: str = "us-west-2_Fake00001",
        *,
        replica_regions: Iterable[str] | None = None,
        client_id: str = "1example23456789",
        clock: Clock | None = None,
        tls: bool = False,
        updated_enabled: bool = True,
        dns_suffix: str | None = None,
    ) -> None:
        if isinstance(replica_regions, str):
            raise TypeError(f"replica_regions= takes a list: [{replica_regions!r}]")
        self.user_pool_id: str = user_pool_id
        regions = default_replicas(user_pool_id) if replica_regions is None else replica_regions
        self.replica_regions: tuple[str, ...] = tuple(regions)
        self.client_id: str = client_id
        # The current `time.time` would not follow a test that freezes time later.
        self.clock: Clock = wall_clock if clock in (None, time.time) else clock
        self.tls: bool = tls
        self.updated_enabled: bool = updated_enabled
        self.dns_suffix: str | None = dns_suffix
        self._current = _KeyPair(SigningKey(), SigningKey())
        self._listed: tuple[SigningKey, ...] = self._current
        # Kept for ever, also when withdrawn, because a key without an owner is reused under another kid.
        self._ever: list[SigningKey] = list(self._current)
        self._impostors: dict[str, SigningKey] = {}
        self._endpoints: FakeEndpoints | None = None

    @classmethod
    def in_environ(
        cls,
        user_pool_id: str = "us-west-2_Fake00001",
        *,
        replica_regions: Iterable[str] | None = None,
        client_id: str = "1example23456789",
        token_use: TokenUse = "access",
    ) -> Self:
        """Return a pool that serves until this process ends, and that its COGNITO_ variables name.

        Call it in the first line of a conftest.py, before the import of an application that calls
        ``Verifier.from_env()`` at import. The fixtures then use this pool. The variables of a real pool are
        unset. `token_use` is the value of COGNITO_TOKEN_USE. A second call returns the same pool; with other
        settings it raises RuntimeError.
        """
        from ._environment import enter

        given = default_replicas(user_pool_id) if replica_regions is None else replica_regions
        regions = given if isinstance(given, str) else tuple(given)
        settings = f"{cls.__name__}, {user_pool_id!r}, replica_regions={regions!r}, client_id={client_id!r}"
        if token_use != "access":
            settings += f", token_use={token_use!r}"
        return enter(
            settings,
            lambda: cls(user_pool_id, replica_regions=regions, client_id=client_id),
            **({} if token_use == "access" else {"TOKEN_USE": token_use}),
        )

    # ---- tokens

    def access_token(
        self,
        *,
        username: str | None = None,
        subject: str | None = None,
        scopes: Iterable[str] = (SDK_SCOPE,),
        groups: Iterable[str] = (),
        audience: str | None = None,
        federated: bool | str = False,
        **options: Unpack[TokenOptions],
    ) -> str:
        """Return a user's access token, with Cognito's default claims.

        `audience` binds it to a resource (RFC 8707). `federated` is True or the name of the identity
        provider. Claims of a pre-token-generation trigger, also arrays and objects, go into ``claims=``.
        """
        user = User.named(username, subject, groups, federated)
        claims = access_claims(self._moment(options), user, scopes, audience)
        return self._mint(claims, self.access_key, options)

    def headers(self, **options: Unpack[AccessTokenOptions]) -> dict[str, str]:
        """Return the headers of a user's request: an access token in Authorization.

        `options` are those of `access_token`, such as ``scopes=[...]`` and ``groups=[...]``.
        """
        return {"Authorization": f"Bearer {self.access_token(**options)}"}

    def principal(self, **options: Unpack[UserOptions]) -> Principal:
        """Return the principal that a verifier returns for such an access token, for a test without a token.

        `options` are those of `access_token` that affect its claims. Nothing is checked, so the principal may
        be expired, or belong to another app client.
        """
        from cognito_mr_auth import Issuer, Principal

        user = User.named(
            options.get("username"),
            options.get("subject"),
            options.get("groups", ()),
            options.get("federated", False),
        )
        moment = self._moment(options)
        claims = access_claims(moment, user, options.get("scopes", (SDK_SCOPE,)), options.get("audience"))
        issuer = Issuer(moment.issuer, options.get("issuer", "original"), moment.issuer.split(".")[1])
        return Principal(
            merged(claims, options.get("claims", {})), issuer=issuer, user_pool_id=self.user_pool_id
        )

    def id_token(
        self,
        *,
        username: str | None = None,
        subject: str | None = None,
        groups: Iterable[str] = (),
        email: str | None = None,
        federated: bool | str = False,
        **options: Unpack[TokenOptions],
    ) -> str:
        """Return a user's ID token. A federated user's has the `identities` array."""
        user = User.named(username, subject, groups, federated)
        return self._mint(id_claims(self._moment(options), user, email), self.id_key, options)

    def machine_token(
        self, *, scopes: Iterable[str] = (MACHINE_SCOPE,), **options: Unpack[TokenOptions]
    ) -> str:
        """Return an access token of the client-credentials grant. It has no user, and `sub` is the client."""
        claims = machine_claims(self._moment(options), scopes)
        return self._mint(claims, self.access_key, options)

    def sign(self, header: Part | None, payload: Part, *, key: SigningKey | None = None) -> str:
        """Sign these mappings or octets with RS256, exactly as they are.

        The default header is Cognito's, and the default key is the pool's access key.
        """
        key = key or self.access_key
        return compact(_header(key) if header is None else header, payload, key)

    def _moment(self, options: ClaimOptions) -> Moment:
        issued_at = options.get("issued_at", int(self._wall()))
        return Moment(
            issuer=self.issuer(options.get("issuer", "original"), options.get("region")),
            client_id=options.get("client_id", self.client_id),
            issued_at=issued_at,
            expires_at=issued_at + options.get("expires_in", DEFAULT_LIFETIME_S),
            not_before=options.get("not_before"),
        )

    def _mint(self, claims: dict[str, object], key: SigningKey, options: TokenOptions) -> str:
        signer = self._signer(options.get("signed_by", "pool"), key)
        draft = Draft(
            header=merged(_header(signer), options.get("header", {})),
            payload=merged(claims, options.get("claims", {})),
            key=signer,
        )
        malformed = options.get("malformed")
        return draft.token() if malformed is None else damaged(draft, malformed)

    def _signer(self, signed_by: SigningKey | Signer, key: SigningKey) -> SigningKey:
        if isinstance(signed_by, SigningKey):
            return signed_by
        if signed_by == "pool":
            return key
        if signed_by == "foreign":
            return self.impostor(key.kid)
        if signed_by == "unknown":
            return self.impostor("").under(new_kid())
        raise ValueError(f'signed_by={signed_by!r} is not a SigningKey, "pool", "foreign" or "unknown"')

    # ---- keys

    @property
    def access_key(self) -> SigningKey:
        """The key that signs access tokens now."""
        return self._current.access

    @property
    def id_key(self) -> SigningKey:
        """The key that signs ID tokens now."""
        return self._current.id

    @property
    def keys(self) -> tuple[SigningKey, ...]:
        """The keys that the JWKS lists, oldest first."""
        return self._listed

    def impostor(self, kid: str) -> SigningKey:
        """Return a key that the pool does not have, under any kid. The same kid always gives the same key.

        ``signed_by="foreign"`` signs with it, and an endpoint in the mode "conflict" lists it.
        """
        return self._impostors.setdefault(kid, SigningKey(kid))

    def rotate(self) -> None:
        """Sign with two new keys from now on. The old public keys stay listed."""
        self._current = _KeyPair(SigningKey(), SigningKey())
        self._ever += self._current
        self._listed += self._current

    def withdraw(self, *kids: str) -> None:
        """Remove keys from the JWKS: these kids, or by default all keys that no longer sign.

        A kid that is not listed raises ValueError. A withdrawn key that signs continues to sign.
        """
        listed = {key.kid for key in self._listed}
        gone = set(kids) or listed - {key.kid for key in self._current}
        if not gone <= listed:
            raise ValueError(f"not listed: {', '.join(sorted(gone - listed))}")
        self._listed = tuple(key for key in self._listed if key.kid not in gone)

    def jwks(self, *, private: bool = False) -> dict[str, Any]:
        """Return the current document of /.well-known/jwks.json; `private` adds the private members."""
        return {"keys": [key.jwk(private=private) for key in self._listed]}

    # ---- issuers and endpoints

    def issuer(self, kind: IssuerKind = "original", region: str | None = None) -> str:
        """Return the issuer URL of one kind; `region` selects a replica (default: the first)."""
        primary = self.user_pool_id.partition("_")[0]
        suffix = self.dns_suffix or suffix_of(primary)
        if kind == "replica":
            if region is None and self.replica_regions:
                region = self.replica_regions[0]
            if region not in self.replica_regions:
                raise ValueError(f"no replica in {region}: replica_regions={self.replica_regions}")
        elif kind not in ("original", "updated"):
            raise ValueError(f'issuer={kind!r} is none of "original", "replica", "updated"')
        elif region not in (None, primary):
            raise ValueError(f"the {kind} issuer is in {primary}, not in {region}")
        host = "issuer-cognito-idp" if kind == "updated" else "cognito-idp"
        return f"https://{host}.{region or primary}.{suffix}/{self.user_pool_id}"

    def serve(self) -> FakeEndpoints:
        """Return the pool's endpoints on loopback, for a ``with`` block or start() and stop()."""
        if self.endpoints is not None:
            raise RuntimeError("already serving: one set of endpoints at a time")
        self._endpoints = FakeEndpoints(self)
        return self._endpoints

    @property
    def endpoints(self) -> FakeEndpoints | None:
        """The pool's endpoints while they serve; else None."""
        return self._endpoints if self._endpoints and self._endpoints.running else None

    # ---- the real classes, configured for this fake

    def user_pool(self, *, offline: bool | None = None, **overrides: Unpack[PoolOptions]) -> UserPool:
        """Return a UserPool for this fake: with its endpoints while serving, else offline with its keys.

        `overrides` are UserPool's own arguments (``audience=``, ``issuer_kinds=``, ``key_file=`` ...).
        """
        from cognito_mr_auth import UserPool

        settings: dict[str, Any] = {
            "client_ids": [self.client_id],
            "replica_regions": list(self.replica_regions),
            "dns_suffix": self.dns_suffix,
        }
        endpoints = None if offline else self.endpoints
        if endpoints is None:
            settings |= {"jwks": self.jwks(), "offline": offline is not False}
        else:
            settings["jwks_urls"] = endpoints.jwks_urls
        return UserPool(self.user_pool_id, **{**settings, **overrides})

    def verifier(
        self,
        token_use: TokenUse = "access",
        *,
        pool: UserPool | None = None,
        **options: Unpack[VerifierOptions],
    ) -> Verifier:
        """Return a Verifier that uses the served endpoints; `options` are Verifier's own arguments.

        `pool` is a result of `user_pool(...)`, if its defaults do not fit. If the pool is not serving, this
        raises RuntimeError.
        """
        if self.endpoints is None:
            raise RuntimeError("not serving: use `with pool.serve():`, or pool.offline_verifier()")
        if self.tls:
            options.setdefault("ssl_context", self.endpoints.ssl_context)
        return self._verifier(pool or self.user_pool(), token_use, options)

    def offline_verifier(
        self,
        token_use: TokenUse = "access",
        *,
        pool: UserPool | None = None,
        **options: Unpack[VerifierOptions],
    ) -> Verifier:
        """Return a Verifier that holds the pool's current keys and never uses the network."""
        return self._verifier(pool or self.user_pool(offline=True), token_use, options)

    def _verifier(self, pool: UserPool, token_use: TokenUse, options: VerifierOptions) -> Verifier:
        from cognito_mr_auth import Verifier

        if self.clock is not wall_clock:
            options.setdefault("clock", self._both_clocks)
        return Verifier(pool, token_use=token_use, **options)

    def _wall(self) -> float:
        now = self.clock()
        return now[0] if isinstance(now, tuple) else now

    def _both_clocks(self) -> tuple[float, float]:
        """Return the time of the pool's clock in the form that a Verifier needs."""
        now = self.clock()
        return now if isinstance(now, tuple) else (now, monotonic())

    def __repr__(self) -> str:
        return f"FakeUserPool({self.user_pool_id!r}, replica_regions={self.replica_regions!r})"


def _header(key: SigningKey) -> dict[str, object]:
    """Return Cognito's header, which has these two members and no `typ`."""
    return {"kid": key.kid, "alg": "RS256"}
