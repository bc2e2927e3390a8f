"""The simulated API Gateway itself: known resolutions, known verdicts of IAM, and its cache step by step."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.gateway import (
    API,
    KINDS,
    Gateway,
    Kind,
    Refused,
    Routes,
    Search,
    matches,
    policy_of,
    statements_of,
    verdict,
)

from cognito_mr_auth.testing import FakeClock

# --- Routes

TABLE = (
    "GET /",
    "GET /orders",
    "POST /orders",
    "GET /orders/{id}",
    "GET /orders/special",
    "ANY /orders/{id}/items",
    "GET /orders/{id}/items",
    "GET /files/{proxy+}",
    "GET /files/{name}",
    "ANY /{proxy+}",
)

RESOLUTIONS: dict[str, tuple[str, str, str | None]] = {
    "the root": ("GET", "/", "GET /"),
    "a greedy route does not take the root": ("POST", "/", None),
    "a literal": ("GET", "/orders", "GET /orders"),
    "its other verb": ("POST", "/orders", "POST /orders"),
    "a parameter": ("GET", "/orders/7", "GET /orders/{id}"),
    "a literal before a parameter": ("GET", "/orders/special", "GET /orders/special"),
    "a verb before ANY": ("GET", "/orders/7/items", "GET /orders/{id}/items"),
    "ANY for the rest": ("PUT", "/orders/7/items", "ANY /orders/{id}/items"),
    "a parameter before a greedy one": ("GET", "/files/a", "GET /files/{name}"),
    "greedy for two": ("GET", "/files/a/b", "GET /files/{proxy+}"),
    "greedy at the root": ("GET", "/nowhere/at/all", "ANY /{proxy+}"),
    "a parameter takes a star": ("GET", "/orders/*", "GET /orders/{id}"),
    "a parameter takes an encoded slash": ("GET", "/orders/a%2Fitems", "GET /orders/{id}"),
    "a parameter takes dots": ("GET", "/orders/..", "GET /orders/{id}"),
    "a parameter takes braces": ("GET", "/orders/{id}", "GET /orders/{id}"),
    "letters have case": ("GET", "/Orders", "ANY /{proxy+}"),
    "an empty segment is nobody's": ("GET", "/orders//items", None),
    "a trailing slash is nobody's": ("GET", "/orders/", None),
    "an unknown verb is nobody's": ("TRACE", "/orders", None),
    "verbs have case": ("get", "/orders", None),
}


@pytest.mark.parametrize("http", [False, True], ids=["rest", "http"])
@pytest.mark.parametrize("row", RESOLUTIONS)
def test_a_request_finds_its_route(row: str, http: bool) -> None:
    """A literal comes before `{x}`, that before `{x+}`, and a verb of its own before ANY."""
    verb, path, expected = RESOLUTIONS[row]
    assert Routes(TABLE, http=http).resolve(verb, path) == expected


B = ("GET /b/{proxy+}", "GET /{a}/x")
C = ("GET /a/b/c", "GET /a/{x}/d", "POST /a/{x}/c", "GET /{proxy+}")
# Table, verb, path; then what each reading of AWS's documents finds.
READINGS: dict[str, tuple[tuple[str, ...], str, str, dict[str, str | None]]] = {
    "greedy below a literal": (
        B,
        "GET",
        "/b/x",
        {"commit": B[0], "path": B[0], "full": B[0], "http": B[1]},
    ),
    "a literal that leads nowhere": (
        C,
        "GET",
        "/a/b/d",
        {"commit": None, "path": C[1], "full": C[1], "http": C[1]},
    ),
    "a literal without the verb": (
        C,
        "POST",
        "/a/b/c",
        {"commit": None, "path": None, "full": C[2], "http": C[2]},
    ),
    "back up to greedy": (
        C,
        "GET",
        "/a/b/e",
        {"commit": None, "path": C[3], "full": C[3], "http": C[3]},
    ),
    "an inner resource without a method": (
        C,
        "GET",
        "/a/b",
        {"commit": None, "path": C[3], "full": C[3], "http": C[3]},
    ),
}


@pytest.mark.parametrize("search", ["commit", "path", "full", "http"])
@pytest.mark.parametrize("row", READINGS)
def test_what_aws_leaves_open_is_offered(row: str, search: str) -> None:
    """REST may follow one branch, look for a path, or a path with the verb; HTTP prefers a full match."""
    keys, verb, path, expected = READINGS[row]
    readings: dict[str, Search] = {"commit": "commit", "path": "path"}
    routes = Routes(keys, http=search == "http", search=readings.get(search, "full"))
    assert routes.resolve(verb, path) == expected[search]


def test_a_trailing_slash_can_be_ignored() -> None:
    """A gateway that takes "/a/" for "/a" finds the same routes for both, and the root stays the root."""
    routes = Routes(TABLE, trailing_slash="ignored")
    assert routes.resolve("GET", "/orders/") == "GET /orders"
    assert routes.resolve("GET", "/files/a/b/") == "GET /files/{proxy+}"
    assert routes.resolve("GET", "/") == "GET /"
    assert routes.resolve("GET", "/orders//") is None


# --- IAM

PATTERNS: dict[str, tuple[str, str, bool]] = {
    "equal": ("GET/a", "GET/a", True),
    "not a prefix": ("GET/a", "GET/ab", False),
    "not a suffix": ("GET/ab", "GET/a", False),
    "empty and empty": ("", "", True),
    "empty and something": ("", "a", False),
    "a star takes nothing": ("a*", "a", True),
    "a star crosses slashes": ("GET/*", "GET/a/b/c", True),
    "a star in the middle": ("*/a/*", "GET/x/a/y", True),
    "stars go back": ("*ab*ab", "abxabyab", True),
    "stars do not share": ("*ab*ab", "xab", False),
    "two stars": ("**", "", True),
    "a question mark takes one": ("?", "/", True),
    "and not none": ("?", "", False),
    "and not two": ("?", "ab", False),
    "at least one": ("GET/?*", "GET/", False),
    "letters have case": ("GET/a", "GET/A", False),
    "a star in the text is no star": ("GET/a", "GET/*", False),
    "a literal star": ("GET/${*}", "GET/*", True),
    "a literal star is no wildcard": ("GET/${*}", "GET/a", False),
    "a literal question mark": ("${?}", "?", True),
    "a literal dollar": ("${$}{x}", "${x}", True),
    "a dollar alone": ("$connect", "$connect", True),
    "a bracket is no class": ("[ab]", "a", False),
    "a dot is a dot": ("a.b", "axb", False),
}


@pytest.mark.parametrize("row", PATTERNS)
def test_a_pattern_covers_what_iam_says(row: str) -> None:
    """`*` is any run of characters, "/" included; `?` is exactly one; `${*}` `${?}` `${$}` are themselves."""
    pattern, text, expected = PATTERNS[row]
    assert matches(pattern, text) is expected


@given(st.text("ab/*?", max_size=6), st.text("ab/", max_size=7))
def test_the_matcher_agrees_with_another(pattern: str, text: str) -> None:
    """An independent matcher finds the same for every pattern of letters, `*` and `?`."""
    wild = {"*": ".*", "?": "."}
    expression = "".join(wild.get(char, re.escape(char)) for char in pattern)
    assert matches(pattern, text) is (re.fullmatch(expression, text, re.DOTALL) is not None)


def _statement(effect: str, *resources: str, action: object = "execute-api:Invoke") -> dict[str, Any]:
    return {"Action": action, "Effect": effect, "Resource": [API + each for each in resources]}


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


ONE_STRING = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": API + "GET/a"}
ALLOW_GET = _statement("Allow", "GET/*")
VERDICTS: dict[str, tuple[dict[str, Any], str]] = {
    "allowed": (_document(ALLOW_GET), "allow"),
    "nothing said": (_document(_statement("Allow", "POST/*")), "implicit deny"),
    "denied": (_document(_statement("Deny", "GET/a")), "deny"),
    "deny beats allow": (_document(_statement("Deny", "*/a"), ALLOW_GET), "deny"),
    "in any order": (_document(ALLOW_GET, _statement("Deny", "*/a")), "deny"),
    "a deny of another": (_document(ALLOW_GET, _statement("Deny", "GET/b")), "allow"),
    "one of several resources": (_document(_statement("Allow", "GET/b", "GET/a")), "allow"),
    "a resource as a string": (_document(ONE_STRING), "allow"),
    "a statement alone": ({"Version": "2012-10-17", "Statement": ONE_STRING}, "allow"),
    "everything": (_document(ONE_STRING | {"Resource": "*"}), "allow"),
    "actions in a list": (_document(_statement("Allow", "*", action=["execute-api:Invoke"])), "allow"),
    "actions without case": (_document(_statement("Allow", "*", action="Execute-API:*")), "allow"),
    "another action": (_document(_statement("Allow", "*", action="s3:GetObject")), "implicit deny"),
    "another API": (_document(ONE_STRING | {"Resource": API.replace("abc", "xyz") + "*"}), "implicit deny"),
    "a star stays between colons": (
        _document(ONE_STRING | {"Resource": "arn:aws:execute-api:*:GET/a"}),
        "refused",
    ),
    "stars for account and Region": (
        _document(ONE_STRING | {"Resource": "arn:*:execute-api:*:*:*"}),
        "allow",
    ),
    "no version": ({"Statement": [ALLOW_GET]}, "refused"),
    "an old version": (_document(ALLOW_GET) | {"Version": "2008-10-17"}, "refused"),
    "no statement": ({"Version": "2012-10-17"}, "refused"),
    "an unknown member": (_document(ALLOW_GET) | {"Extra": 1}, "refused"),
    "no effect": (_document({"Action": "*", "Resource": "*"}), "refused"),
    "an unknown effect": (_document(_statement("allow", "*")), "refused"),
    "a condition": (_document(ONE_STRING | {"Condition": {}}), "refused"),
    "no resource in the list": (_document(ONE_STRING | {"Resource": []}), "refused"),
    "a number as resource": (_document(ONE_STRING | {"Resource": [7]}), "refused"),
    "no ARN": (_document(ONE_STRING | {"Resource": "GET/a"}), "refused"),
    "an ARN of something else": (_document(ONE_STRING | {"Resource": "arn:aws:s3:::bucket/a"}), "refused"),
    "512 characters": (
        _document(_statement("Allow", "x" * (512 - len(API))), ALLOW_GET),
        "allow",
    ),
    "513 characters": (_document(_statement("Allow", "x" * (513 - len(API))), ALLOW_GET), "refused"),
    "an undefined variable": (_document(_statement("Deny", "${aws:username}"), ALLOW_GET), "refused"),
}


@pytest.mark.parametrize("row", VERDICTS)
def test_a_document_means_what_iam_says(row: str) -> None:
    """Deny comes before Allow, Allow before nothing; what AWS would not take is refused."""
    document, expected = VERDICTS[row]
    if expected == "refused":
        with pytest.raises(Refused):
            statements_of(document)
    else:
        assert verdict(statements_of(document), API + "GET/a") == expected


GOOD = {"principalId": "someone", "policyDocument": _document(ALLOW_GET)}
NESTED = GOOD | {"context": {"groups": ["a"]}}
ANSWERS: dict[str, tuple[Any, tuple[Kind, ...]]] = {
    "the least": (GOOD, KINDS),
    "scalars": (GOOD | {"context": {"a": "x", "b": 1, "c": True, "d": 1.5}}, KINDS),
    "an array in the context": (NESTED, ("http-2.0",)),
    "null in the context": (GOOD | {"context": {"a": None}}, ("http-2.0",)),
    "an infinite number": (GOOD | {"context": {"a": float("inf")}}, ()),
    "the reserved key": (GOOD | {"context": {"claims": "x"}}, ()),
    "no object as context": (GOOD | {"context": "x"}, ()),
    "a usage key": (GOOD | {"usageIdentifierKey": "key"}, ("rest-token", "rest-request")),
    "a number as usage key": (GOOD | {"usageIdentifierKey": 7}, ()),
    "no principal": ({"policyDocument": GOOD["policyDocument"]}, ()),
    "a number as principal": (GOOD | {"principalId": 7}, ()),
    "an empty principal": (GOOD | {"principalId": ""}, ()),
    "no document": ({"principalId": "someone"}, ()),
    "a broken document": (GOOD | {"policyDocument": {}}, ()),
    "an unknown member": (GOOD | {"isAuthorized": True}, ()),
    "nothing": (None, ()),
    "an empty answer": ({}, ()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ANSWERS)
def test_an_answer_is_taken_or_refused(row: str, kind: Kind) -> None:
    """Each kind of API takes the answers that AWS documents for it, and no other."""
    answer, takers = ANSWERS[row]
    if kind in takers:
        assert policy_of(answer, kind) == statements_of(answer["policyDocument"])
    else:
        with pytest.raises(Refused):
            policy_of(answer, kind)


# --- The cache


class Script:
    """An authorizer that gives the next answer of a list, or raises it."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        self.events.append(event)
        assert context.get_remaining_time_in_millis() > 0
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


