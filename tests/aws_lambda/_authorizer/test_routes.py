"""Route tables: what the document of a principal says, and which tables are refused.

test_policy_cache.py shows that no request is ever judged otherwise than the table says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest

from cognito_mr_auth import policy
from cognito_mr_auth.aws_lambda._authorizer.routes import RouteTable
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy

READ, WRITE, ADMIN = policy.scopes("read"), policy.scopes("write"), policy.groups("admin")
AGAIN = policy.scopes("read")
BOTH = policy.scopes("read", "write")
PREFIX = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/"
EACH = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# What whoever lacks a policy is denied beside everything that an Allow with a wildcard reaches.
SPELLINGS = ["*//*", "*/./*", "*/../*", "*/.", "*/..", "*\\*", "*;*", "*#*", "*${?}*"]

Table = Mapping[str, Policy | None]


def document(
    table: Table, *held: Policy, http: bool = False, escaped: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """The document of who passes these policies: effect -> Resources, without the prefix.

    Without the Denies of other spellings, once it is sure that they stand where they have to.
    """
    passed = {None, *held}
    table_of = RouteTable(table, escaped=escaped)
    made = table_of.document(PREFIX, lambda require: require in passed, http=http)
    assert made["Version"] == "2012-10-17"
    assert {each["Action"] for each in made["Statement"]} == {"execute-api:Invoke"}
    said = {
        each["Effect"]: [resource.removeprefix(PREFIX) for resource in each["Resource"]]
        for each in made["Statement"]
    }
    denied = said.get("Deny", [])
    if not passed.issuperset(table_of.policies) and "*" in "".join(said.get("Allow", [])):
        assert denied[-len(SPELLINGS) :] == SPELLINGS
        said["Deny"] = denied = denied[: -len(SPELLINGS)]
        if not escaped:
            assert denied.pop() == "*%*"
    assert not {"*%*", *SPELLINGS}.intersection(denied)
    return {effect: resources for effect, resources in said.items() if resources}


ORDERS = {"GET /orders": READ, "POST /orders": WRITE, "GET /orders/{id}": READ, "GET /orders/all": ADMIN}
SITE = {"ANY /{proxy+}": None, "ANY /": None}
DOCUMENTS: Mapping[str, tuple[Table, tuple[Policy, ...], dict[str, list[str]]]] = {
    "a reader": (
        ORDERS,
        (READ,),
        {"Allow": ["GET/orders", "GET/orders/?*"], "Deny": ["GET/orders/all", "GET/orders/all/"]},
    ),
    "a writer": (ORDERS, (WRITE,), {"Allow": ["POST/orders"]}),
    "an admin": (ORDERS, (ADMIN,), {"Allow": ["GET/orders/all"]}),
    "everything": (
        ORDERS,
        (READ, WRITE, ADMIN),
        {"Allow": ["GET/orders", "POST/orders", "GET/orders/?*", "GET/orders/all"]},
    ),
    "nothing": (ORDERS, (), {"Deny": ["*"]}),
    "any verb, any path": (SITE, (), {"Allow": ["?*/?*", *(f"{verb}/" for verb in EACH)]}),
    "one verb apart": (
        {"ANY /x": None, "GET /x": READ},
        (),
        {"Allow": [f"{verb}/x" for verb in EACH if verb != "GET"]},
    ),
    "every verb apart": (
        {"ANY /x": READ, **{f"{verb} /x": None for verb in EACH}},
        (),
        {"Allow": [f"{verb}/x" for verb in EACH]},
    ),
    "one segment, and more": (
        {"GET /a/{x}": READ, "GET /a/{x+}": WRITE},
        (WRITE,),
        {"Allow": ["GET/a/?*/?*"]},
    ),
    "one segment alone": (
        {"GET /a/{x}": READ, "GET /a/{x+}": WRITE},
        (READ,),
        {"Allow": ["GET/a/?*"], "Deny": ["GET/a/?*/?*", "GET/a/?*/"]},
    ),
    "a denied route of all verbs": (
        {"ANY /a/{x}": READ, "ANY /a/{x}/y": WRITE},
        (READ,),
        {"Allow": [f"{verb}/a/?*" for verb in EACH], "Deny": ["?*/a/?*/y", "?*/a/?*/y/"]},
    ),
    "one that not all verbs can share": (
        {"ANY /{x+}": READ, "ANY /a": WRITE},
        (READ,),
        {
            "Allow": [f"{verb}/?*" for verb in EACH],
            # With a final slash it is no route's own, so that one pattern serves for all verbs.
            "Deny": ["DELETE/a", "?*/a/", *(f"{verb}/a" for verb in EACH[1:])],
        },
    ),
    "a stricter policy below": (
        {"GET /a/{x}": READ, "GET /a/{x}/y": READ & ADMIN},
        (READ,),
        {"Allow": ["GET/a/?*"], "Deny": ["GET/a/?*/y", "GET/a/?*/y/"]},
    ),
    "a middle that needs both": (
        {"GET /a/{x}": READ, "GET /a/{x}/{y}": READ & WRITE, "GET /a/{x}/{y}/{z}": WRITE},
        (READ,),
        {
            "Allow": ["GET/a/?*"],
            "Deny": ["GET/a/?*/?*", "GET/a/?*/", "GET/a/?*/?*/?*", "GET/a/?*/?*/"],
        },
    ),
    "the same policy twice": (
        {"GET /a/{x}": READ, "GET /a/{x}/y": AGAIN},
        (READ, AGAIN),
        {"Allow": ["GET/a/?*", "GET/a/?*/y"]},
    ),
    "a literal for a parameter": (
        {"GET /{a}/x": READ, "GET /b/{c}": WRITE},
        (READ,),
        {"Allow": ["GET/?*/x"], "Deny": ["GET/b/?*", "GET/b/"]},
    ),
    "an unreachable greedy": (
        {"GET /{a}": READ, "GET /{a}/{b+}": READ, "GET /{c+}": WRITE},
        (WRITE,),
        {"Deny": ["*"]},
    ),
}


@pytest.mark.parametrize(("table", "held", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents(table: Table, held: tuple[Policy, ...], expected: dict[str, list[str]]) -> None:
    """What a principal may call is allowed, what else an Allow reaches is denied, and no more."""
    assert document(table, *held) == expected


def test_rest_and_http_apis_differ() -> None:
    """`/{a}/b` and `/a/{x+}`: an HTTP API takes the full match first, a REST API the literal."""
    table = {"GET /{a}/b": READ, "GET /a/{x+}": WRITE}
    assert document(table, READ) == {"Allow": ["GET/?*/b"], "Deny": ["GET/a/?*", "GET/a/"]}
    http = document(table, READ, http=True)
    assert http["Allow"] == ["GET/?*/b"]
    assert http["Deny"] == ["GET/a/?*/b", "GET/a/?*/b/"]


REFUSED: Mapping[str, tuple[Any, str]] = {
    "no dict": (["GET /"], "routes: give a dict"),
    "an empty one": ({}, "routes: give a dict"),
    "no verb": ({"/orders": READ}, "routes holds '/orders'"),
    "an unknown verb": ({"FETCH /orders": READ}, "routes holds 'FETCH /orders'"),
    "a small verb": ({"get /orders": READ}, "routes holds 'get /orders'"),
    "no path": ({"GET": READ}, "routes holds 'GET'"),
    "no slash": ({"GET orders": READ}, "routes holds 'GET orders'"),
    "two spaces": ({"GET  /orders": READ}, "routes holds"),
    "no str": ({5: READ}, "routes holds 5"),
    "a default route": ({"$default": READ}, "routes: for '$default'"),
    "too deep": ({"GET " + "/a" * 17: READ}, "routes holds"),
    "a wildcard": ({"GET /orders/*": READ}, "routes holds"),
    "a question mark": ({"GET /orders?": READ}, "routes holds"),
    "an escape": ({"GET /a%2Fb": READ}, "routes holds"),
    "dots": ({"GET /a/../b": READ}, "routes holds"),
    "an empty segment": ({"GET /a//b": READ}, "routes holds"),
    "a slash at the end": ({"GET /a/": READ}, "routes holds"),
    "a path parameter of Java servers": ({"GET /a;b": READ}, "routes holds"),
    "part of a segment": ({"GET /a/{x}.json": READ}, "routes holds"),
    "an open brace": ({"GET /a/{x": READ}, "routes holds"),
    "a variable of IAM": ({"GET /a/${x}": READ}, "routes holds"),
    "greedy in the middle": ({"GET /{x+}/a": READ}, "routes holds"),
    "one route twice": ({"GET /a/{x}": READ, "GET /a/{y}": WRITE}, "routes: 'GET /a/{y}' and 'GET /a/{x}'"),
    "too long for an ARN": ({"GET /" + "a" * 301: READ}, "routes: a route is too long"),
    "too many": ({f"GET /route-{n}": READ for n in range(100)}, "routes: too many for one policy document"),
    "an odd man out": (
        {"GET /a/{x}": READ, "GET /a/{x}/{y}": WRITE, "GET /a/{x}/{y}/{z}": READ},
        (
            "routes: IAM cannot tell 'GET /a/{x}/{y}' from 'GET /a/{x}/{y}/{z}' for a principal who may call "
            "'GET /a/{x}'"
        ),
    ),
    "too many ways to overlap": (
        {"GET /" + "/".join(["{p}"] * 8) + "/a": READ, "GET /" + "/".join(["{p}"] * 16): WRITE}
        | {"GET /" + "/".join(["{p}"] * 8) + "/{p+}": ADMIN},
        "routes: too many parameters overlap",
    ),
    "too many overlaps": (
        {
            f"GET /{'/'.join('{p}' if bit == '1' else 'a' for bit in f'{n:08b}')}/{{q+}}": policy.scopes(
                str(n)
            )
            for n in range(40)
        },
        "routes: ",
    ),
}


@pytest.mark.parametrize(("table", "said"), REFUSED.values(), ids=REFUSED)
def test_tables_that_cannot_be(table: Any, said: str) -> None:
    """A table with a mistake, or that IAM cannot say, is refused when it is made, and named."""
    with pytest.raises(ConfigurationError) as caught:
        RouteTable(table)
    assert str(caught.value).startswith(said)


FORMS = ("GET /r{}/list", "GET /r{}/{{id}}", "ANY /r{}/{{p+}}", "GET /orders/{{id}}/sub{}")

# The policies of the routes, in turns.
SHARES: Mapping[str, tuple[Policy | None, ...]] = {
    "one": (READ,),
    "any token": (None,),
    "half and half": (READ, None),
    "three": (READ, WRITE, ADMIN),
    "one route apart": (READ, *[None] * 199),
    "one route apart, of three": (READ, ADMIN, *[WRITE] * 198),
}


def longest(table: Table) -> int:
    """The characters of the longest document, as the limit counts them."""
    made = RouteTable(table)
    policies = [each for each in made.policies if each is not None]
    passing = [{None, *some} for n in range(len(policies) + 1) for some in combinations(policies, n)]
    documents = (made.document("", lambda require, held=held: require in held) for held in passing)
    return max(
        sum(83 + len(resource) for statement in document["Statement"] for resource in statement["Resource"])
        for document in documents
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("policies", SHARES.values(), ids=SHARES)
def test_a_table_may_fill_a_document(form: str, policies: tuple[Policy | None, ...]) -> None:
    """What is refused could not be said: only who lacks one policy and has another is denied spellings."""

    def table(size: int) -> Table:
        return {form.format(n): policies[n % len(policies)] for n in range(size)}

    def is_refused(size: int) -> bool:
        try:
            RouteTable(table(size))
        except ConfigurationError as error:
            return str(error).startswith("routes: too many for one policy document")
        return False

    most = bisect_left(range(200), True, lo=1, key=is_refused) - 1
    assert longest(table(most)) <= 8192
    assert most >= (11 if "ANY" in form else 62)


def test_a_table_of_one_policy_has_room_for_85_routes() -> None:
    """Nobody lacks it and calls anything, so there is nothing to deny."""
    assert longest({f"GET /r{n}/list": READ for n in range(85)}) <= 8192
    # As a table of JSON, or whoever writes the policy out each time, says it.
    assert RouteTable({f"GET /r{n}/list": policy.scopes("read") for n in range(85)})
    assert RouteTable({f"GET /r{n}/{{id}}": policy.scopes("read") for n in range(85)})
    assert RouteTable({f"GET /r{n}/{{id}}": READ & ADMIN if n % 2 else READ for n in range(80)})


def test_the_order_that_is_set_is_the_one_that_counts() -> None:
    """A table that IAM can say for REST APIs alone is refused for both, and taken for REST."""
    table = {"GET /{p}/{q}/b": WRITE, "GET /a/{x+}": READ}
    rest = RouteTable(table, http=False)
    assert rest.document(PREFIX, lambda require: require is READ)["Statement"]
    with pytest.raises(ConfigurationError, match="order of routes; kind="):
        RouteTable(table)


def test_nothing_is_allowed_that_is_not_listed() -> None:
    """ANY reaches no verb and no path beyond what its own verbs reach."""
    table = {"ANY /orders": None, "ANY /{proxy+}": READ}
    assert document(table) == {"Allow": [f"{verb}/orders" for verb in EACH]}
    assert document({"ANY /orders": None}) == {"Allow": [f"{verb}/orders" for verb in EACH]}
    assert document({"ANY /{proxy+}": None}) == {"Allow": ["?*/?*"]}


def test_a_policy_of_many_parts_is_read_at_once() -> None:
    """Parts that are shared are looked at once, however often they are joined, and however deep."""
    require = READ
    for _ in range(60):
        require &= require
    assert require._demands == READ._demands
    for _ in range(5000):
        require = READ & require
    assert require._demands == READ._demands


def test_no_policy_is_a_type_error() -> None:
    """A function where a policy belongs would be truthy and never asked."""
    with pytest.raises(TypeError):
        RouteTable({"GET /": lambda _: True})


def test_a_long_stage_passes_no_limit() -> None:
    """A table that was taken serves every stage: only an ARN longer than AWS makes any is an error."""
    table = RouteTable({"GET /" + "a" * 280: None, **{f"GET /route-{n}": None for n in range(60)}})
    long = PREFIX.replace("/prod/", f"/{'s' * 128}/")
    for statement in table.document(long, lambda _: True)["Statement"]:
        assert max(map(len, statement["Resource"])) <= 512
    with pytest.raises(ConfigurationError, match="longer than 208"):
        table.document("x" * 209, lambda _: True)


def test_each_policy_is_asked_once() -> None:
    """A policy with many routes costs one evaluation."""
    asked: list[Policy | None] = []
    table = RouteTable({f"GET /{n}": READ for n in range(9)})
    table.document(PREFIX, lambda require: asked.append(require) is None)
    assert asked == [READ]


@dataclass
class Anything:
    """A check that cannot be hashed and equals all others of its kind."""

    def __call__(self, _principal: object) -> bool:
        return True


EITHER = READ | ADMIN
IMPLIED: Mapping[str, tuple[Policy, Policy, bool]] = {
    "itself": (READ, READ, True),
    "written again": (READ, policy.scopes("read"), True),
    "more scopes": (BOTH, READ, True),
    "fewer scopes": (READ, BOTH, False),
    "any of one": (policy.any_scope("read"), READ, True),
    "any of two": (policy.any_scope("read", "write"), READ, False),
    "joined": (READ & ADMIN, ADMIN, True),
    "either": (READ | ADMIN, READ, False),
    "either, written again": (READ | ADMIN, policy.scopes("read") | policy.groups("admin"), False),
    "either, itself": (EITHER & READ, EITHER, True),
    "any, written again": (policy.any_group("a", "b"), policy.any_group("b", "a"), True),
    "an unhashable check": (policy.check(Anything()), policy.check(Anything()), False),
    "not": (~READ, READ, False),
    "a group of a scope's name": (policy.groups("read"), READ, False),
    "a claim": (policy.claim("a", 1) & READ, policy.claim("a", 1), True),
    "a claim of another type": (policy.claim("a", True), policy.claim("a", 1), False),
    "an age": (policy.max_age(60) & READ, policy.max_age(60), True),
    "one check": (policy.check(bool) & READ, policy.check(bool), True),
    "another check": (policy.check(bool), policy.check(str), False),
}


@pytest.mark.parametrize(("strict", "loose", "implied"), IMPLIED.values(), ids=IMPLIED)
def test_demands(strict: Policy, loose: Policy, implied: bool) -> None:
    """Whose demands include another's passes only where that one passes."""
    assert (loose._demands <= strict._demands) is implied
