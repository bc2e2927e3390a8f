"""Names that are near: mistakes in a known name, and names that only look alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth._config.near_names import nearest_name

KNOWN = (
    "COGNITO_USER_POOL_ID",
    "COGNITO_USER_POOLS",
    "COGNITO_CLIENT_IDS",
    "COGNITO_REPLICA_REGIONS",
    "COGNITO_AUDIENCE",
    "COGNITO_TOKEN_USE",
    "COGNITO_KEY_FILE",
    "COGNITO_BAKED_KEY_FILE",
    "COGNITO_AUTHORIZER_SCOPES",
    "COGNITO_AUTHORIZER_ANY_GROUP",
    "COGNITO_AUTHORIZER_TTL",
)
SLIPS = {
    "COGNITO_CLIENT_ID": "COGNITO_CLIENT_IDS",  # singular
    "COGNITO_AUDIENCES": "COGNITO_AUDIENCE",  # plural
    "COGNITO_AUD": "COGNITO_AUDIENCE",  # the beginning of a part
    "COGNITO_AUTH_SCOPES": "COGNITO_AUTHORIZER_SCOPES",
    "COGNITO_AUTHORISATION_SCOPE": "COGNITO_AUTHORIZER_SCOPES",  # another form of it
    "COGNITO_AUTHORIZER_ANY": "COGNITO_AUTHORIZER_ANY_GROUP",  # the beginning of the name
    "COGNITO_AUTHORIZER_SCOEPS": "COGNITO_AUTHORIZER_SCOPES",  # two letters swapped
    "COGNITO_AUTORIZER_SCOPES": "COGNITO_AUTHORIZER_SCOPES",  # one left out
    "COGNNITO_AUDIENCE": "COGNITO_AUDIENCE",  # one too many
    "COGNIDO_AUDIENCE": "COGNITO_AUDIENCE",  # one wrong
    "COGNITO_USERPOOL_ID": "COGNITO_USER_POOL_ID",  # a separator left out
    "COGNITO_KEY_FILES": "COGNITO_KEY_FILE",
    "cognito_client_ids": "COGNITO_CLIENT_IDS",  # another case
    "COGNITO-CLIENT.IDS": "COGNITO_CLIENT_IDS",  # other separators
    "COGNITO_USER_POOL": "COGNITO_USER_POOLS",  # the nearest of two
}
OTHERS = (
    "COGNITO_IDENTITY_POOL_ID",
    "COGNITO_DOMAIN",
    "COGNITO_REGION",
    "COGNITO_USER_POOL_CLIENT_ID",
    "COGNITO_USER_POOL_ARN",
    "COGNITO_APP_CLIENT_ID",
    "COGNITO_CLIENT_SECRET",
    "COGNITO_ISSUER",
    "COGNITO_TOKEN",
    "COGNITO_USERNAME",
    "COGNITO_AUTH_URL",
    "COGNITO",
    "COGNITO_",
    "USER_POOL_ID",
    "",
    "_",
    "é",
)


@pytest.mark.parametrize(("name", "meant"), SLIPS.items(), ids=SLIPS)
def test_a_slip_finds_its_name(name: str, meant: str) -> None:
    """A plural, a letter, a shortened part, another case: the known name is found."""
    assert nearest_name(name, KNOWN) == meant


def test_other_names_are_near_to_none() -> None:
    """Names that other programs use for other things are left alone."""
    assert {name: nearest_name(name, KNOWN) for name in OTHERS} == dict.fromkeys(OTHERS)


@given(st.sampled_from(KNOWN), st.integers(0, 30), st.sampled_from("AEIX"))
def test_any_letter_of_a_long_part_may_be_wrong(known: str, at: int, letter: str) -> None:
    """One wrong letter in a part of four or more letters is a typing error, at every place."""
    at %= len(known)
    word = known[: at + 1].rpartition("_")[2] + known[at + 1 :].partition("_")[0]
    if known[at] != "_" and len(word) >= 4:
        assert nearest_name(known[:at] + letter + known[at + 1 :], [known]) == known


@given(st.text(max_size=40))
def test_any_name_has_an_answer(name: str) -> None:
    """Whatever an environment holds."""
    assert nearest_name(name, KNOWN) in (None, *KNOWN)
