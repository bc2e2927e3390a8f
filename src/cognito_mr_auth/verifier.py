"""The verifier: what users call, and the one place where all parts are composed.

Owns the order of a verification (O) and the verified-token cache (C). Sync and asyncio callers
share every line but the ones that wait.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from ._base.clock import Clock, Instant
from ._config.options import check_callables, check_options, lifetimes, token_form
from ._issuers.entry import IssuerEntry, authorization_servers, compose, entry_of, fetched_urls, save_keys
from ._issuers.upkeep import are_ready, chosen, health_of, warming
from ._jwks.model import Key
from ._jwks.schedule import CALLER_WAIT_SECONDS, WARM_SECONDS
from ._jwt.claims import ValidityPeriod, check_claims, check_span
from ._jwt.compact import MAX_TOKEN_CHARS, TOKEN_TYPES, CompactJWS, HeaderCache, parse, verify_signature
from ._remote.clocks import system_clock
from ._remote.dependencies import Dependencies
from ._remote.fetch import JWKSFetcher
from ._remote.remote_key_set import RemoteKeySet, Timeout
from ._remote.threads import FetchThreads
from ._runtime.closing import Closing
from ._runtime.dispatch import EventDispatcher, OnEvent
from ._runtime.fork import track
from ._runtime.hooks import Hook, authorize, is_async, plain, require_policy, require_sync
from ._runtime.outcomes import Counting, OnOutcome, Outcomes, Tally, this_thread
from ._runtime.recall import Recalling
from ._runtime.refusals import located, record, recorded
from ._runtime.run import run_async, run_sync
from ._runtime.timeouts import Remaining, checked_timeout
from ._runtime.token_cache import TokenCache
from .errors import AuthenticationTooOld, AuthError, PolicyDenied
from .policy import Policy
from .pool import TokenUse, UserPool
from .principal import Principal, _principal_from_payload

if TYPE_CHECKING:
    import ssl

    from ._issuers.options import AllVerifierOptions
    from .health import Health

__all__ = ["Verifier"]

Steps = Generator[Any, Any, Principal]
"""Yields what to wait for: (future, seconds) for keys, a user's awaitable, or None (see `_runtime.run`)."""
_Done = Principal | Steps
_CachedToken = tuple[Principal, Key, RemoteKeySet, ValidityPeriod, Tally]
"""A verified token: principal, the key that verified it, whose that is, its times (C2), where it counts."""


