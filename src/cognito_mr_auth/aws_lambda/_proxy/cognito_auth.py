"""A guard on plain handlers: functions that serve an API's requests themselves.

Owns the decorators alone. `_proxy.events` reads the event and writes the answer, and the guard decides who
passes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Unpack

from cognito_mr_auth._runtime.hooks import is_async, require_sync
from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth.aws_lambda._lifecycle import on_ping, on_restore, wait_limit, warm_up
from cognito_mr_auth.aws_lambda._raw_event import is_ping
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.verifier import Verifier

from .events import marked, read, respond, without_body

__all__ = ["CognitoAuth"]

Handler = Callable[[Any, Any], Any]

_CO_VARKEYWORDS = 0x08  # inspect.CO_VARKEYWORDS, for a function with **more


class CognitoAuth:
    """Guards plain handlers of Lambda functions.

        auth = CognitoAuth(verifier)

        @auth.require(policy.scopes("orders/read"))
        def handler(event, context, principal): ...

    For functions behind REST, HTTP and WebSocket (`$connect`) APIs of API Gateway, function URLs and load
    balancers. The handler gets the event as it came, and the principal by keyword: None for a request that
    passes without a token. Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and
    `{"detail": "...", "reason": "..."}`, in the form of their event. An AuthError that the handler raises is
    answered alike. REST APIs send `WWW-Authenticate` of an integration as `x-amzn-Remapped-WWW-Authenticate`.
    A ping that keeps the function warm gets `{}`, and does not reach the handler.

    Args:
        verifier: what tokens are verified with, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions. May come later, by `bind`.
        subprotocol: a marker; the subprotocol offered right after it is the token (`$connect` only). The
            answer has the marker in `Sec-WebSocket-Protocol`, unless the handler picks a subprotocol.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them. API Gateway and
            function URLs answer CORS preflights themselves; with `preflight="pass"` they reach the handler
            without a principal, and its answer goes out without a body. `exclude` is compared with the
            event's path, and never opens a `$connect`. A request waits for keys no longer than the invocation
            has time left.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        subprotocol: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        given = {**options} if subprotocol is None else {**options, "subprotocol": subprotocol}
        known = {*Options.__optional_keys__, "subprotocol"}
        self._guard = RequestGuard.of("CognitoAuth", verifier, given, known, unbound=True, load_client=False)
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
        guard = self._guard
        if is_ping(event):
            return on_ping(guard.verifier, context)
        call = read(event)
        answer = guard.document(call.http_request)
        if answer is None:
            try:
                preflight = guard.is_preflight(call.http_request)
                if preflight and need == "required":
                    return respond(HTTPResponse(204, (), b""), call)
                wait = partial(wait_limit, context, guard.timeout)
                principal = guard.verify(call.http_request, policy, need=need, timeout=wait)
                response = handler(event, context, principal=principal)
            except AuthError as error:
                answer = guard.response(error)
            else:
                if preflight:
                    return without_body(response, call)
                return marked(response, call, guard.subprotocol)
        return respond(answer, call)


def _check_handler(handler: Any) -> None:
    """Raises TypeError if the guard could not call it; only a plain function's parameters are checked."""
    if not callable(handler) or is_async(handler):
        raise TypeError("CognitoAuth guards functions that are no coroutine functions: Lambda awaits none")
    code = getattr(handler, "__code__", None)
    if code is None or code.co_flags & _CO_VARKEYWORDS:
        return
    if "principal" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        raise TypeError("the principal is handed on by its name: def handler(event, context, principal)")
