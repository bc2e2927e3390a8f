"""One user pool as its users configure it: derivations, and refusal of nonsense."""

from __future__ import annotations

import copy
import enum
import json
import os
import pickle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from cognito_mr_auth import ANY_CLIENT, UserPool
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.pool import _rebuild
from cognito_mr_auth.principal import Issuer

POOL_ID = "us-west-2_EXAMPLE"
CLIENT = "1example23456789"
PATH = "/.well-known/jwks.json"

ORIGINAL = f"https://cognito-idp.us-west-2.amazonaws.com/{POOL_ID}"
UPDATED = f"https://issuer-cognito-idp.us-west-2.amazonaws.com/{POOL_ID}"
REPLICA = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL_ID}"


def pool(user_pool_id: Any = POOL_ID, **options: Any) -> UserPool:
    """A pool, by default with one client and one replica."""
    return UserPool(user_pool_id, **({"client_ids": [CLIENT], "replica_regions": ["us-east-1"]} | options))


# --- Derivation


def test_one_pool_has_up_to_three_issuers() -> None:
    """Original, replica and updated, of one pool ID."""
    made = pool()
    assert dict(made.issuers) == {
        ORIGINAL: Issuer(ORIGINAL, "original", "us-west-2"),
        UPDATED: Issuer(UPDATED, "updated", "us-west-2"),
        REPLICA: Issuer(REPLICA, "replica", "us-east-1"),
    }
    assert (made.user_pool_id, made.region) == (POOL_ID, "us-west-2")
    assert made.replica_regions == ("us-east-1",)
    assert made.client_ids == {CLIENT}


def test_every_issuer_serves_the_keys() -> None:
    """One endpoint each, the updated one first, none of them loopback."""
    made = pool()
    assert [endpoint.url for endpoint in made._key_set_config.endpoints] == [
        f"{issuer}{PATH}" for issuer in (UPDATED, ORIGINAL, REPLICA)
    ]
    assert [(e.kind, e.region, e.loopback) for e in made._key_set_config.endpoints] == [
        ("updated", "us-west-2", False),
        ("original", "us-west-2", False),
        ("replica", "us-east-1", False),
    ]


def test_the_defaults_ask_for_nothing_special() -> None:
    """No audience, seed, key file or emulator, and the network is allowed."""
    made = UserPool(POOL_ID, client_ids=[CLIENT])
    assert (made.audience, made._key_set_config.seed, made.key_file, made.baked_key_file) == (
        None,
        None,
        None,
        None,
    )
    assert (made.offline, made.insecure_emulator, made.replica_regions) == (False, False, ())
    assert made.unbound_machines is False
    assert made.token_use is None
    assert [pool(token_use=use).token_use for use in ("access", "id", "any")] == ["access", "id", "any"]
    assert {issuer.kind for issuer in made.issuers.values()} == {"original", "updated"}


@pytest.mark.parametrize(
    ("kinds", "accepted"),
    [
        ({"original"}, {ORIGINAL}),
        (["updated", "replica"], {UPDATED, REPLICA}),
        (("original", "replica", "updated"), {ORIGINAL, REPLICA, UPDATED}),
        ((kind for kind in ["original"]), {ORIGINAL}),
    ],
    ids=["set", "list", "tuple", "generator"],
)
def test_the_kinds_accepted_can_be_chosen(kinds: Any, accepted: set[str]) -> None:
    """Issuers narrow what is accepted; all endpoints are asked all the same (R2)."""
    made = pool(issuer_kinds=kinds)
    assert set(made.issuers) == accepted
    assert len(made._key_set_config.endpoints) == 3


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        ({"user_pool_id": "cn-north-1_A", "replica_regions": []}, "amazonaws.com.cn"),
        ({"user_pool_id": "eusc-de-east-1_A", "replica_regions": []}, "amazonaws.eu"),
        ({"user_pool_id": "us-isob-east-1_A", "replica_regions": []}, "sc2s.sgov.gov"),
        ({"dns_suffix": "cloud.example"}, "cloud.example"),
    ],
    ids=["china", "eu-sovereign", "isolated", "given"],
)
def test_the_dns_suffix_is_the_partitions(options: dict[str, Any], suffix: str) -> None:
    """Derived from the Region, or as given."""
    for issuer in pool(**options).issuers.values():
        assert issuer.url.split("/")[2].endswith(f"{issuer.region}.{suffix}")


