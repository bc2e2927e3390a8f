"""How a token ends at a verifier: one verdict, the same from `verify` and from `averify`.

Owns the comparison of the two, and that no error carries another one: a decoder's exception holds the whole
payload (E). What the verdict ought to be is the test's own business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cognito_mr_auth import Principal, Verifier
from cognito_mr_auth.errors import AuthError


def at_once(coroutine: Any) -> Any:
    """What a coroutine gives that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    finally:
        coroutine.close()
    raise AssertionError("it waits")


def verdict(verifier: Verifier, token: Any) -> Principal | AuthError:
    """The principal or the documented error of both methods; any other exception goes through."""
    found = _end(verifier.verify, token)
    other = _end(lambda each: at_once(verifier.averify(each)), token)
    for each in (found, other):
        if isinstance(each, AuthError):
            assert each.__cause__ is each.__context__ is None
    assert found == other if isinstance(found, Principal) else type(found) is type(other)
    return found


def _end(call: Callable[[Any], Principal], token: Any) -> Principal | AuthError:
    try:
        return call(token)
    except AuthError as error:
        return error
