"""Authentication for django-ninja: one object for operations, routers and whole APIs, plain or async.

    auth = CognitoAuth()                      # settings.COGNITO_AUTH; or CognitoAuth(verifier, ...)
    api = NinjaAPI(auth=auth)
    auth.init_api(api)

    @api.get("/orders", auth=auth.require(policy.scopes("orders/read")))
    def orders(request): ...

Owns what ninja receives: a principal, None for a request without a token, and its HttpError for every
refusal. The guard decides which requests pass, and makes the responses.
"""

from __future__ import annotations

from copy import copy
from functools import partial, reduce
from operator import and_
from typing import Any, Final, Self, Unpack

try:
    from ninja import NinjaAPI
    from ninja.errors import AuthenticationError
    from ninja.security.http import HttpAuthBase
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.ninja needs django-ninja: pip install "cognito-mr-auth[ninja]"', name="ninja"
    ) from _missing

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.views.decorators.debug import sensitive_variables

from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.preflight import ANSWER
from cognito_mr_auth._web.settings import Options, refuse_options
from cognito_mr_auth._web.state import GUARD, PRINCIPAL, REQUIRED, Default, principal_in
from cognito_mr_auth.django._documents import document_urls
from cognito_mr_auth.django._requests import respond, state
from cognito_mr_auth.django._settings import guard as guard_of_settings
from cognito_mr_auth.django._steps import leave_frames_out
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._refusals import AuthHttpError, missing
from ._requests import on_a_loop, read_any

__all__ = ["AuthHttpError", "CognitoAuth", "principal_of"]

_ADVICE = "put auth= on its operation, router or API"
# The key of a request for which our object found no principal. The value is the error; None for a preflight.
_NOBODY: Final = "cognito_mr_auth.ninja.nobody"


class _Guest:
    """`request.auth` of a request without a token, if guests are allowed: ninja requires a true value."""

    def __repr__(self) -> str:
        return "<guest>"


_GUEST: Final = _Guest()


def principal_of(request: HttpRequest, default: Default = REQUIRED) -> Principal | Default | None:
    """Return the principal of a request, which is also `request.auth`; None for a guest.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    found = getattr(request, "auth", None)
    return found if isinstance(found, Principal) else principal_in(state(request), default, _ADVICE)


class CognitoAuth(HttpAuthBase):
    """Authenticates operations, routers and APIs: `auth=auth`.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. By default, those of
            `COGNITO_AUTH` in Django's settings.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `optional` is
            refused: use `auth.optional` where guests are allowed. `exclude` has no effect here, because
            `auth=None` opens an operation.

    One object serves sync and async operations. In a list of several authentications it may have any place. A
    request without a token is passed to the next one, and a bad token is refused. An earlier one that finds a
    user ends the search. `django_auth` does so if COGNITO_AUTH has a USER.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    openapi_scheme = "bearer"
    openapi_bearerFormat = "JWT"  # noqa: N815 - OpenAPI's name

    def __init__(self, verifier: Verifier | Guard | None = None, **options: Unpack[Options]) -> None:
        super().__init__()
        self.is_async = True  # an async operation awaits the result; a sync one is called outside of loops
        refuse_options(
            options, ["optional"], "is not a setting here: use auth.optional where guests are allowed"
        )
        self._own = None
        if verifier is not None or options:
            self._own = RequestGuard.of("CognitoAuth", verifier, options, ignored=("optional",))
        self._guard_now()  # raises at the start if settings are missing
        self._policy: Policy | None = None
        self._need: Need = "required"

    def init_api(self, api: NinjaAPI) -> None:
        """Make an API send the guard's responses to refusals and to AuthErrors that operations raise.

        A handler that you add afterwards for the same class, or for a subclass of AuthError, takes
        precedence.

        Raises:
            TypeError: the argument is not a NinjaAPI.
        """
        if not isinstance(api, NinjaAPI):
            raise TypeError(f"init_api() takes a NinjaAPI, not {type(api).__name__}")
        api.add_exception_handler(AuthError, self._answer)
        api.add_exception_handler(AuthenticationError, partial(self._answer_to_nobody, api=api))

    @property
    def urls(self) -> list[URLPattern]:
        """For the root `urlpatterns`: the RFC 9728 document if `resource=` is given."""
        return document_urls(self._guard_now())

    def require(self, policy: Policy | None = None) -> Self:
        """For an operation, router or API. It needs a token that meets the policy, if one is given.

        If the object has a policy already, both apply.

        Raises:
            TypeError: `policy` is not a Policy.
        """
        require_policy(policy)
        given = [each for each in (self._policy, policy) if each is not None]
        return self._with(_policy=reduce(and_, given) if given else None, _need="required")

    @property
    def optional(self) -> Self:
        """For an operation, router or API. Guests are allowed, and a bad token is refused.

        `principal_of(request)` is None for guests.
        """
        return self._with(_need="optional")

    def _with(self, **changed: object) -> Self:
        made = copy(self)
        vars(made).update(changed)
        return made

    def __call__(self, request: HttpRequest) -> Any:
        """Return the principal, or None. For an async operation, return an awaitable of it.

        Raises:
            AuthHttpError: the request is refused.
        """
        return self._afind(request) if on_a_loop() else self._find(request)

    # Django's error reports show the variables of frames, and the frames below hold the token.
    @sensitive_variables()  # type: ignore[untyped-decorator, unused-ignore]
    def _find(self, request: HttpRequest) -> Any:
        guard, place = self._guard_now(), state(request)
        try:
            found = guard.verify(read_any(request), self._policy, need=self._need, behind=place)
        except AuthError as error:
            found, place[_NOBODY] = None, missing(error, guard)
        return self._keep(found, guard, place)

    @sensitive_variables()  # type: ignore[untyped-decorator, unused-ignore]
    async def _afind(self, request: HttpRequest) -> Any:
        guard, place = self._guard_now(), state(request)
        try:
            found = await guard.averify(read_any(request), self._policy, need=self._need, behind=place)
        except AuthError as error:
            found, place[_NOBODY] = None, missing(error, guard)
        except Exception as fault:  # Django hides only the coroutine's own frame
            leave_frames_out(fault)
            raise
        return self._keep(found, guard, place)

    def _keep(self, found: Principal | None, guard: RequestGuard, place: Any) -> Any:
        place.update({PRINCIPAL: found, GUARD: guard})
        if found is not None:
            return found
        if self._need == "optional":
            return _GUEST
        place.setdefault(_NOBODY, None)
        return None

    def _answer(self, request: HttpRequest, exc: Any) -> HttpResponse:
        guard: RequestGuard = state(request).get(GUARD) or self._guard_now()
        made = exc.response if isinstance(exc, AuthHttpError) else guard.response(exc)
        return respond(made, request.method)

    def _answer_to_nobody(self, request: HttpRequest, exc: Any, api: NinjaAPI) -> HttpResponse:
        """Return the response if no authentication of an operation has found a user or principal."""
        place = state(request)
        if _NOBODY not in place:  # no object of ours was asked
            return api.create_response(request, {"detail": exc.message}, status=exc.status_code)
        missing = place[_NOBODY]
        if missing is None:
            return respond(ANSWER)
        return self._answer(request, missing)

    def _guard_now(self) -> RequestGuard:
        """Return the current guard. The setting is read each time, because tests override it."""
        return guard_of_settings() if self._own is None else self._own
