"""`_web.metadata`: whose tokens an API takes, in which order, and how its document is served (RFC 9728)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cognito_mr_auth import UserPool, Verifier, errors
from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.metadata import METHODS, WELL_KNOWN

RESOURCE = "https://api.example.com"

SHOP, STAFF = "us-west-2_Shop00001", "eu-west-1_Staff0001"
ORIGINAL = {
    SHOP: f"https://cognito-idp.us-west-2.amazonaws.com/{SHOP}",
    STAFF: f"https://cognito-idp.eu-west-1.amazonaws.com/{STAFF}",
}
UPDATED = {name: url.replace("//", "//issuer-") for name, url in ORIGINAL.items()}
REPLICA = f"https://cognito-idp.us-east-1.amazonaws.com/{SHOP}"


def pool(name: str, **options: Any) -> UserPool:
    """A pool that is never asked for anything."""
    return UserPool(name, client_ids=["1example23456789"], **options)


def guard(*pools: UserPool, **options: Any) -> RequestGuard:
    """A guard that serves the document of these pools' issuers."""
    verifier = Verifier(*(pools or [pool(SHOP)]), token_use="access")
    return RequestGuard(verifier, resource=RESOURCE, load_client=False, **options)


def asked(guard: RequestGuard, method: str = "GET", path: str = WELL_KNOWN) -> HTTPResponse | None:
    """What the document's URL answers."""
    return guard.document(HTTPRequest(method, path, "", lambda _name: ()))


def document(guard: RequestGuard) -> Any:
    """The document."""
    answer = asked(guard)
    assert answer is not None
    return json.loads(answer.body)


REPLICATED = {"replica_regions": ["us-east-1"]}
ORDERS: dict[str, tuple[list[UserPool], list[str]]] = {
    "one pool": ([pool(SHOP)], [ORIGINAL[SHOP], UPDATED[SHOP]]),
    "with a replica": ([pool(SHOP, **REPLICATED)], [ORIGINAL[SHOP], UPDATED[SHOP], REPLICA]),
    "the original alone": ([pool(SHOP, issuer_kinds=["original"])], [ORIGINAL[SHOP]]),
    "without the original": (
        [pool(SHOP, issuer_kinds=["replica", "updated"], **REPLICATED)],
        [UPDATED[SHOP], REPLICA],
    ),
    "two pools": (
        [pool(SHOP, **REPLICATED), pool(STAFF)],
        [ORIGINAL[SHOP], ORIGINAL[STAFF], UPDATED[SHOP], REPLICA, UPDATED[STAFF]],
    ),
    "two pools, the other way round": (
        [pool(STAFF), pool(SHOP)],
        [ORIGINAL[STAFF], ORIGINAL[SHOP], UPDATED[STAFF], UPDATED[SHOP]],
    ),
    "two pools, one without the original": (
        [pool(STAFF, issuer_kinds=["updated"]), pool(SHOP)],
        [ORIGINAL[SHOP], UPDATED[STAFF], UPDATED[SHOP]],
    ),
}


@pytest.mark.parametrize(("pools", "expected"), ORDERS.values(), ids=ORDERS)
def test_the_original_issuers_come_first(pools: list[UserPool], expected: list[str]) -> None:
    """Clients begin with the first, and only the original one answers for every pool."""
    found = guard(*pools)
    assert document(found)["authorization_servers"] == expected
    assert set(expected) == set(found.verifier.issuers)


def test_the_list_can_be_said() -> None:
    """`authorization_servers=` stands as it is: a sign-in's own domain, or one of several issuers."""
    said = [UPDATED[SHOP], "https://login.example.com"]
    assert document(guard(authorization_servers=said))["authorization_servers"] == said
    assert document(guard(authorization_servers=tuple(said[:1])))["authorization_servers"] == said[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        (),
        "https://login.example.com",
        b"https://login.example.com",
        ["login.example.com"],
        ["http://login.example.com"],
        ["https://login.example.com?x=1"],
        ["https://login.example.com#x"],
        ["https://u:p@login.example.com"],
        [None],
        [UPDATED[SHOP], ""],
    ],
    ids=repr,
)
def test_what_is_no_list_of_issuers(wrong: Any) -> None:
    """RFC 9728 2, RFC 8414 2: an issuer is an https URL without query and fragment."""
    with pytest.raises(errors.ConfigurationError, match="authorization_servers="):
        guard(authorization_servers=wrong)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_document_may_be_kept(method: str) -> None:
    """Anybody may read it, in a browser too, and keep it for a while; the length is that of its octets."""
    answer = asked(guard(resource_name="Bestellungen für alle"), method)
    assert answer is not None
    assert answer.status == 200
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-length": str(len(answer.body)),
        "cache-control": "public, max-age=3600",
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD, OPTIONS",
        "access-control-allow-headers": "*",
    }


def test_its_url_says_its_methods() -> None:
    """OPTIONS gets them, as a browser's preflight wants them too; others are requests like any other."""
    found = guard()
    answer = asked(found, "OPTIONS")
    assert answer is not None
    assert (answer.status, answer.body, answer.header("allow")) == (204, b"", ", ".join(METHODS))
    assert answer.header("access-control-allow-methods") == ", ".join(METHODS)
    for method in ("POST", "PUT", "DELETE", "TRACE", "get", ""):
        assert asked(found, method) is None
    for path in (WELL_KNOWN + "/", WELL_KNOWN + "/orders", "/", WELL_KNOWN.upper()):
        assert asked(found, path=path) is None


def test_without_a_verifier_there_is_no_document() -> None:
    """The issuers are not known yet. OPTIONS is answered, because the methods are known."""
    unbound = RequestGuard(None, resource=RESOURCE)
    assert [asked(unbound, method) is None for method in METHODS] == [True, True, False]
    unbound.bind(Verifier(pool(STAFF), token_use="access"))
    assert document(unbound)["authorization_servers"] == [ORIGINAL[STAFF], UPDATED[STAFF]]