class Verifier(Closing, Counting, Recalling):
    """Verifies tokens of one or more user pools, whichever of their issuers signed them.

    Args:
        pools: the user pools; tokens are dispatched by exact `iss`.
        token_use: "access", "id", or "any" for both. A pool's own `token_use` counts before it.
        leeway: seconds by which clocks may differ, 0 to 300.
        cache_size: verified tokens kept at most; 0 for none.
        refresh_after: age in seconds at which keys are renewed in the background.
        revalidate_after: age at which a caller waits once for the renewal.
        max_stale: age at which keys are no longer used; at most 7 days.
        token_types: what a token's `typ` may be, in any case, with or without "application/" before it. A
            token may have none.
        max_token_length: characters that a token has at most, 1,024 to 65,536.
        on_event: called with each event (see `events`), on any thread; must not block.
        on_outcome: called with each `outcomes.Outcome`, on the thread that verifies; must not block.
        revoked: called with each verified principal; True refuses it. A coroutine function works
            with `averify` alone. Any other runs on the caller's thread, which under `averify` is the
            event loop's, so it may read memory only.
        ssl_context: TLS settings in place of the HTTP client's defaults.
        clock: gives (wall, monotonic) seconds.

    Raises:
        ConfigurationError: for anything that cannot be right.
    """

    def __init__(
        self,
        *pools: UserPool,
        token_use: TokenUse = "access",
        leeway: float = 5.0,
        cache_size: int = 1024,
        refresh_after: float = 900.0,
        revalidate_after: float = 3600.0,
        max_stale: float = 86400.0,
        token_types: Collection[str] = TOKEN_TYPES,
        max_token_length: int = MAX_TOKEN_CHARS,
        on_event: OnEvent | None = None,
        on_outcome: OnOutcome | None = None,
        revoked: Hook | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        check_options(pools, token_use, leeway, cache_size)
        check_callables(on_event=on_event, on_outcome=on_outcome, revoked=revoked, clock=clock)
        self._clock = clock or system_clock
        self._leeway = float(leeway)
        self._revoked = revoked
        self._revoked_is_async = revoked is not None and is_async(revoked)
        self._key_sets: dict[str, RemoteKeySet] = {}
        self._dispatch = EventDispatcher(plain("on_event", on_event), self._clock, self._key_sets)
        self._hook_failed = self._dispatch.hook_failed
        self._outcomes = Outcomes(plain("on_outcome", on_outcome), self._dispatch.tell_outcome)
        self._unhooked = revoked is None and on_outcome is None
        self._fetcher = JWKSFetcher(ssl_context=ssl_context)
        self._threads = FetchThreads()
        dependencies = Dependencies(
            lifetimes=lifetimes(refresh_after, revalidate_after, max_stale),
            clock=self._clock,
            fetch=self._fetcher,
            threads=self._threads,
            emit=self._dispatch,
            region=os.environ.get("AWS_REGION"),
            save=save_keys,
        )
        self._cache_size = cache_size
        self._form = token_form(token_types, max_token_length)
        self._header_cache = HeaderCache()
        self._entries: dict[object, IssuerEntry] = {}
        for pool in pools:
            self._add(pool, dependencies, token_use, self._leeway)
        self._token_cache: TokenCache[_CachedToken] = TokenCache(cache_size)
        track(self)

    def _add(self, pool: UserPool, dependencies: Dependencies, token_use: str, leeway: float) -> None:
        key_set, entries, events = compose(pool, dependencies, token_use, leeway, self._outcomes)
        self._key_sets[pool.user_pool_id] = key_set
        self._entries.update(entries)
        self._dispatch(events)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        prefix: str = "COGNITO_",
        **options: Unpack[AllVerifierOptions],
    ) -> Self:
        """A verifier from environment variables (see `docs/configuration.md`).

        Args:
            environ: the variables, in place of the process's own.
            prefix: what their names begin with.
            options: settings that no variable says, such as `revoked=`.

        Raises:
            ConfigurationError: naming the variable that is missing or wrong, or is an option here too.
        """
        from ._config import environment  # only a call pays for this import

        found = os.environ if environ is None else environ
        return environment.verifier_from(cls, found, prefix=prefix, options=options)

    # -- verification ---------------------------------------------------------------------------

    def verify(
        self, token: str, *, require: Policy | None = None, timeout: float = CALLER_WAIT_SECONDS
    ) -> Principal:
        """The principal of a valid token.

        Args:
            token: a compact JWS.
            require: what the principal must have (see `policy`).
            timeout: seconds to wait for keys at most, where they must be fetched. Loading the HTTP
                client for a process's first request is not counted (R1).

        Raises:
            AuthError: by subclass and `status`, whose fault it is. Nothing else is raised for a bad
                token or an outage.
            TypeError: for a hook or check that is a coroutine function (use `averify`), a `require` that is
                no policy, or a `timeout` that is no number.
            ValueError: for a `timeout` that is negative or NaN.
        """
        if require is not None or self._revoked_is_async:
            self._refuse_async_hooks(require)
        try:
            done = self._verification(token, require, timeout)
            return done if isinstance(done, Principal) else run_sync(done)
        except AuthError as error:
            record(error, self._outcomes)
            raise

    async def averify(
        self, token: str, *, require: Policy | None = None, timeout: float = CALLER_WAIT_SECONDS
    ) -> Principal:
        """Like `verify`, for asyncio and trio. A cache hit yields for coroutine hooks only."""
        if require is not None:
            require_policy(require)
        try:
            done = self._verification(token, require, timeout)
            return done if isinstance(done, Principal) else await run_async(done)
        except AuthError as error:
            record(error, self._outcomes)
            raise

    def _verify_within(self, token: str, require: Policy | None, timeout: Timeout) -> Principal:
        """Like `verify`, also with a function that gives the seconds when the waiting begins.

        For a host with a deadline of its own, because loading the HTTP client takes some of the time.
        It calls `verify`, so that a subclass's own is called for every adapter.
        """
        limit = Remaining(timeout) if callable(timeout) else timeout
        return self.verify(token, require=require, timeout=cast("float", limit))

    def _refuse_async_hooks(self, require: Policy | None) -> None:
        """Raises TypeError for a hook or a check that only `averify` can call (H2)."""
        if self._revoked_is_async:
            raise TypeError("revoked= is a coroutine function: call averify()")
        require_sync(require)

    def _verification(self, token: object, require: Policy | None, timeout: Timeout) -> _Done:
        """The principal at once, or the steps that lead to it."""
        if timeout is not CALLER_WAIT_SECONDS:
            timeout = checked_timeout(timeout)
        now = self._clock()
        digest = self._token_cache.digest(token)
        cached = self._token_cache.find(digest)
        origin = None
        try:
            if cached is not None and (done := self._hit(cached, now, require)) is not None:
                return done
            jws = parse(token, self._header_cache, self._form)
            entry = entry_of(self._entries, jws.payload)
            origin = entry.origin
            found = entry.key_set.key_now(jws.kid, now)
            if found is None:
                return self._waiting(jws, entry, digest, require, timeout)
            return self._finish(self._accept(jws, entry, found, digest, now), now, require, entry.tally)
        except AuthError as error:
            located(error, origin or (cached and cached[4].origin))
            raise

    def _hit(self, cached: _CachedToken, now: Instant, require: Policy | None) -> _Done | None:
        """The answer to a token that was verified before; None if its key is no longer the one."""
        principal, key, key_set, span, tally = cached
        if key_set.key_now(key.kid, now) is key:
            check_span(span, now[0])  # C2: a hit skips parsing and RSA, nothing else
            return self._finish(principal, now, require, tally)
        return None

    def _waiting(
        self, jws: CompactJWS, entry: IssuerEntry, digest: bytes | None, require: Policy | None, wait: Timeout
    ) -> Steps:
        try:
            could_pass = entry.plausible(jws.payload, self._clock)
            key = yield from entry.key_set.resolve(jws.kid, could_pass, wait)
            now = self._clock()
            done = self._finish(self._accept(jws, entry, key, digest, now), now, require, entry.tally)
        except AuthError as error:
            located(error, entry.origin)
            raise
        return done if isinstance(done, Principal) else (yield from done)

    def _accept(
        self, jws: CompactJWS, entry: IssuerEntry, key: Key, digest: bytes | None, now: Instant
    ) -> Principal:
        """Check the signature first, then the claims (O); store the token in the cache."""
        verify_signature(jws, key.public)
        self._header_cache.keep(jws)
        payload = jws.payload
        span = check_claims(payload, entry.expected, now[0])
        pool_id = entry.pool.user_pool_id
        principal = _principal_from_payload(payload, entry.issuer, pool_id, pool_id)
        entry.tally.saw(payload["iat"])
        if digest is not None:
            self._token_cache.keep(digest, (principal, key, entry.key_set, span, entry.tally))
        return principal

    def _finish(self, principal: Principal, now: Instant, require: Policy | None, tally: Tally) -> _Done:
        if require is None and self._unhooked:
            tally.shares[this_thread()].accepted += 1
            return principal
        steps = authorize(principal, now[0], self._revoked, require, self._leeway, self._hook_failed)
        return self._outcomes.accepting(tally, steps)

    # -- for adapters ---------------------------------------------------------------------------

    def require(self, principal: Principal, require: Policy) -> Principal:
        """The principal, if the policy lets it pass: for a route's policy after `verify`.

        Raises:
            PolicyDenied, AuthenticationTooOld, CheckUnavailable: as `verify` does.
            TypeError: for a check that is a coroutine function, a `require` that is no policy, or a
                `principal` that is no Principal.
        """
        return run_sync(recorded(self._permission(principal, require), self._outcomes))

    async def arequire(self, principal: Principal, require: Policy) -> Principal:
        """Like `require`, for asyncio and trio."""
        return await run_async(recorded(self._permission(principal, require), self._outcomes))

    def _permits(self, principal: Principal, require: Policy) -> bool:
        """Whether a policy lets the principal pass, for who only asks: no refusal. Raises Unavailable."""
        try:
            return run_sync(self._permission(principal, require)) is principal
        except (PolicyDenied, AuthenticationTooOld):
            return False

    def _permission(self, principal: Principal, require: Policy) -> Steps:
        require_policy(require)
        if not isinstance(principal, Principal):  # a check() that ignores its argument would admit anything
            raise TypeError(f"give the Principal that verify() returned, not {type(principal).__name__}")
        return authorize(principal, self._clock()[0], None, require, self._leeway, self._hook_failed)

    def _load_http_client(self) -> None:
        """Load what a first fetch needs, unless none may come; raises ImportError or OSError."""
        if urls := fetched_urls(self._entries.values()):
            self._fetcher.prepare(urls)

    @property
    def _takes_id_tokens(self) -> bool:
        """Whether no pool accepts an access token: Swagger UI must know which one to send."""
        return all(entry.expected.token_use == "id" for entry in self._entries.values())

    @property
    def issuers(self) -> tuple[str, ...]:
        """Every `iss` that is accepted, in the order of the pools."""
        return tuple(str(url) for url in self._entries)

    @property
    def _authorization_servers(self) -> list[str]:
        """The same in the order in which clients should try them (RFC 9728 2)."""
        return authorization_servers(self._entries.values())

    def _seconds_left(self, principal: Principal) -> float:
        """Seconds until the principal's token expires, on this verifier's clock; negative after."""
        return principal.expires_at - self._clock()[0]

    # -- life -----------------------------------------------------------------------------------

    def warm(self, *, timeout: float = WARM_SECONDS) -> None:
        """Ask every endpoint for keys and wait for the answers, at most `timeout` seconds for all pools.

        Done when each endpoint has answered or failed, or when every pool has keys and the rest has been
        silent for 1 s.

        Raises:
            KeysUnavailable: when a pool is left without any usable key.
            TypeError, ValueError: as `verify` does, for a `timeout` that is none.
        """
        run_sync(warming(self._key_sets, checked_timeout(timeout)))

    async def awarm(self, *, timeout: float = WARM_SECONDS) -> None:
        """Like `warm`, for asyncio and trio."""
        await run_async(warming(self._key_sets, checked_timeout(timeout)))

    def ready(self, *providers: UserPool | str) -> bool:
        """Whether every pool, or each of those named, has a usable key; stale ones count.

        For a readiness probe (`docs/operations.md`). Starts a refresh in the background where one is due, and
        never waits for it; an outage is no error.

        Raises:
            ConfigurationError: for a pool that this verifier does not have.
            TypeError: for what is neither a pool nor its ID.
        """
        return are_ready(chosen(self._key_sets, providers), self._clock())

    def health(self) -> Health:
        """How each pool's keys and endpoints are doing, as dicts that JSON takes (see `health`).

        Stale is never healthy. Starts refreshes as `ready` does, which the report does not wait for.
        """
        report = self._health()
        self.ready()
        return report

    def _health(self) -> Health:
        """The same, for a caller that wants nothing asked."""
        return health_of(self._key_sets, self._clock(), self._dispatch.failures)

    def close(self) -> None:
        """Start no more fetches and cancel the running ones. Stored keys go on verifying.

        Waits for nobody, so it may be called on an event loop.
        """
        for key_set in self._key_sets.values():
            key_set.close()
        self._fetcher.close()

    def __repr__(self) -> str:
        return f"<Verifier of {', '.join(self._key_sets)}>"

    def __reduce__(self) -> str:
        raise TypeError("a Verifier holds locks and keys; build one in each process")

    def _reset_after_fork(self) -> None:
        """In a forked child: drop what only the parent may use (F)."""
        self._outcomes.reset_after_fork()
        self._threads.reset_after_fork()
        self._dispatch.reset_after_fork()
        self._fetcher.reset_after_fork()
        for key_set in self._key_sets.values():
            key_set.reset_after_fork()
        self._token_cache = TokenCache(self._cache_size)
