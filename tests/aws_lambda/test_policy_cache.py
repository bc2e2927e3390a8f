"""The cached-policy bug cannot happen: under API Gateway's authorizer cache, the route table decides.

The gateway is simulated in support/gateway.py and the oracle stands in support/rights.py; neither of
them uses the package's idea of a pattern or of a policy's truth.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.gateway import API, KINDS, Gateway, Kind, Routes, matches
from support.rights import (
    NEED,
    PLAIN,
    VERIFIER,
    WORLDS,
    Holder,
    Need,
    Step,
    Table,
    World,
    authorizer,
    both,
    holders,
    requests,
    scope,
    tables,
    token,
    violations,
)

from cognito_mr_auth import Principal, policy
from cognito_mr_auth.aws_lambda import Authorizer
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

# --- Tables that people write

R, W, A, X, S = map(scope, ("r", "w", "a", "x", "s"))

SHOP: Table = {
    "GET /orders": R,
    "POST /orders": W,
    "GET /orders/{id}": R,
    "DELETE /orders/{id}": W,
    "GET /orders/{id}/items": X,
    "GET /orders/special": S,
}
SANE: dict[str, Table] = {
    "a shop": SHOP,
    "an admin corner": {"ANY /{proxy+}": R, "ANY /admin/{proxy+}": A, "ANY /admin": A},
    "two depths": {"GET /a/{x}": R, "GET /a/{x}/{y}": W},
    "public within guarded": {"GET /public/{x}": None, "GET /{proxy+}": A},
    "crossing": {"GET /{a}/x": R, "GET /b/{c}": W},
    "greedy wants more": {"GET /a/{x}": R, "GET /a/{proxy+}": scope("r", "w")},
    "greedy wants less": {"GET /a/{x}": scope("r", "w"), "GET /a/{proxy+}": R},
    # `{x}` and `{proxy+}` share no request: one segment holds no slash, so "?*/?*" is the greedy part.
    "greedy wants something else": {"GET /a/{x}": A, "GET /a/{proxy+}": R},
    "a verb of its own": {"ANY /a": R, "GET /a": W, "GET /": None},
    "one route": {"GET /{proxy+}": R},
    "any token": {"ANY /{proxy+}": None, "ANY /": None},
}

VALUES = ("yy", "a", "*", "${x}")


@cache
def _everything(row: str) -> list[Step]:
    """Holders on paths of up to four segments, literals of the table and values; 4,000 at most, shuffled."""
    table = SANE[row]
    literals = {part for key in table for part in key.split("/")[1:] if part}
    segments = sorted({part for part in literals if part[0] != "{"} | set(VALUES))
    longest = min(4, 1 + max(key.count("/") for key in table))
    paths = [
        "/" + "/".join(parts) for depth in range(longest + 1) for parts in product(segments, repeat=depth)
    ]
    verbs, everybody = ("GET", "POST", "DELETE"), holders(table)
    steps = [Step(holder, verb, path) for path in paths for verb in verbs for holder in everybody]
    return Random(4).sample(steps, min(len(steps), 4000))


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world.kind} {world.search}")
@pytest.mark.parametrize("row", SANE)
def test_tables_that_people_write_hold(row: str, world: World) -> None:
    """Never refused, and one cached answer gives each holder what the table says, on every path."""
    table = SANE[row]
    assert next(violations(table, _everything(row), authorizer(table), [world]), None) is None


@pytest.mark.parametrize("row", SANE)
def test_a_trailing_slash_opens_nothing(row: str) -> None:
    """AWS does not say whether "/admin/" may reach "/admin"; if it does, nobody gets in who may not."""
    table = SANE[row]
    steps = [step._replace(path=step.path + "/") for step in _everything(row) if step.path != "/"]
    worlds = [world._replace(trailing_slash="ignored") for world in WORLDS]
    assert not [each for each in violations(table, steps, authorizer(table), worlds) if each.reply.allowed]


# --- Tables at random


KIND = st.none() | st.sampled_from(KINDS)


def test_no_random_table_is_betrayed() -> None:
    """Never allows what the table denies, nor denies what it allows; and most tables can be had."""
    seen: Counter[str] = Counter()

    @settings(max_examples=200)
    @given(tables(NEED, ("a", "b"), 4), st.none() | NEED, KIND, st.integers(0, 2**32))
    def play(table: Table, require: Need | None, kind: Kind | None, seed: int) -> None:
        try:
            authorize = authorizer(table, require, kind)
        except ConfigurationError:
            seen["refused"] += 1
            return
        seen["accepted"] += 1
        steps = requests(table, Random(seed))
        wanted = {key: both(require, need) for key, need in table.items()}
        worlds = [world for world in WORLDS if kind in (None, world.kind)]
        assert next(violations(wanted, steps, authorize, worlds), None) is None
        worlds = [world._replace(trailing_slash="ignored") for world in worlds]
        steps = [step._replace(path=step.path + "/") for step in steps if step.path != "/"]
        assert not [each for each in violations(wanted, steps, authorize, worlds) if each.reply.allowed]

    play()
    assert seen["accepted"] > 2 * seen["refused"], seen


# --- What IAM cannot say is refused, and nothing else

REFUSED: dict[str, Table] = {
    # Patterns say "at least so many segments": a Deny for two of them takes three along.
    "lengths in turn": {"GET /a/{x}": R, "GET /a/{x}/{y}": W, "GET /a/{x}/{y}/{z}": R},
    # Nothing covers every "{a}" and no "{a}/b", and no Deny of "{a}/b" spares "b/b".
    "an exception of an exception": {"GET /{a}": R, "GET /{a}/b": W, "GET /b/b": X},
    "a corner in a corner": {"ANY /{proxy+}": R, "GET /a/{proxy+}": W, "GET /a/b/{proxy+}": X},
}


@cache
def _grid() -> tuple[list[tuple[str, str]], list[int]]:
    """Every small request, and for every pattern of whole segments the set of those it covers, as bits.

    "yy" and "zzz" stand for all values that a table does not name. Patterns go one segment deeper than
    tables, and requests one deeper still.
    """
    asked = _paths(("GET", "POST"), ("a", "b", "yy", "zzz"), 5)
    covered = []
    for pattern in map("".join, _paths(("GET", "POST", "*"), ("a", "b", "?*"), 4)):
        hits = [matches.__wrapped__(pattern, verb + path) for verb, path in asked]
        covered.append(sum(1 << at for at, hit in enumerate(hits) if hit))
    return asked, covered


def _paths(verbs: tuple[str, ...], words: tuple[str, ...], deepest: int) -> list[tuple[str, str]]:
    depths = range(deepest + 1)
    return [(v, "/" + "/".join(parts)) for v in verbs for n in depths for parts in product(words, repeat=n)]


def _expressible(table: Table, kind: Kind | None = None) -> bool:
    """Whether documents exist that say, to each holder, exactly what the table says.

    Without a kind, that holds for REST's order of routes and for HTTP APIs' (documents may differ).

    The best Deny is all patterns that hit nothing allowed; the best Allow then all patterns whose
    every other hit that Deny takes back. They must cover what is allowed.
    """
    asked, covered = _grid()
    for http in (False, True) if kind is None else (kind.startswith("http"),):
        routes = Routes(table, http=http)
        found = [routes.resolve(verb, path) for verb, path in asked]
        for holder in holders(table):
            may = [key is not None and holder.has(table[key]) for key in found]
            allowed = sum(1 << at for at, yes in enumerate(may) if yes)
            forbidden = sum(1 << at for at, key in enumerate(found) if key is not None and not may[at])
            denied = allow = 0
            for each in covered:
                denied |= 0 if each & allowed else each
            for each in covered:
                allow |= 0 if each & forbidden & ~denied else each
            if allowed & ~allow:
                return False
    return True


def test_what_cannot_be_said_is_refused_and_nothing_else() -> None:
    """Of small tables of plain scopes, exactly those that no document can express are refused."""
    seen: Counter[bool] = Counter()

    @settings(max_examples=100)
    @given(tables(PLAIN, ("a", "b"), 3), KIND)
    @example(REFUSED["an exception of an exception"], None)  # about one random table in twelve is refused,
    @example(REFUSED["a corner in a corner"], None)  # and none of them need be among these hundred
    def judge(table: Table, kind: Kind | None) -> None:
        try:
            authorizer(table, kind=kind)
            accepted = True
        except ConfigurationError:
            accepted = False
        seen[accepted] += 1
        assert accepted is _expressible(table, kind)

    judge()
    assert seen[True] >= 50, seen
    assert seen[False] >= 2, seen


@pytest.mark.parametrize("row", REFUSED)
def test_a_table_that_iam_cannot_express_is_refused(row: str) -> None:
    """The constructor names two of its routes; with one policy for all of them the table can be had."""
    table = REFUSED[row]
    assert not _expressible(table)
    with pytest.raises(ConfigurationError) as caught:
        authorizer(table)
    assert sum(f"'{key}'" in str(caught.value) for key in table) >= 2
    authorizer(dict.fromkeys(table, R))


# --- Builders that have the bug


def naive_exact(table: Table) -> Any:
    """As AWS's sample does: this request's own ARN, allowed or denied."""

    def authorize(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        holder = _holder(event)
        need = table.get(f"{event['httpMethod']} {event['resource']}", table.get(f"ANY {event['resource']}"))
        return _answer({"Allow" if holder.has(need) else "Deny": [event["methodArn"]]})

    return authorize


def naive_stars(table: Table, *, denies: bool = False) -> Any:
    """A `*` for every parameter of every permitted route; with `denies`, also of every other one."""

    def authorize(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        holder = _holder(event)
        by_effect: dict[str, list[str]] = {"Allow": [], "Deny": []}
        for key, need in table.items():
            verb, path = re.sub(r"\{[^}]*}", "*", key).split(" ")
            pattern = API + verb.replace("ANY", "*") + path
            by_effect["Allow" if holder.has(need) else "Deny"].append(pattern)
        return _answer(by_effect if denies else {"Allow": by_effect["Allow"]})

    return authorize


def _holder(event: Mapping[str, Any]) -> Holder:
    principal: Principal = VERIFIER.verify(event["headers"]["Authorization"].removeprefix("Bearer "))
    return Holder(principal.scopes)


def _answer(by_effect: Mapping[str, list[str]]) -> dict[str, Any]:
    statements = [
        {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arns}
        for effect, arns in by_effect.items()
        if arns
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    return {"principalId": "someone", "policyDocument": document}


# What the gateway does against the table: lets pass, holds back.
NAIVE: dict[str, tuple[Callable[[Table], Any], set[bool]]] = {
    "the exact ARN": (naive_exact, {False}),
    "a star for a parameter": (naive_stars, {True}),
    "the same with denies": (lambda table: naive_stars(table, denies=True), {False}),
}


@pytest.mark.parametrize("row", NAIVE)
def test_a_naive_builder_is_found_out(row: str) -> None:
    """The same judge finds each well-known mistake, on a table as people write it."""
    make, expected = NAIVE[row]
    found = violations(SHOP, _everything("a shop"), make(SHOP), [World("rest-request")])
    assert {each.reply.allowed for each in found} == expected


def test_the_exact_arn_is_right_without_a_cache() -> None:
    """With a ttl of 0 the naive answer is right: it is the cache that makes the bug."""
    world = World("rest-request", ttl=0)
    assert not list(violations(SHOP, _everything("a shop")[:200], naive_exact(SHOP), [world]))


# --- What a cache does keep


@pytest.mark.parametrize("kind", KINDS)
def test_new_rights_come_with_a_new_token(kind: Kind) -> None:
    """Another token is another key, at once; the old one is still decided by what it says."""
    table: Table = {"GET /a/{x}": R, "POST /a/{x}": W}
    gateway = Gateway(table, authorizer(table), kind)
    before, after = token(Holder(frozenset("r"))), token(Holder(frozenset("w")), 1)
    both_ways = [("GET", before), ("POST", before), ("GET", after), ("POST", after)]
    for _ in range(2):
        assert [gateway.ask(verb, "/a/1", held).status for verb, held in both_ways] == [200, 403, 403, 200]
        gateway.clock.advance(301)


GONE: dict[str, dict[str, Any]] = {
    "expired": {"expires_in": 100},
    "revoked": {"claims": {"jti": "revoked"}},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", GONE)
def test_an_old_decision_lives_as_long_as_the_cache(row: str, kind: Kind) -> None:
    """A token that has expired or was revoked passes until the TTL ends, and then never again."""
    clock = FakeClock()
    fake, revoked = FakeUserPool(clock=clock), set[str]()
    verifier = fake.offline_verifier(revoked=lambda principal: principal.claims["jti"] in revoked, leeway=0)
    gateway = Gateway(["GET /a"], Authorizer(verifier, routes={"GET /a": None}), kind, clock=clock)
    held = fake.access_token(**GONE[row])
    statuses = []
    for seconds in (0, 299, 1, 0):
        clock.advance(seconds)
        statuses.append(gateway.ask("GET", "/a", held).status)
        revoked.add("revoked")
    assert statuses == [200, 200, 401, 401]
    assert gateway.asked == 3


# --- The exact ARN, by explicit choice

PATHS = (
    "/",
    "/a",
    "/a/b",
    "/*",
    "/**",
    "/?",
    "/a/*",
    "/a/?",
    "/${x}",
    "/${*}",
    "/${$}",
    "/$",
    "/a*b",
    "/aXb",
)
PATHS += ("/..", "/a/..", "/%2F", "/%2A", "/a:b", "/a b", "/é", "/" + "y" * 300)


def _exact() -> Authorizer:
    return Authorizer(VERIFIER, require=policy.scopes("r"), resources="exact")


@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_arn_is_right_for_every_path(kind: Kind) -> None:
    """Without a cache each request gets what the policy says, whatever its path holds."""
    gateway = Gateway(["ANY /{proxy+}", "ANY /"], _exact(), kind, ttl=0)
    for path in PATHS:
        statuses = [gateway.ask("GET", path, Holder(frozenset(name)).token).status for name in "rw"]
        assert statuses == [200, 403], path


@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_arn_allows_nothing_else(kind: Kind) -> None:
    """Also under a cache, which such an authorizer must not have: only the request itself is allowed."""
    for first in PATHS:
        gateway = Gateway(["ANY /{proxy+}", "ANY /"], _exact(), kind)
        held = Holder(frozenset("r")).token
        assert gateway.ask("GET", first, held).status == 200
        requests = [(verb, path) for verb in ("GET", "POST") for path in PATHS]
        allowed = [each for each in requests if gateway.ask(*each, held).status == 200]
        assert allowed == [("GET", first)]


TEXT = st.text("a*?${}/", min_size=1, max_size=8).map(lambda text: "/" + text)


@given(TEXT, TEXT, st.sampled_from(KINDS))
def test_no_path_smuggles_a_wildcard(first: str, second: str, kind: Kind) -> None:
    """The document for one path allows that path, and no second one."""
    gateway = Gateway(["GET /{proxy+}"], _exact(), kind)
    held = Holder(frozenset("r")).token
    if gateway.ask("GET", first, held).route is not None:
        assert gateway.ask("GET", first, held).status == 200
        assert gateway.ask("GET", second, held).allowed is (first == second)


@pytest.mark.parametrize("kind", KINDS)
def test_an_arn_too_long_for_a_document_opens_nothing(kind: Kind) -> None:
    """A path that no Resource can name is refused, and so is everything after it."""
    held = Holder(frozenset("r")).token
    for path in ("/" + "y" * 600, "/" + "*" * 200, "/" + "y" * 500 + "/../a"):
        gateway = Gateway(["GET /{proxy+}"], _exact(), kind)
        assert not gateway.ask("GET", path, held).allowed
        assert gateway.ask("GET", path + "a", held).status != 200
