"""The route table: one policy document that is valid for every request of a principal, so it may be cached.

    {"GET /orders": policy.scopes("orders/read"), "GET /orders/{id}": ..., "ANY /admin/{proxy+}": ...}

Owns which routes the document allows and which it must deny. In IAM a wildcard crosses "/", so the Allow for
`/orders/{id}` also reaches `/orders/5/items`. So the document has a Deny for each route that a principal
lacks and that one of its Allows reaches. If that Deny would reach a route that the principal may call, IAM
cannot express the table, and the constructor refuses it. A principal who lacks a policy and may call a route
with a parameter is also denied the other spellings of a path. The backend could read such a spelling as the
route that is lacking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy

from .arn import statement
from .plan import LONGEST_PREFIX_CHARS, Deny, Plan, check_plan
from .segments import Entry, Segments, covers, meets, precedence, reach, resolve, text
from .spellings import ESCAPED, LEAVING, SPELLINGS, escapes_of

__all__ = ["RouteTable"]

VERBS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""The methods that ANY stands for (API Gateway's methods)."""

# Deeper than any route that we have seen. The number of overlaps grows fast with depth.
MAX_SEGMENTS = 16
# Nobody can review a table whose parameters overlap in more ways than this. The check takes about a second
# then, which a function's init should not exceed.
MAX_OVERLAPS = 20_000

# RFC 3986 pchar without percent-encoding, "*" and ";", because a path has only one spelling here.
_LITERAL = re.compile(r"[A-Za-z0-9\-._~!$&'()+,=:@]+")
_PARAMETER = re.compile(r"\{[A-Za-z0-9._:-]+\}")
_GREEDY = re.compile(r"\{[A-Za-z0-9._:-]+\+\}")
_FORM = "a route is a verb or ANY, a space and a path, such as 'GET /orders/{id}'"


class _Line(NamedTuple):
    """One line of the table: the verbs that no other line has for the same path."""

    verbs: tuple[str, ...]
    path: Segments
    greedy: bool
    demand: int
    name: str


class RouteTable:
    """Routes and their policies; None for a route that any valid token may call.

    `http` selects the order of routes where the two kinds of API differ: REST APIs (False), HTTP APIs (True),
    or both (None). `escaped` names routes whose paths may hold escapes (%20) for every caller of the route.

    Raises:
        ConfigurationError: a route is invalid or given twice, IAM cannot express the table, or it is too
            long for one document. The message names the routes.
        TypeError: a value is not a Policy.
    """

    __slots__ = ("_plans", "policies")

    policies: tuple[Policy | None, ...]

    def __init__(
        self,
        routes: Mapping[str, Policy | None],
        *,
        http: bool | None = None,
        escaped: Collection[str] = (),
    ) -> None:
        _check_form(routes)
        _check_escaped(escaped, routes)
        for require in routes.values():
            require_policy(require)
        self.policies = tuple(dict.fromkeys(routes.values()))
        lines = _lines(routes, {policy: index for index, policy in enumerate(self.policies)})
        orders = (False, True) if http is None else (http,)
        self._plans = {
            full_first: _Planner(lines, self.policies, full_first).plan(escaped) for full_first in orders
        }

    def document(
        self, prefix: str, permits: Callable[[Policy | None], bool], *, http: bool = False
    ) -> dict[str, Any]:
        """Return the document of one principal, for the API and stage of an ARN's prefix.

        Raises:
            ConfigurationError: the prefix is longer than any that AWS makes.
        """
        if len(prefix) > LONGEST_PREFIX_CHARS:
            raise ConfigurationError(f"the API's ARN is longer than {LONGEST_PREFIX_CHARS} characters")
        plan = self._plans[http]
        passed = [permits(policy) for policy in self.policies]
        allowed = [prefix + resource for demand, resource in plan.allow if passed[demand]]
        denied = [each.resource for each in plan.deny if passed[each.held] and not passed[each.lacked]]
        if not all(passed) and any("*" in resource for resource in allowed):
            denied += [resource for demand, resource in plan.escapes if passed[demand]]
            denied += SPELLINGS
        statements = [statement("Allow", allowed)] if allowed else []
        if denied or not allowed:
            resources = [prefix + resource for resource in dict.fromkeys(denied or ["*"])]
            statements.append(statement("Deny", resources))
        return {"Version": "2012-10-17", "Statement": statements}


