"""Other spellings of a path open no route to whoever lacks its policy; who lacks none notices nothing.

A document is judged by support/gateway.py, against the path as the client wrote it and against the same
decoded once, because AWS does not say which of them it compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any
from urllib.parse import unquote

import pytest
from support.gateway import API, statements_of, verdict
from support.lambda_events import with_token

from cognito_mr_auth import policy
from cognito_mr_auth.aws_lambda import Authorizer
from cognito_mr_auth.aws_lambda._authorizer.routes import RouteTable
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.testing import FakeClock, FakeUserPool

FAKE = FakeUserPool(clock=FakeClock())
ADMIN, READ = policy.groups("admins"), policy.scopes("read")
Table = Mapping[str, Policy | None]

GREEDY: Table = {"ANY /{proxy+}": None, "ANY /": None, "ANY /admin/{proxy+}": ADMIN, "ANY /admin": ADMIN}
USERS: Table = {"GET /users/{id}": None, "ANY /admin/{proxy+}": ADMIN, "GET /admin": ADMIN}


def allowed(document: Any, rest: str) -> bool:
    """Whether a document allows `GET/path` in both readings, or one of them."""
    statements = statements_of(document)
    readings = {verdict(statements, API + rest), verdict(statements, API + unquote(rest))}
    return "allow" in readings


def user(table: Table, *, escaped: tuple[str, ...] = ()) -> Any:
    """The document of a user who passes no policy."""
    return RouteTable(table, escaped=escaped).document(API, lambda require: require is None)


def admin(table: Table, *, escaped: tuple[str, ...] = ()) -> Any:
    """The document of one who passes all."""
    return RouteTable(table, escaped=escaped).document(API, lambda _: True)


# Each is "/admin/5", "/admin" or "/admin/" to some server. What {} is must be there in any case.
OF_ADMIN = {
    "an escaped letter": "%61dmin/5",
    "its last letter": "admi%6E/5",
    "every letter": "%61%64%6d%69%6e/5",
    "escaped twice": "%2561dmin/5",
    "escaped thrice": "%252561dmin/5",
    "an escaped slash": "admin%2F5",
    "a small escaped slash": "admin%2f5",
    "an escaped slash in front": "%2Fadmin/5",
    "half an escape": "admin%/5",
    "an escaped dot": "%2e/admin/5",
    "escaped dots": "x/%2e%2e/admin/5",
    "half-escaped dots": "x/.%2E/admin/5",
    "a dot in front": "./admin/5",
    "a dot in the middle": "admin/./5",
    "a dot at the end": "admin/.",
    "dots in front": "../admin/5",
    "dots in the middle": "x/../admin/5",
    "dots at the end": "admin/x/..",
    "dots over dots": "x/y/../../admin/5",
    "an escaped slash and dots": "x%2F..%2Fadmin%2F5",
    "nothing in front": "/admin/5",
    "nothing in the middle": "admin//5",
    "nothing at the end": "admin/5//",
    "nothing at all": "/",
    "a slash at the end": "admin/5/",
    "a slash below": "admin/",
    "a backslash": "admin\\5",
    "a backslash in front": "\\admin/5",
    "an escaped backslash": "admin%5c5",
    "dots and a backslash": "x/..\\admin/5",
    "a path parameter": "admin;x/5",
    "an empty path parameter": "admin;/5",
    "dots and a path parameter": "x/..;/admin/5",
    "an escaped path parameter": "admin%3bx/5",
    "an escaped query": "admin%3Fx",
    "an escaped fragment": "admin%23x",
}
# Decoded once, these have a character that servers leave in the path: another path than "/admin/5".
AS_WRITTEN = ("admin%00/5", "adm%0Ain/5", "admin%c0%af5", "admin%20/5", "%EF%BD%81dmin/5")
BELOW_USERS = {
    "dots": "users/../admin/5",
    "dots at the end": "users/..",
    "escaped dots and slash": "users/..%2Fadmin%2F5",
    "all of it escaped": "users/%2e%2e%2fadmin%2f5",
    "escaped twice": "users/%252e%252e%252fadmin",
    "a backslash": "users/..\\admin\\5",
    "a path parameter": "users/..;/admin/5",
    "an empty segment": "users//../admin",
    "another user's": "users/5;id=6",
}


@pytest.mark.parametrize("path", OF_ADMIN.values(), ids=OF_ADMIN)
@pytest.mark.parametrize("verb", ["GET", "DELETE"])
def test_beside_a_greedy_route(verb: str, path: str) -> None:
    """Whatever a backend could read as the route that a user lacks is refused to them, by any verb."""
    assert not allowed(user(GREEDY), f"{verb}/{path}")


@pytest.mark.parametrize("path", BELOW_USERS.values(), ids=BELOW_USERS)
def test_below_a_parameter(path: str) -> None:
    """The same where no Allow reaches the other route: a parameter takes dots and escapes as well."""
    assert not allowed(user(USERS), f"GET/{path}")


def test_no_escape_passes_as_written() -> None:
    """Where the path is compared as the client wrote it, an escape of any character is refused."""
    statements = statements_of(user(GREEDY))
    assert {verdict(statements, f"{API}GET/{path}") for path in AS_WRITTEN} == {"deny"}


def test_a_slash_below_a_greedy_route() -> None:
    """A backend may take it for a greedy parameter that is empty, where the table has no route for it."""
    table: dict[str, Policy | None] = {"ANY /{proxy+}": None, "ANY /": None, "ANY /admin/{proxy+}": ADMIN}
    table |= {"GET /a/{x}": None, "GET /a/{x}/{y+}": ADMIN}
    for rest in ("GET/admin/", "PUT/admin/", "GET/a/5/"):
        assert not allowed(user(table), rest), rest
    for rest in ("GET/a/5", "GET/", "GET/docs/"):
        assert allowed(user(table), rest), rest


def test_two_at_once() -> None:
    """No two spellings take each other back."""
    document = user(GREEDY)
    for both in product(["%2561", ".", "..", ";", "\\", ""], repeat=2):
        assert not allowed(document, f"GET/x/{'/'.join(both)}/admin/5"), both


PLAIN = [
    "GET/users/5",
    "GET/orders/5",
    "GET/a.b/..c",
    "GET/d../x",
    "GET/...",
    "GET/.well-known/x",
    "GET/",
    "PUT/é",
]


def test_plain_paths_pass() -> None:
    """A user who lacks something goes on to call what the table gives them, with dots in names."""
    document = user(GREEDY)
    assert [rest for rest in PLAIN if not allowed(document, rest)] == []


def test_who_lacks_nothing_pays_nothing() -> None:
    """Their document has no Deny, so that it refuses no spelling."""
    document = admin(GREEDY)
    assert [each["Effect"] for each in document["Statement"]] == ["Allow"]
    spellings = [*OF_ADMIN.values(), *BELOW_USERS.values()]
    assert [path for path in spellings if not allowed(document, f"GET/{path}")] == []


def test_who_may_call_no_parameter_needs_no_deny() -> None:
    """An Allow without a wildcard covers one spelling alone."""
    assert [each["Effect"] for each in user({"GET /a": None, "GET /b": ADMIN})["Statement"]] == ["Allow"]


# -- escapes that clients do send ---------------------------------------------------------------

MAIL: Table = {"GET /users/{mail}": None, "GET /files/{name}/{part}": None, "ANY /admin/{proxy+}": ADMIN}
ESCAPED = ("GET /users/{mail}",)


def test_a_route_that_takes_escapes() -> None:
    """The routes that are named take escapes, and no other does; dots and the rest stay refused."""
    document = user(MAIL, escaped=ESCAPED)
    for path in ("users/a%40b.example", "users/J%C3%BCrgen%20K", "files/a/b"):
        assert allowed(document, f"GET/{path}"), path
    assert verdict(statements_of(document), f"{API}GET/files/%61/b") == "deny"
    for path in ("files/a/%2e", "admin/5", "users/../admin", "users/a;b", "users//a"):
        assert not allowed(document, f"GET/{path}"), path
    assert allowed(admin(MAIL, escaped=ESCAPED), "GET/files/%61/b")


# Each is another path than one segment below "users" to some server, written or decoded once.
LEADING_OUT = {
    "escaped dots": "%2e%2e/admin/5",
    "escaped dots in capitals": "%2E%2E/admin/5",
    "half-escaped dots": ".%2e/admin",
    "an escaped slash": "..%2fadmin",
    "an escaped slash in capitals": "..%2Fadmin%2F5",
    "escaped twice": "%252e%252e%252fadmin",
    "escaped thrice": "%25252e%25252e/admin",
    "a letter escaped twice": "%256de",
    "an escaped backslash": "..%5cadmin",
    "an escaped backslash in capitals": "..%5Cadmin",
    "an escaped semicolon": "..%3b/admin",
    "an escaped semicolon in capitals": "..%3B/admin",
    "an escaped query": "x%3fy",
    "an escaped query in capitals": "x%3Fy",
    "an escaped fragment": "x%23y",
    "an escaped NUL": "x%00y",
    "an escaped tab": ".%09./admin",
    "an escaped line end": ".%0D%0a./admin",
    "another control character": ".%1f./admin",
    "a percent sign before an escape": "%%32e%%32e/admin",
    "an escape within an escape": "%2%65%2%65/admin",
    "an escape of IIS": "..%u002fadmin",
    "an escape of IIS in capitals": "..%U002Fadmin",
    "a dot that is too long": "%c0%ae%c0%ae/admin",
    "a slash that is too long": "..%C0%AFadmin",
    "a backslash that is too long": "..%c1%9cadmin",
    "a backslash that is too long, in capitals": "..%C1%9Cadmin",
}


@pytest.mark.parametrize("path", LEADING_OUT.values(), ids=LEADING_OUT)
@pytest.mark.parametrize(
    "escaped", [("GET /users/{mail}",), tuple(n for n in MAIL if MAIL[n] is None)], ids=len
)
def test_no_escape_leads_out_of_a_route_that_takes_escapes(path: str, escaped: tuple[str, ...]) -> None:
    """What a backend could read as another number of segments, or as their end, stays denied as written."""
    statements = statements_of(user(MAIL, escaped=escaped))
    assert verdict(statements, f"{API}GET/users/{path}") == "deny"
    assert allowed(admin(MAIL, escaped=escaped), f"GET/users/{path}")


MAILBOX: Table = {"GET /users/{mail}": None}
RESPELLED: dict[str, tuple[Table, str, str]] = {
    "a literal in its place": (MAILBOX | {"GET /users/me": ADMIN}, "GET /users/{mail}", "GET /users/me"),
    "one of all verbs": (MAILBOX | {"ANY /users/me": ADMIN}, "GET /users/{mail}", "ANY /users/me"),
    "a literal below": (
        MAILBOX | {"GET /users/{mail}/keys": ADMIN},
        "GET /users/{mail}",
        "GET /users/{mail}/keys",
    ),
    "a literal far below": (
        MAILBOX | {"GET /users/{a}/{b}/keys/{c+}": ADMIN},
        "GET /users/{mail}",
        "GET /users/{a}/{b}/keys/{c+}",
    ),
    "a literal before one": (
        {"GET /{tenant}/docs": None, "GET /admin/{page}": ADMIN},
        "GET /{tenant}/docs",
        "GET /admin/{page}",
    ),
    "below a greedy one": (
        {"ANY /{p+}": None, "ANY /admin/{p+}": ADMIN},
        "ANY /{p+}",
        "ANY /admin/{p+}",
    ),
    "a stricter policy": (
        {"GET /users/{mail}": READ, "GET /users/me": READ & ADMIN},
        "GET /users/{mail}",
        "GET /users/me",
    ),
}


@pytest.mark.parametrize(("table", "named", "other"), RESPELLED.values(), ids=RESPELLED)
def test_a_route_that_another_could_be_spelled_as(table: Table, named: str, other: str) -> None:
    """IAM has no pattern for `/users/%6de`: the table is refused, and the message says what to do."""
    with pytest.raises(ConfigurationError) as caught:
        RouteTable(table, escaped=(named,))
    said = str(caught.value)
    assert said.startswith(f"escaped_paths: below {named!r}, a client could write {other!r} with escapes")
    assert f"Give both one policy, set their paths apart, or do not name {named!r}" in said
    assert RouteTable(table)


APART: dict[str, tuple[Table, tuple[str, ...]]] = {
    "one policy": (MAILBOX | {"GET /users/me": None}, ("users/%6de", "users/a%40b")),
    "another verb": (MAILBOX | {"PUT /users/me": ADMIN}, ("users/%6de",)),
    "a looser policy": ({"GET /users/{mail}": None, "GET /users/me": None}, ("users/%6de",)),
    "parameters alone": (MAILBOX | {"GET /users/{mail}/{key}": ADMIN}, ("users/a%40b",)),
    "the root": (MAILBOX | {"GET /": ADMIN}, ("users/a%40b",)),
}


@pytest.mark.parametrize(("table", "paths"), APART.values(), ids=APART)
def test_a_route_that_no_other_can_be_spelled_as(table: Table, paths: tuple[str, ...]) -> None:
    """The table is taken: what a client can reach with an escape is theirs, or is denied by its form."""
    document = user(table, escaped=("GET /users/{mail}",))
    assert [path for path in paths if not allowed(document, f"GET/{path}")] == []
    statements = statements_of(document)
    for path in ("users/a/%6b", "users/%61/k"):
        assert (verdict(statements, f"{API}GET/{path}") == "deny") is ("GET /users/{mail}/{key}" in table), (
            path
        )


def test_the_root_beside_a_greedy_route() -> None:
    """No escape can produce an empty segment."""
    table = {"ANY /{p+}": None, "ANY /": ADMIN}
    assert allowed(user(table, escaped=("ANY /{p+}",)), "GET/a%40b")


def test_all_routes_may_take_escapes() -> None:
    """Then no escape is refused that stays in its segment, wherever it stands."""
    document = user(MAIL, escaped=tuple(name for name, require in MAIL.items() if require is None))
    assert allowed(document, "GET/files/%61/%62")
    assert not allowed(document, "GET/admin/5")


WRONG: dict[str, tuple[Any, str]] = {
    "a string": ("GET /users/{mail}", "escaped_paths: give a list"),
    "a number": (5, "escaped_paths: give a list"),
    "no route": (["GET /users/{id}"], "escaped_paths holds 'GET /users/{id}', which is not a route"),
    "no parameter": (["GET /me"], "escaped_paths holds 'GET /me', which has no parameter"),
    "one below a greedy one": (
        ["GET /files/{name}"],
        "escaped_paths: IAM cannot deny escapes for 'ANY /{p+}'",
    ),
}


@pytest.mark.parametrize(("escaped", "said"), WRONG.values(), ids=WRONG)
def test_routes_that_cannot_take_escapes(escaped: Any, said: str) -> None:
    """A mistake is named, and so is a route that another one takes in."""
    table = {"ANY /{p+}": None, "GET /files/{name}": None, "GET /admin/{p+}": ADMIN, "GET /me": ADMIN}
    with pytest.raises(ConfigurationError) as caught:
        RouteTable(table, escaped=escaped)
    assert str(caught.value).startswith(said)


def test_escaped_paths_need_routes() -> None:
    """Without a table there is nothing to name."""
    with pytest.raises(ConfigurationError, match=r"^escaped_paths needs routes="):
        Authorizer(FAKE.offline_verifier(), escaped_paths=["GET /a/{b}"])


# -- the whole authorizer -----------------------------------------------------------------------

EVENTS = {
    "rest-token": "methodArn",
    "rest-request": "methodArn",
    "http-1.0": "methodArn",
    "http-2.0": "routeArn",
}


@pytest.mark.parametrize("kind", EVENTS)
def test_every_kind_of_api(kind: str) -> None:
    """The answer to each kind refuses the spelling that was asked for, and each that the cache sees later."""
    authorizer = Authorizer(FAKE.offline_verifier(), routes=GREEDY)
    for groups, passes in ((["users"], False), (["admins"], True)):
        asked = with_token(kind, FAKE.access_token(groups=groups), **{EVENTS[kind]: f"{API}GET/%61dmin/5"})
        document = authorizer(asked)["policyDocument"]
        assert allowed(document, "GET/%61dmin/5") is passes
        assert allowed(document, "GET/x/..;/admin") is passes
        assert allowed(document, "GET/orders/5")
