"""Who may call what, by sets alone: the oracle of the cached-policy tests, and the game they play.

Owns needs, holders with real tokens, and `violations`: what support/gateway.py answers against a table.
Uses neither the package's evaluation of policies nor anything of its route tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from random import Random
from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

from cognito_mr_auth import policy
from cognito_mr_auth.aws_lambda import Authorizer
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool

from .gateway import Gateway, Kind, Reply, Search

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier()

LEAVES: dict[str, Callable[..., policy.Policy]] = {
    "scopes": policy.scopes,
    "any_scope": policy.any_scope,
    "groups": policy.groups,
    "any_group": policy.any_group,
}


class Need(NamedTuple):
    """What a route asks for: a leaf with names, or "and", "or", "not" with parts."""

    kind: str
    names: tuple[str, ...] = ()
    parts: tuple[Need, ...] = ()

    def policy(self) -> policy.Policy:
        """The same as the package's value."""
        if self.kind in LEAVES:
            return LEAVES[self.kind](*self.names)
        if self.kind == "not":
            return ~self.parts[0].policy()
        one, two = (part.policy() for part in self.parts)
        return one & two if self.kind == "and" else one | two


Table = Mapping[str, Need | None]


def scope(*names: str) -> Need:
    """All of these scopes."""
    return Need("scopes", names)


def both(one: Need | None, two: Need | None) -> Need | None:
    """One need and the other."""
    return Need("and", (), (one, two)) if one and two else one or two


class Holder(NamedTuple):
    """Who holds a token; `groups` is None where the token leaves the claim out, as for who is in none."""

    scopes: frozenset[str]
    groups: frozenset[str] | None = None

    @property
    def token(self) -> str:
        """A real token, the same one each time."""
        return token(self)

    def has(self, need: Need | None) -> bool:
        """Whether a table lets this holder pass."""
        return need is None or self._truth(need)

    def _truth(self, need: Need) -> bool:
        if need.kind in LEAVES:
            held = self.scopes if "scope" in need.kind else self.groups or frozenset()
            enough = any if need.kind.startswith("any") else all
            return enough(name in held for name in need.names)
        truths = [self._truth(part) for part in need.parts]
        if need.kind == "not":
            return not truths[0]
        return any(truths) if need.kind == "or" else all(truths)


@cache
def token(holder: Holder, serial: int = 0) -> str:
    """An access token with these rights; another `serial` is another token."""
    claims: dict[str, object] = {"serial": serial, "cognito:groups": REMOVE}
    if holder.groups is not None:
        claims["cognito:groups"] = sorted(holder.groups)
    return FAKE.access_token(scopes=sorted(holder.scopes), claims=claims)


def holders(table: Table) -> list[Holder]:
    """One for each set of the scopes that a table of plain scopes names."""
    names = sorted({name for need in table.values() if need for name in need.names})
    picks = product((False, True), repeat=len(names))
    return [Holder(frozenset(n for n, on in zip(names, pick, strict=True) if on)) for pick in picks]


class Step(NamedTuple):
    """A request, `wait` seconds after the one before it."""

    holder: Holder
    verb: str
    path: str
    wait: float = 0


class World(NamedTuple):
    """A kind of event, and a reading of what AWS's documents leave open."""

    kind: Kind
    search: Search = "full"
    trailing_slash: Literal["kept", "ignored"] = "kept"
    ttl: float = 300


WORLDS = (
    World("rest-token"),
    World("rest-request", "path"),
    World("rest-request", "commit"),
    World("http-1.0"),
    World("http-2.0"),
)


class Violation(NamedTuple):
    """A reply that the table forbids."""

    world: World
    step: Step
    reply: Reply


def authorizer(table: Table, require: Need | None = None, kind: Kind | None = None) -> Authorizer:
    """The real one, for all kinds of event or for one."""
    routes = {key: need and need.policy() for key, need in table.items()}
    return Authorizer(VERIFIER, routes=routes, require=require and require.policy(), kind=kind)


def violations(
    table: Table, steps: Iterable[Step], authorize: Any, worlds: Iterable[World]
) -> Iterator[Violation]:
    """Every request that a gateway lets pass against the table, or holds back against it.

    Nothing but 200 and 403 is right here: all tokens are good, and nothing is out of order. A path that could
    be another's is held back from holders who lack anything.
    """
    steps = list(steps)
    for world in worlds:
        clock = FakeClock()
        options: dict[str, Any] = {"search": world.search, "trailing_slash": world.trailing_slash}
        gateway = Gateway(table, authorize, world.kind, ttl=world.ttl, clock=clock, **options)
        for step in steps:
            clock.advance(step.wait)
            reply = gateway.ask(step.verb, step.path, step.holder.token)
            if reply.route is None or reply.status == 414:  # no route, or too long an ARN for any
                continue
            if (
                reply.status == 403
                and is_unclear(step.path)
                and not all(map(step.holder.has, table.values()))
            ):
                continue
            if reply.status != (200 if step.holder.has(table[reply.route]) else 403):
                yield Violation(world, step, reply)


