"""Users of Django's own for principals: who gets one, which, and who never does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
from support.django_project import OURS, ask, project
from support.drivers.django_wsgi import configure

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth.django import CognitoUser, optional, public, require, user_for
from cognito_mr_auth.testing import FakeUserPool

configure()
BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["wsgi", "asgi"])
SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
OURS_LAST = [*SESSIONS, OURS]


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    call_command("migrate", verbosity=0)


@pytest.fixture(autouse=True)
def _nobody_yet() -> Iterator[None]:
    yield
    get_user_model().objects.all().delete()


def who(request: HttpRequest) -> HttpResponse:
    """Who asks, as Django's code sees it."""
    return JsonResponse({"user": str(request.user), "known": request.user.is_authenticated})


async def who_async(request: HttpRequest) -> HttpResponse:
    """The same, as async code sees it."""
    user = await request.auser()
    assert user.username == "staff" or user == request.user  # a session is read by `auser` alone there
    return JsonResponse({"user": str(user), "known": user.is_authenticated})


ROUTES = (
    path("who", who),
    path("async", who_async),
    path("required", require()(who)),
    path("public", public(who)),
    path("optional", optional(who)),
)


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


@BOTH
@pytest.mark.parametrize("where", ["/who", "/async", "/required"])
def test_the_default_user_is_made_once(
    pool: FakeUserPool, verifier: Verifier, where: str, asynchronous: bool
) -> None:
    """By pool and subject, without a password, never staff; `request.user` and `request.auser` agree."""
    auth = {"VERIFIER": verifier, "USER": "cognito_mr_auth.django.user_for"}
    name = f"{pool.user_pool_id}.a-1"
    with project(*ROUTES, auth=auth, middleware=OURS_LAST):
        for username in ("alice", "renamed"):
            token = pool.access_token(subject="a-1", username=username, groups=["admin"])
            said = ask(where, asynchronous=asynchronous, **bearer(token))
            assert said.json() == {"user": name, "known": True}
    [user] = get_user_model().objects.all()
    assert (user.username, user.email, user.is_staff, user.is_superuser) == (name, "", False, False)
    assert not user.has_usable_password()


@BOTH
def test_who_gets_no_user(pool: FakeUserPool, verifier: Verifier, asynchronous: bool) -> None:
    """A machine, a guest, and the caller of a public view, whose token is not read."""
    auth = {"VERIFIER": verifier, "USER": "cognito_mr_auth.django.user_for"}
    with project(*ROUTES, auth=auth, middleware=OURS_LAST):
        for where, headers in (
            ("/required", bearer(pool.machine_token())),
            ("/optional", {}),
            ("/public", bearer(pool.access_token())),
        ):
            said = ask(where, asynchronous=asynchronous, **headers)
            assert said.json() == {"user": "AnonymousUser", "known": False}
    assert get_user_model().objects.count() == 0


@BOTH
def test_an_inactive_user_is_403(pool: FakeUserPool, verifier: Verifier, asynchronous: bool) -> None:
    """The token is good, so it is no 401."""
    auth = {"VERIFIER": verifier, "USER": user_for}
    token = pool.access_token(subject="a-1")
    user_for(verifier.verify(token))
    get_user_model().objects.update(is_active=False)
    with project(*ROUTES, auth=auth, middleware=OURS_LAST):
        said = ask("/required", asynchronous=asynchronous, **bearer(token))
    assert (said.status_code, said.json()["detail"]) == (403, "this user is not active")


@BOTH
def test_a_user_of_the_session_stays(pool: FakeUserPool, verifier: Verifier, asynchronous: bool) -> None:
    """Views act for whoever is signed in; the token's principal stands beside."""
    staff = get_user_model().objects.create_user("staff")
    auth = {"VERIFIER": verifier, "USER": user_for}
    client = AsyncClient() if asynchronous else Client()
    with project(*ROUTES, auth=auth, middleware=OURS_LAST):
        if asynchronous:
            asyncio.run(client.aforce_login(staff))  # type: ignore[union-attr]
        else:
            client.force_login(staff)
        for where in ("/who", "/async"):
            said = ask(where, asynchronous=asynchronous, client=client, **bearer(pool.access_token()))
            assert said.json() == {"user": "staff", "known": True}
    assert get_user_model().objects.count() == 1


def plain(principal: Any) -> Any:
    """A USER of a project's."""
    return get_user_model()(username=f"plain {principal.subject}")


async def coroutine(principal: Any) -> Any:
    """The same, as a coroutine function."""
    return get_user_model()(username=f"async {principal.subject}")


def unknown(_principal: Any) -> Any:
    """A project that has no users."""
    return None


def refuses(_principal: Any) -> Any:
    """A project that refuses by itself."""
    raise errors.PolicyDenied("no account")


@BOTH
@pytest.mark.parametrize(
    ("function", "status", "user"),
    [
        (plain, 200, "plain a-1"),
        (coroutine, 200, "async a-1"),
        (unknown, 200, "AnonymousUser"),
        (CognitoUser, 200, "CognitoUser"),
        (refuses, 403, ""),
        (lambda _principal: 1 / 0, 500, ""),
    ],
    ids=["plain", "coroutine", "unknown", "CognitoUser", "refuses", "fails"],
)
@pytest.mark.parametrize("middleware", [OURS_LAST, [OURS]], ids=["with sessions", "alone"])
def test_a_project_gives_its_own(
    pool: FakeUserPool,
    verifier: Verifier,
    function: Any,
    status: int,
    user: str,
    middleware: list[str],
    asynchronous: bool,
) -> None:
    """A plain or a coroutine function; what it raises is an answer if it is ours, and a fault otherwise."""
    token = bearer(pool.access_token(subject="a-1"))
    view = optional(lambda request: HttpResponse(str(getattr(request, "user", AnonymousUser()))))
    with project(path("", view), auth={"VERIFIER": verifier, "USER": function}, middleware=middleware):
        said = ask(asynchronous=asynchronous, **token)
    assert said.status_code == status
    if status == 200:
        assert said.content.decode().startswith(user)


# --- The default's own


def test_a_name_of_another_user_is_not_given(pool: FakeUserPool) -> None:
    """Whoever may choose a user name in a sign-up form could choose that of another principal."""
    principal = pool.principal(subject="victim")
    get_user_model().objects.create_user(f"{pool.user_pool_id}.victim", password="mine")
    with pytest.raises(errors.PolicyDenied, match="has a password"):
        user_for(principal)


def test_an_address_is_no_name(pool: FakeUserPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose users are named by their e-mail address needs a USER of its own."""
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "email")
    with pytest.raises(errors.ConfigurationError, match="e-mail"):
        user_for(pool.principal())
    assert get_user_model().objects.count() == 0
