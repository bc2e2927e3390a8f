"""A route of Powertools' event handler behind its guards, and the guard's responses as Powertools'.

Owns the object that replaces a route for Powertools, and how its responses are made and cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import DependencyResolutionError, Response

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.exclusions import REST
from cognito_mr_auth._web.preflight import without_length
from cognito_mr_auth.aws_lambda._proxy.events import content
from cognito_mr_auth.errors import AuthError

__all__ = ["GuardedRoute", "RouteVerdict", "as_response", "segments"]

RouteVerdict = tuple[Response[Any] | None, bool]
"""The response to a request for which the route does not run, if any; and whether it is a preflight."""

# Routes with these ends match the rest of a path as one parameter.
_CATCH_ALL = frozenset({".+", ".*", "(.+)", "(.*)"})


class GuardedRoute:
    """A route behind `judge`, which raises AuthError. Every other attribute is the route's own."""

    def __init__(self, judge: Callable[[Any, Any, list[Any]], RouteVerdict], route: Any) -> None:
        self._ask, self._route = judge, route

    def __getattr__(self, name: str) -> Any:
        return getattr(self._route, name)

    def __call__(self, router_middlewares: list[Any], app: Any, route_arguments: dict[str, str]) -> Any:
        try:
            answer, preflight = self._ask(app, self._route, router_middlewares)
            if answer is not None:
                return self._final(answer)
            said = self._route(
                router_middlewares=router_middlewares, app=app, route_arguments=route_arguments
            )
        except (AuthError, DependencyResolutionError) as error:
            raise self._refusal(error) from None
        return _without_body(said) if preflight else said

    async def call_async(
        self, router_middlewares: list[Any], app: Any, route_arguments: dict[str, str]
    ) -> Any:
        """The same for `resolve_async`. A thread waits for keys, so the event loop is not blocked."""
        import asyncio  # imported here, because most functions serve without it

        try:
            answer, preflight = await asyncio.to_thread(self._ask, app, self._route, router_middlewares)
            if answer is not None:
                return self._final(answer)
            said = await self._route.call_async(
                router_middlewares=router_middlewares, app=app, route_arguments=route_arguments
            )
        except (AuthError, DependencyResolutionError) as error:
            raise self._refusal(error) from None
        return _without_body(said) if preflight else said

    def _refusal(self, error: Exception) -> Exception:
        """Return the error; for a dependency's error, the cause that Powertools itself uses since 3.37."""
        found = error.__cause__ if isinstance(error, DependencyResolutionError) else error
        if not isinstance(found, AuthError):
            return error
        self.cache_control = None  # it applies only to the route's own responses
        return found

    def _final(self, answer: Response[Any]) -> Response[Any]:
        # The document of `resource=` has its own CORS headers, and browsers refuse two of the same name.
        self.cors = self._route.cors and "access-control-allow-origin" not in answer.headers
        self.cache_control = None
        return answer


def as_response(app: Any, answer: HTTPResponse) -> Response[Any]:
    """Return the guard's response as Powertools', for the request that a resolver serves."""
    headers, body = content(answer, app.current_event.http_method)
    return Response(answer.status, body=body, headers=headers)


def _without_body(said: Any) -> Response[Any]:
    """Remove the body of a response to a preflight, because a preflight has no principal."""
    if not isinstance(said, Response):
        return Response(200, body="")
    headers = without_length(said.headers.items())
    return Response(said.status_code, body="", headers=headers, cookies=said.cookies)


def segments(template: str, path: str) -> list[str | None]:
    """Return the segments of a route for `Exclusions.match`: a name counts if the path has it too."""
    own, sent = template.strip("/").split("/"), path.strip("/").split("/")
    named: list[str | None] = [each if each == part else None for each, part in zip(own, sent, strict=False)]
    return [*named[: len(own) - 1], REST] if own[-1] in _CATCH_ALL else named
