"""A guard on plain handlers: functions that serve an API's requests themselves.

Owns only its settings. `_proxy.handler_guard` has the decorators, and `_proxy.events` reads the event and
writes the response. The guard decides which requests pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from cognito_mr_auth._web.settings import Options
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from .events import Call, marked, read, respond, without_body
from .handler_guard import Form, HandlerGuard

__all__ = ["CognitoAuth"]

_PROXY = Form(read, respond, without_body)


class CognitoAuth(HandlerGuard):
    """Guards plain handlers of Lambda functions.

        auth = CognitoAuth(verifier)

        @auth.require(policy.scopes("orders/read"))
        def handler(event, context, principal): ...

    It is for functions behind REST, HTTP and WebSocket (`$connect`) APIs of API Gateway, function URLs, load
    balancers and VPC Lattice. The handler gets the event unchanged, and the principal by keyword. It is None
    for a request that passes without a token. Other requests get 400, 401, 403 or 503 with a challenge (RFC
    6750 3) and the body `{"detail": "...", "reason": "..."}`, in the form of their event. An AuthError that
    the handler raises gets the same response. REST APIs rename the header `WWW-Authenticate` of an
    integration to `x-amzn-Remapped-WWW-Authenticate`. A ping that keeps the function warm gets `{}`, and does
    not reach the handler.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions. `bind` can set it later.
        subprotocol: a marker. The subprotocol offered right after it is the token (`$connect` only). The
            response has the marker in `Sec-WebSocket-Protocol`, unless the handler selects a subprotocol.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. API Gateway and
            function URLs answer CORS preflights themselves. With `preflight="pass"` other preflights reach
            the handler without a principal, and its response is sent without a body. `exclude` is compared
            with the event's path, and never opens a `$connect`. A request waits for keys at most as long as
            the invocation has time left.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        subprotocol: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        given = {**options} if subprotocol is None else {**options, "subprotocol": subprotocol}
        super().__init__(_PROXY, verifier, given, {*Options.__optional_keys__, "subprotocol"})

    def _run(self, handler: Callable[[], Any], call: Call, principal: Principal | None) -> Any:
        return marked(super()._run(handler, call, principal), call, self._guard.subprotocol)
