"""A verifier from environment variables: what they mean, and what they can never do."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth import UserPool, Verifier, errors, events
from cognito_mr_auth._config.environment import VARIABLES, json_value, verifier_from
from cognito_mr_auth._issuers.options import AllVerifierOptions
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
        pytest.param({"AUDIENCE": "https://api.example"}, "audience", {"https://api.example"}, id="audience"),
        pytest.param({"AUDIENCE": "https://a, b"}, "audience", {"https://a", "b"}, id="audiences"),
        pytest.param({}, "unbound_machines", False, id="bound-machines"),
        pytest.param({"AUDIENCE": "a", "UNBOUND_MACHINES": "true"}, "unbound_machines", True, id="machines"),
        pytest.param({"UNBOUND_MACHINES": "false"}, "unbound_machines", False, id="no-machines"),
        pytest.param({"INSECURE_EMULATOR": "true"}, "insecure_emulator", True, id="emulator"),
        pytest.param({"INSECURE_EMULATOR": "false"}, "insecure_emulator", False, id="no-emulator"),
        pytest.param({"TOKEN_USE": "id"}, "token_use", None, id="the-verifiers-token-use"),
        pytest.param({"KEY_FILE": "/nowhere/keys.json"}, "key_file", "/nowhere/keys.json", id="key-file"),
        pytest.param(
            {"BAKED_KEY_FILE": "/nowhere/baked.json"},
            "baked_key_file",
            "/nowhere/baked.json",
            id="baked-key-file",
        ),
        pytest.param({"USER_POOL_ID": f" {POOL_ID}\n"}, "user_pool_id", POOL_ID, id="white-space"),
    ],
)
def test_what_the_variables_mean(changes: dict[str, str], attribute: str, value: object) -> None:
    """Each variable sets what its name says; lists are separated by commas."""
    [route, *_] = made(**changes)._entries.values()
    assert getattr(route.pool, attribute) == value


def test_a_former_name_is_an_error() -> None:
    """Ignored, it would widen what is accepted: COGNITO_ISSUERS named the kinds of issuer."""
    with pytest.raises(ConfigurationError, match=r"COGNITO_ISSUERS is not read any more.*_ISSUER_KINDS$"):
        made(ISSUERS="updated")


@pytest.mark.parametrize("use", ["access", "id", "any"])
def test_the_token_use(use: str) -> None:
    """Access tokens by default; the others are set explicitly."""
    pool = FakeUserPool()
    verifier = made(TOKEN_USE=use)
    assert {route.expected.token_use for route in verifier._entries.values()} == {use}
    assert {route.expected.token_use for route in made()._entries.values()} == {"access"}
    assert set(verifier._entries) == {pool.issuer("original"), pool.issuer("updated")}


def test_the_issuers() -> None:
    """The kinds of issuer can be limited."""
    kinds = [route.issuer.kind for route in made(ISSUER_KINDS="updated")._entries.values()]
    assert kinds == ["updated"]


@pytest.mark.parametrize("name", ["USER_POOL_ID", "CLIENT_IDS"])
def test_what_is_required(name: str) -> None:
    """A missing variable is named."""
    with pytest.raises(ConfigurationError, match=f"COGNITO_{name} is not set"):
        made(**{name: None})


# Of every verifier, and those of one pool.
OF_ALL = ["TOKEN_USE", "TOKEN_TYPES"]
NUMBERS = ["LEEWAY", "CACHE_SIZE", "REFRESH_AFTER", "REVALIDATE_AFTER", "MAX_STALE", "MAX_TOKEN_LENGTH"]
OF_ONE = [
    "USER_POOL_ID",
    "CLIENT_IDS",
    "REPLICA_REGIONS",
    "ISSUER_KINDS",
    "AUDIENCE",
    "UNBOUND_MACHINES",
    "KEY_FILE",
    "BAKED_KEY_FILE",
    "JWKS_URLS",
    "INSECURE_EMULATOR",
]
NAMES = [*OF_ONE, *OF_ALL, *NUMBERS]


def test_every_variable_has_its_rows() -> None:
    """These tests know every variable."""
    assert {f"COGNITO_{name}" for name in [*NAMES, "USER_POOLS"]} == VARIABLES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", " ", "\t\n"], ids=["empty", "space", "other-space"])
def test_empty_is_an_error(name: str, value: str) -> None:
    """An empty variable is a mistake, and never means ANY_CLIENT."""
    with pytest.raises(ConfigurationError, match=f"COGNITO_{name} is empty"):
        made(**{name: value})


@pytest.mark.parametrize("name", ["UNBOUND_MACHINES", "INSECURE_EMULATOR"])
@pytest.mark.parametrize("value", ["True", "yes", "1", "0", "true,true", "x" * 99])
def test_a_flag_says_true_or_false(name: str, value: str) -> None:
    """Nothing else is read as yes or as no."""
    with pytest.raises(ConfigurationError, match=rf"^COGNITO_{name}='.{{1,23}}': give true or false$"):
        made(AUDIENCE="https://a", **{name: value})


# Variable, its value, the verifier's attribute for it as the constructor sets it.
SETTINGS = [
    pytest.param({"LEEWAY": "60"}, {"leeway": 60}, id="leeway"),
    pytest.param({"LEEWAY": "0"}, {"leeway": 0}, id="no-leeway"),
    pytest.param({"LEEWAY": " 2.5 "}, {"leeway": 2.5}, id="fraction"),
    pytest.param({"CACHE_SIZE": "0"}, {"cache_size": 0}, id="cache-size"),
    pytest.param({"REFRESH_AFTER": "60"}, {"refresh_after": 60}, id="refresh"),
    pytest.param({"REVALIDATE_AFTER": "7200"}, {"revalidate_after": 7200}, id="revalidate"),
    pytest.param({"MAX_STALE": "604800"}, {"max_stale": 604800}, id="stale"),
    pytest.param({"MAX_TOKEN_LENGTH": "65536"}, {"max_token_length": 65536}, id="length"),
    pytest.param({"TOKEN_TYPES": "JWT, access+jwt"}, {"token_types": ["JWT", "access+jwt"]}, id="types"),
    pytest.param({"TOKEN_USE": "any"}, {"token_use": "any"}, id="use"),
    pytest.param({}, {}, id="defaults"),
]


def settings(*pools: UserPool, **options: Any) -> dict[str, Any]:
    """Stands for a Verifier: gives its options."""
    return options


@pytest.mark.parametrize(("changes", "options"), SETTINGS)
def test_every_option_of_a_verifier(changes: dict[str, str], options: dict[str, Any]) -> None:
    """A number, a list or a choice is the constructor's option, whose default applies if it is not set."""
    assert verifier_from(settings, environment(**changes)) == options
    made(**changes)