# -- reading the table --------------------------------------------------------------------------


def _check_form(routes: object) -> None:
    if not isinstance(routes, Mapping) or not routes:
        raise ConfigurationError("routes: give a dict of routes and policies; " + _FORM)


def _check_escaped(escaped: object, routes: Mapping[str, Policy | None]) -> None:
    if isinstance(escaped, (str, bytes)) or not isinstance(escaped, Collection):
        raise ConfigurationError("escaped_paths: give a list of routes of routes=")
    for name in escaped:
        if name not in routes:
            raise ConfigurationError(f"escaped_paths holds {name!r}, which is not a route of routes=")
        if "{" not in name:
            raise ConfigurationError(f"escaped_paths holds {name!r}, which has no parameter to escape in")


def _lines(routes: Mapping[str, Policy | None], demands: Mapping[Policy | None, int]) -> list[_Line]:
    read: dict[tuple[str, Segments, bool], tuple[str, int]] = {}
    for name, require in routes.items():
        verb, path, greedy = _parse(name)
        if (verb, path, greedy) in read:
            raise ConfigurationError(
                f"routes: {name!r} and {read[verb, path, greedy][0]!r} are the same route"
            )
        read[verb, path, greedy] = (name, demands[require])
    return [
        _Line(verbs, path, greedy, demand, name)
        for (verb, path, greedy), (name, demand) in read.items()
        if (verbs := tuple(each for each in _verbs(verb) if verb == each or (each, path, greedy) not in read))
    ]


def _verbs(verb: str) -> tuple[str, ...]:
    return VERBS if verb == "ANY" else (verb,)


def _parse(name: object) -> tuple[str, Segments, bool]:
    verb, space, path = name.partition(" ") if type(name) is str else ("", "", "")
    if name == "$default":
        raise ConfigurationError("routes: for '$default', write 'ANY /{proxy+}' and 'ANY /'")
    if not space or (verb != "ANY" and verb not in VERBS) or not path.startswith("/"):
        raise ConfigurationError(f"routes holds {name!r}: {_FORM}")
    parts = path[1:].split("/")
    segments = tuple(
        None if _PARAMETER.fullmatch(part) or _GREEDY.fullmatch(part) else part for part in parts
    )
    if len(parts) > MAX_SEGMENTS:
        raise ConfigurationError(f"routes holds {name!r}: more than {MAX_SEGMENTS} segments")
    if any(_GREEDY.fullmatch(part) for part in parts[:-1]):
        raise ConfigurationError(f"routes holds {name!r}: a greedy parameter stands last")
    if path != "/" and not all(each is None or _is_literal(each) for each in segments):
        raise ConfigurationError(
            f"routes holds {name!r}: a segment is plain, or one {{parameter}} as a whole"
        )
    return verb, segments, bool(_GREEDY.fullmatch(parts[-1]))


def _is_literal(segment: str) -> bool:
    return segment not in (".", "..") and bool(_LITERAL.fullmatch(segment))


# -- the content of the document ----------------------------------------------------------------


