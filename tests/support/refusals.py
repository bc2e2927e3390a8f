"""A refused token and what its error may carry: nothing of the token (E)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from cognito_mr_auth.errors import AuthError

CANARY = "c4n4ryInTheToken"
"""Put it where a token's content goes; `refused` looks for it in whatever the error shows."""

Refusal = TypeVar("Refusal", bound=AuthError)


def refused(kind: type[Refusal], function: Callable[..., Any], *values: Any, **named: Any) -> Refusal:
    """The error of exactly this class that the call ends with, once it has been searched."""
    with pytest.raises(kind) as caught:
        function(*values, **named)
    error = caught.value
    assert type(error) is kind
    # A decoder's exception holds the whole payload, and loggers print causes and contexts.
    assert error.__cause__ is None
    assert error.__context__ is None
    assert CANARY not in f"{error} {error!r} {error.args} {vars(error)}"
    return error