def test_every_setting_without_code_has_a_variable() -> None:
    """Only hooks, clocks and TLS settings need code."""
    options = AllVerifierOptions.__optional_keys__ - {
        "on_event",
        "on_outcome",
        "revoked",
        "ssl_context",
        "clock",
    }
    assert {name.lower() for name in [*OF_ALL, *NUMBERS]} == options


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", ["-1", "+1", "1e3", "nan", "inf", "0x10", "1,5", "1_000", ".5", "5.", "\u0663"]
)
def test_what_is_no_number(name: str, value: str) -> None:
    """Digits, and a fraction after a dot: nothing else that Python would read as a number."""
    with pytest.raises(ConfigurationError, match=rf"^COGNITO_{name}=.*: give a number such as 300 or 1\.5$"):
        made(**{name: value})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"LEEWAY": "301"}, r"^COGNITO_LEEWAY: leeway=301: at most 300", id="leeway"),
        pytest.param({"CACHE_SIZE": "1.5"}, r"^COGNITO_CACHE_SIZE: cache_size=1\.5", id="cache-size"),
        pytest.param({"MAX_TOKEN_LENGTH": "1000"}, r"^COGNITO_MAX_TOKEN_LENGTH: max_token_le", id="length"),
        pytest.param({"TOKEN_TYPES": "a b"}, r"^COGNITO_TOKEN_TYPES: token_types holds 'a b'", id="types"),
        pytest.param({"MAX_STALE": "60"}, r"^COGNITO_MAX_STALE: refresh_after=900", id="lifetimes"),
        pytest.param(
            {"REFRESH_AFTER": "9", "MAX_STALE": "8"},
            r"^COGNITO_REFRESH_AFTER, COGNITO_MAX_STALE: re",
            id="two",
        ),
    ],
)
def test_a_setting_that_cannot_be_right(changes: dict[str, str], says: str) -> None:
    """The variable is named, of the lifetimes each that is set."""
    with pytest.raises(ConfigurationError, match=says):
        made(**changes)


# --- Options from code, other mappings, other names


def test_code_adds_what_no_variable_says() -> None:
    """Hooks and the like are given beside the variables, and reach the constructor."""
    found = verifier_from(settings, environment(LEEWAY="7"), options={"revoked": print, "cache_size": 0})
    assert found == {"leeway": 7, "revoked": print, "cache_size": 0}
    received: list[events.Event] = []
    pool = FakeUserPool(POOL_ID)
    verifier = Verifier.from_env(environment(), on_event=received.append, max_stale=90000, token_use="id")
    assert {each.expected.token_use for each in verifier._entries.values()} == {"id"}
    assert pool.issuer() in verifier.issuers


