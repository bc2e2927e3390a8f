"""A verifier's settings: nonsense fails in the constructor and names the value (S7)."""

from __future__ import annotations

from typing import Any

import pytest

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth._base.checks import TOKEN_USES
from cognito_mr_auth._config.options import (
    MAX_STALE_LIMIT,
    MAX_TOKEN_LENGTH,
    MIN_TOKEN_LENGTH,
    check_callables,
    check_options,
    lifetimes,
    token_form,
)
from cognito_mr_auth._jwks.model import CacheLifetimes
from cognito_mr_auth.errors import ConfigurationError

POOL = UserPool("us-west-2_EXAMPLE", client_ids=["1example23456789"])
SAME = UserPool("us-west-2_EXAMPLE", client_ids=["2example23456789"])
KEPT, ALSO_KEPT, KEPT_APART = (
    UserPool(f"us-west-2_{name}", client_ids=["1example23456789"], key_file=path)
    for name, path in [("ONE", "keys.json"), ("TWO", "./keys.json"), ("THREE", "other.json")]
)

BAKED = UserPool("us-west-2_FOUR", client_ids=["1example23456789"], baked_key_file="keys.json")

NO_SECONDS = [
    pytest.param("900", id="text"),
    pytest.param(None, id="none"),
    pytest.param(True, id="bool"),
    pytest.param(-1, id="negative"),
    pytest.param(-0.001, id="just-negative"),
    pytest.param(float("nan"), id="nan"),
    pytest.param(float("inf"), id="infinity"),
    pytest.param(1e300, id="huge"),
    pytest.param(10**400, id="beyond-a-float"),
    pytest.param([5], id="list"),
    pytest.param(5j, id="complex"),
]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((900, 3600, 86400), id="defaults"),
        pytest.param((0.5, 0.5, 0.5), id="all-one"),
        pytest.param((1, 2, MAX_STALE_LIMIT), id="a-week"),
    ],
)
def test_lifetimes(values: tuple[float, float, float]) -> None:
    """Rising ages within a week are taken, as floats."""
    found = lifetimes(*values)
    assert found == CacheLifetimes(*values)
    assert {type(value) for value in found} == {float}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((0, 3600, 86400), id="zero"),
        pytest.param((3601, 3600, 86400), id="refresh-after-revalidate"),
        pytest.param((900, 86401, 86400), id="revalidate-after-stale"),
        pytest.param((900, 3600, MAX_STALE_LIMIT + 1), id="more-than-a-week"),
    ],
)
def test_lifetimes_must_rise(values: tuple[float, float, float]) -> None:
    """The refusal names the three values and what would be right."""
    with pytest.raises(ConfigurationError, match="from above 0 to at most 7 days") as caught:
        lifetimes(*values)
    assert all(repr(value) in str(caught.value) for value in values)


@pytest.mark.parametrize("place", range(3), ids=CacheLifetimes._fields)
@pytest.mark.parametrize("value", NO_SECONDS)
def test_what_is_no_lifetime(place: int, value: Any) -> None:
    """What is no number of seconds is refused by its name."""
    values = [900, 3600, 86400]
    values[place] = value
    with pytest.raises(ConfigurationError) as caught:
        lifetimes(*values)
    assert f"{CacheLifetimes._fields[place]}={value!r}" in str(caught.value)


def test_callables() -> None:
    """Hooks that can be called, and absent ones, are taken; others are refused by name."""
    check_callables(on_event=print, revoked=None, clock=lambda: (0.0, 0.0))
    with pytest.raises(ConfigurationError, match=r"revoked='yes' is not callable"):
        check_callables(on_event=None, revoked="yes")


@pytest.mark.parametrize(
    "change",
    [
        *({"token_use": use} for use in TOKEN_USES),
        {"leeway": 0},
        {"leeway": 300},
        {"cache_size": 0},
        {"cache_size": 10**6},
        {"pools": (POOL, KEPT, KEPT_APART)},
        {"pools": (POOL, KEPT_APART, BAKED)},
    ],
    ids=str,
)
def test_good_options(change: dict[str, Any]) -> None:
    """The limits themselves are allowed, and pools without a key file share nothing."""
    check_options(**{"pools": (POOL,), "token_use": "access", "leeway": 5, "cache_size": 1024} | change)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"pools": ()}, "at least one UserPool", id="no-pool"),
        pytest.param({"pools": ("us-west-2_EXAMPLE",)}, "'us-west-2_EXAMPLE'", id="pool-id"),
        pytest.param({"pools": (UserPool,)}, "UserPool objects", id="class"),
        pytest.param({"pools": ([POOL],)}, "one by one: Verifier(a, b)", id="list"),
        pytest.param({"pools": ((POOL, KEPT),)}, "Verifier(*[...])", id="tuple"),
        pytest.param({"pools": ([],)}, "one by one", id="empty-list"),
        pytest.param({"pools": ((each for each in [POOL]),)}, "one by one", id="generator"),
        pytest.param({"pools": (POOL, SAME)}, "'us-west-2_EXAMPLE' is given twice", id="same-pool"),
        pytest.param({"pools": (KEPT, POOL, ALSO_KEPT)}, "keys.json", id="same-key-file"),
        pytest.param({"pools": (KEPT, BAKED)}, "baked_key_file", id="baked-and-written"),
        pytest.param({"token_use": "refresh"}, "token_use='refresh'", id="token-use"),
        pytest.param({"token_use": "ACCESS"}, "token_use='ACCESS'", id="token-use-case"),
        pytest.param({"token_use": None}, "token_use=None", id="token-use-none"),
        pytest.param({"token_use": ["access"]}, "token_use=['access']", id="token-use-list"),
        pytest.param({"leeway": 300.5}, "leeway=300.5: at most 300 seconds", id="leeway-too-large"),
        pytest.param({"cache_size": -1}, "cache_size=-1", id="cache-negative"),
        pytest.param({"cache_size": 10.0}, "cache_size=10.0", id="cache-float"),
        pytest.param({"cache_size": True}, "cache_size=True", id="cache-bool"),
        pytest.param({"cache_size": None}, "cache_size=None", id="cache-none"),
    ],
)
def test_bad_options(change: dict[str, Any], says: str) -> None:
    """The refusal names the setting and its value."""
    with pytest.raises(ConfigurationError) as caught:
        check_options(**{"pools": (POOL,), "token_use": "access", "leeway": 5, "cache_size": 1024} | change)
    assert says in str(caught.value)


