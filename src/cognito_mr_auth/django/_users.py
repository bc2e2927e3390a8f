"""Django users for principals, if a project wants them.

Owns when a request gets a user, and the default mapping from a principal to a user: by provider and subject.
It never uses an e-mail address, because users can change it, or Cognito's user name, because another user may
get the same name later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.http import HttpRequest

from cognito_mr_auth.errors import ConfigurationError, PolicyDenied
from cognito_mr_auth.principal import Principal

__all__ = ["FINDS_USERS", "UserSource", "finds_users", "user_for"]

FINDS_USERS: Final = "_cognito_mr_auth_finds_users"
"""The attribute of a REST framework authentication class that gives a principal its user."""


def finds_users(view: object) -> bool:
    """Whether a view of REST framework finds the user of a token itself.

    SessionAuthentication, which may come before our class, treats an existing user as a session's. There
    would be no principal then, and no policy would be checked.
    """
    classes = getattr(getattr(view, "cls", None), "authentication_classes", None)
    return isinstance(classes, (list, tuple)) and any(hasattr(each, FINDS_USERS) for each in classes)


class UserSource:
    """Sets a request's user. `function` takes a principal and returns a user or None; it may be async."""

    def __init__(self, function: Callable[[Principal], Any]) -> None:
        if iscoroutinefunction(function):
            self._now, self._later = async_to_sync(function), function
        elif isinstance(function, type):  # making an object needs no database, so it needs no thread
            self._now, self._later = function, partial(_made, function)
        else:
            self._now, self._later = function, sync_to_async(function)

    def give(self, request: HttpRequest, principal: Principal) -> None:
        """Set `request.user` and `request.auser`, unless the request has a user already.

        A session's user stays, because views act for that user. A machine's principal has no user.

        Raises:
            PolicyDenied: the user is not active.
        """
        if not principal.is_machine and not _is_somebody(getattr(request, "user", None)):
            _put(request, self._now(principal))

    async def agive(self, request: HttpRequest, principal: Principal) -> None:
        """Like `give`. Without it, `request.user` would query the database on the event loop."""
        if principal.is_machine:
            return
        auser = getattr(request, "auser", None)
        present = getattr(request, "user", None) if auser is None else await auser()
        if not _is_somebody(present):
            _put(request, await self._later(principal))

    def find(self, principal: Principal) -> Any:
        """Return the user of a principal, also if a session has another; None for a machine or without one.

        Raises:
            PolicyDenied: the user is not active.
        """
        return None if principal.is_machine else _active(self._now(principal))


def _is_somebody(user: Any) -> bool:
    return user is not None and bool(user.is_authenticated)


def _active(user: Any) -> Any:
    if user is not None and not user.is_active:
        raise PolicyDenied("this user is not active")
    return user


def _put(request: HttpRequest, user: Any) -> None:
    if _active(user) is not None:
        request.user = user
        request.auser = partial(_itself, user)


async def _made(cls: Callable[[Principal], Any], principal: Principal) -> Any:
    return cls(principal)


async def _itself(user: Any) -> Any:
    return user


def user_for(principal: Principal) -> Any:
    """Return the user whose name is the principal's provider and subject; create it at its first use.

    Such a user has no password. A user of that name with a password belongs to somebody else, because a
    sign-up form may let anybody choose the name.

    Raises:
        ConfigurationError: the user model uses e-mail addresses as names.
        PolicyDenied: a user of that name has a password.
    """
    from django.contrib.auth import get_user_model  # imported here, because a project may not install it
    from django.contrib.auth.hashers import make_password

    model = get_user_model()
    field = model.USERNAME_FIELD
    if field == model.get_email_field_name():
        raise ConfigurationError(f"{model.__name__} is named by its e-mail address: set your own USER")
    # Django's validator of user names accepts a dot, but no colon.
    name = f"{principal.provider}.{principal.subject}"
    manager = model._default_manager  # noqa: SLF001 - Django documents it
    user, made = manager.get_or_create(**{field: name}, defaults={"password": partial(make_password, None)})
    if not made and user.has_usable_password():
        raise PolicyDenied("the user of this name has a password, so it is not this principal's")
    return user