def test_one_place_says_a_setting() -> None:
    """A variable and an option that say the same setting are refused: either could be meant."""
    with pytest.raises(ConfigurationError, match=r"^COGNITO_LEEWAY: leeway= is given in code too"):
        Verifier.from_env(environment(LEEWAY="7"), leeway=7)


def test_a_wrong_option_from_code_is_no_variables_fault() -> None:
    """Its message names the option alone; an option that does not exist is a TypeError."""
    with pytest.raises(ConfigurationError, match=r"^leeway=-1: "):
        Verifier.from_env(environment(), leeway=-1)
    with pytest.raises(ConfigurationError, match=r"^revoked='no' is not callable"):
        Verifier.from_env(environment(), revoked="no")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="leewy"):
        Verifier.from_env(environment(), leewy=7)  # type: ignore[call-arg]


def test_a_mapping_in_place_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own variables are not looked at beside it."""
    monkeypatch.setenv("COGNITO_LEEWAY", "nonsense")
    assert Verifier.from_env(environment()).issuers
    for wrong in ("COGNITO_LEEWAY=7", 5, [("COGNITO_LEEWAY", "7")]):
        with pytest.raises(ConfigurationError, match=r"^environ is a "):
            Verifier.from_env(wrong)  # type: ignore[arg-type]
    for value in (7, None, ["a"], b"7"):
        with pytest.raises(
            ConfigurationError, match=r"^COGNITO_(LEEWAY|USER_POOL_ID) is (no string|not set)$"
        ):
            Verifier.from_env(environment() | {"COGNITO_LEEWAY": value, "COGNITO_USER_POOL_ID": value})  # type: ignore[dict-item]


def test_another_prefix() -> None:
    """Two verifiers can have variables of their own, and messages name these."""
    staff = {f"STAFF_{name}": value for name, value in GOOD.items()}
    both = environment() | staff | {"STAFF_TOKEN_USE": "id", "COGNITO_TOKEN_USE": "any"}
    for prefix, use in (("STAFF_", "id"), ("COGNITO_", "any")):
        verifier = Verifier.from_env(both, prefix=prefix)
        assert {each.expected.token_use for each in verifier._entries.values()} == {use}
    for changes, says in (
        ({"STAFF_USER_POOL_ID": "x"}, "STAFF_USER_POOL_ID: user_pool_id='x'"),
        ({"STAFF_LEEWAY": "x"}, "STAFF_LEEWAY='x'"),
        ({"STAFF_ISSUERS": "x"}, "STAFF_ISSUERS is not read any more; the variable is STAFF_ISSUER_KINDS"),
        ({"STAFF_USER_POOLS": "[]"}, "STAFF_USER_POOLS: STAFF_USER_POOL_ID is set too"),
        ({"STAFF_LEEWAYS": "1"}, "STAFF_LEEWAYS: there is no such variable; did you mean STAFF_LEEWAY?"),
    ):
        with pytest.raises(ConfigurationError, match="^" + re.escape(says)):
            Verifier.from_env(staff | changes, prefix="STAFF_")
    with pytest.raises(ConfigurationError, match=r"^NONE_USER_POOL_ID is not set$"):
        Verifier.from_env(both, prefix="NONE_")


@pytest.mark.parametrize(
    "prefix", ["", " ", "A-", "_", "1A", "A\n", "\u00c4_", None, 5, b"COGNITO_"], ids=repr
)
def test_what_is_no_prefix(prefix: Any) -> None:
    """A prefix is letters, digits and underscores; without one, every variable of a process would count."""
    with pytest.raises(ConfigurationError, match=r"^prefix="):
        Verifier.from_env(environment(), prefix=prefix)


# --- Slips in a name


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param(
            {"CLIENT_IDS": None, "CLIENT_ID": "a"}, "CLIENT_IDS is not set (COGNITO_CLIENT_ID is", id="s"
        ),
        pytest.param(
            {"USER_POOL_ID": None, "USERPOOL_ID": "a"}, "USER_POOL_ID is not set (COG", id="separator"
        ),
        pytest.param({"REPLICA_REGION": "us-east-1"}, "REPLICA_REGION: there is no such", id="singular"),
        pytest.param({"AUDIENCES": "a"}, "AUDIENCES: there is no such variable; did you mean", id="plural"),
        pytest.param({"ISSUER_KIND": "updated"}, "ISSUER_KIND: there is no such", id="a-kind"),
        pytest.param(
            {"LEEWY": "1"}, "LEEWY: there is no such variable; did you mean COGNITO_LEEWAY?", id="letter"
        ),
        pytest.param({"token_use": "id"}, "token_use: there is no such", id="case"),
    ],
)
def test_a_slip_in_a_name_is_named(changes: dict[str, str | None], says: str) -> None:
    """Ignored, it would leave a requirement out."""
    with pytest.raises(ConfigurationError, match="^COGNITO_" + re.escape(says)):
        made(**changes)


@pytest.mark.parametrize(
    "name",
    [
        "CLIENT_ID",
        "USER_POOL",
        "CLIENT_SECRET",
        "DOMAIN",
        "REGION",
        "IDENTITY_POOL_ID",
        "JWKS_URL",
        "AUTHORIZER_SCOPES",
        "TOKEN_URL",
        "REDIRECT_URI",
    ],
)
def test_other_peoples_names_are_left_alone(name: str) -> None:
    """An application has its own settings. A name near to a variable that is set is not a mistake."""
    made(**{name: "x"})


@pytest.mark.parametrize("name", ["CLIENT_IDS", "REPLICA_REGIONS", "ISSUER_KINDS", "AUDIENCE"])
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
        pytest.param({"ISSUER_KINDS": "replica"}, "replica_regions is empty", id="issuer-impossible"),
        pytest.param({"ISSUER_KINDS": "new"}, "'new'", id="issuer-kind"),
        pytest.param({"AUDIENCE": "a,a"}, "twice", id="audience-twice"),
        pytest.param({"UNBOUND_MACHINES": "true"}, "audience=, which is not given", id="machines-alone"),
        pytest.param({"KEY_FILE": "a\0b"}, "key_file='a\\x00b'", id="key-file"),
        pytest.param({"BAKED_KEY_FILE": "a\0b"}, "baked_key_file='a\\x00b'", id="baked-key-file"),
        pytest.param({"BAKED_KEY_FILE": "a", "KEY_FILE": "a"}, "is key_file too", id="one-file-twice"),
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
    """A variable cannot choose whose keys are trusted."""
    with pytest.raises(ConfigurationError) as caught:
        made(JWKS_URLS=url)
    assert says in str(caught.value)
    assert str(caught.value).startswith("COGNITO_JWKS_URLS: ")


EMULATOR = "http://cognito:9229/us-west-2_Fake00001/.well-known/jwks.json"


@pytest.mark.parametrize("several_pools", [False, True], ids=["one", "several"])
def test_an_emulator_beyond_loopback_needs_its_own_setting(
    several_pools: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """With it, http to another host is allowed; each start says so at WARNING. Without it nothing is."""
    received: list[events.Event] = []

    def start(said: bool | None) -> Verifier:
        if several_pools:
            member = ONE | {"jwks_urls": EMULATOR} | ({} if said is None else {"insecure_emulator": said})
            variables = {"COGNITO_USER_POOLS": json.dumps([member])}
        else:
            word = None if said is None else str(said).lower()
            variables = environment(JWKS_URLS=EMULATOR, INSECURE_EMULATOR=word)
        return Verifier.from_env(variables, on_event=received.append)

    for _ in range(2):
        caplog.clear()
        received.clear()
        with start(True):
            [record] = caplog.records
        assert (record.name, record.levelno) == ("cognito_mr_auth.keys", logging.WARNING)
        assert "insecure emulator" in record.getMessage()
        assert received == [events.InsecureEmulator(POOL_ID)]
    for said in (None, False):
        with pytest.raises(ConfigurationError, match="https is required beyond loopback"):
            start(said)


@pytest.mark.outside
def test_loopback_serves_for_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one URL on loopback the process's own environment makes a verifier that works."""
    pool = FakeUserPool(POOL_ID)
    with pool.serve() as endpoints:
        for name, value in environment(JWKS_URLS=endpoints.original.url).items():
            monkeypatch.setenv(name, value)
        with Verifier.from_env() as verifier:
            assert verifier.verify(pool.access_token()).username == "alice"