@pytest.mark.parametrize(
    "pool_id",
    ["us-west-2_a", "us-gov-west-1_000000000", "ap-southeast-3_" + "x" * 45, "us-east-1_0aZ9"],
)
def test_pool_ids_of_every_shape(pool_id: str) -> None:
    """A Region, an underscore and 1 to 45 letters and digits."""
    assert pool(pool_id, replica_regions=[]).region == pool_id.partition("_")[0]


@pytest.mark.parametrize("given", [[CLIENT, "b+c_D"], {CLIENT, "b+c_D"}, (CLIENT, "b+c_D")])
def test_client_ids_in_any_collection(given: Any) -> None:
    """Lists, sets and tuples of client IDs."""
    assert pool(client_ids=given).client_ids == {CLIENT, "b+c_D"}


# --- The explicit opt-out


def test_any_client_is_said_aloud() -> None:
    """ANY_CLIENT, alone, stands for every client; it survives copies and pickles as itself."""
    assert pool(client_ids=ANY_CLIENT).client_ids is None
    assert repr(ANY_CLIENT) == "ANY_CLIENT"
    assert copy.deepcopy(ANY_CLIENT) is ANY_CLIENT
    assert pickle.loads(pickle.dumps(ANY_CLIENT)) is ANY_CLIENT  # noqa: S301


# --- Endpoints that the user names


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("https://keys.example/jwks.json", False),
        ("https://vpce-1.cognito-idp.us-west-2.vpce.amazonaws.com:8443/x?y=z", False),
        ("https://[2001:db8::1]/jwks", False),
        ("https://localhost/jwks", True),
        ("http://localhost:9229/jwks", True),
        ("http://LOCALHOST:9229/jwks", True),
        ("http://127.0.0.1:5000/jwks", True),
        ("http://127.9.9.9/jwks", True),
        ("http://[::1]:5000/jwks", True),
    ],
)
def test_one_url_is_the_only_endpoint(url: str, *, loopback: bool) -> None:
    """One URL, https or http to loopback, replaces all endpoints and changes no `iss`."""
    made = pool(jwks_urls=url)
    (endpoint,) = made._key_set_config.endpoints
    assert (endpoint.target, endpoint.kind, endpoint.loopback) == (url, "original", loopback)
    assert endpoint.url == url.partition("?")[0]
    assert set(made.issuers) == {ORIGINAL, UPDATED, REPLICA}


def test_urls_by_issuer_are_the_only_endpoints() -> None:
    """Kinds and Regions are those of the issuers; an issuer left out has no endpoint.

    Of endpoints that the user names the updated one alone may prove not to be enabled (K5).
    """
    made = pool(jwks_urls={REPLICA: "https://b.example/", UPDATED: "http://127.0.0.1/"})
    assert [tuple(endpoint) for endpoint in made._key_set_config.endpoints] == [
        ("http://127.0.0.1/", "updated", "us-west-2", True, True, ""),
        ("https://b.example/", "replica", "us-east-1", False, False, ""),
    ]


def test_one_url_for_several_issuers_is_one_endpoint() -> None:
    """It is asked once, and stands for the issuer that is preferred."""
    url = "https://keys.example/"
    made = pool(jwks_urls=MappingProxyType({ORIGINAL: url, REPLICA: url, UPDATED: url}))
    assert [(e.url, e.kind) for e in made._key_set_config.endpoints] == [(url, "updated")]


