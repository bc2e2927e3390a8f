# ruff: noqa: E402 - see configure() below
"""drf: what REST framework's authentication classes, permissions and exception handlers see of the guard.

The outcome table (adapters/test_outcomes.py) has REST framework too; here is what only it can get wrong.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.cache import cache_page
from support.django_apis import COMMON, OURS, project, report_of
from support.drivers.django_wsgi import configure
from support.records import fields, refusals

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth.django import CognitoUser, public
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool
from cognito_mr_auth.testing.django import act_as

configure()  # REST framework wants Django's settings while it is imported

from rest_framework import permissions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView
from rest_framework.views import exception_handler as default_handler

from cognito_mr_auth.drf import (
    AuthAPIException,
    CognitoAuthentication,
    exception_handler,
    principal_of,
    require,
)

READ = policy.scopes("orders/read")


class Session(BaseAuthentication):
    """A class without a challenge, as REST framework's own for sessions; X-Session is its session."""

    def authenticate(self, request: Any) -> Any:
        return (Somebody(), None) if "HTTP_X_SESSION" in request.META else None


class Key(BaseAuthentication):
    """Another scheme, which knows no key."""

    def authenticate(self, request: Any) -> Any:
        if "HTTP_X_KEY" in request.META:
            raise AuthenticationFailed("unknown key")

    def authenticate_header(self, request: Any) -> str:
        return "Key"


class Somebody:
    """A signed-in user of Django's own, of its staff."""

    is_authenticated = is_staff = True
    pk = 7


def handlers(name: str) -> Callable[..., Any]:
    """Our exception handler, or REST framework's own."""
    return {"ours": exception_handler, "default": default_handler}[name]


def view(
    *authentication: Any,
    allow: tuple[Any, ...] = (permissions.IsAuthenticated,),
    handler: str = "ours",
    **more: Any,
) -> Any:
    """A view that returns the caller."""

    def get(self: Any, request: Any) -> Response:
        asked = request.auth
        return Response({"auth": getattr(asked, "subject", None), "user": type(request.user).__name__})

    members = {
        "get": get,
        "authentication_classes": list(authentication),
        "permission_classes": list(allow),
        "renderer_classes": [JSONRenderer],
        "get_exception_handler": lambda self: handlers(handler),
    }
    return type("View", (APIView,), {**members, **more})


