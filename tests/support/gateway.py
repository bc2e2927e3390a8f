"""API Gateway as a Lambda authorizer meets it: routes, ARNs, IAM's verdict, and the authorizer cache.

Owns the tests' own reading of AWS's documents. It shares no line and no idea of
matching with the package: what both would get wrong, no test would see.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from cognito_mr_auth.testing import FakeClock

Kind = Literal["rest-token", "rest-request", "http-1.0", "http-2.0"]
Search = Literal["commit", "path", "full"]
Verdict = Literal["allow", "deny", "implicit deny"]
Authorizer = Callable[[dict[str, Any], Any], Any]

KINDS: tuple[Kind, ...] = ("rest-token", "rest-request", "http-1.0", "http-2.0")
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

MAX_RESOURCE = 512  # characters of one ARN in a returned document
MAX_METHOD_ARN = 1600  # bytes of a request's ARN; beyond it the client gets 414
API = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/"


# --- Routes: which one does a request resolve to?

LITERAL, PARAMETER, GREEDY = range(3)  # API Gateway's order of preference at one segment
Segment = tuple[int, str]
Resource = tuple[Segment, ...]


def _segment(text: str) -> Segment:
    if text.startswith("{") and text.endswith("+}"):
        return (GREEDY, "")
    if text.startswith("{") and text.endswith("}"):
        return (PARAMETER, "")
    return (LITERAL, text)


def _parts(path: str) -> list[str]:
    return path[1:].split("/") if path != "/" else []


def _fits(resource: Resource, parts: list[str]) -> bool:
    greedy = bool(resource) and resource[-1][0] == GREEDY
    if len(parts) < len(resource) or (len(parts) > len(resource) and not greedy):
        return False
    for (kind, text), part in zip(resource, parts, strict=False):
        if kind == LITERAL and text != part:
            return False
    return True


def _ranks(resource: Resource) -> tuple[int, ...]:
    return tuple(kind for kind, _ in resource)


class Routes:
    """A table of routes such as "GET /orders/{id}", and how one of them is found.

    REST (`http=False`) prefers, segment by segment, a literal to `{x}` to `{x+}`; an HTTP API prefers
    any full match to any greedy one, and then goes on as REST. A verb of its own comes before ANY.

    AWS does not say how far REST looks back, so `search` offers what it could be: "commit" follows the
    best branch and never returns, "path" finds the best resource that fits the path and then asks it
    for the verb, "full" finds the best resource that fits the path and has the verb.
    `trailing_slash="ignored"` takes "/a/" for "/a", as some emulators do; the ARN keeps it.
    """

    def __init__(
        self,
        keys: Iterable[str],
        *,
        http: bool = False,
        search: Search = "full",
        trailing_slash: Literal["kept", "ignored"] = "kept",
    ) -> None:
        self._search, self._trailing_slash = search, trailing_slash
        self._resources: dict[Resource, dict[str, str]] = {}
        for key in keys:
            verb, path = key.split(" ")
            resource = tuple(map(_segment, _parts(path)))
            self._resources.setdefault(resource, {})[verb] = key
        self._nodes = {each[:end] for each in self._resources for end in range(len(each) + 1)}
        by_preference = sorted(self._resources, key=_ranks)
        self._ranked = sorted(by_preference, key=lambda each: http and GREEDY in _ranks(each))
        self._known: dict[tuple[str, str], str | None] = {}

    def resolve(self, verb: str, path: str) -> str | None:
        """The key of the route that gets this request, or None; worked out once for each."""
        request = (verb, path)
        if request not in self._known:
            self._known[request] = self._resolved(verb, path)
        return self._known[request]

    def _resolved(self, verb: str, path: str) -> str | None:
        if self._trailing_slash == "ignored" and len(path) > 1:
            path = path.removesuffix("/")
        parts = _parts(path)
        if verb not in VERBS or "" in parts:
            return None
        for resource in self._walk(parts) if self._search == "commit" else self._found(parts):
            methods = self._resources[resource]
            key = methods.get(verb) or methods.get("ANY")
            if key is not None or self._search != "full":
                return key
        return None

    def _found(self, parts: list[str]) -> list[Resource]:
        return [each for each in self._ranked if _fits(each, parts)]

    def _walk(self, parts: list[str]) -> Iterator[Resource]:
        at: Resource = ()
        for part in parts:
            branches = [(*at, step) for step in ((LITERAL, part), (PARAMETER, ""), (GREEDY, ""))]
            found = [branch for branch in branches if branch in self._nodes]
            if not found:
                return
            at = found[0]
            if at[-1][0] == GREEDY:
                break
        if at in self._resources:
            yield at


# --- IAM: what does a document say of an ARN?


class Refused(Exception):  # noqa: N818 - an outcome, not a fault of the simulator
    """AWS would not take this answer of an authorizer: 500 for the client."""


@lru_cache(4096)
def _symbols(pattern: str) -> list[tuple[str, str]]:
    """Ordinary characters, "any" (`?`) and "run" (`*`); `${*}`, `${?}` and `${$}` are characters."""
    symbols, at = [], 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("${", at):
            if pattern[at + 2 : at + 4] not in ("*}", "?}", "$}"):
                raise Refused(f"a policy variable that nobody defines: {pattern!r}")
            symbols.append(("char", pattern[at + 2]))
            at += 4
            continue
        symbols.append({"*": ("run", ""), "?": ("any", "")}.get(char, ("char", char)))
        at += 1
    return symbols


@lru_cache(4096)
def _ends(text: str) -> dict[str, int]:
    """For each character of a text, bit `i` where it ends `text[:i]`."""
    ends: dict[str, int] = {}
    for at, char in enumerate(text, start=1):
        ends[char] = ends.get(char, 0) | 1 << at
    return ends


@lru_cache(65536)
def matches(pattern: str, text: str) -> bool:
    """Whether an IAM pattern covers all of a text: `*` is any run of characters, "/" too, `?` is one.

    Dynamic programming: bit `i` of `reached` says that the symbols so far can end with `text[:i]`.
    """
    ends, everywhere = _ends(text), (1 << (len(text) + 1)) - 1
    reached = 1
    for kind, char in _symbols(pattern):
        if not reached:
            return False
        if kind == "run":
            first = reached & -reached
            reached = everywhere & ~(first - 1)
        elif kind == "any":
            reached = (reached << 1) & everywhere
        else:
            reached = (reached << 1) & ends.get(char, 0)
    return bool(reached >> len(text))


def covers(pattern: str, arn: str) -> bool:
    """The same for ARNs, part by part: a wildcard stays between its colons, except in the last part."""
    if pattern == "*":
        return True
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == 6 and all(map(matches, patterns, parts))


def _listed(value: object, what: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise Refused(f"{what} must be a string or a list of strings")
    return texts


class Statement(NamedTuple):
    """One statement of a document that AWS takes."""

    effect: str
    actions: list[str]
    resources: list[str]

    def speaks_of(self, arn: str) -> bool:
        """Whether it decides on `execute-api:Invoke` of an ARN. Actions have no case, ARNs do."""
        to_invoke = any(matches(action.lower(), "execute-api:invoke") for action in self.actions)
        return to_invoke and any(covers(resource, arn) for resource in self.resources)


def _statements(document: object) -> Iterator[Statement]:
    if not isinstance(document, dict) or not {"Version", "Statement"} <= document.keys():
        raise Refused("a policy document has a Version and a Statement")
    if document.keys() - {"Version", "Statement", "Id"} or document["Version"] != "2012-10-17":
        raise Refused("not a policy document of version 2012-10-17")
    statements = document["Statement"]
    for statement in [statements] if isinstance(statements, dict) else statements:
        if not isinstance(statement, dict) or statement.keys() - {"Sid"} != {"Action", "Effect", "Resource"}:
            raise Refused("a statement has an Action, an Effect and a Resource; conditions are not simulated")
        if statement["Effect"] not in ("Allow", "Deny"):
            raise Refused("an Effect is Allow or Deny")
        resources = _listed(statement["Resource"], "Resource")
        for resource in resources:
            parts = resource.split(":", 5)
            well_formed = len(parts) == 6 and parts[0] == "arn" and parts[2] == "execute-api"
            if resource != "*" and not well_formed:
                raise Refused(f"no ARN of an API: {resource!r}")
            if len(resource) > MAX_RESOURCE:
                raise Refused(f"an ARN of {len(resource)} characters")
            _symbols(resource)
        yield Statement(statement["Effect"], _listed(statement["Action"], "Action"), resources)


def statements_of(document: object) -> tuple[Statement, ...]:
    """The statements of a policy document.

    Raises:
        Refused: this is no document that AWS takes.
    """
    return tuple(_statements(document))


def verdict(statements: Iterable[Statement], arn: str) -> Verdict:
    """What IAM decides for `execute-api:Invoke` on an ARN: Deny before Allow before implicit deny."""
    effects = {statement.effect for statement in statements if statement.speaks_of(arn)}
    if "Deny" in effects:
        return "deny"
    return "allow" if "Allow" in effects else "implicit deny"


def policy_of(answer: object, kind: Kind) -> tuple[Statement, ...]:
    """The statements of an authorizer's answer.

    Raises:
        Refused: API Gateway would not take the answer.
    """
    if not isinstance(answer, dict) or not {"principalId", "policyDocument"} <= answer.keys():
        raise Refused("an answer has a principalId and a policyDocument")
    known = {"principalId", "policyDocument", "context"}
    if kind.startswith("rest"):
        known.add("usageIdentifierKey")
    if answer.keys() - known:
        raise Refused(f"unknown members: {sorted(answer.keys() - known)}")
    if not isinstance(answer["principalId"], str) or not answer["principalId"]:
        raise Refused("principalId is a string")
    if not isinstance(answer.get("usageIdentifierKey"), str | None):
        raise Refused("usageIdentifierKey is a string")
    _check_context(answer.get("context", {}), kind)
    return statements_of(answer["policyDocument"])


def _check_context(context: object, kind: Kind) -> None:
    if not isinstance(context, dict) or "claims" in context:
        raise Refused("context is an object without the reserved key `claims`")
    for name, value in context.items():
        if kind != "http-2.0" and not isinstance(value, str | int | float):  # bool is an int
            raise Refused(f"context[{name!r}] is no string, number or boolean")
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"context[{name!r}] is no JSON number")


# --- The gateway


class Reply(NamedTuple):
    """What the client gets, the route that its request resolved to, and whether the function was asked."""

    status: int
    route: str | None
    asked: bool
    why: str

    @property
    def allowed(self) -> bool:
        """Whether the request reached the integration."""
        return self.status == 200


class LambdaContext:
    """The part of Lambda's context object that an authorizer may look at."""

    aws_request_id = "f4081827-0000-0000-0000-000000000000"
    function_name = "authorizer"

    def get_remaining_time_in_millis(self) -> int:
        return 9_000