@pytest.mark.parametrize("value", NO_SECONDS)
def test_no_leeway(value: Any) -> None:
    """What is no number of seconds is no leeway."""
    with pytest.raises(ConfigurationError) as caught:
        check_options((POOL,), "access", value, 0)
    assert f"leeway={value!r}" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"token_use": "both"},
        {"leeway": -1},
        {"cache_size": -1},
        {"refresh_after": 0},
        {"revalidate_after": 1},
        {"max_stale": 8 * 86400},
        {"on_event": "print"},
        {"revoked": True},
        {"clock": 5},
    ],
    ids=str,
)
def test_the_constructor_asks(options: dict[str, Any]) -> None:
    """Every setting of a Verifier goes through these checks."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Verifier(POOL, **{"token_use": "access"} | options)


def test_the_token_use_is_access_by_default() -> None:
    """The strict choice for an API. A pool's own setting overrides the verifier's."""
    id_pool = UserPool("us-west-2_TWO", client_ids=["1example23456789"], token_use="id")
    for options, uses in ({}, {"access", "id"}), ({"token_use": "any"}, {"any", "id"}):
        verifier = Verifier(POOL, id_pool, **options)  # type: ignore[arg-type]
        assert {entry.expected.token_use for entry in verifier._entries.values()} == uses
        assert not verifier._takes_id_tokens
    assert Verifier(id_pool)._takes_id_tokens
    assert Verifier(POOL, token_use="id")._takes_id_tokens


LONG = f"a{'b' * 126}"


@pytest.mark.parametrize(
    ("types", "found"),
    [
        pytest.param({"JWT", "at+jwt"}, {"jwt", "at+jwt"}, id="defaults"),
        pytest.param(("JWT",), {"jwt"}, id="one"),
        pytest.param(["application/JWT", "jwt"], {"jwt"}, id="twice-in-other-words"),
        pytest.param(iter(["Access+JWT"]), {"access+jwt"}, id="iterator"),
        pytest.param([LONG], {LONG}, id="longest"),
    ],
)
def test_token_types(types: Any, found: set[str]) -> None:
    """Each is taken with and without "application/", in lower case."""
    assert token_form(types, 16384).types == found | {f"application/{each}" for each in found}


def test_a_type_of_another_kind_stands_as_it_is() -> None:
    """RFC 7515 4.1.9: only "application/" may be left out."""
    assert token_form(["text/Jwt"], 16384).types == {"text/jwt"}


@pytest.mark.parametrize(
    "value",
    [
        "JWT",
        b"JWT",
        [],
        (),
        {},
        {"JWT": 1},
        None,
        5,
        [""],
        [None],
        [5],
        [b"JWT"],
        ["a b"],
        ["JWT "],
        ["*"],
        ["a/b/c"],
        ["/jwt"],
        ["jwt/"],
        ["\u212awt"],
        ["+jwt"],
        [f"{LONG}c"],
        ["a\n"],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_are_no_token_types(value: Any) -> None:
    """The refusal names the setting; an empty list would refuse every token with a typ."""
    with pytest.raises(ConfigurationError, match=r"^token_types"):
        Verifier(POOL, token_types=value)


@pytest.mark.parametrize("value", [MIN_TOKEN_LENGTH, 16384, MAX_TOKEN_LENGTH])
def test_token_lengths(value: int) -> None:
    """The limits themselves are allowed."""
    assert token_form(["JWT"], value).max_chars == value


@pytest.mark.parametrize(
    "value",
    [MIN_TOKEN_LENGTH - 1, MAX_TOKEN_LENGTH + 1, 0, -1, True, 2048.0, "2048", None, float("nan"), 10**99],
)
def test_what_is_no_token_length(value: Any) -> None:
    """1 KiB to 64 KiB."""
    with pytest.raises(ConfigurationError, match=r"^max_token_length="):
        Verifier(POOL, max_token_length=value)
