"""The authentication class: what REST framework hears of a request's token.

Owns user and principal, and which guard a request has to do with. Nothing for a request without a token, and
one kind of exception for every refusal.
"""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from django.urls import URLPattern
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication

from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth._web.state import GUARD, MISSING, PRINCIPAL, REQUIRED, principal_in
from cognito_mr_auth._web.user import CognitoUser
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
    """Finds the principal, `request.auth`, and `request.user` for code that knows users.

    A request without a token is left to the next class, or anonymous. A bad token is refused, also where
    everybody may come. The settings are `COGNITO_AUTH`; `using` makes a class with others.
    """

    _guard: ClassVar[RequestGuard | None] = None

    @classmethod
    def using(cls, verifier: Verifier | Guard, **options: Unpack[Options]) -> type[CognitoAuthentication]:
        """A class with a verifier and settings of its own, for views with another audience.

        Args:
            verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not
                be coroutine functions.
            options: settings of the guard that is made for a verifier; `guard.Guard` lists them. `exclude`
                and `optional` mean nothing here: a view's permissions say who needs a token.

        Raises:
            ConfigurationError, TypeError: a setting is invalid.
        """
        guard = RequestGuard.of(cls.__name__, verifier, options, ignored=("optional",))
        guard.refuse_async_hooks()
        return type(cls.__name__, (cls,), {"_guard": guard, "__module__": cls.__module__})

    @classmethod
    def urls(cls) -> list[URLPattern]:
        """For the root `urlpatterns`: the RFC 9728 document, where `resource=` is given."""
        return document_urls(cls._guard_now())

    # Django's error reports show the variables of frames, and the frames below hold the token.
    @sensitive_variables()  # type: ignore[untyped-decorator, unused-ignore]
    def authenticate(self, request: Any) -> tuple[Any, Principal] | None:
        """User and principal; None for a request without a token.

        Raises:
            AuthAPIException: it has one and may not pass.
        """
        asked = request._request  # noqa: SLF001 - each attribute costs less there
        guard, found = self._guard_now(), state(asked)
        principal = user = refusal = None
        _vary(request.parser_context.get("view"), guard)
        try:
            principal = guard.verify(read(asked), need="required", behind=found)
            user = None if principal is None else self.user_for(principal)
        except CredentialsMissing as error:
            principal, found[MISSING] = None, error.with_traceback(None)
        except AuthError as error:
            refusal = error
        if refusal is not None:  # raised here, it has no context, which would show the token
            raise api_exception(refusal, guard)
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


setattr(CognitoAuthentication, FINDS_USERS, True)


def principal_of(request: Any, default: Any = REQUIRED) -> Principal | None:
    """The principal of a request; None for one without a token.

    `request.auth` is the same, unless another authentication class has put something of its own there.

    Raises:
        LookupError: no CognitoAuthentication has looked at it, and there is no `default`.
    """
    auth = request.auth
    return auth if isinstance(auth, Principal) else principal_in(state(request), default, _ADVICE)


def is_ours(authenticator: object) -> bool:
    """Whether it is a CognitoAuthentication."""
    return isinstance(authenticator, CognitoAuthentication)


def guard_of(request: Any, view: Any) -> RequestGuard:
    """The guard that has looked at the request, or would have: tests force a principal upon it."""
    found: RequestGuard | None = state(request._request).get(GUARD)  # noqa: SLF001 - as above
    if found is not None:
        return found
    ours = filter(is_ours, view.get_authenticators())
    return next(ours, CognitoAuthentication)._guard_now()  # noqa: SLF001 - our own class


def _vary(view: Any, guard: RequestGuard) -> None:
    """Keep a cache around the view, such as `cache_page`, from giving one principal's response to another."""
    headers = getattr(view, "headers", None)
    if headers is not None:
        headers["Vary"] = ", ".join(filter(None, (headers.get("Vary"), *guard.sources.headers)))