class Gateway:
    """One stage of an API whose every route is guarded by one authorizer, with its cache.

    Answers are kept for `ttl` seconds of `clock` under the token, the only identity source. `asked`
    counts invocations of the function.
    """

    def __init__(
        self,
        routes: Iterable[str],
        authorizer: Authorizer,
        kind: Kind = "rest-request",
        *,
        ttl: float = 300,
        clock: FakeClock | None = None,
        search: Search = "full",
        trailing_slash: Literal["kept", "ignored"] = "kept",
    ) -> None:
        self.kind, self.ttl, self.clock = kind, ttl, clock or FakeClock()
        self.asked = 0
        self._http = kind.startswith("http")
        self._entries = Routes(routes, http=self._http, search=search, trailing_slash=trailing_slash)
        self._authorizer = authorizer
        self._cache: dict[str, tuple[float, tuple[Statement, ...]]] = {}

    def ask(self, verb: str, path: str, token: str | None) -> Reply:
        """One request with `Authorization: Bearer <token>`, or with no such header."""
        route = self._entries.resolve(verb, path)
        if route is None:  # REST calls it "Missing Authentication Token"
            return Reply(404 if self._http else 403, None, False, "no route")
        arn = f"{API}{verb}{path}"
        if len(arn.encode()) > MAX_METHOD_ARN:
            return Reply(414, route, False, "ARN too long")
        if token is None and (self.ttl or self.kind == "rest-token"):
            return Reply(401, route, False, "no identity source")
        kept = self._kept(token)
        if kept is not None:
            return self._judged(kept[1], arn, Reply(0, route, False, ""))
        reply = Reply(0, route, True, "")
        self.asked += 1
        try:
            # Lambda hands JSON over, in both directions.
            event = json.loads(json.dumps(_event(self.kind, verb, path, route, token)))
            answer = json.loads(json.dumps(self._authorizer(event, LambdaContext()), allow_nan=False))
            if self._http and answer == {"errorMessage": "Unauthorized"}:
                return reply._replace(status=401, why="Unauthorized")
            statements = policy_of(answer, self.kind)
        except Exception as error:  # noqa: BLE001 - the Lambda runtime reports whatever is raised
            status = 401 if str(error) == "Unauthorized" and not self._http else 500
            return reply._replace(status=status, why=f"{type(error).__name__}: {error}")
        if self.ttl and token is not None:
            self._cache[token] = (self.clock.monotonic + self.ttl, statements)
        return self._judged(statements, arn, reply)

    def _kept(self, token: str | None) -> tuple[float, tuple[Statement, ...]] | None:
        kept = self._cache.get(token) if token is not None else None
        return kept if kept is not None and self.clock.monotonic < kept[0] else None

    def _judged(self, statements: tuple[Statement, ...], arn: str, reply: Reply) -> Reply:
        found = verdict(statements, arn)
        return reply._replace(status=200 if found == "allow" else 403, why=found)


