"""The parts that the guards of Lambda functions share. They block, but never beyond an invocation's time.

Owns the life of such a guard, and the order in which a request is checked. The guard of `_web` decides which
requests pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial, reduce
from operator import and_
from typing import Any, Final, NamedTuple

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.preflight import ANSWER
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth.aws_lambda._lifecycle import on_restore, wait_limit, warm_up
from cognito_mr_auth.errors import TokenExpired
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.verifier import Verifier

__all__ = ["JUDGE", "Demand", "FunctionGuard", "Verdict"]

JUDGE: Final = "cognito_mr_auth.judge"
"""The key in a request's state of the guard that has checked it."""


class Demand(NamedTuple):
    """What a route or handler requires of a request; `need` is None if no token is read.

    All `policies` apply; None stands for any valid token. `guarded`: it has its own guard, so it does not run
    for a preflight.
    """

    need: Need | None
    policies: Sequence[Policy | None] = ()
    guarded: bool = False


class Verdict(NamedTuple):
    """A response that replaces the handler's, or else the request's state while the handler runs."""

    answer: HTTPResponse | None
    is_preflight: bool = False
    found: Mapping[str, Any] = {}


class FunctionGuard:
    """A guard whose verifier may be bound later, and whose hooks must not be coroutine functions.

    `given` is a Verifier, a Guard or None. `options` are the guard's, of those that are `known`. With
    `behind_authorizer`, the principal from an authorizer in front replaces the token's.
    """

    def __init__(
        self,
        given: object,
        options: Mapping[str, Any],
        known: Collection[str] = Options.__optional_keys__,
        *,
        behind_authorizer: bool = False,
    ) -> None:
        check_flag("behind_authorizer", behind_authorizer)
        self._behind_authorizer = behind_authorizer
        self._guard = RequestGuard.of("CognitoAuth", given, options, known, unbound=True, load_client=False)
        self._guard.refuse_async_hooks()
        on_restore(self._warm_up)

    def __repr__(self) -> str:
        return f"CognitoAuth({self._guard.verifier!r})" if self._guard.bound else "CognitoAuth()"

    def bind(self, verifier: Verifier) -> None:
        """Set the verifier if the settings are read after the import.

        An event before that raises ConfigurationError, and no handler runs.

        Raises:
            ConfigurationError: another verifier is bound already.
            TypeError: the argument is not a Verifier, or its `revoked` is a coroutine function.
        """
        self._guard.bind(verifier)

    def _warm_up(self) -> None:
        if self._guard.bound:
            warm_up(self._guard.verifier)

    def _judge(self, event: object, request: HTTPRequest, demand: Demand, context: object) -> Verdict:
        """Check an event's request, in the remaining time of the invocation.

        Raises:
            AuthError: the guard refuses the request.
            ConfigurationError: no verifier is bound yet.
        """
        guard, need = self._guard, demand.need
        document = guard.document(request)
        if document is not None or need is None:
            return Verdict(document)
        preflight = guard.is_preflight(request)
        if preflight and demand.guarded:
            return Verdict(ANSWER, preflight)
        named = [each for each in demand.policies if each is not None]
        policy = reduce(and_, named) if named else None
        wait = partial(wait_limit, context, guard.timeout)
        behind = self._handed_on(event) if self._behind_authorizer else {}
        principal = guard.verify(request, policy, need=need, behind=behind, timeout=wait)
        return Verdict(None, preflight, {PRINCIPAL: principal, JUDGE: self})

    def _handed_on(self, event: object) -> Mapping[str, Any]:
        """Return the principal of an authorizer in front as a guard's state, or an empty mapping."""
        from .upstream import principal_from_authorizer, still_valid  # most functions have no authorizer

        try:
            principal = principal_from_authorizer(event)
        except LookupError:
            return {}
        clock = self._guard.verifier._clock
        if not still_valid(event, clock=lambda: clock()[0]):  # the authorizer's response may be cached
            raise TokenExpired
        self._guard.check_adopted(principal, None)
        return {GUARD: self._guard, PRINCIPAL: principal}
