"""The verifier: the class that users call. It composes all other parts.

This module has the order of a verification, and the cache of verified tokens. Sync and async callers share
every line but the ones that wait.
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
from ._jwt.claims import check_claims, check_span
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
from ._runtime.outcomes import Counting, OnOutcome, Outcomes, Tally
from ._runtime.recall import CachedToken, Recalling
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
"""Yields what it waits for: (future, seconds), a user's awaitable, or None (see `_runtime.run`)."""
_Done = Principal | Steps


class Verifier(Closing, Counting, Recalling):
    """Verifies tokens of one or more user pools, whichever of their issuers signed them.

    Args:
        pools: the user pools. The exact `iss` decides which pool a token is checked against.
        token_use: "access", "id", or "any" for both. A pool's own `token_use` takes precedence.
        leeway: seconds by which clocks may differ, 0 to 300.
        cache_size: number of verified tokens that are kept at most; 0 for none.
        refresh_after: age in seconds at which keys are renewed in the background.
        revalidate_after: age in seconds at which a caller waits once for the renewal.
        max_stale: age in seconds at which keys are no longer used; at most 7 days.
        token_types: accepted values of the header's `typ`, in any case, with or without "application/".
            A token may have none.
        max_token_length: number of characters that a token has at most, 1,024 to 65,536.
        on_event: called with each event (see `events`), on any thread. It must not block.
        on_outcome: called with each `outcomes.Outcome`, on the thread that verifies. It must not block.
        revoked: called with each verified principal; True refuses it. A coroutine function works with
            `averify` alone. Any other function runs on the caller's thread, which is the event loop's
            under `averify`. So it may read memory only.
        ssl_context: TLS settings in place of the HTTP client's defaults.
        clock: returns (wall, monotonic) seconds.

    Raises:
        ConfigurationError: a setting cannot be right.
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
        self._token_cache: TokenCache[CachedToken] = TokenCache(cache_size)
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
        """Makes a verifier from environment variables (see `docs/configuration.md`).

        Args:
            environ: the variables, in place of the process's own.
            prefix: the beginning of their names.
            options: settings that have no variable, such as `revoked=`.

        Raises:
            ConfigurationError: a variable is missing, wrong, or given as an option too. It is named.
        """
        from ._config import environment  # only a call pays for this import

        found = os.environ if environ is None else environ
        return environment.verifier_from(cls, found, prefix=prefix, options=options)

    # -- verification ---------------------------------------------------------------------------

    def verify(
        self, token: str, *, require: Policy | None = None, timeout: float = CALLER_WAIT_SECONDS
    ) -> Principal:
        """Returns the principal of a valid token.

        Args:
            token: a compact JWS.
            require: what the principal must have (see `policy`).
            timeout: seconds to wait for keys at most, if they must be fetched. Loading the HTTP client for
                a process's first request is not counted.

        Raises:
            AuthError: a bad token or an outage, and nothing else is raised for these. The subclass and
                `status` say whose fault it is.
            TypeError: a hook or check is a coroutine function (use `averify`), `require` is no policy, or
                `timeout` is no number.
            ValueError: `timeout` is negative or NaN.
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
        """Like `verify`, and `timeout` may be a function. It returns the seconds when the wait begins.

        A host with a deadline needs that, because loading the HTTP client takes some of the time.
        It calls `verify`, so that every adapter calls a subclass's own `verify`.
        """
        limit = Remaining(timeout) if callable(timeout) else timeout
        return self.verify(token, require=require, timeout=cast("float", limit))

    def _refuse_async_hooks(self, require: Policy | None) -> None:
        """Raises TypeError for a hook or a check that only `averify` can call (H2)."""
        if self._revoked_is_async:
            raise TypeError("revoked= is a coroutine function; call averify()")
        require_sync(require)

    def _verification(self, token: object, require: Policy | None, timeout: Timeout) -> _Done:
        """Returns the principal at once, or the steps that lead to it."""
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

    def _hit(self, cached: CachedToken, now: Instant, require: Policy | None) -> _Done | None:
        """Answers for a token that was verified before; None if the key set has another key by now."""
        principal, key, key_set, span, tally = cached
        if key_set.key_now(key.kid, now) is key:
            check_span(span, now[0])  # C2: a hit skips parsing and RSA, but never the times
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
            tally.share.accepted += 1
            return principal
        steps = authorize(principal, now[0], self._revoked, require, self._leeway, self._hook_failed)
        return self._outcomes.accepting(tally, steps)

    # -- for adapters ---------------------------------------------------------------------------

    def require(self, principal: Principal, require: Policy) -> Principal:
        """Returns the principal if the policy lets it pass. It is for a route's policy after `verify`.

        Raises:
            PolicyDenied, AuthenticationTooOld, CheckUnavailable: as `verify` does.
            TypeError: a check is a coroutine function, `require` is no policy, or `principal` is no
                Principal.
        """
        return run_sync(recorded(self._permission(principal, require), self._outcomes))

    async def arequire(self, principal: Principal, require: Policy) -> Principal:
        """Like `require`, for asyncio and trio."""
        return await run_async(recorded(self._permission(principal, require), self._outcomes))

    def _permits(self, principal: Principal, require: Policy) -> bool:
        """Whether a policy lets the principal pass. A no is counted as no refusal. Raises Unavailable."""
        try:
            return run_sync(self._permission(principal, require)) is principal
        except (PolicyDenied, AuthenticationTooOld):
            return False

    def _permission(self, principal: Principal, require: Policy) -> Steps:
        require_policy(require)
        if not isinstance(principal, Principal):  # a check() that ignores its argument would pass anything
            raise TypeError(f"give the Principal that verify() returned, not {type(principal).__name__}")
        return authorize(principal, self._clock()[0], None, require, self._leeway, self._hook_failed)

    def _load_http_client(self) -> None:
        """Load what a first fetch needs, unless no pool fetches. Raises ImportError or OSError."""
        if urls := fetched_urls(self._entries.values()):
            self._fetcher.prepare(urls)

    @property
    def _takes_id_tokens(self) -> bool:
        """Whether no pool accepts an access token. Swagger UI needs it to know which token to send."""
        return all(entry.expected.token_use == "id" for entry in self._entries.values())

    @property
    def issuers(self) -> tuple[str, ...]:
        """Every `iss` that is accepted, in the order of the pools."""
        return tuple(str(url) for url in self._entries)

    @property
    def _authorization_servers(self) -> list[str]:
        """The issuers in the order in which clients should try them (RFC 9728 section 2)."""
        return authorization_servers(self._entries.values())

    def _seconds_left(self, principal: Principal) -> float:
        """Seconds until the principal's token expires, on this verifier's clock; negative after."""
        return principal.expires_at - self._clock()[0]

    # -- life -----------------------------------------------------------------------------------

    def warm(self, *, timeout: float = WARM_SECONDS) -> None:
        """Ask every endpoint for keys and wait for the answers, at most `timeout` seconds for all pools.

        It ends when each endpoint has answered or failed, or when every pool has keys and the other
        endpoints have been silent for 1 s.

        Raises:
            KeysUnavailable: a pool has no usable key at the end.
            TypeError, ValueError: as `verify` does, for a wrong `timeout`.
        """
        run_sync(warming(self._key_sets, checked_timeout(timeout)))

    async def awarm(self, *, timeout: float = WARM_SECONDS) -> None:
        """Like `warm`, for asyncio and trio."""
        await run_async(warming(self._key_sets, checked_timeout(timeout)))

    def ready(self, *providers: UserPool | str) -> bool:
        """Whether every pool, or each of those given, has a usable key. Stale keys count.

        It is for a readiness probe (`docs/operations.md`). It starts a refresh in the background where one is
        due, and never waits for it. An outage is no error.

        Raises:
            ConfigurationError: this verifier does not have the pool.
            TypeError: an argument is neither a pool nor its ID.
        """
        return are_ready(chosen(self._key_sets, providers), self._clock())

    def health(self) -> Health:
        """Returns the state of each pool's keys and endpoints, as dicts that JSON takes (see `health`).

        Stale keys are never healthy. It starts refreshes as `ready` does, and does not wait for them.
        """
        report = self._health()
        self.ready()
        return report

    def _health(self) -> Health:
        """Like `health`, and asks no endpoint."""
        return health_of(self._key_sets, self._clock(), self._dispatch.failures)

    def close(self) -> None:
        """Start no more fetches and cancel the running ones. Stored keys continue to verify tokens.

        It waits for no thread, so it may be called on an event loop.
        """
        for key_set in self._key_sets.values():
            key_set.close()
        self._fetcher.close()

    def __repr__(self) -> str:
        return f"<Verifier of {', '.join(self._key_sets)}>"

    def __reduce__(self) -> str:
        raise TypeError("a Verifier holds locks and keys; build one in each process")

    def _reset_after_fork(self) -> None:
        """Drop, in a forked child, what only the parent may use (F)."""
        self._outcomes.reset_after_fork()
        self._threads.reset_after_fork()
        self._dispatch.reset_after_fork()
        self._fetcher.reset_after_fork()
        for key_set in self._key_sets.values():
            key_set.reset_after_fork()
        self._token_cache = TokenCache(self._cache_size)