def test_urls_that_differ_by_their_query_are_two_endpoints() -> None:
    """Each is asked with its own query, and has a name without it in events, health and key files."""
    shared = "https://keys.example/jwks?of="
    made = pool(jwks_urls={ORIGINAL: shared + "here", REPLICA: shared + "there", UPDATED: shared + "here"})
    found = made._key_set_config.endpoints
    assert {each.target for each in found} == {shared + "here", shared + "there"}
    assert [each.url for each in found] == [
        "https://keys.example/jwks#updated-us-west-2",
        "https://keys.example/jwks#replica-us-east-1",
    ]


def test_an_emulator_in_a_container_may_be_allowed() -> None:
    """`insecure_emulator` allows http to any host; that does not make it loopback."""
    made = pool(jwks_urls="http://moto:5000/jwks", insecure_emulator=True)
    assert [e.loopback for e in made._key_set_config.endpoints] == [False]


# --- Keys that the user brings

DOCUMENT = {"keys": [{"kty": "RSA", "kid": "\u00e9"}]}


@pytest.mark.parametrize(
    "jwks",
    [
        DOCUMENT,
        MappingProxyType(DOCUMENT),
        json.dumps(DOCUMENT),
        json.dumps(DOCUMENT, ensure_ascii=False),
        json.dumps(DOCUMENT).encode(),
    ],
    ids=["dict", "mapping", "text", "unicode", "bytes"],
)
def test_a_seed_in_any_form(jwks: Any) -> None:
    """A mapping, a str or bytes become the octets of the document."""
    assert json.loads(pool(jwks=jwks)._key_set_config.seed or b"") == DOCUMENT


def test_a_seed_with_lone_surrogates_is_left_to_the_reader() -> None:
    """A str that is no Unicode text becomes octets that no strict reader takes."""
    with pytest.raises(UnicodeDecodeError):
        (pool(jwks='{"keys":"\ud800"}')._key_set_config.seed or b"").decode()


@pytest.mark.parametrize("option", ["key_file", "baked_key_file"])
def test_a_key_file_has_one_spelling(option: str, tmp_path: Path) -> None:
    """Paths are made absolute and normal, so that one file given twice is noticed."""

    def path(given: object) -> str | None:
        found: str | None = getattr(pool(**{option: given}), option)
        return found

    plain = str(tmp_path / "keys.json")
    assert path(tmp_path / "keys.json") == plain
    assert path(f"{tmp_path}/./x/../keys.json") == plain
    assert path("keys.json") == str(Path.cwd() / "keys.json")


def test_a_baked_key_file_stands_beside_the_other() -> None:
    """One is written, the other is not, and each keeps its place."""
    made = pool(key_file="own.json", baked_key_file="baked.json")
    assert (made.key_file, made.baked_key_file) == (
        str(Path("own.json").absolute()),
        str(Path("baked.json").absolute()),
    )


@pytest.mark.parametrize(
    "keys", [{"jwks": DOCUMENT}, {"key_file": "keys.json"}, {"baked_key_file": "keys.json"}]
)
def test_offline_needs_keys(keys: dict[str, Any]) -> None:
    """With a seed or a key file, no network is needed."""
    assert pool(offline=True, **keys).offline


# --- Immutability


@pytest.mark.parametrize("name", [*sorted(UserPool.__slots__), "extra"])
def test_a_pool_cannot_be_changed(name: str) -> None:
    """A verifier relies on what it was given."""
    made = pool()
    with pytest.raises(AttributeError):
        setattr(made, name, "x")
    with pytest.raises(AttributeError):
        delattr(made, name)


def test_the_issuers_cannot_be_changed() -> None:
    """Nor can what a token's `iss` is looked up in."""
    with pytest.raises(TypeError):
        pool().issuers["https://evil.example"] = Issuer("x", "original", "x")  # type: ignore[index]


