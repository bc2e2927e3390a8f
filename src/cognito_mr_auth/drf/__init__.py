"""Authentication for Django REST framework: an authentication class, and permissions made of policies.

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["cognito_mr_auth.drf.CognitoAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "EXCEPTION_HANDLER": "cognito_mr_auth.drf.exception_handler",
    }

Owns what REST framework hears: a user and a principal, nothing for a request without a token, and one kind of
exception for every refusal. The guard decides who passes, and makes the answers.
"""

from __future__ import annotations

from json import loads
from typing import Any, ClassVar, Final, Unpack

try:
    from django.urls import URLPattern
    from django.views.decorators.debug import sensitive_variables
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException, ErrorDetail, NotAuthenticated
    from rest_framework.permissions import BasePermission, BasePermissionMetaclass
except ImportError as error:
    raise ImportError(
        'cognito_mr_auth.drf needs Django REST framework: pip install "cognito-mr-auth[drf]"',
        name="rest_framework",
    ) from error

from cognito_mr_auth._runtime.hooks import require_sync
from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth._web.openapi import SecurityScheme, complete
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import GUARD, MISSING, PRINCIPAL, REQUIRED, principal_in
from cognito_mr_auth._web.user import CognitoUser
from cognito_mr_auth.django._documents import document_urls
from cognito_mr_auth.django._requests import read, state
from cognito_mr_auth.django._settings import configured
from cognito_mr_auth.errors import AuthError, CredentialsMissing
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

__all__ = [
    "AuthAPIException",
    "CognitoAuthentication",
    "exception_handler",
    "openapi_responses",
    "principal_of",
    "require",
]

SCHEME: Final = SecurityScheme(None, None, None)
"""What an OpenAPI document says of the token."""
_ADVICE = "put CognitoAuthentication into the authentication_classes of its view"


def principal_of(request: Any, default: Any = REQUIRED) -> Principal | None:
    """The principal of a request; None for one without a token.

    `request.auth` is the same, unless another authentication class has put something of its own there.

    Raises:
        LookupError: no CognitoAuthentication has looked at it, and there is no `default`.
    """
    auth = request.auth
    return auth if isinstance(auth, Principal) else principal_in(state(request), default, _ADVICE)


class AuthAPIException(APIException):  # type: ignore[misc] # it has no types
    """A refusal, as REST framework's exception handlers see it. Its body and headers hold no token.

    Each is an error of its own class too (`TokenExpired`, ...), with that one's `reason`, `hint` and
    `retryable`. `error` is that error alone, `response` the whole answer as the guard makes it, `detail` the
    members of its body. It is no AuthenticationFailed: REST framework gives those the status and challenge of
    the first authentication class, whichever has failed.
    """

    error: AuthError
    response: HTTPResponse


class CognitoAuthentication(BaseAuthentication):  # type: ignore[misc] # it has no types
    """Finds the principal, `request.auth`, and `request.user` for code that knows users.

    A request without a token is left to the next class, or anonymous. A bad token is refused, also where
    everybody may come. The settings are `COGNITO_AUTH`; `using` makes a class with others.
    """

    _guard: ClassVar[RequestGuard | None] = None

    @classmethod
    def using(cls, verifier: Verifier | Guard, **options: Unpack[Options]) -> type[CognitoAuthentication]:
        """A class with a verifier and settings of its own, for views with another audience.

        Args:
            verifier: what tokens are verified with, or a `Guard`, which has its own options. Hooks must not
                be coroutine functions.
            options: settings of the guard that is made for a verifier; `guard.Guard` lists them. `exclude`
                and `optional` mean nothing here: a view's permissions say who needs a token.

        Raises:
            ConfigurationError, TypeError: for a setting that cannot be right.
        """
        guard = RequestGuard.of(cls.__name__, verifier, options, ignored=("optional",))
        guard.refuse_async_hooks()
        return type(cls.__name__, (cls,), {"_guard": guard, "__module__": cls.__module__})

    @classmethod
    def urls(cls) -> list[URLPattern]:
        """For the root `urlpatterns`: the RFC 9728 document, where `resource=` is given."""
        return document_urls(cls._guard_now())

    # Error reports show the variables of frames, and those below hold the token.
    @sensitive_variables()  # type: ignore[untyped-decorator, unused-ignore]
    def authenticate(self, request: Any) -> tuple[Any, Principal] | None:
        """User and principal; None for a request without a token.

        Raises:
            AuthAPIException: it has one and may not pass.
        """
        guard, found = self._guard_now(), state(request)
        principal = user = refusal = None
        _vary(request.parser_context.get("view"), guard)
        try:
            principal = guard.verify(read(request), need="required", behind=found)
            user = None if principal is None else self.user_for(principal)
        except CredentialsMissing as error:
            principal, found[MISSING] = None, error.with_traceback(None)
        except AuthError as error:
            refusal = error
        if refusal is not None:  # raised here, it has no context, which would show the token
            raise _api_exception(refusal, guard)
        found.update({PRINCIPAL: principal, GUARD: guard})
        return None if principal is None else (user, principal)

    def user_for(self, principal: Principal) -> Any:
        """What `request.user` is: whom the USER of the settings gives, or else a CognitoUser.

        Raises:
            PolicyDenied: the user is not active.
        """
        source = configured().user if self._guard is None else None
        user = None if source is None else source.find(principal)
        return CognitoUser(principal) if user is None else user

    def authenticate_header(self, request: Any) -> str | None:  # noqa: ARG002 - REST framework's
        """The challenge to a request without a token, where this is the first class of a view."""
        asked = CredentialsMissing()
        asked._recorded = True  # no refusal of its own: it is counted where it is answered
        return self._guard_now().response(asked).header("www-authenticate")

    @classmethod
    def _guard_now(cls) -> RequestGuard:
        """What decides. That of the settings is looked up each time, because tests override them."""
        return configured().guard if cls._guard is None else cls._guard


