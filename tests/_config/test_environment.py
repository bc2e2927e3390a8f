"""A verifier from environment variables: what they mean, and what they can never do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth._config.environment import VARIABLES, json_value, verifier_from
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


NAMES = [
    "USER_POOL_ID",
    "CLIENT_IDS",
    "TOKEN_USE",
    "REPLICA_REGIONS",
    "ISSUER_KINDS",
    "AUDIENCE",
    "UNBOUND_MACHINES",
    "KEY_FILE",
    "BAKED_KEY_FILE",
    "JWKS_URLS",
]


def test_every_variable_has_its_rows() -> None:
    """These tests know every variable."""
    assert {f"COGNITO_{name}" for name in [*NAMES, "USER_POOLS"]} == VARIABLES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", " ", "\t\n"], ids=["empty", "space", "other-space"])
def test_empty_is_an_error(name: str, value: str) -> None:
    """An empty variable is a mistake, and never means ANY_CLIENT."""
    with pytest.raises(ConfigurationError, match=f"COGNITO_{name} is empty"):
        made(**{name: value})


@pytest.mark.parametrize("value", ["True", "yes", "1", "0", "true,true", "x" * 99])
def test_a_flag_says_true_or_false(value: str) -> None:
    """Nothing else is read as yes or as no."""
    with pytest.raises(ConfigurationError, match=r"^COGNITO_UNBOUND_MACHINES='.{1,23}': say true or false$"):
        made(AUDIENCE="https://a", UNBOUND_MACHINES=value)


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


@pytest.mark.outside
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
    with pytest.raises(ConfigurationError, match=r"^COGNITO_CLIENT_IDS: client_ids: ANY_CLIENT stands alone"):
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


@pytest.mark.parametrize("name", [name for name in NAMES if name != "TOKEN_USE"])
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
        pytest.param(OTHER | {"token_use": "id"}, "no member 'token_use'", id="of-the-verifier"),
        pytest.param(OTHER | {"insecure_emulator": True}, "no member", id="not-for-variables"),
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
            OTHER | {"client_ids": ["ANY_CLIENT"]}, "client_ids: ANY_CLIENT stands alone", id="any-in-array"
        ),
        pytest.param(
            OTHER | {"client_ids": ["a", "ANY_CLIENT"]}, "client_ids: ANY_CLIENT stands alone", id="any-among"
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