class _Planner:
    """Makes the plan of a table, for one order of routes."""

    def __init__(self, lines: list[_Line], policies: tuple[Policy | None, ...], full_first: bool) -> None:
        self._lines = lines
        self._by = " (in an HTTP API's order of routes; kind= says which API it is)" if full_first else ""
        self._demanded = [frozenset() if policy is None else policy._demands for policy in policies]
        self._lacking = [
            {other for other in range(len(policies)) if self._implied(index, other)}
            for index, policy in enumerate(policies)
            if policy is not None
        ]
        self._longest = 2 + max(len(line.path) for line in lines)
        self._by_verb: dict[str, list[Entry]] = {verb: [] for verb in VERBS}
        for line in lines:
            for verb in line.verbs:
                self._by_verb[verb].append(Entry((verb, *line.path), line.greedy, line.demand, line.name))
        for entries in self._by_verb.values():
            entries.sort(key=lambda entry: precedence(entry, full_first=full_first))
        self._reach = {
            (verb, entry.name): reach(entry, entries, self._longest)
            for verb, entries in self._by_verb.items()
            for entry in entries
        }
        self._overlaps = 0

    def plan(self, escaped: Collection[str]) -> Plan:
        allowed = [(line, self._allowed(line)) for line in self._lines]
        allow = tuple((line.demand, text(pattern)) for line, patterns in allowed for pattern in patterns)
        check_plan(Plan(allow, (), ()), self._lacking)  # before the rest, which may take long
        deny = dict.fromkeys(each for line, patterns in allowed for each in self._denied(line, patterns))
        escapes = dict.fromkeys(
            each for line, patterns in allowed for each in self._escapes(line, patterns, escaped)
        )
        plan = Plan(allow, tuple(deny), tuple(escapes))
        check_plan(plan, self._lacking)
        return plan

    def _escapes(
        self, line: _Line, patterns: list[Segments], escaped: Collection[str]
    ) -> Iterator[tuple[int, str]]:
        """Return the escapes to deny beside a line's Allows: all at once, or only those of its own paths.

        For a line in `escaped_paths`, only the escapes that could lead out of its parameters are denied.
        """
        if line.name in escaped:
            self._refuse_respelled(line, patterns)
            yield from ((line.demand, resource) for resource in LEAVING)
            return
        for pattern in patterns:
            for entry in self._entries(pattern):
                if entry.name in escaped and any(True for _ in self._overlap(entry, pattern)):
                    raise ConfigurationError(
                        f"escaped_paths: IAM cannot deny escapes for {line.name!r} and allow them for "
                        f"{entry.name!r}{self._by}: its wildcards cross '/'. Name both, or set paths apart"
                    )
            for resource in escapes_of(pattern):
                yield line.demand, resource if escaped else ESCAPED

    def _refuse_respelled(self, line: _Line, patterns: list[Segments]) -> None:
        """Refuse a line that allows escapes if another route has a literal in place of a parameter.

        A client may write `/%61dmin` for `/admin`, and IAM has no pattern for that. If the other route has
        only parameters, its Deny covers escapes, too. An escape cannot produce an empty segment.
        """
        for pattern in patterns:
            for entry, shape in self._reached(line, [pattern]):
                if sum(map(bool, shape)) > sum(map(bool, pattern)):
                    raise ConfigurationError(
                        f"escaped_paths: below {line.name!r}, a client could write {entry.name!r} with "
                        f"escapes, which IAM cannot deny to a caller without its policy{self._by}. Give both "
                        f"one policy, set their paths apart, or do not name {line.name!r}"
                    )

    def _allowed(self, line: _Line) -> list[Segments]:
        """Return the patterns of a line: one pattern for ANY if it reaches no more than the verbs do."""
        reaches = (self._reach.get((verb, line.name)) for verb in line.verbs)
        each = [pattern for pattern in reaches if pattern is not None]
        tails = {pattern[1:] for pattern in each}
        # "?*/orders" would match "GET/any/orders", too. So the verb may be a wildcard only if the path begins
        # with one, which crosses "/" as well. Every verb beside VERBS must then have its Deny.
        if len(each) < len(VERBS) or len(tails) > 1 or min(tails)[0] is not None:
            return each
        joined: Segments = (None, *tails.pop())
        return each if any(True for _ in self._reached(line, [joined])) else [joined]

    def _reached(self, line: _Line, patterns: list[Segments]) -> Iterator[tuple[Entry, Segments]]:
        """Yield the shapes that the patterns match of other routes, if a caller may lack those routes."""
        for pattern in patterns:
            for entry in self._entries(pattern):
                if not self._implied(entry.demand, line.demand):
                    for shape in self._overlap(entry, pattern):
                        yield entry, shape

    def _entries(self, pattern: Segments) -> Iterable[Entry]:
        if pattern[0] is not None:
            return self._by_verb[pattern[0]]
        return (entry for entries in self._by_verb.values() for entry in entries)

    def _overlap(self, entry: Entry, pattern: Segments) -> Iterator[Segments]:
        """Yield the shapes that match both and are routed to this entry."""
        entries = self._by_verb[str(entry.segments[0])]
        for shape in meets(entry, pattern, self._longest):
            self._overlaps += 1
            if self._overlaps > MAX_OVERLAPS:
                raise ConfigurationError("routes: too many parameters overlap; join routes with {proxy+}")
            if resolve(shape, entries) is entry:
                yield shape

    def _implied(self, lacked: int, *held: int) -> bool:
        """Whether a principal who meets the policies `held` cannot lack the policy `lacked`."""
        return self._demanded[lacked] <= frozenset().union(*(self._demanded[each] for each in held))

    def _denied(self, line: _Line, patterns: list[Segments]) -> Iterator[Deny]:
        """Yield the Denies beside a line's Allows, for each policy that a caller of the line may lack."""
        shapes: dict[Entry, set[Segments]] = {}
        for entry, shape in self._reached(line, patterns):
            shapes.setdefault(entry, set()).add(shape)
        wanted: dict[int, dict[Segments, str]] = {}
        for entry, found in shapes.items():
            # The whole route, if no caller loses a route by that, because one Deny then serves every Allow.
            whole = self._reach[str(entry.segments[0]), entry.name]
            harmless = whole is not None and self._harmed(whole, entry.demand, line) is None
            best = [whole] if whole is not None and harmless else _fewest(found)
            wanted.setdefault(entry.demand, {}).update(dict.fromkeys(best, entry.name))
        for lacked, named in wanted.items():
            resources: dict[str, None] = {}
            for shape in self._joined(named, lacked, line):
                hit = self._harmed(shape, lacked, line)
                if hit is not None:
                    raise ConfigurationError(
                        f"routes: IAM cannot tell {named[shape]!r} from {hit!r} for a principal who may "
                        f"call {line.name!r}{self._by}: its wildcards cross '/'. Give both one policy, or "
                        "set their paths apart"
                    )
                resources |= dict.fromkeys(_slashed(text(shape)))
            for resource in _with_any_verb(resources):
                yield Deny(line.demand, lacked, resource)

    def _joined(self, shapes: Iterable[Segments], lacked: int, line: _Line) -> list[Segments]:
        """Return the shapes with one pattern for all verbs, if no caller loses a route by that."""
        tails: dict[Segments, list[Segments]] = {}
        for shape in shapes:
            tails.setdefault(shape[1:], []).append(shape)
        made: list[Segments] = []
        for tail, each in tails.items():
            joined: Segments = (None, *tail)
            whole = len(each) == len(VERBS) and self._harmed(joined, lacked, line) is None
            made += [joined] if whole else each
        return made

    def _harmed(self, pattern: Segments, lacked: int, line: _Line) -> str | None:
        """Return a route that a Deny would take away from a principal who may call it."""
        for entry in self._entries(pattern):
            if self._implied(lacked, line.demand, entry.demand):
                continue
            if any(True for _ in self._overlap(entry, pattern)):
                return entry.name
        return None


def _slashed(resource: str) -> list[str]:
    """Return the Deny, and the same with a final slash, because AWS does not document if that matters.

    For "admin/?*" that is "admin/", which a backend may read as an empty greedy parameter. The root is left
    out, because it has its own route.
    """
    if not resource.endswith("?*"):
        return [resource] if resource.endswith("/") else [resource, resource + "/"]
    above = resource.removesuffix("?*")
    return [resource] if above.count("/") < 2 else [resource, above]


def _with_any_verb(resources: Iterable[str]) -> Iterable[str]:
    """Yield one pattern for all verbs of a path with a final slash, which is no route of the table."""
    tails = [resource.partition("/")[2] for resource in resources if resource.endswith("/")]
    of_all = {tail for tail in tails if tails.count(tail) == len(VERBS)}
    return dict.fromkeys(
        f"?*/{tail}" if (tail := each.partition("/")[2]) in of_all else each for each in resources
    )


def _fewest(shapes: Iterable[Segments]) -> list[Segments]:
    """Return the shapes without those that the pattern of another shape covers."""
    kept: list[Segments] = []
    for shape in sorted(shapes, key=lambda each: (len(each), text(each))):
        if not any(covers(other, shape) for other in kept):
            kept.append(shape)
    return kept