def ask(kind: Any, *, token: str | None = None, method: str = "GET", **extra: str) -> Any:
    """The rendered response of a view, as its client gets it; no middleware, no server."""
    if token is not None:
        extra["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    response = kind.as_view()(APIRequestFactory().generic(method, "/x", **extra))
    return response.render() if hasattr(response, "render") else response


@pytest.fixture
def ours(verifier: Verifier) -> type[CognitoAuthentication]:
    """The authentication class with the tests' verifier."""
    return CognitoAuthentication.using(verifier)


# --- Refusals, whatever stands beside them


def _dark() -> tuple[FakeUserPool, Verifier]:
    """A pool whose keys are not available."""
    pool = FakeUserPool()
    return pool, Verifier(pool.user_pool(offline=True, jwks=None, key_file="/nowhere/keys.json"))


# What is sent -> the header, status, a part of the challenge, reason
REFUSED: dict[str, tuple[Callable[[FakeUserPool], str], int, str | None, str]] = {
    "forged": (
        lambda pool: f"Bearer {pool.access_token(signed_by='foreign')}",
        401,
        'error="invalid_token"',
        "signature_invalid",
    ),
    "expired": (
        lambda pool: f"Bearer {pool.access_token(expires_in=-600)}",
        401,
        'error="invalid_token"',
        "token_expired",
    ),
    "malformed": (lambda pool: "Bearer a b", 400, 'error="invalid_request"', "request_malformed"),
    "without the scope": (
        lambda pool: f"Bearer {pool.access_token()}",
        403,
        'error="insufficient_scope"',
        "policy_denied",
    ),
}
BESIDE: dict[str, Callable[[Any], list[Any]]] = {
    "alone": lambda ours: [ours],
    "first": lambda ours: [ours, Session],
    "last": lambda ours: [Session, ours],
    "behind another scheme": lambda ours: [Key, ours],
}


@pytest.mark.parametrize("handler", ["ours", "default"])
@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("row", REFUSED)
def test_a_refusal_is_the_same_beside_any_class(
    pool: FakeUserPool, ours: Any, row: str, beside: str, handler: str
) -> None:
    """REST framework makes 403 of an AuthenticationFailed, and replaces its challenge, by the first class."""
    sent, status, challenge, reason = REFUSED[row]
    kind = view(*BESIDE[beside](ours), allow=(require(READ),), handler=handler)
    said = ask(kind, HTTP_AUTHORIZATION=sent(pool))
    assert said.status_code == status
    assert challenge is None or challenge in said["WWW-Authenticate"]
    assert said["WWW-Authenticate"].startswith('Bearer realm="api"')
    assert json.loads(said.content)["reason"] == reason
    assert list(json.loads(said.content)) == ["detail", "reason"]
    assert said.get("Cache-Control") == ("no-store" if handler == "ours" else None)


@pytest.mark.parametrize("handler", ["ours", "default"])
@pytest.mark.parametrize("beside", BESIDE)
def test_an_outage_is_503_beside_any_class(beside: str, handler: str) -> None:
    """With Retry-After and no challenge, and never anonymous."""
    pool, verifier = _dark()
    classes = BESIDE[beside](CognitoAuthentication.using(verifier))
    said = ask(view(*classes, allow=(permissions.AllowAny,), handler=handler), token=pool.access_token())
    assert said.status_code == 503
    assert int(said["Retry-After"]) >= 1
    assert "WWW-Authenticate" not in said
    assert json.loads(said.content)["reason"] == "keys_unavailable"


@pytest.mark.parametrize("allow", [permissions.IsAuthenticated, require(), require(READ)], ids=repr)
@pytest.mark.parametrize("beside", BESIDE)
def test_a_request_without_token_gets_the_challenge_beside_any_class(
    ours: Any, beside: str, allow: Any
) -> None:
    """With our exception handler: also where REST framework would say 403, or another scheme's challenge."""
    with refusals() as records:
        said = ask(view(*BESIDE[beside](ours), allow=(allow,)))
    assert (said.status_code, said["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert json.loads(said.content) == {"detail": "no access token was sent", "reason": "credentials_missing"}
    assert said["Cache-Control"] == "no-store"
    assert [fields(each)[:2] for each in records] == [("credentials_missing", 401)]


def test_a_missing_token_without_our_handler(ours: Any) -> None:
    """REST framework's own answer: with our challenge where our class is the first one."""
    with refusals() as records:
        first = ask(view(ours, Session, handler="default"))
        last = ask(view(Session, ours, handler="default"))
    assert (first.status_code, first["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert (last.status_code, last.get("WWW-Authenticate")) == (403, None)
    assert records == []


@pytest.mark.parametrize("sent", ["Bearer garbage", "Bearer a b", "Bearer "])
def test_a_bad_token_is_refused_where_everybody_may_come(ours: Any, sent: str) -> None:
    """AllowAny admits guests, but no bad token. Another class's user does not change that."""
    for classes in ([ours], [ours, Session]):
        said = ask(view(*classes, allow=(permissions.AllowAny,)), HTTP_AUTHORIZATION=sent, HTTP_X_SESSION="1")
        assert said.status_code in (400, 401)
    open_to_all = view(allow=(permissions.AllowAny,))
    assert ask(open_to_all, HTTP_AUTHORIZATION=sent).status_code == 200


def test_other_errors_are_rest_frameworks(ours: Any) -> None:
    """What is no AuthError, and a NotAuthenticated of views that do not take tokens, stays as it is."""

    def fails(error: Exception) -> Any:
        def get(self: Any, request: Any) -> None:
            raise error

        return get

    wrong = ask(view(Key, ours), HTTP_X_KEY="x")
    assert (wrong.status_code, wrong["WWW-Authenticate"]) == (401, "Key")
    said = ask(view(Key))
    assert (said.status_code, said["WWW-Authenticate"]) == (401, "Key")
    failed = ask(view(ours, allow=(), get=fails(AuthenticationFailed("no"))))
    assert (failed.status_code, json.loads(failed.content)) == (401, {"detail": "no"})
    with pytest.raises(ZeroDivisionError):
        ask(view(ours, allow=(), get=fails(ZeroDivisionError())))


def test_a_view_may_treat_a_principal_as_no_user(pool: FakeUserPool, ours: Any) -> None:
    """A NotAuthenticated of the view's own, for a request with a token, says nothing of a missing one."""

    def get(self: Any, request: Any) -> None:
        raise NotAuthenticated("sign in again")

    said = ask(view(ours, get=get), token=pool.access_token())
    assert json.loads(said.content) == {"detail": "sign in again"}


# --- What a view raises


class Both(errors.PolicyDenied, APIException):
    """One that is both kinds already."""


RAISED: dict[str, tuple[Callable[[], Exception], int]] = {
    "another tenant": (lambda: errors.PolicyDenied("another tenant"), 403),
    "too old": (lambda: errors.AuthenticationTooOld(max_age=60), 401),
    "nobody": (errors.CredentialsMissing, 401),
    "an outage": (lambda: errors.KeysUnavailable(retry_after=7, hint="us-west-2 is down"), 503),
    "both kinds": (lambda: Both("another tenant"), 403),
}


@pytest.mark.parametrize("row", RAISED)
def test_what_a_view_raises_is_both_kinds(ours: Any, pool: FakeUserPool, row: str) -> None:
    """The handler receives an APIException; the response is that of the library's own refusals."""
    made, status = RAISED[row]

    def get(self: Any, request: Any) -> None:
        raise made()

    said = ask(view(ours, get=get), token=pool.access_token())
    assert said.status_code == status
    assert json.loads(said.content)["reason"] == made().reason  # type: ignore[attr-defined]
    assert ("Retry-After" in said) is (status == 503)
    assert ("WWW-Authenticate" in said) is (status != 503)
    assert "us-west-2" not in said.content.decode()


def test_a_handler_of_the_users_finds_both(pool: FakeUserPool, ours: Any) -> None:
    """By our class and by REST framework's; it has what both kinds have, and no token."""
    seen: list[Any] = []

    def handler(exc: Any, context: Any) -> Any:
        seen.append(exc)
        return exception_handler(exc, context)

    token = pool.access_token(expires_in=-600)
    ask(view(ours, get_exception_handler=lambda self: handler), token=token)
    [error] = seen
    assert isinstance(error, AuthAPIException)
    assert isinstance(error, errors.TokenExpired)
    assert type(error.error) is errors.TokenExpired
    assert (error.status_code, error.response.status, error.get_codes()["detail"]) == (
        401,
        401,
        "token_expired",
    )
    assert error.__context__ is None
    assert error.error.__traceback__ is None
    assert token.rpartition(".")[2] not in repr((vars(error), str(error)))


def test_an_outage_is_no_mail_for_each_request(caplog: pytest.LogCaptureFixture) -> None:
    """Django logs each 5xx as an error and mails it; the library's own record says once that it has begun."""
    pool, verifier = _dark()
    kind = view(CognitoAuthentication.using(verifier))
    with project(path("x", kind.as_view())), caplog.at_level(logging.WARNING, "django.request"):
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pool.access_token()}")
        assert client.get("/x").status_code == 503
    assert [each for each in caplog.records if each.name == "django.request"] == []


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_browsable_api_shows_the_same(pool: FakeUserPool, ours: Any, accept: str) -> None:
    """Its pages ask permissions for each method, and show a refusal with its status and headers."""

    def post(self: Any, request: Any) -> Response:
        return Response()

    kind = view(
        ours, allow=(require(READ),), renderer_classes=[JSONRenderer, BrowsableAPIRenderer], post=post
    )
    with project(path("x", kind.as_view())):
        client = APIClient()
        nobody = client.get("/x", HTTP_ACCEPT=accept)
        assert (nobody.status_code, nobody["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pool.access_token()}")
        denied = client.get("/x", HTTP_ACCEPT=accept)
        assert denied.status_code == 403
        assert 'scope="orders/read"' in denied["WWW-Authenticate"]
        assert denied["Content-Type"].startswith(accept)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pool.access_token(scopes=['orders/read'])}")
        assert client.get("/x", HTTP_ACCEPT=accept).status_code == 200


# --- Who asks


def test_the_user_is_no_user_of_djangos(pool: FakeUserPool, ours: Any) -> None:
    """Authenticated, with a key to count by, and with no right of Django's, whatever the token says."""
    seen: list[Any] = []

    def get(self: Any, request: Any) -> Response:
        seen.append(request)
        return Response(UserRateThrottle().get_cache_key(request, self))

    claims = {"is_staff": True, "is_superuser": True}
    token = pool.access_token(subject="alice", groups=["admin", "staff"], claims=claims)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UserRateThrottle, "rate", "1/day", raising=False)
        said = ask(view(ours, get=get), token=token)
    [request] = seen
    assert said.data == f"throttle_user_{pool.user_pool_id}:alice"
    assert isinstance(request.user, CognitoUser)
    assert request.auth.subject == request.user.principal.subject == "alice"
    assert principal_of(request) is request.auth
    assert ask(view(ours, allow=(permissions.IsAdminUser,)), token=token).status_code == 403


def test_who_asks_is_known_where_a_class_has_looked(pool: FakeUserPool, ours: Any) -> None:
    """None for a guest; a LookupError says what is missing if no guard has checked the request."""
    seen: list[Any] = []

    def get(self: Any, request: Any) -> Response:
        seen.append(principal_of(request))
        return Response()

    ask(view(ours, allow=(permissions.AllowAny,), get=get))
    assert seen == [None]
    with pytest.raises(LookupError, match="authentication_classes"):
        ask(view(Session, allow=(permissions.AllowAny,), get=get))


def test_a_request_outside_of_views(pool: FakeUserPool, ours: Any) -> None:
    """A middleware or a WebSocket's handshake may authenticate by hand."""
    headers = {"HTTP_AUTHORIZATION": f"Bearer {pool.access_token(subject='me')}"}
    user, principal = ours().authenticate(Request(RequestFactory().get("/x", **headers)))
    assert (user.get_username(), principal.subject) == ("alice", "me")
    assert ours().authenticate(Request(RequestFactory().get("/x"))) is None


def test_behind_the_middleware_a_token_is_verified_once(pool: FakeUserPool) -> None:
    """Both go by the same settings, so the class takes what the middleware has found."""
    asked: list[Principal] = []

    def revoked(principal: Principal) -> bool:
        asked.append(principal)
        return False

    verifier = pool.offline_verifier(revoked=revoked)
    kind = view(CognitoAuthentication)
    middleware = (COMMON, OURS)
    with project(path("x", kind.as_view()), middleware=middleware, COGNITO_AUTH={"VERIFIER": verifier}):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pool.access_token(subject='me')}")
        assert client.get("/x").json() == {"auth": "me", "user": "CognitoUser"}
    assert len(asked) == 1


class Row:
    """A user of Django's own."""

    is_authenticated = True

    def __init__(self, principal: Principal) -> None:
        self.pk = principal.subject
        self.is_active = principal.subject != "bob"


async def _later(principal: Principal) -> Row | None:
    return Row(principal) if principal.subject != "nobody" else None


@pytest.mark.parametrize("source", [Row, _later], ids=["plain", "coroutine"])
@pytest.mark.parametrize(
    ("subject", "status", "user"),
    [
        ("alice", 200, "Row"),
        ("bob", 403, None),
        ("nobody", 200, "CognitoUser"),
        ("machine", 200, "CognitoUser"),
    ],
)
def test_the_settings_may_give_a_user(
    pool: FakeUserPool, source: Any, subject: str, status: int, user: str | None
) -> None:
    """One who is not active is 403, because the token is good; a machine has none."""
    if source is _later and subject == "bob":
        status, user = 403, None
    if source is Row and subject == "nobody":
        user = "Row"
    token = pool.machine_token() if subject == "machine" else pool.access_token(subject=subject)
    with project(COGNITO_AUTH={"VERIFIER": pool.offline_verifier(), "USER": source}):
        said = ask(view(CognitoAuthentication), token=token)
        assert said.status_code == status
        assert json.loads(said.content).get("user") == user
        # A session is another class's: whom the token stands for acts.
        both = ask(view(CognitoAuthentication, Session), token=token, HTTP_X_SESSION="1")
        assert both.status_code == status


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("source", [CognitoUser, Row], ids=["ours", "a row"])
def test_the_middlewares_user_is_no_sessions(pool: FakeUserPool, source: Any, first: bool) -> None:
    """The middleware and SessionAuthentication share `request.user`; a policy is asked all the same."""
    classes = [CognitoAuthentication, SessionAuthentication]
    kind = view(*(classes if first else classes[::-1]), allow=(require(READ) | permissions.IsAuthenticated,))
    auth = {"VERIFIER": pool.offline_verifier(), "USER": source}
    with project(path("x", kind.as_view()), middleware=(COMMON, OURS), COGNITO_AUTH=auth):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pool.access_token()}")
        assert client.get("/x").status_code == 403
        token = pool.access_token(subject="me", scopes=["orders/read"])
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        assert client.get("/x").json() == {"auth": "me", "user": source.__name__}


@pytest.mark.parametrize(("options", "names"), [({}, "Authorization"), ({"header": "X-Token"}, "X-Token")])
def test_a_cache_around_a_view_keeps_principals_apart(
    pool: FakeUserPool, verifier: Verifier, options: Any, names: str
) -> None:
    """Django's `cache_page` answers before anybody is asked for a token, so responses name its header."""
    kind = view(CognitoAuthentication.using(verifier, **options))
    header = f"HTTP_{names.upper().replace('-', '_')}"
    tokens = {name: f"Bearer {pool.access_token(subject=name)}" for name in ("alice", "bob")}
    with project(path("x", cache_page(60)(kind.as_view()))):
        client = APIClient()
        for name in ("alice", "bob", "alice"):
            assert client.get("/x", **{header: tokens[name]}).json()["auth"] == name
        nobody = client.get("/x")
    assert nobody.status_code == 401
    assert names in nobody["Vary"]
    caches["default"].clear()


# --- Settings, and classes with their own


def test_the_settings_are_looked_up_for_each_request() -> None:
    """So that a test may override them; what cannot be right is no way in."""
    kind = view(CognitoAuthentication)
    for name in ("us-west-2_One000001", "us-west-2_Two000002"):
        pool = FakeUserPool(name)
        with project(COGNITO_AUTH={"VERIFIER": pool.offline_verifier(), "REALM": name}):
            assert ask(kind, token=pool.access_token()).status_code == 200
            assert ask(kind)["WWW-Authenticate"] == f'Bearer realm="{name}"'
    with project(COGNITO_AUTH={"VERIFYER": None}), pytest.raises(TypeError, match="VERIFIER"):
        ask(kind, token=pool.access_token())


def test_a_class_may_have_a_verifier_of_its_own(pool: FakeUserPool, verifier: Verifier) -> None:
    """With its own settings, and its own challenge; the tokens of one audience are not the other's."""
    partners = FakeUserPool("us-west-2_Partner01", clock=FakeClock())
    theirs = CognitoAuthentication.using(partners.offline_verifier(), realm="partners")
    here = CognitoAuthentication.using(Guard(verifier, optional=True))
    assert ask(view(theirs), token=partners.access_token()).status_code == 200
    foreign = ask(view(theirs), token=pool.access_token())
    assert foreign.status_code == 401
    assert foreign["WWW-Authenticate"].startswith('Bearer realm="partners", error="invalid_token"')
    assert ask(view(here), token=pool.access_token()).status_code == 200
    # The permission's answer is that of the class that has found the principal.
    denied = ask(view(theirs, allow=(require(READ),)), token=partners.access_token())
    assert denied["WWW-Authenticate"].startswith('Bearer realm="partners", error="insufficient_scope"')


async def _revoked(_principal: Principal) -> bool:
    return False


def test_hooks_that_only_asyncio_could_call_fail_at_once(pool: FakeUserPool) -> None:
    """REST framework is sync: they are refused when a class or a permission is made."""
    with pytest.raises(TypeError, match="coroutine function"):
        CognitoAuthentication.using(pool.offline_verifier(revoked=_revoked))
    with pytest.raises(TypeError, match="coroutine function"):
        require(policy.check(_revoked))


def test_a_report_of_an_error_shows_no_token(pool: FakeUserPool) -> None:
    """Django's error pages and mails show the variables of frames; what fails here is the settings' hook."""
    token = pool.access_token()
    kind = view(CognitoAuthentication)
    request = RequestFactory().get("/x", HTTP_AUTHORIZATION=f"Bearer {token}")
    with project(COGNITO_AUTH={"VERIFIER": pool.offline_verifier(revoked=_revoked)}):
        report = report_of(lambda: kind.as_view()(request), request)
    assert "coroutine function" in report
    assert token.rpartition(".")[2] not in report
    assert token.split(".")[1] not in report


# --- Permissions


@pytest.mark.parametrize(
    ("allow", "nobody", "session", "denied", "entitled"),
    [
        pytest.param(require(READ), 401, 403, 403, 200, id="a policy"),
        pytest.param(require(READ) | permissions.IsAdminUser, 401, 200, 403, 200, id="or a session of staff"),
        pytest.param(
            permissions.IsAdminUser | require(READ), 401, 200, 403, 200, id="the same, turned round"
        ),
        pytest.param(require() & require(READ), 401, 403, 403, 200, id="both"),
        pytest.param(require(READ) | permissions.AllowAny, 200, 200, 403, 200, id="or anybody"),
        pytest.param(require(READ | policy.groups("ops")), 401, 403, 403, 200, id="policies combined"),
        pytest.param(permissions.IsAuthenticated, 401, 200, 200, 200, id="REST framework's own"),
    ],
)
def test_a_permission_made_of_a_policy(
    pool: FakeUserPool, ours: Any, allow: Any, nobody: int, session: int, denied: int, entitled: int
) -> None:
    """A request without a principal is for other permissions to judge; a principal is judged at once."""
    kind = view(ours, Session, allow=(allow,))
    assert ask(kind).status_code == nobody
    assert ask(kind, HTTP_X_SESSION="1").status_code == session
    said = ask(kind, token=pool.access_token())
    assert said.status_code == denied
    assert denied == 200 or said["WWW-Authenticate"].startswith(
        'Bearer realm="api", error="insufficient_scope"'
    )
    assert ask(kind, token=pool.access_token(scopes=["orders/read"])).status_code == entitled


def test_a_permission_has_no_opposite() -> None:
    """`~require(p)` would be true for guests."""
    with pytest.raises(TypeError, match="negate the policy"):
        ~require(READ)


@pytest.mark.parametrize("allow", [require, READ, "require"], ids=["not called", "a policy", "a name"])
def test_an_invalid_permission_lets_no_request_in(pool: FakeUserPool, ours: Any, allow: Any) -> None:
    """A view whose permissions are set up wrongly is an error for each request."""
    with pytest.raises((TypeError, AttributeError)):
        ask(view(ours, allow=(allow,)), token=pool.access_token(scopes=["orders/read"]))


@pytest.mark.parametrize(
    "wrong", [lambda principal: True, "orders/read", permissions.AllowAny], ids=["function", "scope", "class"]
)
def test_a_permission_is_made_of_a_policy_alone(wrong: Any) -> None:
    """Anything else fails where it is written."""
    with pytest.raises(TypeError, match="policy"):
        require(wrong)


def test_tests_may_act_as_a_principal(pool: FakeUserPool, ours: Any) -> None:
    """`force_authenticate` sends no token; policies are asked all the same."""
    kind = view(ours, allow=(require(READ),))

    def forced(**given: Any) -> int:
        request = APIRequestFactory().get("/x")
        force_authenticate(request, **given)
        return int(kind.as_view()(request).status_code)

    entitled, plain = pool.principal(scopes=["orders/read"]), pool.principal()
    assert forced(user=CognitoUser(entitled), token=entitled) == 200
    assert forced(user=CognitoUser(plain), token=plain) == 403
    assert forced(user=CognitoUser(entitled)) in (401, 403)


def test_a_request_may_come_with_its_principal(pool: FakeUserPool) -> None:
    """`testing.django.act_as` is for requests that no middleware has seen."""
    kind = view(CognitoAuthentication, allow=(require(READ),))
    with project(COGNITO_AUTH={"VERIFIER": pool.offline_verifier()}):
        for scopes, status in (["orders/read"], 200), ([], 403):
            request = act_as(APIRequestFactory().get("/x"), pool.principal(scopes=scopes))
            assert kind.as_view()(request).status_code == status


def test_a_view_is_open_if_it_says_so_to_both(pool: FakeUserPool) -> None:
    """Under PROTECT_ALL the middleware closes what REST framework leaves open, and the other way round."""
    open_here = view(allow=(permissions.AllowAny,)).as_view()
    closed_here = view(CognitoAuthentication).as_view()
    routes = (path("both", public(open_here)), path("here", open_here), path("there", public(closed_here)))
    given = {"VERIFIER": pool.offline_verifier(), "PROTECT_ALL": True}
    with project(*routes, middleware=(COMMON, OURS), COGNITO_AUTH=given):
        client = APIClient()
        assert [client.get(f"/{where}").status_code for where in ("both", "here", "there")] == [200, 401, 401]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Django's log of each 4xx is no news here."""
    logger = logging.getLogger("django.request")
    level = logger.level
    yield
    logger.setLevel(level)