def test_repr_names_pool_and_issuers() -> None:
    """Enough to tell two pools apart in a log; no client ID."""
    assert repr(pool()) == f"<UserPool {POOL_ID}, issuers: original, replica, updated>"


# --- Equality and copies

SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # Each row: settings, and others that make another pool.
    "client": ({"client_ids": ["a", "b"]}, {"client_ids": ["a"]}),
    "any-client": ({"client_ids": ANY_CLIENT}, {"client_ids": ["a"]}),
    "replicas": ({"replica_regions": ["us-east-1"]}, {"replica_regions": []}),
    "issuer-kinds": ({"issuer_kinds": ["original"]}, {"issuer_kinds": ["original", "updated"]}),
    "audience": ({"audience": ["x", "y"]}, {"audience": "x"}),
    "machines": ({"audience": "x", "unbound_machines": True}, {"audience": "x"}),
    "jwks-urls": ({"jwks_urls": "https://a.example/"}, {"jwks_urls": "https://b.example/"}),
    "query": ({"jwks_urls": "https://a.example/?x"}, {"jwks_urls": "https://a.example/?y"}),
    "jwks": ({"jwks": b'{"keys": []}'}, {"jwks": b'{"keys": [1]}'}),
    "key-file": ({"key_file": "a"}, {"key_file": "b"}),
    "baked-key-file": ({"baked_key_file": "a"}, {"baked_key_file": "b"}),
    "offline": ({"key_file": "a", "offline": True}, {"key_file": "a"}),
    "suffix": ({"dns_suffix": "a.example"}, {"dns_suffix": "b.example"}),
    "emulator": ({"insecure_emulator": True}, {}),
}