ORIGINAL = f"https://cognito-idp.us-west-2.amazonaws.com/{POOL_ID}"


@pytest.mark.outside
def test_each_issuer_may_have_a_url_of_its_own() -> None:
    """The variable takes the object that the option takes; each endpoint in it is asked."""
    pool = FakeUserPool(POOL_ID, replica_regions=["us-east-1"])
    with pool.serve() as endpoints:
        variables = environment(JWKS_URLS=json.dumps(endpoints.jwks_urls), REPLICA_REGIONS="us-east-1")
        with Verifier.from_env(variables) as verifier:
            verifier.warm()
            verifier.verify(pool.access_token(issuer="replica"))
        assert [each.requests for each in endpoints] == [1, 1, 1]


LOCAL = "http://127.0.0.1:9/jwks.json"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param({ORIGINAL: "https://keys.test/jwks.json"}, "only point to loopback", id="elsewhere"),
        pytest.param(
            {ORIGINAL: LOCAL, ORIGINAL.replace("//", "//issuer-"): "https://keys.test/"},
            "only point to loopback",
            id="one-of-two-elsewhere",
        ),
        pytest.param({ORIGINAL: "http://keys.test/jwks.json"}, "keys.test", id="plain-http"),
        pytest.param({f"{ORIGINAL}x": LOCAL}, "no issuer of this pool", id="another-pool"),
        pytest.param({}, "give one URL", id="nothing"),
        pytest.param({ORIGINAL: 1}, "jwks_urls", id="number"),
        pytest.param({ORIGINAL: {"a": LOCAL}}, "jwks_urls", id="object-inside"),
        pytest.param({ORIGINAL: None}, "jwks_urls", id="null"),
        pytest.param('{"a": 1, "a": 2}', "duplicate", id="twice"),
        pytest.param('{"a": NaN}', "", id="nan"),
        pytest.param("{", "double quotes", id="no-json"),
        pytest.param("{'a': 'b'}", "double quotes", id="single-quotes"),
        pytest.param("[]", "absolute https URL", id="array"),
    ],
)
def test_an_object_sends_no_key_request_away(value: object, says: str) -> None:
    """What holds for one URL holds for each, and the variable is named."""
    text = value if isinstance(value, str) else json.dumps(value)
    with pytest.raises(ConfigurationError) as caught:
        made(JWKS_URLS=text)
    assert says in str(caught.value)
    assert str(caught.value).startswith("COGNITO_JWKS_URLS: ")


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
    with pytest.raises(
        ConfigurationError, match=r"^COGNITO_CLIENT_IDS: client_ids: ANY_CLIENT must be the only value"
    ):
        verifier_from(Verifier, variables)


