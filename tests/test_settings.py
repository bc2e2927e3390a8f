"""A verifier from environment variables: what they mean, and what they can never do."""

from __future__ import annotations

import pytest

from cognito_mr_auth import Verifier
from cognito_mr_auth._settings import verifier_from
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import FakeUserPool

POOL_ID = "us-west-2_Fake00001"
GOOD = {"USER_POOL_ID": POOL_ID, "CLIENT_IDS": "1example23456789"}


def environment(**changes: str | None) -> dict[str, str]:
    """The variables of a good environment, changed; and one that is none of ours."""
    found = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return {f"COGNITO_{name}": value for name, value in found.items()} | {"PATH": "/bin"}


def made(**changes: str | None) -> Verifier:
    """The verifier of such an environment."""
    return verifier_from(Verifier, environment(**changes))


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        pytest.param({}, "user_pool_id", POOL_ID, id="pool"),
        pytest.param({}, "client_ids", {"1example23456789"}, id="client"),
        pytest.param({"CLIENT_IDS": " a1 ,b2 "}, "client_ids", {"a1", "b2"}, id="clients"),
        pytest.param({"CLIENT_IDS": "ANY_CLIENT"}, "client_ids", None, id="any-client"),
        pytest.param(
            {"REPLICA_REGIONS": "us-east-1, eu-west-1"},
            "replica_regions",
            ("us-east-1", "eu-west-1"),
            id="replicas",
        ),
        pytest.param({}, "replica_regions", (), id="no-replicas"),
        pytest.param({}, "audience", None, id="no-audience"),
        pytest.param({"AUDIENCE": "https://api.example"}, "audience", "https://api.example", id="audience"),
        pytest.param({"KEY_FILE": "/nowhere/keys.json"}, "key_file", "/nowhere/keys.json", id="key-file"),
        pytest.param({"USER_POOL_ID": f" {POOL_ID}\n"}, "user_pool_id", POOL_ID, id="white-space"),
    ],
)
def test_what_the_variables_mean(changes: dict[str, str], attribute: str, value: object) -> None:
    """Each variable sets what its name says; lists are separated by commas."""
    [route, *_] = made(**changes)._routes.values()
    assert getattr(route.pool, attribute) == value


@pytest.mark.parametrize("use", ["access", "id", "any"])
def test_the_token_use(use: str) -> None:
    """Access tokens by default; the others are spelled out."""
    pool = FakeUserPool()
    verifier = made(TOKEN_USE=use)
    assert {route.expected.token_use for route in verifier._routes.values()} == {use}
    assert {route.expected.token_use for route in made()._routes.values()} == {"access"}
    assert set(verifier._routes) == {pool.issuer("original"), pool.issuer("updated")}


def test_the_issuers() -> None:
    """The kinds of issuer can be limited."""
    kinds = [route.issuer.kind for route in made(ISSUERS="updated")._routes.values()]
    assert kinds == ["updated"]


@pytest.mark.parametrize("name", ["USER_POOL_ID", "CLIENT_IDS"])
def test_what_is_required(name: str) -> None:
    """A missing variable is named."""
    with pytest.raises(ConfigurationError, match=f"COGNITO_{name} is not set"):
        made(**{name: None})


NAMES = [
    "USER_POOL_ID",
    "CLIENT_IDS",
    "TOKEN_USE",
    "REPLICA_REGIONS",
    "ISSUERS",
    "AUDIENCE",
    "KEY_FILE",
    "JWKS_URLS",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", " ", "\t\n"], ids=["empty", "space", "other-space"])
def test_empty_is_an_error(name: str, value: str) -> None:
    """An empty variable is nobody's intention, and never ANY_CLIENT."""
    with pytest.raises(ConfigurationError, match=f"COGNITO_{name} is empty"):
        made(**{name: value})


@pytest.mark.parametrize("name", ["CLIENT_IDS", "REPLICA_REGIONS", "ISSUERS"])
@pytest.mark.parametrize("value", [",", "a,", ",a", "a, ,b"])
def test_an_empty_member_is_an_error(name: str, value: str) -> None:
    """Neither is an empty member of a list."""
    with pytest.raises(ConfigurationError, match=f"COGNITO_{name} has an empty member"):
        made(**{name: value})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"USER_POOL_ID": "example"}, "user_pool_id='example'", id="pool-id"),
        pytest.param({"CLIENT_IDS": "*"}, "client_ids holds '*'", id="star-is-no-client"),
        pytest.param({"CLIENT_IDS": "any client"}, "'any client'", id="not-quite-any-client"),
        pytest.param({"TOKEN_USE": "both"}, "token_use='both'", id="token-use"),
        pytest.param({"REPLICA_REGIONS": "mars"}, "'mars'", id="region"),
        pytest.param({"REPLICA_REGIONS": "us-east-1,us-east-1"}, "twice", id="region-twice"),
        pytest.param({"ISSUERS": "replica"}, "replica_regions is empty", id="issuer-impossible"),
        pytest.param({"ISSUERS": "new"}, "'new'", id="issuer-kind"),
        pytest.param({"KEY_FILE": "a\0b"}, "key_file='a\\x00b'", id="key-file"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, str], says: str) -> None:
    """The refusal names the variable and the value."""
    with pytest.raises(ConfigurationError, match=f"^COGNITO_{next(iter(changes))}: ") as caught:
        made(**changes)
    assert says in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("https://keys.test/jwks.json", "only point to loopback", id="elsewhere"),
        pytest.param("http://keys.test/jwks.json", "keys.test", id="plain-http"),
        pytest.param("https://localhost.keys.test/", "only point to loopback", id="not-quite-localhost"),
        pytest.param("https://127.0.0.1.keys.test/", "only point to loopback", id="not-quite-an-address"),
        pytest.param("https://localhost@keys.test/", "no user name", id="user-name"),
        pytest.param("localhost:8080", "localhost:8080", id="no-scheme"),
        pytest.param("file:///keys.json", "absolute https URL", id="file"),
    ],
)
def test_no_variable_sends_key_requests_away(url: str, says: str) -> None:
    """Whoever can set a variable does not choose whose keys are trusted."""
    with pytest.raises(ConfigurationError) as caught:
        made(JWKS_URLS=url)
    assert says in str(caught.value)


def test_loopback_serves_for_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one URL on loopback the process's own environment makes a verifier that works."""
    pool = FakeUserPool(POOL_ID)
    with pool.serve() as endpoints:
        for name, value in environment(JWKS_URLS=endpoints.original.url).items():
            monkeypatch.setenv(name, value)
        with Verifier.from_env() as verifier:
            assert verifier.verify(pool.access_token()).username == "alice"


def test_a_subclass_makes_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """from_env() gives the class that it was called on."""

    class Own(Verifier):
        pass

    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    assert type(Own.from_env()) is Own


def test_any_client_stands_alone() -> None:
    """ANY_CLIENT among client IDs is nonsense, not a client of that name."""
    variables = {"COGNITO_USER_POOL_ID": "us-west-2_EXAMPLE", "COGNITO_CLIENT_IDS": "abc,ANY_CLIENT"}
    with pytest.raises(ConfigurationError, match=r"^COGNITO_CLIENT_IDS: ANY_CLIENT stands alone"):
        verifier_from(Verifier, variables)