def _event(kind: Kind, verb: str, path: str, route: str, token: str | None) -> Mapping[str, Any]:
    arn = f"{API}{verb}{path}"
    value = None if token is None else f"Bearer {token}"
    if kind == "rest-token":
        return {"type": "TOKEN", "authorizationToken": value, "methodArn": arn}
    template = route.partition(" ")[2]
    request = {"accountId": "123456789012", "apiId": "abcdef123", "requestId": "id"}
    if kind == "http-2.0":
        http = {"method": verb, "path": path, "protocol": "HTTP/1.1", "sourceIp": "IP", "userAgent": "agent"}
        return {
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": arn,
            "identitySource": None if value is None else [value],
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": "",
            "headers": {} if value is None else {"authorization": value},
            "requestContext": request | {"http": http, "routeKey": route, "stage": "prod"},
        }
    event = {
        "type": "REQUEST",
        "methodArn": arn,
        "resource": template,
        "path": path,
        "httpMethod": verb,
        "headers": {} if value is None else {"Authorization": value},
        "multiValueHeaders": {} if value is None else {"Authorization": [value]},
        "queryStringParameters": {},
        "pathParameters": {},
        "stageVariables": {},
        "requestContext": request
        | {"path": path, "resourcePath": template, "httpMethod": verb, "stage": "prod"},
    }
    if kind == "http-1.0":
        return event | {"version": "1.0", "identitySource": value, "authorizationToken": value}
    return event