# --- Several pools

OTHER_ID = "eu-west-1_Fake00002"
ONE: dict[str, Any] = {"user_pool_id": POOL_ID, "client_ids": ["1example23456789"]}
OTHER_HOST, UPDATED_HOST = (
    f"https://{name}.eu-west-1.amazonaws.com/" for name in ("cognito-idp", "issuer-cognito-idp")
)
OTHER: dict[str, Any] = {"user_pool_id": OTHER_ID, "client_ids": ["2example"]}


def several(*members: object, **changes: str) -> Verifier:
    """The verifier of COGNITO_USER_POOLS with these members, and of other variables."""
    pools = {"USER_POOLS": json.dumps(members)}
    return verifier_from(Verifier, {f"COGNITO_{name}": text for name, text in (pools | changes).items()})


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        pytest.param({}, "user_pool_id", OTHER_ID, id="pool"),
        pytest.param({}, "client_ids", {"2example"}, id="client"),
        pytest.param({"client_ids": ["a", "b"]}, "client_ids", {"a", "b"}, id="clients"),
        pytest.param({"client_ids": "ANY_CLIENT"}, "client_ids", None, id="any-client"),
        pytest.param({"replica_regions": ["us-east-1"]}, "replica_regions", ("us-east-1",), id="replicas"),
        pytest.param({"replica_regions": []}, "replica_regions", (), id="no-replicas"),
        pytest.param({"audience": "https://a"}, "audience", {"https://a"}, id="audience"),
        pytest.param({"audience": ["https://a", "b,c"]}, "audience", {"https://a", "b,c"}, id="audiences"),
        pytest.param({"audience": "a", "unbound_machines": True}, "unbound_machines", True, id="machines"),
        pytest.param({"key_file": "/nowhere/k"}, "key_file", "/nowhere/k", id="key-file"),
        pytest.param({"baked_key_file": "/nowhere/b"}, "baked_key_file", "/nowhere/b", id="baked-key-file"),
        pytest.param({"token_use": "id"}, "token_use", "id", id="token-use"),
        pytest.param({"insecure_emulator": True}, "insecure_emulator", True, id="emulator"),
    ],
)
def test_what_the_members_mean(changes: dict[str, object], attribute: str, value: object) -> None:
    """Each member is the option of its name, of its own pool alone."""
    verifier = several(ONE, OTHER | changes)
    pools = {route.pool.user_pool_id: route.pool for route in verifier._entries.values()}
    assert getattr(pools[OTHER_ID], attribute) == value
    assert getattr(pools[POOL_ID], attribute) != value or value in ((), None)