# -- permissions --------------------------------------------------------------------------------------


class _NoOpposite(BasePermissionMetaclass):  # type: ignore[misc] # it has no types
    def __invert__(cls) -> Any:  # noqa: N805 - of the class
        raise TypeError("~ would let guests in: negate the policy, as in require(~policy.groups('guest'))")


class _Required(BasePermission, metaclass=_NoOpposite):  # type: ignore[misc] # it has no types
    """See `require`."""

    policy: ClassVar[Policy | None] = None
    message = "this view needs an access token"
    code = CredentialsMissing.reason

    def has_permission(self, request: Any, view: Any) -> bool:
        """Whether there is a principal; one that the policy refuses is an exception, which has a challenge."""
        if not isinstance(request.auth, Principal):
            return False
        guard, refusal = _guard_of(request, view), None
        try:
            guard.require(request.auth, self.policy)
        except AuthError as error:
            refusal = error
        if refusal is not None:
            raise _api_exception(refusal, guard)
        return True


def require(policy: Policy | None = None) -> type[BasePermission]:
    """A permission class: the view needs a token and, if given, what the policy says.

    Combine policies rather than permissions: `require(a & b)`. In `require(a) | IsAdminUser` the other one is
    asked for requests without a token alone.

    Raises:
        TypeError: for what is no policy, or holds a check that is a coroutine function.
    """
    require_sync(policy)
    return _NoOpposite("Required", (_Required,), {"policy": policy, "__module__": __name__})


# -- answers ------------------------------------------------------------------------------------------


def exception_handler(exc: Exception, context: dict[str, Any]) -> Any:
    """REST framework's own handler, for every AuthError as well, whoever raised it.

    A request without a token that a view's permissions refuse gets the guard's answer too, whichever
    authentication class is the first.
    """
    from rest_framework.response import Response  # both import the views, which import this module
    from rest_framework.views import exception_handler as default

    request, view = context["request"], context["view"]
    if isinstance(exc, NotAuthenticated) and any(map(_is_ours, request.authenticators)):
        if _guard_of(request, view).is_preflight(read(request)):
            return Response(status=204)  # the view is not run: it would run for anybody
        exc = state(request).get(MISSING, exc)
    if not isinstance(exc, AuthError):
        return default(exc, context)
    response = default(_api_exception(exc, _guard_of(request, view)), context)
    response["Cache-Control"] = "no-store"
    if exc.status == 503:  # as for every answer of Django's: not one mail to ADMINS for each request
        response._has_been_logged = True  # noqa: SLF001 - django.utils.log.log_response reads it
    return response


def openapi_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: ARG001
    """A postprocessing hook of drf-spectacular: what those hear who may not pass, at each such operation."""
    complete(result, SCHEME, None)
    return result


def _api_exception(error: AuthError, guard: RequestGuard) -> AuthAPIException:
    if isinstance(error, AuthAPIException):
        return error
    answer = guard.response(error)
    return as_host_error(
        error,
        AuthAPIException,
        status_code=answer.status,
        detail={name: ErrorDetail(said, error.reason) for name, said in loads(answer.body).items()},
        auth_header=answer.header("www-authenticate"),
        wait=getattr(error, "retry_after", None),
        response=answer,
    )


def _vary(view: Any, guard: RequestGuard) -> None:
    """Keep a cache around the view, such as `cache_page`, from giving one principal's response to another."""
    headers = getattr(view, "headers", None)
    if headers is not None:
        headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), *guard.sources.headers)))


def _is_ours(authenticator: object) -> bool:
    return isinstance(authenticator, CognitoAuthentication)


def _guard_of(request: Any, view: Any) -> RequestGuard:
    """The guard that has looked at the request, or would have: tests force a principal upon it."""
    found: RequestGuard | None = state(request).get(GUARD)
    if found is not None:
        return found
    ours = filter(_is_ours, view.get_authenticators())
    return next(ours, CognitoAuthentication)._guard_now()  # noqa: SLF001 - our own class
