"""A guard on plain handlers of Lambda functions, for every form of event.

Owns the decorators, and when a handler runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial, wraps
from typing import Any, NamedTuple, Protocol, TypeVar

from cognito_mr_auth._runtime.hooks import is_async, require_sync
from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import Need
from cognito_mr_auth._web.state import PRINCIPAL
from cognito_mr_auth.aws_lambda._lifecycle import on_ping
from cognito_mr_auth.aws_lambda._raw_event import is_ping
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

from .function_guard import Demand, FunctionGuard

__all__ = ["Form", "Handler", "HandlerGuard"]

Event_contra = TypeVar("Event_contra", contravariant=True)
Context_contra = TypeVar("Context_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Handler(Protocol[Event_contra, Context_contra, Result_co]):
    """A handler behind the guard, which takes no principal. The guard may answer in its place."""

    def __call__(self, event: Event_contra, context: Context_contra, /) -> Result_co | dict[str, Any]: ...


class PrincipalHandler(Protocol[Event_contra, Context_contra, Result_co]):
    """A handler that the guard hands the principal to, by its name."""

    def __call__(
        self, event: Event_contra, context: Context_contra, /, *, principal: Principal
    ) -> Result_co: ...


class GuestHandler(Protocol[Event_contra, Context_contra, Result_co]):
    """The same for a handler that also serves guests, whose principal is None."""

    def __call__(
        self, event: Event_contra, context: Context_contra, /, *, principal: Principal | None
    ) -> Result_co: ...


class _Decorator(Protocol):
    def __call__(
        self, handler: PrincipalHandler[Event_contra, Context_contra, Result_co], /
    ) -> Handler[Event_contra, Context_contra, Result_co]: ...


_CO_VARKEYWORDS = 0x08  # inspect.CO_VARKEYWORDS, for a function with **more


class Form(NamedTuple):
    """One form of events: how a request is read, and how a response is written.

    `read` returns a call, which has the `http_request`. `without_body` cuts a handler's response to a
    preflight.
    """

    read: Callable[[object], Any]
    respond: Callable[[HTTPResponse, Any], dict[str, Any]]
    without_body: Callable[[object, Any], object]


class HandlerGuard(FunctionGuard):
    """Guards handlers `(event, context, principal)` of events of one form."""

    def __init__(self, form: Form, given: object, options: Mapping[str, Any], known: Collection[str]) -> None:
        super().__init__(given, options, known)
        self._form = form

    def require(self, policy: Policy | None = None) -> _Decorator:
        """A decorator. The handler runs for the requests that this guard admits.

        With a policy it runs only for a token that meets it. `exclude` does not open it then, and a CORS
        preflight that passes gets 204. Without a policy, `principal=None` is passed for an excluded path, for
        a request without a token under `optional=True`, and for a preflight that passes.

        Raises:
            ConfigurationError: a policy is given and `optional=True` lets requests without a token pass.
            TypeError: `policy` is not a Policy. The decorator raises it for a handler that is a coroutine
                function or does not accept the principal. The decorated handler raises ConfigurationError
                for an event of any other kind, and does not run.
        """
        require_sync(policy)
        if policy is not None and self._guard.optional:
            raise ConfigurationError("optional=True admits requests without a token, which no policy accepts")
        return partial(self._guarded, policy=policy, need="configured" if policy is None else "required")

    def optional(
        self, handler: GuestHandler[Event_contra, Context_contra, Result_co]
    ) -> Handler[Event_contra, Context_contra, Result_co]:
        """A decorator, used without a call. Guests are allowed, and `principal` is None for them.

        A bad token is still refused, on excluded paths too. A token must meet the guard's own policy.

        Raises:
            TypeError: as the decorator of `require` does.
        """
        return self._guarded(handler, policy=None, need="optional")

    def _guarded(self, handler: Any, *, policy: Policy | None, need: Need) -> Handler[Any, Any, Any]:
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
        try:
            demand = Demand(need, [policy], guarded=need == "required")
            answer, preflight, found = self._judge(event, call.http_request, demand, context)
            if answer is None:
                principal = found[PRINCIPAL]
                response = self._run(partial(handler, event, context, principal=principal), call, principal)
                return form.without_body(response, call) if preflight else response
        except AuthError as error:
            answer = guard.response(error)
        return form.respond(answer, call)

    def _run(self, handler: Callable[[], Any], call: Any, principal: Principal | None) -> Any:  # noqa: ARG002
        """Return the handler's response. A subclass may change the request or the response."""
        return handler()


def _check_handler(handler: Any) -> None:
    """Raise TypeError if the guard could not call it. Only a plain function's parameters are checked."""
    if not callable(handler) or is_async(handler):
        raise TypeError("CognitoAuth guards functions; Lambda does not await coroutine functions")
    code = getattr(handler, "__code__", None)
    if code is None or code.co_flags & _CO_VARKEYWORDS:
        return
    if "principal" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        raise TypeError("the principal is passed by keyword: def handler(event, context, principal)")