ALLOW = {"principalId": "someone", "policyDocument": _document(_statement("Allow", "GET/a", "GET/b"))}
DENY = {"principalId": "someone", "policyDocument": _document(_statement("Deny", "*"))}


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_kept_for_its_time(kind: Kind) -> None:
    """One answer judges every path of its token for `ttl` seconds; another token has its own."""
    clock, script = FakeClock(), Script(ALLOW, DENY, DENY)
    gateway = Gateway(["ANY /{proxy+}"], script, kind, clock=clock)
    assert gateway.ask("GET", "/a", "one") == (200, "ANY /{proxy+}", True, "allow")
    assert gateway.ask("GET", "/b", "one") == (200, "ANY /{proxy+}", False, "allow")
    assert gateway.ask("GET", "/c", "one") == (403, "ANY /{proxy+}", False, "implicit deny")
    assert gateway.ask("GET", "/a", "two") == (403, "ANY /{proxy+}", True, "deny")
    clock.advance(299.5)
    assert gateway.ask("GET", "/a", "one") == (200, "ANY /{proxy+}", False, "allow")
    clock.advance(0.5)
    assert gateway.ask("GET", "/a", "one") == (403, "ANY /{proxy+}", True, "deny")
    assert gateway.asked == len(script.events) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_cache_each_request_asks(kind: Kind) -> None:
    """A ttl of 0 keeps nothing."""
    gateway = Gateway(["GET /a"], Script(ALLOW, DENY), kind, ttl=0)
    assert [gateway.ask("GET", "/a", "one").status for _ in range(2)] == [200, 403]


