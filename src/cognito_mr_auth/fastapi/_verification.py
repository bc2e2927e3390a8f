"""Finds the principal of a connection, once for each guard, and turns refusals into FastAPI's exceptions.

Owns what a connection keeps between dependencies, and the value that stands in for a principal when a
dependency is overridden or called directly. The guard decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import isawaitable, isroutine
from typing import Final, ParamSpec, TypeVar

from fastapi import HTTPException, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase
from pydantic import TypeAdapter, ValidationError

from cognito_mr_auth._starlette.look_ahead import matched_route
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.state import EXPIRY, PRINCIPAL
from cognito_mr_auth.errors import AuthError, ConfigurationError, PolicyDenied
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

from ._refusals import refused

__all__ = ["NamedScope", "Verification", "dependency"]

# The key under which a connection keeps each guard's result, a principal or None. No client can write there.
_FOUND: Final = "cognito_mr_auth.fastapi"

P = ParamSpec("P")
T = TypeVar("T")


class NamedScope(str):
    """A scope that a policy names. OpenAPI shows it, and the policy checks it instead of the guard.

    FastAPI caches a dependency's result by its scopes. A NamedScope never equals a plain scope of the same
    letters. So an unchecked result is never reused where a check is required.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedScope) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((NamedScope, str.__hash__(self)))


class Verification:
    """The state that the dependencies of one CognitoAuth share. `overridable` is what tests override."""

    def __init__(self, guard: RequestGuard, overridable: object) -> None:
        self._guard = guard
        self._overridable = overridable

    async def find(
        self, connection: HTTPConnection, need: Need, require: Policy | None = None
    ) -> Principal | None:
        """Return the connection's principal; None for a connection that passes without a token.

        Raises:
            AuthHTTPException, WebSocketException: the guard refuses the request.
        """
        try:
            principal = await self._look(connection, need)
            return principal if require is None else await self._guard.arequire(principal, require)
        except AuthError as error:
            raise refused(connection, self._guard, error) from None

    async def permit(
        self, connection: HTTPConnection, principal: object, require: Policy | None
    ) -> Principal:
        """Return the principal, or the connection's own if `principal` is only a stand-in.

        Raises:
            AuthHTTPException, WebSocketException: the guard refuses the request.
        """
        try:
            # An override may return None. None from this guard means that the connection passed without a
            # token. A direct call leaves FastAPI's marker here, which identifies no caller.
            overridden = principal is None and self._guard not in connection.scope.get(_FOUND, ())
            if not overridden and not isinstance(principal, Principal):
                principal = await self._look(connection, "required")
            return await self._guard.arequire(principal, require)
        except AuthError as error:
            raise refused(connection, self._guard, error) from None

    def fit(self, connection: HTTPConnection, adapter: TypeAdapter[T], principal: Principal) -> T:
        """Return the claims as a pydantic type.

        Raises:
            AuthHTTPException, WebSocketException: the claims do not fit.
        """
        try:
            return adapter.validate_python(principal.to_dict()["claims"])
        except ValidationError as error:  # the error holds the values
            places = {str(each["loc"][0]) for each in error.errors(include_input=False) if each["loc"]}
        # In a union, the location begins with its tag, which is the value of a claim.
        names = sorted(places - {str(value) for value in principal.claims.values()})
        hint = f"its claims do not fit: {', '.join(names)}" if names else "its claims do not fit"
        raise refused(connection, self._guard, PolicyDenied(hint=hint))

    async def overriding(self, connection: HTTPConnection) -> object:
        """Return what a test's override gives for this dependency, or the dependency itself without one."""
        overrides = getattr(connection.scope.get("app"), "dependency_overrides", {})
        if self._overridable not in overrides:
            return self
        given = overrides[self._overridable]()
        return await given if isawaitable(given) else given

    async def _look(self, connection: HTTPConnection, need: Need) -> Principal | None:
        """Verify once per connection, so that `revoked` is called once; hide a subprotocol's token."""
        guard, scope = self._guard, connection.scope
        found: dict[RequestGuard, Principal | None] = scope.setdefault(_FOUND, {})
        principal = found.get(guard)
        if principal is not None:
            return principal
        principal = asgi.known(guard, scope)
        if principal is not None:
            found[guard] = principal
            asgi.fill_scope(scope, guard, principal)
            return principal
        request = asgi.read_request(scope)
        if request.websocket and guard.close_at_expiry and EXPIRY not in scope:
            raise ConfigurationError("close_at_expiry= needs protect_all=True, or the middleware in front")
        if request.websocket:
            self._hide_token(connection)
        if guard.is_preflight(request):
            # No CORSMiddleware has answered it, and the route would run without a principal.
            raise HTTPException(204)
        if need == "configured" and guard.asks_for_route:
            request = request._replace(route=matched_route(scope))
        principal = found[guard] = await guard.averify(request, need=need, behind=scope)
        if principal is not None and EXPIRY in scope:  # in the scope of a socket that passed without one
            scope[EXPIRY](guard.verifier._seconds_left(principal))
        if principal is not None or not isinstance(scope.get(PRINCIPAL), Principal):
            asgi.fill_scope(scope, guard, principal)
        return principal

    def _hide_token(self, connection: HTTPConnection) -> None:
        marker = self._guard.subprotocol
        if not asgi.hide_token(connection.scope, self._guard) or marker is None:
            return
        # The endpoint gets this same object, which caches headers that were read before.
        connection.__dict__.pop("_headers", None)
        if isinstance(connection, WebSocket):
            setattr(connection, "send", asgi.marked(connection.send, marker))  # noqa: B010


# The types of nearly all arguments, checked first because `isroutine` makes five checks.
_OURS = (SecurityBase, HTTPConnection)


def dependency(call: Callable[P, T]) -> Callable[P, T]:
    """Raise at once if a dependency is used as a decorator, because no caller would await its coroutine.

    The route below it would be open. FastAPI sees the coroutine function through `__wrapped__`.

    Raises:
        TypeError: the argument is a function or a class instead of a connection.
    """

    @wraps(call)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        for each in args:
            if not isinstance(each, _OURS) and (isroutine(each) or isinstance(each, type)):
                raise TypeError("this is not a decorator: use Depends(auth) or Depends(auth.require(...))")
        return call(*args, **kwargs)

    return checked