def is_unclear(path: str) -> bool:
    """Whether servers differ in what they make of a path: escapes, dots, empty segments and the like."""
    return not {"", ".", ".."}.isdisjoint(path[1:].split("/")) or any(each in path for each in "%\\;?#")


# --- At random

SCOPES, GROUPS = ("r", "w", "a"), ("ops", "staff")
HOSTILE = ["*", "?", "**", "..", ".", "%2F", "%2f..", "${x}", "${*}", "$", "a*b", "{a}", "{p0}", "a:b", "é"]
VALUES = ["a", "b", "c", "yy", "7", "ab", *HOSTILE, "y" * 300, "a" * 600]


def _leaf(kind: str) -> st.SearchStrategy[Need]:
    names = st.sampled_from(SCOPES if "scope" in kind else GROUPS)
    return st.lists(names, min_size=1, max_size=2, unique=True).map(lambda some: Need(kind, tuple(some)))


def _combined(inner: st.SearchStrategy[Need]) -> st.SearchStrategy[Need]:
    pairs = st.tuples(st.sampled_from(("and", "or")), inner, inner)
    return pairs.map(lambda drawn: Need(drawn[0], (), drawn[1:])) | inner.map(lambda n: Need("not", (), (n,)))


LEAF = st.sampled_from(tuple(LEAVES)).flatmap(_leaf)
PLAIN = st.none() | st.sampled_from(SCOPES).map(scope)
NEED = PLAIN | LEAF | st.recursive(LEAF, _combined, max_leaves=3)


@st.composite
def templates(draw: st.DrawFn, literals: tuple[str, ...], depth: int) -> str:
    """A path of literals and `{p0}`, `{p1}`..., perhaps with a greedy end; "/" alone is the root."""
    kinds = draw(st.lists(st.sampled_from((*literals, "{}")), max_size=depth))
    parts = [f"{{p{at}}}" if kind == "{}" else kind for at, kind in enumerate(kinds)]
    if len(parts) < depth and draw(st.integers(0, 2)) == 0:
        parts.append("{proxy+}")
    return "/" + "/".join(parts)


@st.composite
def tables(
    draw: st.DrawFn, needs: st.SearchStrategy[Need | None], literals: tuple[str, ...], depth: int
) -> dict[str, Need | None]:
    """Two to seven routes that share a few needs."""
    few = draw(st.lists(needs, min_size=2, max_size=3))
    verb = st.sampled_from(("GET", "GET", "GET", "ANY", "POST"))
    keys = st.tuples(verb, templates(literals, depth)).map(" ".join)
    return draw(st.dictionaries(keys, st.sampled_from(few), min_size=2, max_size=7))


def requests(table: Table, chance: Random, count: int = 120) -> list[Step]:
    """Requests of three holders in any order, on the table's routes and near them, some after the TTL."""
    who = [_holder(chance) for _ in range(3)]
    steps = []
    for _ in range(count):
        verb, template = chance.choice(sorted(table)).split(" ")
        template = template.rstrip("/") + chance.choice(("", "", "/{more}")) or "/"
        # Other spellings of the route's path, which may be another route's path.
        parts = [part if chance.random() < 0.8 else "{}" for part in template.split("/")[1:]]
        verb = chance.choice(("GET", "POST", "PUT")) if verb == "ANY" else verb
        path = "/" + "/".join(_filled(part, chance) for part in parts)
        steps.append(Step(chance.choice(who), verb, path, chance.choice((0,) * 30 + (299, 301))))
    return steps


def _holder(chance: Random) -> Holder:
    scopes = frozenset(name for name in SCOPES if chance.random() < 0.5)
    groups = frozenset(name for name in GROUPS if chance.random() < 0.5)
    return Holder(scopes, groups if chance.random() < 0.7 else None)


def _filled(part: str, chance: Random) -> str:
    if not part.startswith("{"):
        return part
    values = VALUES[:3] if chance.random() < 0.5 else VALUES
    return "/".join(chance.choices(values, k=chance.randint(1, 3) if part == "{proxy+}" else 1))
