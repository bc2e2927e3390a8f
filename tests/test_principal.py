"""Who a verified token speaks for: an immutable value."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth.principal import Issuer, Principal, _principal_from_payload
from cognito_mr_auth.testing import REMOVE

POOL_ID = "us-west-2_EXAMPLE"
ISSUER = Issuer(f"https://cognito-idp.us-east-1.amazonaws.com/{POOL_ID}", "replica", "us-east-1")

ACCESS: dict[str, Any] = {
    "sub": "a-subject",
    "token_use": "access",
    "client_id": "a-client",
    "username": "alice",
    "scope": "orders/read openid",
    "cognito:groups": ["ops", "admin"],
    "iat": 1_800_000_000,
    "exp": 1_800_003_600.5,
}
ID: dict[str, Any] = {
    "sub": "a-subject",
    "token_use": "id",
    "aud": "a-client",
    "cognito:username": "alice",
    "email": "alice@example.com",
    "identities": [{"userId": "1", "issuer": None, "deep": [{"er": [1]}]}],
    "iat": 1_800_000_000,
    "exp": 1_800_003_600,
}


def principal(claims: dict[str, Any], **changes: Any) -> Principal:
    """A principal of these claims, some of them changed, added or removed."""
    merged = {name: value for name, value in (claims | changes).items() if value is not REMOVE}
    return Principal(merged, issuer=ISSUER, user_pool_id=POOL_ID)


# --- The fields


def test_an_access_token_speaks_for_its_user() -> None:
    """Each field comes from the claim of its token use."""
    who = principal(ACCESS, **{"cognito:username": "not this one", "aud": "nor this"})
    assert (who.subject, who.username, who.client_id) == ("a-subject", "alice", "a-client")
    assert (who.token_use, who.is_machine) == ("access", False)
    assert who.scopes == {"orders/read", "openid"}
    assert who.groups == ("ops", "admin")
    assert (who.issued_at, who.expires_at) == (1_800_000_000, 1_800_003_600.5)
    assert (who.issuer, who.user_pool_id) == (ISSUER, POOL_ID)


def test_an_id_token_speaks_for_its_user() -> None:
    """The client is `aud`, the user `cognito:username`; a claim named `scope` grants nothing."""
    who = principal(ID, client_id="not this one", username="nor this", scope="orders/read")
    assert (who.client_id, who.username, who.token_use) == ("a-client", "alice", "id")
    assert (who.scopes, who.groups, who.is_machine) == (frozenset(), (), False)


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        (REMOVE, ()),
        ("", ()),
        (" ", ()),
        ("a", ("a",)),
        ("a  b a", ("a", "b")),
        ("a\tb", ("a\tb",)),
        (["a"], ()),
        (None, ()),
        (True, ()),
        ({"a": 1}, ()),
    ],
    ids=repr,
)
def test_scopes_are_split_at_spaces_only(scope: object, scopes: tuple[str, ...]) -> None:
    """RFC 6749 3.3: a string of values separated by spaces; anything else grants nothing."""
    assert principal(ACCESS, scope=scope).scopes == set(scopes)


@pytest.mark.parametrize(
    ("claimed", "groups"),
    [
        (REMOVE, ()),
        ([], ()),
        (["a"], ("a",)),
        (["b", "a", "b"], ("b", "a", "b")),
        ("ops", ()),
        ({"ops": 1}, ()),
        (["ops", 1], ()),
        ([["ops"]], ()),
        (None, ()),
    ],
    ids=repr,
)
def test_groups_are_an_array_of_strings(claimed: object, groups: tuple[str, ...]) -> None:
    """An array with one odd member, or no array, names no group."""
    assert principal(ACCESS, **{"cognito:groups": claimed}).groups == groups


@pytest.mark.parametrize(
    ("changes", "machine"),
    [
        ({"sub": "a-client", "username": REMOVE}, True),
        ({"sub": "a-client", "username": None}, False),
        ({"sub": "a-client"}, False),
        ({"username": REMOVE}, False),
        ({"sub": "a-client", "username": REMOVE, "token_use": "id", "aud": "a-client"}, False),
    ],
    ids=["machine", "username-null", "username", "another-subject", "id-token"],
)
def test_a_machine_is_its_own_client(changes: dict[str, Any], *, machine: bool) -> None:
    """Client credentials: `sub` equals `client_id` and there is no user name."""
    assert principal(ACCESS, **changes).is_machine is machine


@pytest.mark.parametrize("name", [1, None, ["alice"], {"a": "b"}, True], ids=repr)
def test_an_odd_username_is_none(name: object) -> None:
    """`username` is a str or None, never anything else."""
    assert principal(ACCESS, username=name).username is None


# --- Immutability


FIELDS = [
    "claims",
    "client_id",
    "expires_at",
    "groups",
    "issued_at",
    "issuer",
    "provider",
    "scopes",
    "subject",
    "token_use",
    "user_pool_id",
    "username",
]


@pytest.mark.parametrize("name", [*FIELDS, "is_machine", "extra"])
def test_nothing_can_be_set_or_deleted(name: str) -> None:
    """One Principal serves all hits of a cached token, so nobody may change it."""
    who = principal(ACCESS)
    with pytest.raises(AttributeError):
        setattr(who, name, "someone else")
    with pytest.raises(AttributeError):
        delattr(who, name)
    assert not hasattr(who, "__dict__")


def verified(claims: dict[str, Any]) -> Principal:
    """A principal as a verifier makes it, which freezes its claims when somebody asks for them."""
    return _principal_from_payload(copy.deepcopy(claims), ISSUER, POOL_ID, POOL_ID)


@pytest.mark.parametrize("make", [principal, verified])
def test_the_claims_are_deeply_read_only(make: Callable[[dict[str, Any]], Principal]) -> None:
    """Arrays are tuples, objects read-only mappings, at every depth (ATK-63)."""
    claims = make(ID).claims
    (identity,) = claims["identities"]
    for mapping in (claims, identity, identity["deep"][0]):
        assert type(mapping) is MappingProxyType
        with pytest.raises(TypeError):
            mapping["sub"] = "someone else"
    assert identity["deep"][0]["er"] == (1,)
    assert make(ACCESS).claims["cognito:groups"] == ("ops", "admin")


def test_the_claims_are_a_copy() -> None:
    """Changing what it was made from changes nothing."""
    source = copy.deepcopy(ID)
    who = Principal(source, issuer=ISSUER, user_pool_id=POOL_ID)
    source["sub"] = "someone else"
    source["identities"][0]["deep"][0]["er"].append(2)
    assert who == principal(ID)
    assert who.claims["identities"][0]["deep"][0]["er"] == (1,)


# --- Equality


@pytest.mark.parametrize(
    ("changes", "equal"),
    [
        pytest.param({}, True, id="alike"),
        pytest.param({"provider": "another"}, False, id="of-another-provider"),
        pytest.param({"issuer": Issuer(ISSUER.url, "original", ISSUER.region)}, False, id="another-kind"),
        pytest.param({"claims": ACCESS | {"sub": "b"}}, False, id="of-another-user"),
    ],
)
def test_principals_are_equal_by_value(changes: dict[str, Any], equal: bool) -> None:
    """Whose token it is counts as well: two providers may give one subject to two people."""
    values = {"claims": ACCESS, "issuer": ISSUER, "user_pool_id": POOL_ID} | changes
    twin = Principal(values.pop("claims"), **values)
    assert (twin == principal(ACCESS)) is equal


# --- Copies

EVERYBODY = [
    pytest.param(ACCESS, id="access"),
    pytest.param(ID, id="id"),
    pytest.param(ACCESS | {"sub": "a-client", "extra": {"a": [[], {}]}}, id="nested"),
]


@pytest.mark.parametrize("claims", EVERYBODY)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_works(claims: dict[str, Any], protocol: int) -> None:
    """What comes out of a pickle is equal, and as read-only."""
    who = principal(claims)
    twin = pickle.loads(pickle.dumps(who, protocol))  # noqa: S301
    assert twin == who
    assert hash(twin) == hash(who)
    assert type(twin.claims) is MappingProxyType
    assert type(twin.issuer) is Issuer
    assert [getattr(twin, name) for name in FIELDS] == [getattr(who, name) for name in FIELDS]


def test_a_copy_is_the_principal_itself() -> None:
    """An immutable value needs no copies."""
    who = principal(ID)
    assert copy.copy(who) is who
    assert copy.deepcopy({"who": [who]})["who"][0] is who


@pytest.mark.parametrize("claims", EVERYBODY)
def test_to_dict_is_fresh_and_json_able(claims: dict[str, Any]) -> None:
    """Every field and `is_machine`, in lists and dicts of its own."""
    who = principal(claims)
    exported = who.to_dict()
    assert json.loads(json.dumps(exported, allow_nan=False)) == exported
    assert set(exported) == {*FIELDS, "is_machine"}
    assert exported["claims"] == claims
    assert exported["scopes"] == sorted(who.scopes)
    assert exported["issuer"] == {"url": ISSUER.url, "kind": "replica", "region": "us-east-1"}
    exported["claims"]["sub"] = "someone else"
    exported["groups"].append("admin")
    assert who.to_dict() == principal(claims).to_dict() != exported


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_any_claim_survives(value: Any) -> None:
    """Triggers add what they like: it comes back from to_dict() and from a pickle."""
    who = principal(ACCESS, extra=value)
    assert who.to_dict()["claims"]["extra"] == value
    twin = pickle.loads(pickle.dumps(who))  # noqa: S301
    assert twin.to_dict() == who.to_dict()


# --- Identity


@pytest.mark.parametrize(
    "other",
    [
        principal(ACCESS, sub="another"),
        principal(ACCESS, extra=1),
        principal(ID),
        Principal(ACCESS, issuer=Issuer(ISSUER.url, "original", ISSUER.region), user_pool_id=POOL_ID),
        ACCESS,
        None,
    ],
    ids=["subject", "one-more-claim", "id-token", "issuer", "claims", "none"],
)
def test_principals_differ_by_claims_and_issuer(other: object) -> None:
    """Equal are two of the same claims from the same issuer, and nothing else."""
    assert principal(ACCESS) != other
    assert principal(ACCESS) == principal(ACCESS)
    assert len({principal(ACCESS), principal(ACCESS), principal(ID)}) == 2


@pytest.mark.parametrize("claims", [ACCESS, ID], ids=["access", "id"])
def test_repr_shows_no_claim(claims: dict[str, Any]) -> None:
    """Pool, issuer kind and token use may be logged; nothing that a claim says."""
    use = claims["token_use"]
    for text in (repr(principal(claims)), str(principal(claims)), f"{principal(claims)}"):
        assert text == f"<Principal {use} token of {POOL_ID}, replica issuer>"


# --- Whose principal, and the issuer


def test_a_principal_is_of_some_provider() -> None:
    """The provider is the pool unless it is named; without both there is no principal."""
    assert principal(ACCESS).provider == POOL_ID
    named = Principal(ACCESS, issuer=ISSUER, user_pool_id=None, provider="https://idp.example")
    assert (named.provider, named.user_pool_id) == ("https://idp.example", None)
    assert repr(named).startswith("<Principal access token of https://idp.example,")
    assert pickle.loads(pickle.dumps(named)).provider == named.provider  # noqa: S301 - our own
    with pytest.raises(TypeError, match="provider="):
        Principal(ACCESS, issuer=ISSUER, user_pool_id=None)


def test_a_token_without_an_app_client_has_none() -> None:
    """Another provider's access token may name no client: None, and no error."""
    claims = {name: value for name, value in ACCESS.items() if name != "client_id"}
    assert Principal(claims, issuer=ISSUER, user_pool_id=None, provider="idp").client_id is None


@pytest.mark.parametrize("name", ["url", "kind", "region", "extra"])
def test_an_issuer_is_a_frozen_value(name: str) -> None:
    """It compares and hashes by value, is not a tuple, and cannot be changed."""
    with pytest.raises(AttributeError):
        setattr(ISSUER, name, "x")
    with pytest.raises(AttributeError):
        delattr(ISSUER, name)
    twin = pickle.loads(pickle.dumps(ISSUER))  # noqa: S301 - our own
    assert twin == ISSUER
    assert hash(twin) == hash(ISSUER)
    assert copy.copy(ISSUER) == copy.deepcopy(ISSUER) == ISSUER
    assert (ISSUER.url, ISSUER.kind, ISSUER.region) != ISSUER
    assert Issuer(ISSUER.url, ISSUER.kind, None) != ISSUER
    assert repr(ISSUER) == f"Issuer(url={ISSUER.url!r}, kind={ISSUER.kind!r}, region={ISSUER.region!r})"
