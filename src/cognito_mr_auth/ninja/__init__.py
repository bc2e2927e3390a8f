"""Authentication for django-ninja: one object for operations, routers and whole APIs, plain or async.

    auth = CognitoAuth()                      # settings.COGNITO_AUTH; or CognitoAuth(verifier, ...)
    api = NinjaAPI(auth=auth)
    auth.init_api(api)

    @api.get("/orders", auth=auth.require(policy.scopes("orders/read")))
    def orders(request): ...

Owns what ninja hears: a principal, nothing for a request without a token, and its own HttpError for every
refusal. The guard decides who passes, and makes the answers.
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
except ImportError as error:
    raise ImportError(
        'cognito_mr_auth.ninja needs django-ninja: pip install "cognito-mr-auth[ninja]"', name="ninja"
    ) from error

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.views.decorators.debug import sensitive_variables

from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.preflight import ANSWER
from cognito_mr_auth._web.settings import Options, refuse_options
from cognito_mr_auth._web.state import GUARD, PRINCIPAL, REQUIRED, principal_in
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
# Where a request keeps that ours has found nobody: the error, or None for a preflight.
_NOBODY: Final = "cognito_mr_auth.ninja.nobody"


class _Guest:
    """`request.auth` of a request without a token, where guests are welcome: ninja wants something true."""

    def __repr__(self) -> str:
        return "<guest>"


_GUEST: Final = _Guest()


def principal_of(request: HttpRequest, default: Any = REQUIRED) -> Principal | None:
    """The principal of a request, which is `request.auth` as well; None for a guest's.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    found = getattr(request, "auth", None)
    return found if isinstance(found, Principal) else principal_in(state(request), default, _ADVICE)


class CognitoAuth(HttpAuthBase):
    """Authenticates operations, routers and APIs: `auth=auth`.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options; by default, those
            of `COGNITO_AUTH` in Django's settings.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them. Not `optional`:
            say `auth.optional` where guests are welcome. `exclude` means nothing here, since `auth=None`
            opens an operation.

    One object serves plain and async operations. In a list of several it may have any place: a request
    without a token is the next one's, and a bad token is refused. One in front that finds somebody, as
    `django_auth` does where COGNITO_AUTH has a USER, ends the search.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    openapi_scheme = "bearer"
    openapi_bearerFormat = "JWT"  # noqa: N815 - OpenAPI's name

    def __init__(self, verifier: Verifier | Guard | None = None, **options: Unpack[Options]) -> None:
        super().__init__()
        self.is_async = True  # an async operation awaits what it gets; a plain one is called outside of loops
        refuse_options(
            options, ["optional"], "is no setting here: say auth.optional where guests are welcome"
        )
        self._own = None
        if verifier is not None or options:
            self._own = RequestGuard.of("CognitoAuth", verifier, options, ignored=("optional",))
        self._guard_now()  # what is missing in the settings is missing at the start
        self._policy: Policy | None = None
        self._need: Need = "required"

    def init_api(self, api: NinjaAPI) -> None:
        """Give an API the guard's answers: to refusals, and to every AuthError that an operation raises.

        A handler for a class of errors that you add afterwards, or for one below AuthError, wins.

        Raises:
            TypeError: for what is no NinjaAPI.
        """
        if not isinstance(api, NinjaAPI):
            raise TypeError(f"init_api() takes a NinjaAPI, not {type(api).__name__}")
        api.add_exception_handler(AuthError, self._answer)
        api.add_exception_handler(AuthenticationError, partial(self._answer_to_nobody, api=api))

    @property
    def urls(self) -> list[URLPattern]:
        """For the root `urlpatterns`: the RFC 9728 document, where `resource=` is given."""
        return document_urls(self._guard_now())

    def require(self, policy: Policy | None = None) -> Self:
        """For an operation, router or API: it needs a token and, if given, what the policy says.

        Of an object that has a policy already, both hold.

        Raises:
            TypeError: `policy` is not a Policy.
        """
        require_policy(policy)
        given = [each for each in (self._policy, policy) if each is not None]
        return self._with(_policy=reduce(and_, given) if given else None, _need="required")

    @property
    def optional(self) -> Self:
        """For an operation, router or API: guests are welcome, a bad token is refused.

        `principal_of(request)` is None for guests.
        """
        return self._with(_need="optional")

    def _with(self, **changed: object) -> Self:
        made = copy(self)
        vars(made).update(changed)
        return made

    def __call__(self, request: HttpRequest) -> Any:
        """The principal, or None; for an async operation, what it awaits for it.

        Raises:
            AuthHttpError: the request may not pass.
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
        except Exception as fault:  # of a coroutine, Django hides its own frame alone
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
        """The answer where no authentication of an operation has found anybody."""
        place = state(request)
        if _NOBODY not in place:  # none of them was ours
            return api.create_response(request, {"detail": exc.message}, status=exc.status_code)
        missing = place[_NOBODY]
        if missing is None:
            return respond(ANSWER)
        return self._answer(request, missing)

    def _guard_now(self) -> RequestGuard:
        """What decides. That of the settings is looked up each time, because tests override them."""
        return guard_of_settings() if self._own is None else self._own