def test_the_issuers_of_one_of_several() -> None:
    """The kinds of issuer are a pool's own, too."""
    verifier = several(ONE, OTHER | {"issuer_kinds": ["updated"]})
    assert [f"{route.pool.user_pool_id} {route.issuer.kind}" for route in verifier._entries.values()] == [
        f"{POOL_ID} updated",
        f"{POOL_ID} original",
        f"{OTHER_ID} updated",
    ]


@pytest.mark.parametrize("use", ["access", "id", "any"])
def test_the_token_use_of_several(use: str) -> None:
    """One variable says it for all of them."""
    uses = {route.expected.token_use for route in several(ONE, OTHER, TOKEN_USE=use)._entries.values()}
    assert uses == {use}
    assert {route.expected.token_use for route in several(ONE)._entries.values()} == {"access"}


@pytest.mark.outside
def test_several_pools_keep_to_themselves() -> None:
    """Each pool's tokens pass with its own client, from each of its Regions; no other pair does."""
    pools = [FakeUserPool(POOL_ID, client_id="one"), FakeUserPool(OTHER_ID, client_id="two")]
    with pools[0].serve() as first, pools[1].serve() as second:
        members = [
            {
                "user_pool_id": pool.user_pool_id,
                "client_ids": [pool.client_id],
                "replica_regions": list(pool.replica_regions),
                "jwks_urls": urls,
            }
            for pool, urls in ((pools[0], first.original.url), (pools[1], second.jwks_urls))
        ]
        with several(*members) as verifier:
            for pool, client in zip(pools, ("two", "one"), strict=True):
                for kind in ("original", "replica", "updated"):
                    token = pool.access_token(issuer=kind)
                    assert verifier.verify(token).user_pool_id == pool.user_pool_id
                with pytest.raises(errors.ClaimRejected):
                    verifier.verify(pool.access_token(client_id=client))
                with pytest.raises(errors.SignatureInvalid):
                    verifier.verify(pool.access_token(signed_by="foreign"))
            swapped = pools[0].access_token(claims={"iss": pools[1].issuer()}, client_id="two")
            with pytest.raises(errors.KeyUnknown):
                verifier.verify(swapped)


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.parametrize("value", ["x", ""], ids=["set", "empty"])
def test_one_pool_or_several(name: str, value: str) -> None:
    """If both are set, the refusal names both, because either could be meant."""
    with pytest.raises(ConfigurationError, match=f"^COGNITO_USER_POOLS: COGNITO_{name} is set too"):
        several(ONE, **{name: value})


HOSTILE = [
    # The variable's value, and what the message says.
    pytest.param("us-west-2_EXAMPLE", ": not JSON", id="pool-id"),
    pytest.param("{}", ": give a JSON array", id="object"),
    pytest.param("[]", ": give a JSON array", id="empty-array"),
    pytest.param("null", ": give a JSON array", id="null"),
    pytest.param('""', ": give a JSON array", id="text"),
    pytest.param("[", ": not JSON", id="open"),
    pytest.param("[1,]", ": not JSON", id="trailing-comma"),
    pytest.param("[] []", ": not JSON", id="two-arrays"),
    pytest.param('[],"":[]', ": not JSON", id="closed-early"),
    pytest.param('[],"x":[]', ": not JSON", id="second-member"),
    pytest.param("[]}", ": not JSON", id="closed-twice"),
    pytest.param('[]}{"":[]', ": not JSON", id="closed-and-opened"),
    pytest.param("[NaN]", ": NaN or infinity", id="nan"),
    pytest.param("[1e400]", ": number out of range", id="infinity"),
    pytest.param("[" * 40 + "]" * 40, ": nested too deeply", id="deep"),
    pytest.param("\ufeff[]", ": not JSON", id="byte-order-mark"),
    pytest.param("[\udc80]", ": not JSON", id="no-utf-8"),
    pytest.param('["\\ud800"]', ": not JSON", id="lone-surrogate"),
    pytest.param('[{"user_pool_id":"a","user_pool_id":"b"}]', ": duplicate member", id="duplicate"),
]


@pytest.mark.parametrize(("text", "says"), HOSTILE)
def test_hostile_json(text: str, says: str) -> None:
    """Anything but a strict JSON array of objects is refused; the message names the variable alone."""
    with pytest.raises(ConfigurationError) as caught:
        verifier_from(Verifier, {"COGNITO_USER_POOLS": text})
    assert str(caught.value).startswith(f"COGNITO_USER_POOLS{says}")
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", ["", " ", "\t\n"], ids=["empty", "space", "other-space"])
def test_no_pools_at_all(value: str) -> None:
    """An empty variable is an error here, too."""
    with pytest.raises(ConfigurationError, match=r"^COGNITO_USER_POOLS is empty"):
        verifier_from(Verifier, {"COGNITO_USER_POOLS": value})


