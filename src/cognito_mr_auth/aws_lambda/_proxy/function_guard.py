"""What the guards of Lambda functions share: they block, and keep to the time that an invocation has left.

Owns the life of such a guard, and the decorators of plain handlers. `FunctionGuard` is for frameworks that
have routes of their own; `HandlerGuard` for handlers, whatever the form of their events. The guard of `_web`
decides who passes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial, reduce, wraps
from operator import and_
from typing import Any, NamedTuple

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import is_async, require_sync
from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth.aws_lambda._lifecycle import on_ping, on_restore, wait_limit, warm_up
from cognito_mr_auth.aws_lambda._raw_event import is_ping
from cognito_mr_auth.errors import AuthError, ConfigurationError, TokenExpired
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

__all__ = ["Form", "FunctionGuard", "Handler", "HandlerGuard"]

Handler = Callable[[Any, Any], Any]

_CO_VARKEYWORDS = 0x08  # inspect.CO_VARKEYWORDS, for a function with **more


class FunctionGuard:
    """A guard that may get its verifier later, whose hooks must not be coroutine functions.

    `given` is a Verifier, a Guard or None, `options` are the guard's, of those that are `known`. With
    `behind_authorizer`, the principal that an authorizer in front has handed on is taken for the token's.
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
        """Verify with `verifier` from now on, where settings come after the import.

        An event before it is a ConfigurationError, and runs no handler.

        Raises:
            ConfigurationError: there is another one already.
            TypeError: for what is no Verifier, or one whose `revoked` is a coroutine function.
        """
        self._guard.bind(verifier)

    def _warm_up(self) -> None:
        if self._guard.bound:
            warm_up(self._guard.verifier)

    def _principal(
        self,
        event: object,
        request: HTTPRequest,
        policies: Iterable[Policy | None],
        need: Need,
        context: object,
    ) -> Principal | None:
        """The principal of an event's request, found in the time that the invocation has left.

        `policies` are the route's, which hold together; None stands for any valid token.

        Raises:
            AuthError: it may not pass.
            ConfigurationError: there is no verifier yet.
        """
        named = [each for each in policies if each is not None]
        policy = reduce(and_, named) if named else None
        wait = partial(wait_limit, context, self._guard.timeout)
        behind = self._handed_on(event) if self._behind_authorizer else {}
        return self._guard.verify(request, policy, need=need, behind=behind, timeout=wait)

    def _handed_on(self, event: object) -> Mapping[str, Any]:
        """The principal of an authorizer in front, as a guard in front leaves its own; or nothing."""
        from .upstream import principal_from_authorizer, still_valid  # most functions have none in front

        try:
            principal = principal_from_authorizer(event)
        except LookupError:
            return {}
        clock = self._guard.verifier._clock
        if not still_valid(event, clock=lambda: clock()[0]):  # the authorizer's answer may be a cached one
            raise TokenExpired
        self._guard.check_adopted(principal, None)
        return {GUARD: self._guard, PRINCIPAL: principal}


class Form(NamedTuple):
    """One form of events: how a request is read, and how an answer is written.

    `read` gives a call, which has the `http_request`; `without_body` cuts a handler's answer to a preflight.
    """

    read: Callable[[object], Any]
    respond: Callable[[HTTPResponse, Any], dict[str, Any]]
    without_body: Callable[[object, Any], object]


class HandlerGuard(FunctionGuard):
    """Guards handlers `(event, context, principal)` of events of one form."""

    def __init__(self, form: Form, given: object, options: Mapping[str, Any], known: Collection[str]) -> None:
        super().__init__(given, options, known)
        self._form = form

    def require(self, policy: Policy | None = None) -> Callable[[Callable[..., Any]], Handler]:
        """A decorator: the handler runs for the requests that this guard admits.

        With a policy it runs only for a token that meets it: `exclude` does not open it, and a CORS preflight
        that passes gets 204. Without one, an excluded path, a request without a token under `optional=True`
        and a preflight that passes reach it with `principal=None`.

        Raises:
            ConfigurationError: for a policy beside `optional=True`, which lets requests without a token in.
            TypeError: for what is no policy; by the decorator, for a handler that is a coroutine function
                or does not take the principal. The decorated handler raises ConfigurationError for an
                event of any other kind, and does not run.
        """
        require_sync(policy)
        if policy is not None and self._guard.optional:
            raise ConfigurationError("optional=True admits requests without a token, and no policy can")
        return partial(self._guarded, policy=policy, need="configured" if policy is None else "required")

    def optional(self, handler: Callable[..., Any]) -> Handler:
        """A decorator, used without a call: guests are welcome, and the principal is then None.

        A bad token is refused all the same, on excluded paths too. A token must meet the guard's own policy.

        Raises:
            TypeError: as the decorator of `require` does.
        """
        return self._guarded(handler, policy=None, need="optional")

    def _guarded(self, handler: Any, *, policy: Policy | None, need: Need) -> Handler:
        _check_handler(handler)

        @wraps(handler)
        def guarded(event: Any, context: Any) -> Any:
            return self._serve(handler, policy, need, event, context)

        return guarded

    def _serve(
        self, handler: Callable[..., Any], policy: Policy | None, need: Need, event: Any, context: Any
    ) -> Any:
        guard, form = self._guard, self._form
        if is_ping(event):
            return on_ping(guard.verifier, context)
        call = form.read(event)
        answer = guard.document(call.http_request)
        if answer is None:
            try:
                preflight = guard.is_preflight(call.http_request)
                if preflight and need == "required":
                    return form.respond(HTTPResponse(204, (), b""), call)
                principal = self._principal(event, call.http_request, [policy], need, context)
                response = self._run(partial(handler, event, context, principal=principal), call, principal)
            except AuthError as error:
                answer = guard.response(error)
            else:
                return form.without_body(response, call) if preflight else response
        return form.respond(answer, call)

    def _run(self, handler: Callable[[], Any], call: Any, principal: Principal | None) -> Any:  # noqa: ARG002
        """The handler's answer. A subclass may add to the request before it, or to the answer."""
        return handler()


def _check_handler(handler: Any) -> None:
    """Raises TypeError if the guard could not call it; only a plain function's parameters are checked."""
    if not callable(handler) or is_async(handler):
        raise TypeError("CognitoAuth guards functions that are no coroutine functions: Lambda awaits none")
    code = getattr(handler, "__code__", None)
    if code is None or code.co_flags & _CO_VARKEYWORDS:
        return
    if "principal" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        raise TypeError("the principal is handed on by its name: def handler(event, context, principal)")
