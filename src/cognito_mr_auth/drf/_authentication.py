"""The authentication class, which verifies a request's token for REST framework.

Owns user and principal, and the choice of a request's guard. It returns None for a request without a token,
and raises one class of exception for every refusal.
"""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from django.urls import URLPattern
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication

from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import GUARD, MISSING, PRINCIPAL, REQUIRED, Default, principal_in
from cognito_mr_auth._web.user import CognitoUser
from cognito_mr_auth._web.wsgi_environ import known
from cognito_mr_auth.django._documents import document_urls
from cognito_mr_auth.django._requests import read, state
from cognito_mr_auth.django._settings import configured
from cognito_mr_auth.django._users import FINDS_USERS
from cognito_mr_auth.errors import AuthError, CredentialsMissing
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._exceptions import api_exception

__all__ = ["CognitoAuthentication", "guard_of", "is_ours", "principal_of"]

_ADVICE = "put CognitoAuthentication into the authentication_classes of its view"


class CognitoAuthentication(BaseAuthentication):  # type: ignore[misc] # it has no types
    """Finds the principal, which is `request.auth`, and sets `request.user` for code that needs a user.

    A request without a token is left to the next class, or is anonymous. A bad token is refused, also if the
    view is open. The setting `COGNITO_AUTH` configures it; `using` makes a class with other settings.
    """

    _guard: ClassVar[RequestGuard | None] = None

    @classmethod
    def using(cls, verifier: Verifier | Guard, **options: Unpack[Options]) -> type[CognitoAuthentication]:
        """Return a class with its own verifier and settings, for views with another audience.

        Args:
            verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not
                be coroutine functions.
            options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `exclude`
                and `optional` have no effect here, because a view's permissions decide who needs a token.

        Raises:
            ConfigurationError, TypeError: a setting is invalid.
        """
        guard = RequestGuard.of(cls.__name__, verifier, options, ignored=("optional",))
        guard.refuse_async_hooks()
        return type(cls.__name__, (cls,), {"_guard": guard, "__module__": cls.__module__})

    @classmethod
    def urls(cls) -> list[URLPattern]:
        """For the root `urlpatterns`: the RFC 9728 document if `resource=` is given."""
        return document_urls(cls._guard_now())

    # Django's error reports show the variables of frames, and the frames below hold the token.
    @sensitive_variables()  # type: ignore[untyped-decorator, unused-ignore]
    def authenticate(self, request: Any) -> tuple[Any, Principal] | None:
        """Return user and principal; None for a request without a token.

        Raises:
            AuthAPIException: the request has a token and is refused.
        """
        asked = request._request  # noqa: SLF001 - faster, because attribute access on `request` is slow
        guard, found = self._guard_now(), state(asked)
        principal = user = refusal = None
        _vary(request.parser_context.get("view"), guard)
        try:
            principal = known(guard, asked.META, behind=found)
            if principal is None:
                principal = guard.verify(read(asked), need="required", behind=found)
            user = None if principal is None else self.user_for(principal)
        except CredentialsMissing as error:
            principal, found[MISSING] = None, error.with_traceback(None)
        except AuthError as error:
            refusal = error
        if refusal is not None:  # raised outside the handler, so no context shows the token
            raise api_exception(refusal, guard)
        found.update({PRINCIPAL: principal, GUARD: guard})
        return None if principal is None else (user, principal)

    def user_for(self, principal: Principal) -> Any:
        """Return `request.user`: the result of the setting USER, or else a CognitoUser.

        Raises:
            PolicyDenied: the user is not active.
        """
        source = configured().user if self._guard is None else None
        user = None if source is None else source.find(principal)
        return CognitoUser(principal) if user is None else user

    def authenticate_header(self, request: Any) -> str | None:  # noqa: ARG002 - REST framework's
        """Return the challenge to a request without a token, if this is the first class of a view."""
        asked = CredentialsMissing()
        asked._recorded = True  # the response is counted where it is made, so this error is not
        return self._guard_now().response(asked).header("www-authenticate")

    @classmethod
    def _guard_now(cls) -> RequestGuard:
        """Return the current guard. The setting is read each time, because tests override it."""
        return configured().guard if cls._guard is None else cls._guard


setattr(CognitoAuthentication, FINDS_USERS, True)


def principal_of(request: Any, default: Default = REQUIRED) -> Principal | Default | None:
    """Return the principal of a request; None for a request without a token.

    `request.auth` is equal, unless another authentication class has set it.

    Raises:
        LookupError: no CognitoAuthentication checked the request, and no `default` is given.
    """
    auth = request.auth
    return auth if isinstance(auth, Principal) else principal_in(state(request), default, _ADVICE)


def is_ours(authenticator: object) -> bool:
    """Whether it is a CognitoAuthentication."""
    return isinstance(authenticator, CognitoAuthentication)


def guard_of(request: Any, view: Any) -> RequestGuard:
    """Return the guard of a request, or the view's guard if a test has set the principal itself."""
    found: RequestGuard | None = state(request._request).get(GUARD)  # noqa: SLF001 - as above
    if found is not None:
        return found
    ours = filter(is_ours, view.get_authenticators())
    return next(ours, CognitoAuthentication)._guard_now()  # noqa: SLF001 - our own class


def _vary(view: Any, guard: RequestGuard) -> None:
    """Add Vary, so that a cache around the view, such as `cache_page`, keeps principals' responses apart."""
    headers = getattr(view, "headers", None)
    if headers is not None:
        headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), *guard.sources.headers)))
