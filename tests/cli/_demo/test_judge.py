"""What counts as right and as wrong in the demo, row by row."""

from __future__ import annotations

import pytest

from cognito_mr_auth import errors
from cognito_mr_auth.cli._demo.judge import Call, World, fault, key_could_be_had
from cognito_mr_auth.cli._demo.plan import KINDS
from cognito_mr_auth.cli._demo.tokens import Shot

ALL, ONE, NONE = frozenset(KINDS), frozenset({"replica"}), frozenset[str]()

VALID = Shot("", "valid", forged=False, kid="a")
FOREIGN = Shot("", "bad signature", forged=True, kid="a")
UNSIGNED = Shot("", "alg none", forged=True, kid=None)
UNLISTED = Shot("", "unknown kid", forged=True, kid="x", listed=False)

WELL = [World(0.0, ALL, frozenset("a"))]
DOWN = [*WELL, World(10.0, NONE, frozenset("a"))]
BACK = [*DOWN, World(20.0, ALL, frozenset("a"))]
ONE_LIVES = [*WELL, World(10.0, ONE, frozenset("a"))]
OTHERS_LIVE = [*ONE_LIVES, World(11.0, ALL - ONE, frozenset("a"))]
ROTATED = [World(0.0, ONE, frozenset("b")), World(10.0, ONE, frozenset("ab"))]

COULD = [
    pytest.param(VALID, 5.0, 5.1, "", WELL, True, id="all-well"),
    pytest.param(VALID, 15.0, 15.1, "a", DOWN, True, id="held-in-an-outage"),
    pytest.param(VALID, 15.0, 15.1, "", DOWN, False, id="not-held-in-an-outage"),
    pytest.param(VALID, 11.0, 11.1, "", DOWN, False, id="just-gone-down"),
    pytest.param(VALID, 9.9, 10.1, "", DOWN, False, id="goes-down-meanwhile"),
    pytest.param(VALID, 9.0, 25.0, "", BACK, False, id="down-in-between"),
    pytest.param(VALID, 20.5, 20.6, "", BACK, False, id="may-still-be-left-alone"),
    pytest.param(VALID, 22.5, 22.6, "", BACK, True, id="back-for-long-enough"),
    pytest.param(VALID, 15.0, 15.1, "", ONE_LIVES, True, id="one-lives"),
    pytest.param(VALID, 11.5, 11.6, "", OTHERS_LIVE, False, id="no-one-lived-throughout"),
    pytest.param(VALID, 10.0, 10.1, "b", ROTATED, True, id="just-rotated"),
    pytest.param(VALID, 9.9, 10.1, "b", ROTATED, False, id="listed-meanwhile"),
    pytest.param(UNSIGNED, 15.0, 15.1, "", DOWN, True, id="no-key-needed"),
    pytest.param(UNLISTED, 5.0, 5.1, "", WELL, True, id="all-say-unknown"),
    pytest.param(UNLISTED, 15.0, 15.1, "", ONE_LIVES, False, id="not-all-say-unknown"),
]


@pytest.mark.parametrize(("shot", "began", "ended", "held", "worlds", "could"), COULD)
def test_whether_a_key_could_be_had(
    shot: Shot, began: float, ended: float, held: str, worlds: list[World], could: bool
) -> None:
    """Held, or listed by an endpoint that was well for long enough; unknown takes all of them."""
    call = Call(shot, began, ended, frozenset(held))
    assert key_could_be_had(call, worlds) is could


ANSWERS = [
    pytest.param(VALID, None, WELL, None, id="valid-accepted"),
    pytest.param(VALID, errors.TokenExpired(), WELL, "valid token refused", id="valid-401"),
    pytest.param(VALID, errors.KeyUnknown(), DOWN, "valid token refused", id="valid-401-outage"),
    pytest.param(VALID, errors.PolicyDenied(), WELL, "valid token refused", id="valid-403"),
    pytest.param(VALID, errors.KeysUnavailable(), WELL, "503 though", id="valid-503"),
    pytest.param(VALID, errors.KeysUnavailable(), DOWN, None, id="valid-503-outage"),
    pytest.param(FOREIGN, None, DOWN, "forged token accepted", id="forged-accepted"),
    pytest.param(FOREIGN, errors.SignatureInvalid(), WELL, None, id="forged-401"),
    pytest.param(FOREIGN, errors.KeysUnavailable(), WELL, "503 though", id="forged-503"),
    pytest.param(FOREIGN, errors.KeysUnavailable(), DOWN, None, id="forged-503-outage"),
    pytest.param(UNSIGNED, errors.KeysUnavailable(), DOWN, "503 though", id="no-key-needed-503"),
    pytest.param(UNLISTED, errors.KeyUnknown(), WELL, None, id="unknown-401"),
    pytest.param(UNLISTED, errors.KeysUnavailable(), WELL, "503 though", id="unknown-503"),
    pytest.param(UNLISTED, errors.KeysUnavailable(), ONE_LIVES, None, id="unknown-503-outage"),
]


@pytest.mark.parametrize(("shot", "error", "worlds", "expected"), ANSWERS)
def test_what_is_wrong(
    shot: Shot, error: errors.AuthError | None, worlds: list[World], expected: str | None
) -> None:
    """Each answer to each kind of token, in health and in an outage."""
    found = fault(Call(shot, 15.0, 15.1, frozenset()), error, worlds)
    assert found is None if expected is None else str(found).startswith(expected)
