"""The words for views: `require`, `optional` and `public`.

Owns the decorators. Each gives a new view and leaves the one that it was given as it is, because the same
function may stand at another URL without the word. The middleware enforces the marks that it finds. The view
of `require` asks once more, because a decorator above it may have hidden its mark.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.policy import Policy

from ._marks import Mark, set_mark
from ._requests import respond, state, vary
from ._steps import Call, Steps, run_async, run_sync
from ._visits import VISIT

__all__ = ["optional", "public", "require"]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])


def require(policy: Policy | None = None) -> Callable[[ViewT], ViewT]:
    """Let only requests reach the view whose principal meets the policy; without one, any principal.

        @require(policy.scopes("orders/read"))
        def orders(request): ...

    For functions, sync and async, for methods and classes of class-based views, and for what `as_view()`
    gives. Others get 401 or 403 with a challenge. Neither EXCLUDE nor OPTIONAL opens such a view.

    Raises:
        TypeError: for what is no policy, such as the view of a decorator that was not called.
    """
    require_policy(policy)
    return lambda view: _marked(view, Mark((policy,)))


def optional(view: ViewT) -> ViewT:
    """Let requests without a token reach the view too; a bad token is refused."""
    return _marked(view, Mark(word="optional"))


def public(view: ViewT) -> ViewT:
    """Let every request reach the view; a token is not looked at, and there is no principal.

    On a class it holds for that class and not for its subclasses, on a method for that method.
    """
    return _marked(view, Mark(word="public"))


def _marked(view: ViewT, mark: Mark) -> ViewT:
    if isinstance(view, type):
        if not hasattr(view, "dispatch"):
            raise TypeError(f"{view.__name__} is no class of views")
        view.dispatch = _marked(view.dispatch, mark)
        return cast("ViewT", view)
    if not callable(view):
        raise TypeError(f"a {type(view).__name__} is no view")
    made = _async_view(view, mark) if iscoroutinefunction(view) else _sync_view(view, mark)
    # Django calls `method_decorator`'s decorators at every request, so nothing here may raise or be kept.
    set_mark(made, view, mark)
    if mark.policies:
        # LoginRequiredMiddleware would send a request with a token to the login page.
        made.login_required = False
    return cast("ViewT", made)


def _sync_view(view: Callable[..., Any], mark: Mark) -> Any:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if _is_awaited(view, args):
            return _async_view(view, mark)(*args, **kwargs)
        request = _request_in(args)
        left = _left(request, mark)
        refusal = run_sync(_enforce(request, left)) if left else None
        return _varied(request, mark, view(*args, **kwargs)) if refusal is None else refusal

    return guarded


def _async_view(view: Callable[..., Any], mark: Mark) -> Any:
    @wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        request = _request_in(args)
        left = _left(request, mark)
        refusal = await run_async(_enforce(request, left)) if left else None
        return _varied(request, mark, await view(*args, **kwargs)) if refusal is None else refusal

    return guarded


def _is_awaited(view: Any, args: tuple[Any, ...]) -> bool:
    """Whether this is `dispatch` of a class of coroutine functions: a plain one whose result is awaited."""
    owner = getattr(getattr(view, "func", None), "__self__", args[0] if args else None)  # by method_decorator
    return getattr(owner, "view_is_async", False) is True


def _request_in(args: tuple[Any, ...]) -> HttpRequest:
    """The first argument; the second of a method that was decorated without `method_decorator`."""
    for each in args[:2]:
        if hasattr(each, "META"):
            return each
    raise TypeError("a view is called with a request")


def _left(request: HttpRequest, mark: Mark) -> list[Policy | None]:
    """The policies that the request has not passed at the middleware."""
    visit = getattr(request, VISIT, None)
    passed = () if visit is None else visit.passed.policies
    return [policy for policy in mark.policies if all(policy is not each for each in passed)]


def _enforce(request: HttpRequest, left: list[Policy | None]) -> Steps[HttpResponse | None]:
    """The refusal of a request that these policies do not let pass.

    Raises:
        ConfigurationError: no guard has looked at the request, so nobody knows whose it is.
    """
    found = state(request)
    guard = found.get(GUARD)
    if not isinstance(guard, RequestGuard):
        raise ConfigurationError(
            "no guard has looked at this request: list CognitoAuthMiddleware in MIDDLEWARE"
        )
    try:
        for policy in left:
            yield Call(guard, "require", (found.get(PRINCIPAL), policy))
    except AuthError as error:
        return respond(guard.response(error), request.method)
    return None


def _varied(request: HttpRequest, mark: Mark, response: Any) -> Any:
    """The response for a cache that stands between this view and the middleware, such as `cache_page`."""
    visit = getattr(request, VISIT, None)
    if mark.word != "public" and visit is not None and isinstance(response, HttpResponseBase):
        vary(response, visit.configured.vary_on)
    return response
