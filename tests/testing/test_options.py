"""The types of the kit's arguments list what there is, so that a type checker finds each mistake."""

from __future__ import annotations

import inspect
from typing import Any, get_args

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth._issuers.options import AllPoolOptions
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth.testing import FAULTS, MALFORMED, FakeUserPool, FaultMode, MalformedName
from cognito_mr_auth.testing._endpoints.faults import FaultName, FaultOptions
from cognito_mr_auth.testing._options import DjangoKeys, PoolOptions, VerifierOptions
from cognito_mr_auth.testing._tokens.mint import AccessTokenOptions, TokenOptions, UserOptions


def keywords(function: Any) -> set[str]:
    """The keyword-only parameters of a function."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}


def test_the_names_are_those_of_the_tables() -> None:
    """`malformed=` and `fail()` take each row's name, a status as a number too, and nothing else."""
    assert get_args(MalformedName) == tuple(MALFORMED)
    assert get_args(FaultName) == tuple(FAULTS)
    numbers = {int(name) for name in FAULTS if name.isdigit()}
    assert {each for part in get_args(FaultMode) for each in get_args(part)} == {*FAULTS, *numbers}


def test_the_options_are_those_of_the_functions() -> None:
    """What is passed on is listed as the function that takes it lists it."""
    assert VerifierOptions.__optional_keys__ == keywords(Verifier) - {"token_use"}
    assert AllPoolOptions.__optional_keys__ == keywords(UserPool)
    assert PoolOptions.__optional_keys__ == keywords(UserPool) - {"offline"}
    of_guards = {name.upper() for name in Options.__optional_keys__}
    assert DjangoKeys.__optional_keys__ == of_guards | {"CSRF_EXEMPT", "PROTECT_ALL", "USER"}
    assert FaultOptions.__optional_keys__ == {
        name for row in FAULTS.values() for name in keywords(row.prepare)
    }
    own = keywords(FakeUserPool.access_token)
    assert AccessTokenOptions.__optional_keys__ == own | TokenOptions.__optional_keys__
    assert UserOptions.__optional_keys__ == AccessTokenOptions.__optional_keys__ - {
        "header",
        "signed_by",
        "malformed",
    }