@pytest.mark.parametrize(
    ("member", "says"),
    [
        pytest.param(1, "give a JSON object", id="number"),
        pytest.param([ONE], "give a JSON object", id="array"),
        pytest.param({}, "user_pool_id is missing", id="empty"),
        pytest.param({"user_pool_id": OTHER_ID}, "client_ids is missing", id="no-clients"),
        pytest.param(OTHER | {"client_id": "a"}, "no member 'client_id'; there are user_pool_id", id="slip"),
        pytest.param(OTHER | {"leeway": 1}, "no member 'leeway'", id="of-the-verifier"),
        pytest.param(OTHER | {"token_use": "both"}, "token_use='both'", id="token-use"),
        pytest.param(OTHER | {"token_use": None}, "token_use is no JSON string", id="null-token-use"),
        pytest.param(
            OTHER | {"insecure_emulator": "true"}, "insecure_emulator is neither", id="emulator-text"
        ),
        pytest.param(OTHER | {"jwks": {"keys": []}}, "no member 'jwks'", id="keys-themselves"),
        pytest.param(OTHER | {"offline": True}, "no member 'offline'", id="offline"),
        pytest.param(OTHER | {"x" * 99: 1}, f"no member '{'x' * 20}...'", id="long-name"),
        pytest.param(OTHER | {"client_ids": []}, "client_ids is empty", id="no-client"),
        pytest.param(OTHER | {"client_ids": ""}, "client_ids is no JSON array of strings", id="empty-client"),
        pytest.param(OTHER | {"client_ids": None}, "client_ids is no JSON array", id="null-clients"),
        pytest.param(OTHER | {"client_ids": "a,b"}, "client_ids is no JSON array", id="commas"),
        pytest.param(OTHER | {"client_ids": "any_client"}, "client_ids is no JSON array", id="not-quite"),
        pytest.param(OTHER | {"client_ids": [""]}, "client_ids holds ''", id="empty-in-array"),
        pytest.param(OTHER | {"client_ids": ["*"]}, "client_ids holds '*'", id="star"),
        pytest.param(
            OTHER | {"client_ids": [1]}, "client_ids is no JSON array of strings", id="number-in-it"
        ),
        pytest.param(
            OTHER | {"client_ids": ["ANY_CLIENT"]},
            "client_ids: ANY_CLIENT must be the only value",
            id="any-in-array",
        ),
        pytest.param(
            OTHER | {"client_ids": ["a", "ANY_CLIENT"]},
            "client_ids: ANY_CLIENT must be the only value",
            id="any-among",
        ),
        pytest.param(OTHER | {"user_pool_id": "x"}, "user_pool_id='x'", id="pool-id"),
        pytest.param(OTHER | {"user_pool_id": 7}, "user_pool_id is no JSON string", id="pool-id-number"),
        pytest.param(OTHER | {"user_pool_id": f" {OTHER_ID}"}, "user_pool_id=", id="pool-id-space"),
        pytest.param(
            OTHER | {"replica_regions": "us-east-1"}, "replica_regions is no JSON", id="region-text"
        ),
        pytest.param(OTHER | {"replica_regions": ["mars"]}, "replica_regions holds 'mars'", id="region"),
        pytest.param(OTHER | {"issuer_kinds": ["new"]}, "issuer_kinds holds 'new'", id="issuer"),
        pytest.param(OTHER | {"issuer_kinds": []}, "issuer_kinds is empty", id="no-issuers"),
        pytest.param(OTHER | {"audience": ""}, "audience=''", id="empty-audience"),
        pytest.param(OTHER | {"audience": []}, "audience=[]", id="no-audiences"),
        pytest.param(OTHER | {"audience": ["a", 1]}, "audience is no JSON array of strings", id="audiences"),
        pytest.param(OTHER | {"audience": None}, "audience is no JSON array of strings", id="null-audience"),
        pytest.param(
            OTHER | {"unbound_machines": "true"}, "unbound_machines is neither true", id="machines-text"
        ),
        pytest.param(OTHER | {"unbound_machines": 1}, "unbound_machines is neither true", id="machines-one"),
        pytest.param(
            OTHER | {"unbound_machines": True}, "unbound_machines=True excepts", id="machines-alone"
        ),
        pytest.param(OTHER | {"key_file": ""}, "key_file=''", id="empty-key-file"),
        pytest.param(OTHER | {"key_file": None}, "key_file is no JSON string", id="null-key-file"),
        pytest.param(OTHER | {"baked_key_file": ""}, "baked_key_file=''", id="empty-baked-key-file"),
        pytest.param(
            OTHER | {"key_file": "a", "baked_key_file": "a"}, "baked_key_file='a'", id="one-file-twice"
        ),
        pytest.param(
            OTHER | {"jwks_urls": "https://keys.test/"},
            "jwks_urls may only point to loopback",
            id="elsewhere",
        ),
        pytest.param(
            OTHER | {"jwks_urls": {f"{OTHER_HOST}{OTHER_ID}": "https://k.test/"}},
            "jwks_urls may only point to loopback",
            id="one-issuer-elsewhere",
        ),
        pytest.param(
            OTHER
            | {
                "jwks_urls": {
                    f"{OTHER_HOST}{OTHER_ID}": "http://127.0.0.1/",
                    f"{UPDATED_HOST}{OTHER_ID}": "https://k.test/",
                }
            },
            "jwks_urls may only point to loopback",
            id="one-of-two-elsewhere",
        ),
        pytest.param(OTHER | {"jwks_urls": {}}, "jwks_urls={}", id="no-urls"),
        pytest.param(OTHER | {"jwks_urls": ["https://localhost/"]}, "jwks_urls is no JSON", id="url-array"),
        pytest.param(OTHER | {"jwks_urls": None}, "jwks_urls is no JSON string", id="null-url"),
        pytest.param(
            OTHER | {"jwks_urls": "https://u:p@localhost/"}, "jwks_urls holds '...@l", id="password"
        ),
    ],
)
def test_a_wrong_member_is_named(member: Any, says: str) -> None:
    """The refusal says which object, which member, and what is wrong with it."""
    with pytest.raises(ConfigurationError) as caught:
        several(ONE, member)
    assert str(caught.value).startswith(f"COGNITO_USER_POOLS[1]: {says}")