def pickled(value: Any) -> Any:
    """A copy by pickle."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301


@pytest.mark.parametrize("name", SETTINGS)
def test_pools_are_equal_by_their_settings(name: str) -> None:
    """The same settings make equal pools; each setting counts."""
    one, other = (pool(**options) for options in SETTINGS[name])
    twin = pool(**SETTINGS[name][0])
    assert (one == twin, hash(one) == hash(twin), {one: 1}[twin]) == (True, True, 1)
    assert one != other
    assert one != pool("us-west-2_OTHER", **SETTINGS[name][0])


@pytest.mark.parametrize("other", [None, POOL_ID, object(), type("Other", (UserPool,), {})])
def test_a_pool_equals_no_other_kind(other: object) -> None:
    """A subclass may hold more settings."""
    made = other(POOL_ID, client_ids=[CLIENT]) if isinstance(other, type) else other
    assert UserPool(POOL_ID, client_ids=[CLIENT]) != made


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_copy_is_an_equal_pool(name: str, way: Any) -> None:
    """In another process too; as immutable, its issuers included, and with all its endpoints."""
    made = pool(**SETTINGS[name][0])
    twin = way(made)
    assert twin == made
    assert hash(twin) == hash(made)
    assert (repr(twin), twin._key_set_config) == (repr(made), made._key_set_config)
    assert (list(twin.issuers), type(twin.issuers)) == (list(made.issuers), MappingProxyType)
    assert (twin.client_ids is None) is (made.client_ids is None)
    with pytest.raises(AttributeError, match="immutable"):
        twin.anything = 1


def test_a_pool_of_another_version() -> None:
    """A setting that is missing fails where the pool is read, not at the first token."""
    kind, settings = pool().__reduce__()[1]  # type: ignore[misc]
    del settings["client_ids"]
    with pytest.raises(ValueError, match="another version"):
        _rebuild(kind, settings)


# --- Nonsense


class Named(enum.StrEnum):
    """Settings as some applications hold them."""

    POOL = POOL_ID
    SUFFIX = "amazonaws.com"


CYCLE: dict[str, Any] = {}
CYCLE["keys"] = CYCLE
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


class OddPath(os.PathLike[bytes]):
    """A path in bytes."""

    def __fspath__(self) -> bytes:
        return b"keys.json"


NONSENSE: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    # Each row: what is wrong, the setting, and what the message must say.
    ("pool-id-empty", {"user_pool_id": ""}, ("user_pool_id=''", "us-west-2_EXAMPLE")),
    ("pool-id-none", {"user_pool_id": None}, ("None",)),
    ("pool-id-bytes", {"user_pool_id": POOL_ID.encode()}, ("b'us-west-2_EXAMPLE'",)),
    ("pool-id-enum", {"user_pool_id": Named.POOL}, ("Named.POOL",)),
    ("pool-id-no-region", {"user_pool_id": "EXAMPLE"}, ("'EXAMPLE'",)),
    ("pool-id-arn", {"user_pool_id": f"arn:aws:x:userpool/{POOL_ID}"}, ("arn:aws",)),
    ("pool-id-newline", {"user_pool_id": POOL_ID + "\n"}, (r"EXAMPLE\n",)),
    ("pool-id-space", {"user_pool_id": " " + POOL_ID}, ("' us-west",)),
    ("pool-id-slash", {"user_pool_id": POOL_ID + "/x"}, ("/x",)),
    ("pool-id-arabic-digit", {"user_pool_id": "us-west-\u0662_EXAMPLE"}, ("\u0662",)),
    ("pool-id-arabic-end", {"user_pool_id": "us-west-2_\u0662"}, ("\u0662",)),
    ("pool-id-upper-region", {"user_pool_id": "US-WEST-2_EXAMPLE"}, ("US-WEST-2",)),
    ("pool-id-host", {"user_pool_id": "us-west-2.evil.example_A"}, ("evil",)),
    ("pool-id-too-long", {"user_pool_id": "us-west-2_" + "x" * 46}, ("xxx",)),
    ("pool-id-two-underscores", {"user_pool_id": "us-west-2_A_B"}, ("A_B",)),
    ("clients-text", {"client_ids": CLIENT}, (CLIENT, "client_ids=[")),
    ("clients-bytes", {"client_ids": b"abc"}, ("b'abc'",)),
    ("clients-none", {"client_ids": None}, ("None",)),
    ("clients-number", {"client_ids": 7}, ("7",)),
    ("clients-empty", {"client_ids": []}, ("client_ids is empty", "ANY_CLIENT")),
    ("clients-empty-text", {"client_ids": [""]}, ("''",)),
    ("clients-any-among", {"client_ids": [CLIENT, ANY_CLIENT]}, ("client_ids=ANY_CLIENT",)),
    ("clients-any-in-list", {"client_ids": [ANY_CLIENT]}, ("client_ids=ANY_CLIENT",)),
    ("clients-any-type", {"client_ids": type(ANY_CLIENT)()}, ("ANY_CLIENT",)),
    ("clients-star", {"client_ids": ["*"]}, ("'*'",)),
    ("clients-odd-member", {"client_ids": [CLIENT, 1]}, ("1", "str")),
    ("clients-none-member", {"client_ids": [None]}, ("None",)),
    ("clients-list-member", {"client_ids": [[CLIENT]]}, (CLIENT,)),
    ("clients-enum-member", {"client_ids": [Named.POOL]}, ("Named.POOL",)),
    ("clients-twice", {"client_ids": ["a", "a"]}, ("twice",)),
    ("clients-newline", {"client_ids": ["a\n"]}, (r"a\n",)),
    ("clients-comma", {"client_ids": ["a,b"]}, ("a,b",)),
    ("clients-arabic-digit", {"client_ids": ["a\u0661"]}, ("\u0661",)),
    ("clients-too-long", {"client_ids": ["a" * 129]}, ("aaa",)),
    ("replicas-text", {"replica_regions": "us-east-1"}, ("us-east-1", "replica_regions=[")),
    ("replicas-none", {"replica_regions": None}, ("None",)),
    ("replicas-own", {"replica_regions": ["us-west-2"]}, ("us-west-2", "own")),
    ("replicas-twice", {"replica_regions": ["us-east-1", "us-east-1"]}, ("twice",)),
    ("replicas-no-region", {"replica_regions": ["virginia"]}, ("virginia", "us-east-1")),
    ("replicas-newline", {"replica_regions": ["us-east-1\n"]}, (r"us-east-1\n",)),
    ("replicas-zone", {"replica_regions": ["us-east-1a"]}, ("us-east-1a",)),
    ("replicas-odd", {"replica_regions": [1]}, ("1",)),
    ("replicas-partition", {"replica_regions": ["cn-north-1"]}, ("cn-north-1", "partition")),
    ("replicas-gov", {"replica_regions": ["us-gov-west-1"]}, ("us-gov-west-1",)),
    ("issuers-text", {"issuer_kinds": "original"}, ("original", "issuer_kinds=[")),
    ("issuers-empty", {"issuer_kinds": []}, ("issuer_kinds is empty",)),
    ("issuers-unknown", {"issuer_kinds": ["Original"]}, ("Original", "updated, original, replica")),
    ("issuers-url", {"issuer_kinds": [ORIGINAL]}, (ORIGINAL,)),
    ("issuers-twice", {"issuer_kinds": ["original", "original"]}, ("twice",)),
    ("issuers-replica", {"issuer_kinds": ["replica"], "replica_regions": []}, ("replica_regions",)),
    ("issuers-odd", {"issuer_kinds": [None]}, ("None",)),
    ("audience-empty", {"audience": ""}, ("audience=''",)),
    ("audience-blank", {"audience": " "}, ("' '",)),
    ("audience-empty-list", {"audience": []}, ("audience=[]",)),
    ("audience-blank-member", {"audience": ["https://a", " "]}, ("https://a",)),
    ("audience-none-member", {"audience": ["https://a", None]}, ("audience holds None",)),
    ("audience-twice", {"audience": ["https://a", "https://a"]}, ("twice",)),
    ("audience-nested", {"audience": [["https://a"]]}, ("https://a",)),
    ("machines-alone", {"unbound_machines": True}, ("unbound_machines=True", "audience=")),
    ("machines-text", {"audience": "a", "unbound_machines": "true"}, ("unbound_machines='true'",)),
    ("machines-one", {"audience": "a", "unbound_machines": 1}, ("unbound_machines=1",)),
    ("token-use", {"token_use": "both"}, ("token_use='both'", '"access", "id" or "any"')),
    ("token-use-case", {"token_use": "ID"}, ("token_use='ID'",)),
    ("token-use-list", {"token_use": ["id"]}, ("token_use=['id']",)),
    ("token-use-empty", {"token_use": ""}, ("token_use=''",)),
    ("audience-bytes", {"audience": b"a"}, ("b'a'",)),
    ("offline-text", {"offline": "false"}, ("offline='false'", "True or False")),
    ("offline-one", {"offline": 1}, ("offline=1",)),
    ("offline-none", {"offline": None}, ("offline=None",)),
    ("offline-no-keys", {"offline": True}, ("jwks=", " key_file=", "baked_key_file=")),
    ("emulator-text", {"insecure_emulator": "0"}, ("insecure_emulator='0'",)),
    ("suffix-empty", {"dns_suffix": ""}, ("dns_suffix=''", "amazonaws.com")),
    ("suffix-dot", {"dns_suffix": ".amazonaws.com"}, ("'.amazonaws.com'",)),
    ("suffix-path", {"dns_suffix": "amazonaws.com/x"}, ("/x",)),
    ("suffix-newline", {"dns_suffix": "amazonaws.com\n"}, (r"\n",)),
    ("suffix-bytes", {"dns_suffix": b"amazonaws.com"}, ("b'",)),
    ("suffix-enum", {"dns_suffix": Named.SUFFIX}, ("Named.SUFFIX",)),
    ("suffix-capitals", {"dns_suffix": "Amazonaws.Com"}, ("Amazonaws",)),
    ("key-file-empty", {"key_file": ""}, ("key_file=''",)),
    ("key-file-bytes", {"key_file": b"x"}, ("b'x'",)),
    ("key-file-odd-path", {"key_file": OddPath()}, ("OddPath",)),
    ("key-file-nul", {"key_file": "a\0b"}, (r"a\x00b",)),
    ("key-file-true", {"key_file": True}, ("True",)),
    ("baked-empty", {"baked_key_file": ""}, ("baked_key_file=''",)),
    ("baked-bytes", {"baked_key_file": b"x"}, ("baked_key_file=b'x'",)),
    ("baked-nul", {"baked_key_file": "a\0b"}, (r"baked_key_file='a\x00b'",)),
    ("baked-same", {"baked_key_file": "a", "key_file": "./x/../a"}, ("baked_key_file='a'", "key_file")),
    ("jwks-list", {"jwks": []}, ("list", "dict")),
    ("jwks-number", {"jwks": 1}, ("int",)),
    ("jwks-cycle", {"jwks": CYCLE}, ("JSON",)),
    ("jwks-deep", {"jwks": {"keys": DEEP}}, ("JSON",)),
    ("jwks-bytes-inside", {"jwks": {"keys": [b"x"]}}, ("JSON",)),
    ("jwks-nan", {"jwks": {"keys": [float("nan")]}}, ("JSON",)),
    ("urls-empty", {"jwks_urls": {}}, ("jwks_urls={}",)),
    ("urls-list", {"jwks_urls": ["https://a.example/"]}, ("a.example", "one URL, or a dict")),
    ("urls-bytes", {"jwks_urls": b"https://a.example/"}, ("b'",)),
    ("urls-no-issuer", {"jwks_urls": {"https://a": "https://a"}}, ("'https://a'", ORIGINAL)),
    ("urls-slash", {"jwks_urls": {ORIGINAL + "/": "https://a"}}, (ORIGINAL,)),
    ("urls-none-key", {"jwks_urls": {None: "https://a"}}, ("None",)),
    ("urls-none-value", {"jwks_urls": {ORIGINAL: None}}, ("None", "https URL")),
    ("url-relative", {"jwks_urls": "/jwks.json"}, ("'/jwks.json'", "absolute https URL")),
    ("url-http", {"jwks_urls": {REPLICA: "http://a.example/"}}, ("a.example", "insecure_emulator")),
    ("url-file", {"jwks_urls": "file://localhost/etc/passwd"}, ("https is required",)),
    ("urls-secret", {"jwks_urls": {"https://a.example/?x=hunter2": ORIGINAL}}, ("'https://a.example/?...'",)),
    ("urls-secrets", {"jwks_urls": ["https://a.example/?x=hunter2"]}, ("['https://a.example/?...",)),
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [pytest.param(options, expected, id=name) for name, options, expected in NONSENSE],
)
def test_nonsense_fails_and_is_named(options: dict[str, Any], expected: tuple[str, ...]) -> None:
    """S7: a ConfigurationError that names the value and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        pool(**options)
    for words in expected:
        assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["file://127.0.0.1/x", "ftp://127.0.0.1/x", "ws://moto/x"])
def test_an_emulator_is_still_asked_by_http(name: str) -> None:
    """`insecure_emulator` allows http, no other scheme."""
    with pytest.raises(ConfigurationError):
        pool(jwks_urls=name, insecure_emulator=True)


@pytest.mark.parametrize("options", [{}, {"client_ids": ANY_CLIENT, "pool": "x"}])
def test_what_must_be_chosen_has_no_default(options: dict[str, Any]) -> None:
    """The app clients have to be said; settings are keyword-only and must exist."""
    with pytest.raises(TypeError):
        UserPool(POOL_ID, **options)
    with pytest.raises(TypeError):
        UserPool(POOL_ID, [CLIENT])  # type: ignore[misc]