UNAUTHORIZED = {"errorMessage": "Unauthorized"}
FAILURES: dict[str, tuple[Any, int, int]] = {
    "Unauthorized raised": (Exception("Unauthorized"), 401, 500),
    "Unauthorized in other words": (Exception("unauthorized"), 500, 500),
    "Unauthorized as an answer": (UNAUTHORIZED, 500, 401),
    "an outage": (RuntimeError("down"), 500, 500),
    "an answer that AWS refuses": ({}, 500, 500),
    "an answer that is no JSON": (ALLOW | {"context": {"a": {1}}}, 500, 500),
    "an answer that is not a number": (ALLOW | {"context": {"a": float("nan")}}, 500, 500),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", FAILURES)
def test_a_failure_is_reported_and_not_kept(row: str, kind: Kind) -> None:
    """401 where AWS says so, else 500; and the next request asks again."""
    answer, rest, http = FAILURES[row]
    gateway = Gateway(["GET /a"], Script(answer, ALLOW), kind)
    replies = [gateway.ask("GET", "/a", "one") for _ in range(2)]
    assert [reply.status for reply in replies] == [http if kind.startswith("http") else rest, 200]
    assert all(reply.asked for reply in replies)


@pytest.mark.parametrize("kind", KINDS)
def test_some_requests_never_reach_the_function(kind: Kind) -> None:
    """No route, no token under a cache, a request ARN of over 1600 bytes: answered by the gateway alone."""
    script = Script()
    gateway = Gateway(["GET /{a}"], script, kind)
    assert gateway.ask("POST", "/a", "one").status == (404 if kind.startswith("http") else 403)
    assert gateway.ask("GET", "/a", None).status == 401
    assert gateway.ask("GET", "/" + "a" * 1600, "one").status == 414
    assert not script.events


@pytest.mark.parametrize("kind", ["rest-request", "http-1.0", "http-2.0"])
def test_without_a_cache_a_missing_token_is_the_functions_matter(kind: Kind) -> None:
    """With no cache there need be no identity source, so the function is asked."""
    script = Script(ALLOW)
    assert Gateway(["GET /a"], script, kind, ttl=0).ask("GET", "/a", None).status == 200
    assert script.events[0]["headers"] == {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_event_holds_the_request(kind: Kind) -> None:
    """The ARN names verb and path as sent; the token stands where each kind of event has it."""
    script = Script(ALLOW)
    Gateway(["ANY /a/{x}"], script, kind).ask("GET", "/a/%2F*", "one")
    (event,) = script.events
    assert event["routeArn" if kind == "http-2.0" else "methodArn"] == API + "GET/a/%2F*"
    if kind == "rest-token":
        assert event["authorizationToken"] == "Bearer one"
    else:
        assert {name.lower(): value for name, value in event["headers"].items()} == {
            "authorization": "Bearer one"
        }