@pytest.mark.parametrize(
    ("members", "changes", "says"),
    [
        pytest.param([ONE, ONE], {}, f"COGNITO_USER_POOLS: '{POOL_ID}' is given twice", id="twice"),
        pytest.param(
            [ONE | {"key_file": "k"}, OTHER | {"key_file": "./k"}],
            {},
            "COGNITO_USER_POOLS: two pools share key_file=",
            id="one-key-file",
        ),
        pytest.param([ONE], {"TOKEN_USE": "both"}, "COGNITO_TOKEN_USE: token_use='both'", id="token-use"),
        pytest.param([ONE], {"TOKEN_USE": ""}, "COGNITO_TOKEN_USE is empty", id="empty-token-use"),
    ],
)
def test_what_no_pool_can_know(members: list[Any], changes: dict[str, str], says: str) -> None:
    """A mistake of all members together is reported under the variable's name."""
    with pytest.raises(ConfigurationError) as caught:
        several(*members, **changes)
    assert str(caught.value).startswith(says)


@pytest.mark.outside
def test_one_baked_file_serves_its_own_pool_alone(tmp_path: Path) -> None:
    """Given to every pool, it is read for the pool whose ID stands in it."""
    pool = FakeUserPool(POOL_ID)
    path = tmp_path / "baked.json"
    with pool.serve() as endpoints:
        urls = endpoints.original.url
        with several(ONE | {"jwks_urls": urls, "key_file": str(path)}) as verifier:
            verifier.warm()
    members = [each | {"jwks_urls": urls, "baked_key_file": str(path)} for each in (ONE, OTHER)]
    with several(*members) as verifier:
        assert verifier.verify(pool.access_token()).user_pool_id == POOL_ID
        states = {name: each["state"] for name, each in verifier.health()["providers"].items()}
    assert states == {POOL_ID: "fresh", OTHER_ID: "empty"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["", " ", "\n"]))
def test_json_is_what_it_says(value: object, space: str) -> None:
    """Every JSON value comes back as it was, with white space around it or none."""
    assert json_value("X", f"{space}{json.dumps(value)}{space}") == value


@given(st.text('[]{}",:1 \\u', max_size=12) | st.text(max_size=5))
def test_nothing_else_is_read(text: str) -> None:
    """RFC 8259: a JSON text is one value. What Python's own reader refuses is refused here."""
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ConfigurationError, match=r"^X: "):
            json_value("X", text)
        return
    try:
        found = json_value("X", text)
    except ConfigurationError:
        return  # stricter: duplicate members
    assert found == expected
