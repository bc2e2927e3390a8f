"""The decorators for views: `require`, `optional` and `public`.

Each makes a new view and leaves its argument unchanged, because the same function may serve another URL
without the decorator. The middleware enforces the marks that it finds. The view of `require` checks again,
because a decorator above it may have hidden its mark.
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
    """Let a request reach the view only if its principal meets the policy. Without one, any principal passes.

        @require(policy.scopes("orders/read"))
        def orders(request): ...

    It accepts sync and async functions, methods and classes of class-based views, and the result of
    `as_view()`. Other requests get 401 or 403 with a challenge. EXCLUDE and OPTIONAL do not open such a view.

    Raises:
        TypeError: `policy` is not a Policy, for example because the decorator was not called.
    """
    require_policy(policy)
    return lambda view: _marked(view, Mark((policy,)))


def optional(view: ViewT) -> ViewT:
    """Let requests without a token reach the view too. A bad token is refused."""
    return _marked(view, Mark(word="optional"))


def public(view: ViewT) -> ViewT:
    """Let every request reach the view. No token is read, and there is no principal.

    On a class it applies to that class and not to its subclasses. On a method it applies to that method.
    """
    return _marked(view, Mark(word="public"))


def _marked(view: ViewT, mark: Mark) -> ViewT:
    if isinstance(view, type):
        if not hasattr(view, "dispatch"):
            raise TypeError(f"{view.__name__} is not a view class")
        view.dispatch = _marked(view.dispatch, mark)
        return cast("ViewT", view)
    if not callable(view):
        raise TypeError(f"a {type(view).__name__} is not a view")
    made = _async_view(view, mark) if iscoroutinefunction(view) else _sync_view(view, mark)
    # Django calls `method_decorator`'s decorators at every request, so this code must not raise or cache.
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
    """Whether this is `dispatch` of an async view class: a plain function whose result is awaited."""
    owner = getattr(getattr(view, "func", None), "__self__", args[0] if args else None)  # method_decorator's
    return getattr(owner, "view_is_async", False) is True


def _request_in(args: tuple[Any, ...]) -> HttpRequest:
    """Return the request: the first argument, or the second if a method has no `method_decorator`."""
    for each in args[:2]:
        if hasattr(each, "META"):
            return each
    raise TypeError("a view is called with a request")


def _left(request: HttpRequest, mark: Mark) -> list[Policy | None]:
    """Return the policies that the middleware has not checked for this request."""
    visit = getattr(request, VISIT, None)
    passed = () if visit is None else visit.passed.policies
    return [policy for policy in mark.policies if all(policy is not each for each in passed)]


def _enforce(request: HttpRequest, left: list[Policy | None]) -> Steps[HttpResponse | None]:
    """Return the response that refuses the request if it does not meet these policies.

    Raises:
        ConfigurationError: no guard has checked the request, so its principal is unknown.
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
    """Add Vary for a cache between this view and the middleware, such as `cache_page`."""
    visit = getattr(request, VISIT, None)
    if mark.word != "public" and visit is not None and isinstance(response, HttpResponseBase):
        vary(response, visit.configured.vary_on)
    return response
