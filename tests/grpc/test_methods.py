"""grpc: what a method needs, by the interceptor's table and by its own mark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.grpc import optional, public, require
from cognito_mr_auth.grpc._metadata import read_request
from cognito_mr_auth.grpc._methods import Methods

READ, WRITE, ADMIN, OWN = (policy.scopes(f"orders/{each}") for each in ("read", "write", "admin", "own"))
TABLE = {"/shop.Orders/*": READ, "/shop.Orders/Create": WRITE, "/shop.Cart/List": None}
REST = {**TABLE, "/*": ADMIN}


def plain(request: Any, context: Any) -> None:
    """A method without a mark."""


def marked(mark: Callable[[Any], Any]) -> Any:
    """A method with one."""
    return mark(lambda request, context: None)


PUBLIC, OPTIONAL, REQUIRED = marked(public), marked(optional), marked(require(OWN))
DENIED = object()

# Table, method, behaviour, need, policies.
ROWS: dict[str, tuple[Any, str, Any, str | None, Any]] = {
    "no table": ({}, "/shop.Orders/List", plain, "configured", None),
    "no table, public": ({}, "/shop.Orders/List", PUBLIC, None, None),
    "no table, optional": ({}, "/shop.Orders/List", OPTIONAL, "optional", None),
    "no table, required": ({}, "/shop.Orders/List", REQUIRED, "required", OWN),
    "the method": (TABLE, "/shop.Orders/Create", plain, "required", WRITE),
    "the method, any token": (TABLE, "/shop.Cart/List", plain, "required", None),
    "its service": (TABLE, "/shop.Orders/List", plain, "required", READ),
    "another case": (TABLE, "/shop.Orders/create", plain, "required", READ),
    "not in the table": (TABLE, "/shop.Cart/Clear", plain, "required", DENIED),
    "a slip in the table": ({"/shop.Orders/Craete": WRITE}, "/shop.Orders/Create", plain, "required", DENIED),
    "a service that begins alike": (TABLE, "/shop.OrdersAdmin/List", plain, "required", DENIED),
    "a service in the service": (TABLE, "/shop.Orders/x/List", plain, "required", DENIED),
    "no service": (TABLE, "/List", plain, "required", DENIED),
    "no slash": (TABLE, "List", plain, "required", DENIED),
    "excluded": (TABLE, "/grpc.health.v1.Health/Check", plain, "configured", None),
    "excluded, but in the table": ({"/grpc.health.v1.Health/*": READ}, "/grpc.health.v1.Health/Check", plain,
                                   "required", READ),
    "the rest": (REST, "/shop.Cart/Clear", plain, "configured", ADMIN),
    "not the rest": (REST, "/shop.Orders/List", plain, "required", READ),
    "public, in no row": (TABLE, "/shop.Cart/Clear", PUBLIC, None, None),
    "public in a guarded service": (TABLE, "/shop.Orders/List", PUBLIC, None, None),
    "public in the rest": (REST, "/shop.Cart/Clear", PUBLIC, None, None),
    "public, but named": (TABLE, "/shop.Orders/Create", PUBLIC, "required", WRITE),
    "optional in a guarded service": (TABLE, "/shop.Orders/List", OPTIONAL, "optional", READ),
    "optional, but named": (TABLE, "/shop.Orders/Create", OPTIONAL, "required", WRITE),
    "required, in no row": (TABLE, "/shop.Cart/Clear", REQUIRED, "required", OWN),
    "required, and named": (TABLE, "/shop.Orders/Create", REQUIRED, "required", WRITE & OWN),
    "unknown to the server": (TABLE, "/shop.Nothing/List", None, "configured", None),
    "unknown, in the table": (TABLE, "/shop.Orders/Create", None, "configured", None),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_what_a_method_needs(row: str, verifier: Verifier) -> None:
    """The most exact name counts; what a table does not name is closed; a named method is never open."""
    table, method, behavior, need, policies = ROWS[row]
    guard = RequestGuard(verifier, exclude=["/grpc.health.v1.Health/*"])
    demand = Methods(table).demand(guard, read_request(method, ()), behavior)
    assert demand.need == need
    if policies is DENIED:
        assert demand.policy is not None
        assert demand.policy._leaves("check")
    else:
        assert repr(demand.policy) == repr(policies)


NAMES = [
    "shop.Orders/Create",
    "/shop.Orders",
    "/shop.Orders/",
    "/shop.Orders/Cre*",
    "/shop.*/Create",
    "*",
    "/",
    "",
]
NAMES += ["/shop..Orders/Create", "/shop.Orders/Create/x", "/shop.Orders/Créate", "/shop.Orders/Create "]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_an_error(name: str) -> None:
    """It would guard nothing."""
    with pytest.raises(errors.ConfigurationError, match="methods holds"):
        Methods({name: READ})


@pytest.mark.parametrize(
    "table",
    [["/shop.Orders/*"], {"/shop.Orders/*": "orders/read"}, {"/shop.Orders/*": len}, "/shop.Orders/*"],
)
def test_a_table_is_a_dict_of_policies(table: Any) -> None:
    """Anything else is a TypeError."""
    with pytest.raises(TypeError):
        Methods(table)


def test_a_name_that_is_no_text_is_an_error() -> None:
    """bytes, for one, would match no method."""
    with pytest.raises(errors.ConfigurationError):
        Methods({b"/shop.Orders/*": READ})  # type: ignore[dict-item]


def test_the_table_is_copied() -> None:
    """Who changes it afterwards changes nothing."""
    table = dict(TABLE)
    methods = Methods(table)
    table.clear()
    assert methods._policies == TABLE
