"""One request in the middleware: what the guard has found, and what that means for a view.

Owns the order. The token is verified before the view runs. The response depends on the view that Django has
chosen, so no path is resolved twice. There is no view for an unknown URL, or if other middleware responds.
The response is then decided on the way out, as for a view without a mark.
"""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.preflight import ANSWER, without_length
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth._web.verification import Method
from cognito_mr_auth.errors import AuthError, CredentialsMissing
from cognito_mr_auth.principal import Principal

from ._marks import UNMARKED, Mark, mark_of
from ._requests import read, replaces_csrf_token, respond, state, vary
from ._routes import segments
from ._settings import Configured
from ._steps import Call, Steps, recall
from ._users import finds_users

__all__ = ["VISIT", "Visit"]

VISIT: Final = "_cognito_mr_auth_visit"
"""The attribute of a request that holds its Visit."""


class Visit:
    """The state of one request."""

    __slots__ = (
        *("_asked", "_error", "_open", "_preflight", "_principal", "_seen"),
        *("configured", "decided", "passed"),
    )

    def __init__(self, request: HttpRequest, configured: Configured, asked: HTTPRequest) -> None:
        self.configured = configured
        self.passed = UNMARKED
        self.decided = self._open = False
        self._begin(request, asked)
        setattr(request, VISIT, self)

    def _begin(self, request: HttpRequest, asked: HTTPRequest) -> None:
        self._asked = asked
        self._principal: Principal | None = None
        self._error: AuthError | None = None
        self._seen = False
        self._preflight = self.configured.guard.is_preflight(asked)
        request.principal = None

    def come_in(self, request: HttpRequest) -> Steps[None]:
        """Verify the token, unless the path needs none. A view with its own guard verifies it later."""
        if not self.configured.guard.excludes(self._asked):
            yield from self._look(request)

    def enter_known(self, request: HttpRequest, method: Method) -> bool:
        """Let in a request whose token is known. If this returns False, `come_in` must be called."""
        self._principal = recall(self.configured.guard, request.META, method, state(request))
        if self._principal is None:
            return False
        self._seen = True
        self._let_in(request)
        return True

    def _look(self, request: HttpRequest) -> Steps[None]:
        self._seen = True
        if self._preflight:
            return
        guard, options = self.configured.guard, {"need": "required", "behind": state(request)}
        try:
            self._principal = yield Call(guard, "verify", (self._asked,), options)
        except AuthError as error:
            self._error = error.with_traceback(None)  # the traceback's frames hold the token
            return
        self._let_in(request)

    def _let_in(self, request: HttpRequest) -> None:
        self._publish(request)
        # Django's CSRF check runs before any view, and would refuse the request.
        if self.configured.csrf_exempt and replaces_csrf_token(self._asked, self.configured.guard.sources):
            request._dont_enforce_csrf_checks = True  # noqa: SLF001 - REST framework sets it too

    def _publish(self, request: HttpRequest) -> None:
        request.principal = self._principal
        found = state(request)
        found[PRINCIPAL], found[GUARD] = self._principal, self.configured.guard

    def decide(self, request: HttpRequest, mark: Mark) -> Steps[HttpResponse | None]:
        """Return the response that replaces a view with this mark; None lets the request pass."""
        self.decided = True
        guard = self.configured.guard
        unmarked = mark == UNMARKED
        if (unmarked and self._is_excluded(request)) or (not mark.policies and mark.word == "public"):
            self._open, self._principal = True, None
            self._publish(request)
            return None
        if self._asked.method.upper() != request.method:
            # Middleware after this one has changed the method, so a cookie may need an Origin check now.
            state(request).pop(PRINCIPAL, None)
            self._begin(request, read(request))
        if not self._seen:
            yield from self._look(request)
        guests = mark.word == "optional" or (unmarked and (guard.optional or not self.configured.protect_all))
        guests = guests and not mark.policies
        if self._preflight:
            self._publish(request)
            return None if guests else respond(ANSWER)  # no view runs for a preflight
        if self._error is not None:
            self._publish(request)
            if guests and isinstance(self._error, CredentialsMissing):
                return None
            return respond(guard.response(self._error), request.method)
        try:
            for policy in mark.policies:
                yield Call(guard, "require", (self._principal, policy))
        except AuthError as error:
            return respond(guard.response(error), request.method)
        self.passed = mark
        return None

    def _is_excluded(self, request: HttpRequest) -> bool:
        """Whether path and route are excluded. Middleware after this one may have changed the path."""
        guard, match = self.configured.guard, request.resolver_match
        if not guard.asks_for_route:
            return False
        return guard.excludes(read(request)._replace(route=() if match is None else segments(match.route)))

    def enter(self, request: HttpRequest, view: Any) -> Steps[HttpResponse | None]:
        """Decide for a view that is about to run, and give the principal its user."""
        refusal = yield from self.decide(request, mark_of(view, request.method))
        source = self.configured.user
        if refusal is None and source is not None and self._principal is not None and not finds_users(view):
            try:
                yield Call(source, "give", (request, self._principal))
            except AuthError as error:
                return respond(self.configured.guard.response(error), request.method)
        return refusal

    def replace(self, request: HttpRequest, response: HttpResponse) -> Steps[HttpResponse]:
        """Return the response if Django has chosen no view: a refusal if views without a mark are closed."""
        refusal = yield from self.decide(request, UNMARKED)
        if refusal is None or not self._preflight:
            return response if refusal is None else refusal
        # Another middleware has answered the preflight.
        return HttpResponse(status=response.status_code, headers=without_length(response.items()))

    def finish(self, response: HttpResponse) -> HttpResponse:
        """Return the response with the headers that caches need."""
        if not self._open:
            vary(response, self.configured.vary_on)
        return response
