"""A state machine over the token cache (rules C): two verifiers, one of them without the cache.

Both take the same steps, so every answer and every request must be the same. What they accept is compared
with the reference model, too. More examples: COGNITO_MR_AUTH_EXAMPLES=5000.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cognito_mr_auth import Principal, UserPool, policy
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth.errors import (
    AuthError,
    PolicyDenied,
    RevocationUnavailable,
    TokenExpired,
    TokenNotYetValid,
    TokenRevoked,
)

from .profile import machine
from .reference import AGED, FRESH, Doc, Model
from .rigged import CLIENT, FAKES, KEYS, MATERIALS, Rigged, World, served

POOL = FAKES[0]
KIDS = ("a", "b", "c")
BORN = 1_790_000_000
LEEWAY = 5.0
# `iat` and `exp` after BORN: an hour, a day, not yet valid, and for ever.
TIMES = ((0, 3600), (0, 86400), (1800, 90000), (0, 10**7))
SUBJECTS = ("alice", "bob")
READ = policy.scopes("orders/read")
LONG = "long"  # a token over 8 KiB, which is not kept (C1)
TOKENS = st.tuples(
    st.sampled_from(KIDS),
    st.sampled_from(MATERIALS[0][:3]),
    st.sampled_from(TIMES),
    st.sampled_from(SUBJECTS),
    st.sampled_from(["orders/read", "other", LONG]),
)
Token = tuple[str, int, tuple[int, int], str, str]


@cache
def text_of(token: Token) -> str:
    """The token as it is sent."""
    kid, material, (issued, expires), subject, scope = token
    claims = {
        "iss": POOL.issuer(),
        "sub": subject,
        "token_use": "access",
        "client_id": CLIENT,
        "iat": BORN + issued,
        "exp": BORN + expires,
        "scope": scope if scope != LONG else "x" * 9000,
    }
    return POOL.sign(None, claims, key=KEYS[material].under(kid))


class Cache(RuleBasedStateMachine):
    """One pool, a verifier with a cache, and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.revoked: set[str] = set()
        self.broken = False
        self.doc = Doc({"a": 0})
        self.docs = [self.doc]
        self.verified: set[bytes] = set()  # digests of tokens that passed signature and claims

    def _revoked(self, principal: Principal) -> bool:
        if self.broken:
            raise RuntimeError
        return principal.subject in self.revoked

    @initialize(size=st.sampled_from([1, 2, 3, 8, 1024]), hooked=st.booleans())
    def begin(self, size: int, hooked: bool) -> None:
        """Both begin cold. Without a hook, a known token needs no verification."""
        self.size, self.hooked = size, hooked
        self.worlds = World(), World()
        self.worlds[1].clock = self.clock = self.worlds[0].clock
        pool = UserPool(POOL.user_pool_id, client_ids=[CLIENT], replica_regions=["us-east-1"])
        self.cached, self.plain = (
            Rigged(
                world, pool, cache_size=cache_size, leeway=LEEWAY, revoked=self._revoked if hooked else None
            )
            for world, cache_size in zip(self.worlds, (size, 0), strict=True)
        )
        urls = {each.kind: each.url for each in pool._key_set_config.endpoints}
        self.model = Model(urls.values(), urls["original"], self.clock())

    # ---- tokens

    def _verify(self, verifier: Rigged, text: str, require: policy.Policy | None) -> Principal | AuthError:
        try:
            known = verifier._recall(text.encode()) if require is None else None
            return known or verifier.verify(text, require=require, timeout=0.0)
        except AuthError as error:
            return error

    @rule(token=TOKENS, asked=st.booleans(), times=st.integers(1, 3))
    def present(self, token: Token, asked: bool, times: int) -> None:
        """Any token, good or not, once or more."""
        self._present(token, asked, times)

    def _present(self, token: Token, asked: bool, times: int) -> None:
        """C1, C2: with and without the cache, the same answer, and the same requests because of it."""
        text, require = text_of(token), READ if asked else None
        for _ in range(times):
            view = self.model.view(self.clock())
            with_it, without = (self._verify(each, text, require) for each in (self.cached, self.plain))
            assert type(with_it) is type(without)
            if isinstance(with_it, Principal):
                assert with_it == without
                self._judge(token, view.keys.get(token[0], frozenset()) if view.usable else frozenset())
                assert not asked or token[4] == "orders/read"
                again = self._verify(self.cached, text, require)
                if view.state in (FRESH, AGED):  # else both may have had to wait
                    assert (again is with_it) == (token[4] != LONG), "C2: a hit is the same principal"
                self._verify(self.plain, text, require)
            if isinstance(with_it, Principal | TokenRevoked | RevocationUnavailable | PolicyDenied):
                self.verified.add(sha256(text.encode()).digest())
            if isinstance(with_it, TokenExpired | TokenNotYetValid):
                start, end = token[2]
                assert not start - LEEWAY <= self.clock.wall - BORN < end + LEEWAY
            asked_urls = [[request.url for request in world.requests] for world in self.worlds]
            assert asked_urls[0] == asked_urls[1], "C2: a hit makes the refresh decision of a miss"

    def _judge(self, token: Token, materials: frozenset[int]) -> None:
        """An accepted token has a current key, is in time and is not revoked."""
        _, material, (start, end), subject, _ = token
        assert material in materials, "C2: its key is not the key of its kid"
        assert start - LEEWAY <= self.clock.wall - BORN < end + LEEWAY, "C2: it is out of time"
        assert subject not in self.revoked, "C2: it is revoked"
        assert not self.broken, "H2: the hook gave no answer"

    @rule(index=st.integers(0, 7), times=st.sampled_from(TIMES), scope=st.sampled_from(["orders/read", LONG]))
    def present_good(self, index: int, times: tuple[int, int], scope: str) -> None:
        """A token signed with a key that the pool lists, or listed once."""
        listed = sorted(self.docs[-1 - index % len(self.docs)].keys.items())
        if listed:
            kid, material = listed[index % len(listed)]
            self._present((kid, material, times, "bob", scope), False, 2)

    @rule(
        change=st.sampled_from(["rekey", "withdraw", "expire", "freeze", "revoke", "age"]),
        times=st.sampled_from(TIMES),
    )
    def outlive(self, change: str, times: tuple[int, int]) -> None:
        """C2: a token in the cache, and what ends it; or its keys age, and its hit must refresh them."""
        token = ("a", 0, times, "alice", "orders/read")
        self.rotate("a", 0)
        self.refresh()
        self._present(token, False, 2)
        if change == "rekey":
            self.rotate("a", 1)
        elif change == "withdraw":
            self.withdraw("a")
        elif change == "revoke":
            self.revoke("alice", True)
        elif change == "age":
            self.later(1000.0)
        else:
            (self.later if change == "expire" else self.freeze)(3606.0)
        if change != "age":
            self.refresh()
        self._present(token, False, 1)

    # ---- hooks

    @rule(subject=st.sampled_from(SUBJECTS), gone=st.booleans())
    def revoke(self, subject: str, gone: bool) -> None:
        """A subject's tokens are revoked, or no longer."""
        if self.hooked:
            (self.revoked.add if gone else self.revoked.discard)(subject)

    @rule(broken=st.booleans())
    def break_the_hook(self, broken: bool) -> None:
        """The revocation hook fails, or works again."""
        self.broken = broken and self.hooked

    # ---- keys

    @rule(kid=st.sampled_from(KIDS), material=st.sampled_from(MATERIALS[0][:3]))
    def rotate(self, kid: str, material: int) -> None:
        """A key is listed, or replaced under its kid."""
        self.doc = Doc({**self.doc.keys, kid: material})
        self.docs.append(self.doc)

    @rule(kid=st.sampled_from(KIDS))
    def withdraw(self, kid: str) -> None:
        """A key is listed no longer."""
        self.doc = Doc({each: key for each, key in self.doc.keys.items() if each != kid})
        self.docs.append(self.doc)

    def _complete(self, index: int, doc: Doc | None) -> None:
        first, second = (world.requests[index] for world in self.worlds)
        assert (first.url, first.begun) == (second.url, second.begun)
        for world, request in zip(self.worlds, (first, second), strict=True):
            world.land(request, FetchError("connect") if doc is None else served(doc))
        if doc is not None:
            self.model.store_response(first.url, first.begun, doc, self.clock())

    @precondition(lambda self: self.worlds[0].requests)
    @rule(
        which=st.integers(0, 3),
        how=st.sampled_from(["ok", "lagging", "leak", "down"]),
        index=st.integers(0, 7),
    )
    def land(self, which: int, how: str, index: int) -> None:
        """The same request of both ends, in the same way."""
        doc: Doc | None = self.doc
        if how == "lagging":
            doc = self.docs[index % len(self.docs)]
        if how == "leak":
            doc = self.doc._replace(private=frozenset(sorted(self.doc.keys)[:1]))
        self._complete(which % len(self.worlds[0].requests), None if how == "down" else doc)

    @rule()
    def refresh(self) -> None:
        """Every endpoint is asked, and serves what the pool lists now."""
        self._complete_all(None)
        for verifier in (self.cached, self.plain):
            [key_set] = verifier._key_sets.values()
            steps: Any = key_set.warming(1.0)
            next(steps, None)
            steps.close()
        self._complete_all(self.doc)

    def _complete_all(self, doc: Doc | None) -> None:
        """End all pending requests."""
        while self.worlds[0].requests:
            self._complete(0, doc)

    # ---- time and life

    @rule(seconds=st.sampled_from([0.1, 4.9, 901.0, 1800.0, 3594.0, 3600.0, 5400.0, 43200.0, 86400.0]))
    def later(self, seconds: float) -> None:
        """Time passes."""
        self._complete_all(None)
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([3.0, 901.0, 3606.0, 86401.0]))
    def freeze(self, seconds: float) -> None:
        """R7, C2: the process was frozen, or the clock set forward; hits notice it, too."""
        self._complete_all(None)
        self.clock.freeze(seconds)

    @rule()
    def fork(self) -> None:
        """F: the child has the keys and an empty cache."""
        for world, verifier in zip(self.worlds, (self.cached, self.plain), strict=True):
            world.requests.clear()
            verifier._reset_after_fork()
        assert len(self.cached._token_cache) == 0

    # ---- always

    @invariant()
    def bounded_and_nameless(self) -> None:
        """C1, C3: no more digests than the size, and none of a refused token."""
        if hasattr(self, "cached"):
            held = list(self.cached._token_cache)
            assert len(set(held)) <= self.size
            assert set(held) <= self.verified
            assert len(self.plain._token_cache) == 0


TestCache = Cache.TestCase
TestCache.settings = machine()
TestCache.__doc__ = (
    "C, H2: the cache changes no answer and no request, keeps its bound, and holds no refused token."
)
