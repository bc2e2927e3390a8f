"""flask.CognitoAuth in an application: late settings, protect_all, guests, preflights, routes, handshakes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, g
from flask.views import MethodView
from support.drivers import Ask
from support.drivers.client import environ_of

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth import wsgi as pure
from cognito_mr_auth._web.state import GUARD, PRINCIPAL
from cognito_mr_auth.flask import CognitoAuth, current_principal, principal_of
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

READ = policy.scopes("orders/read")
COOKIE = {"cookie": "at", "allowed_origins": ["https://a.example"]}


def bearer(pool: FakeUserPool, subject: str = "alice") -> dict[str, str]:
    """The headers of a good token."""
    return {"Authorization": f"Bearer {pool.access_token(claims={'sub': subject})}"}


def who() -> str:
    """A view that returns the caller."""
    return current_principal.subject if current_principal else "nobody"


def view() -> Callable[[], str]:
    """A new one, since marks stay on a function."""

    def fresh() -> str:
        return who()

    return fresh


def make(auth: CognitoAuth, verifier: Verifier | None = None, **settings: Any) -> Flask:
    """An application with a guarded, a bare and a public view."""
    app = Flask(__name__, **settings)
    auth.init_app(app, verifier)

    @app.route("/guarded", methods=["GET", "POST"])
    @auth.require()
    def guarded() -> str:
        return who()

    @app.get("/bare")
    def bare() -> str:
        return who()

    @app.get("/open/")
    @auth.public
    def open_view() -> str:
        return who()

    return app


# --- Setting up


def _bound(auth: CognitoAuth, app: Flask, verifier: Verifier) -> None:
    auth.init_app(app)
    auth.bind(verifier)


def _bound_first(auth: CognitoAuth, app: Flask, verifier: Verifier) -> None:
    auth.bind(verifier)
    auth.init_app(app)


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(lambda auth, app, verifier: auth.init_app(app, verifier), id="with init_app"),
        pytest.param(lambda auth, app, verifier: auth.init_app(app, Guard(verifier)), id="in a Guard"),
        pytest.param(_bound, id="bind after init_app"),
        pytest.param(_bound_first, id="bind before init_app"),
    ],
)
@pytest.mark.parametrize("protect_all", [False, True], ids=["alone", "protect_all"])
def test_a_verifier_may_come_late(
    pool: FakeUserPool, verifier: Verifier, late: Any, protect_all: bool
) -> None:
    """Views are written before settings are known; the verifier comes with init_app or by bind."""
    auth, app = CognitoAuth(protect_all=protect_all), Flask(__name__)
    app.add_url_rule("/x", "x", auth.require()(view()))
    late(auth, app, verifier)
    client = app.test_client()
    assert client.get("/x").status_code == 401
    assert client.get("/x", headers=bearer(pool)).text == "alice"


@pytest.mark.parametrize("path", ["/guarded", "/optional", "/blueprint/x", "/bare", "/nothing", "/health"])
def test_before_the_verifier_there_is_no_way_in(pool: FakeUserPool, verifier: Verifier, path: str) -> None:
    """A request that a guard must look at is a ConfigurationError (500), with a good token and without."""
    auth = CognitoAuth(protect_all=True, exclude=["/health"], optional=True)
    app = make(auth)
    blueprint = Blueprint("b", __name__)
    auth.protect(blueprint)
    app.add_url_rule("/optional", "optional", auth.optional(view()))
    app.add_url_rule("/health", "health", who)
    blueprint.add_url_rule("/x", "x", who)
    app.register_blueprint(blueprint, url_prefix="/blueprint")
    client = app.test_client()
    app.testing = True
    for headers in ({}, bearer(pool)):
        with pytest.raises(errors.ConfigurationError, match="no verifier yet"):
            client.get(path, headers=headers)
    assert client.get("/open/").text == "nobody"  # no guard looks at it
    app.testing = False
    app.logger.disabled = True
    assert client.get(path).status_code == 500
    auth.bind(verifier)
    assert client.get(path, headers=bearer(pool)).status_code < 500


def test_an_application_may_have_a_verifier_of_its_own(pool: FakeUserPool, verifier: Verifier) -> None:
    """init_app's comes before the constructor's, and `bind` does not change it."""
    other = FakeUserPool("us-west-2_Other0001")
    auth = CognitoAuth()
    client = make(auth, other.offline_verifier()).test_client()
    auth.bind(verifier)
    assert client.get("/guarded", headers=bearer(other)).status_code == 200
    assert client.get("/guarded", headers=bearer(pool)).status_code == 401
    assert make(auth).test_client().get("/guarded", headers=bearer(pool)).status_code == 200


def test_a_guard_keeps_its_settings(pool: FakeUserPool, verifier: Verifier) -> None:
    """A CognitoAuth with a Guard takes no other verifier, which would be without the Guard's settings."""
    guard = Guard(require=READ)
    auth = CognitoAuth(guard)
    for given in (verifier, Guard(verifier)):
        with pytest.raises(errors.ConfigurationError, match="was given a Guard"):
            auth.init_app(Flask(__name__), given)
    client = make(auth).test_client()
    guard.bind(verifier)
    assert client.get("/guarded", headers=bearer(pool)).status_code == 403


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        pytest.param(TypeError, {"verifier": Flask(__name__)}, id="an app where the verifier belongs"),
        pytest.param(errors.ConfigurationError, {"protect_all": 1}, id="protect_all=1"),
        pytest.param(errors.ConfigurationError, {"protect_all": None}, id="protect_all=None"),
    ],
)
def test_what_cannot_be_right_fails_in_the_constructor(
    verifier: Verifier, kind: type[Exception], arguments: Any
) -> None:
    """What is Flask's own; adapters/test_outcomes.py has the settings of all."""
    with pytest.raises(kind):
        CognitoAuth(**{"verifier": verifier, **arguments})


def test_an_application_is_initialised_once(verifier: Verifier) -> None:
    """A second init_app, of this object or another, is a RuntimeError and changes nothing."""
    app = Flask(__name__)
    auth = CognitoAuth(verifier, app=app)
    hooks = list(app.before_request_funcs[None])
    for again in (auth, CognitoAuth(verifier, protect_all=True)):
        with pytest.raises(RuntimeError, match="already"):
            again.init_app(app)
    assert app.before_request_funcs[None] == hooks


def test_init_app_comes_before_the_first_request(verifier: Verifier) -> None:
    """Later, Flask refuses it: nothing has been served that was meant to be guarded by then."""
    app = Flask(__name__)
    app.test_client().get("/")
    with pytest.raises(AssertionError, match="before_request"):
        CognitoAuth(verifier, app=app)
    assert "cognito_mr_auth" not in app.extensions


def _decorated(app: Flask, auth: CognitoAuth) -> None:
    app.add_url_rule("/x", "x", auth.require()(lambda: "open!"))


def _above_the_route(app: Flask, auth: CognitoAuth) -> None:
    @auth.require()
    @app.get("/x")
    def view() -> str:
        return "open!"


def _blueprint(app: Flask, auth: CognitoAuth) -> None:
    blueprint = Blueprint("b", __name__)
    auth.protect(blueprint)
    blueprint.add_url_rule("/x", "x", lambda: "open!")
    app.register_blueprint(blueprint)


@pytest.mark.parametrize(
    ("write", "other"),
    [
        pytest.param(_decorated, False, id="decorated"),
        pytest.param(_blueprint, False, id="a blueprint"),
        pytest.param(_decorated, True, id="decorated, another auth runs"),
        pytest.param(_blueprint, True, id="a blueprint, another auth runs"),
        # Without any init_app nothing of ours would run here: docs/flask.md says so.
        pytest.param(_above_the_route, True, id="above the route, another auth runs"),
    ],
)
def test_a_guard_without_init_app_is_never_open(
    pool: FakeUserPool, verifier: Verifier, write: Any, other: bool
) -> None:
    """An application that this object does not know gets a RuntimeError that names init_app."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    if other:
        CognitoAuth(verifier, app=app)
    write(app, auth)
    app.testing = True
    with pytest.raises(RuntimeError, match="init_app"):
        app.test_client().get("/x", headers=bearer(pool))
    app.testing = app.debug = False
    app.logger.disabled = True
    refused = app.test_client().get("/x", headers=bearer(pool))
    assert refused.status_code == 500
    assert b"open!" not in refused.data


# --- The application as a whole

PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}

# What is asked -> without a token, with one
WHOLE: dict[str, tuple[str, str, dict[str, str], int, int]] = {
    "a view": ("GET", "/bare", {}, 401, 200),
    "its HEAD": ("HEAD", "/bare", {}, 401, 200),
    "its OPTIONS": ("OPTIONS", "/bare", {}, 401, 200),
    "an Origin alone is no preflight": ("OPTIONS", "/bare", {"Origin": "https://a.example"}, 401, 200),
    "a preflight": ("OPTIONS", "/bare", PREFLIGHT, 401, 200),
    "a preflight to nothing": ("OPTIONS", "/nothing", PREFLIGHT, 401, 404),
    "a preflight's headers on GET": ("GET", "/bare", PREFLIGHT, 401, 200),
    "nothing there": ("GET", "/nothing", {}, 401, 404),
    "a method not there": ("DELETE", "/bare", {}, 401, 405),
    "a static file": ("GET", "/static/drivers/client.py", {}, 401, 200),
    "no such static file": ("GET", "/static/none", {}, 401, 404),
    "above the static files": ("GET", "/static/../conftest.py", {}, 401, 404),
    "public": ("GET", "/open/", {}, 200, 200),
    "public, HEAD": ("HEAD", "/open/", {}, 200, 200),
    "public, OPTIONS": ("OPTIONS", "/open/", {}, 200, 200),
    "public, a method not there": ("POST", "/open/", {}, 401, 405),
    "for guests too": ("GET", "/optional", {}, 200, 200),
    "for guests too, HEAD": ("HEAD", "/optional", {}, 200, 200),
    "for guests too, OPTIONS": ("OPTIONS", "/optional", {}, 200, 200),
    "for guests too, a method not there": ("POST", "/optional", {}, 401, 405),
    "a redirect to a public view": ("GET", "/open", {}, 401, 308),
    "merged slashes": ("GET", "/open//", {}, 401, 308),
    "a longer path": ("GET", "/open/x", {}, 401, 404),
    "another case": ("GET", "/Open/", {}, 401, 404),
    "excluded": ("GET", "/health", {}, 200, 200),
    "below the excluded": ("GET", "/health/", {}, 401, 404),
    "excluded and unknown": ("GET", "/hooks/x", {}, 404, 404),
    "dots in the excluded": ("GET", "/hooks/../bare", {}, 401, 404),
    "encoded dots in the excluded": ("GET", "/hooks/%2e%2e/bare", {}, 401, 404),
    "the excluded, explicitly guarded": ("GET", "/hooks/guarded", {}, 401, 200),
}


@pytest.mark.parametrize("row", WHOLE)
def test_protect_all_guards_what_is_not_said_to_be_open(
    pool: FakeUserPool, verifier: Verifier, row: str
) -> None:
    """Every URL, known or not, static files too; only open views and exclusions pass."""
    method, path, headers, without, with_one = WHOLE[row]
    auth = CognitoAuth(verifier, protect_all=True, exclude=["/health", "/hooks/*"])
    support = Path(__file__).parent.parent / "support"
    app = make(auth, static_folder=str(support), static_url_path="/static")
    app.add_url_rule("/health", "health", who)
    app.add_url_rule("/optional", "optional", auth.optional(lambda: "ok"))
    app.add_url_rule("/hooks/guarded", "hook", auth.require()(lambda: "ok"))
    client = app.test_client()
    for given, expected in (({}, without), (bearer(pool), with_one)):
        asked = client.open(path, method=method, headers={**headers, **given})
        asked.close()
        assert asked.status_code == expected
        assert ("www-authenticate" in asked.headers) is (expected == 401)


def test_optional_mode_opens_no_guarded_view(pool: FakeUserPool, verifier: Verifier) -> None:
    """It opens what protect_all closes, unknown URLs too, and never what names its guard."""
    client = make(CognitoAuth(verifier, protect_all=True, optional=True)).test_client()
    rows = [("/bare", 200), ("/guarded", 401), ("/nothing", 404)]
    assert [(path, client.get(path).status_code) for path, _ in rows] == rows


# --- Views for guests too


@pytest.mark.parametrize("protect_all", [False, True], ids=["alone", "protect_all"])
@pytest.mark.parametrize(
    "place", ["below the route", "above it", "of a method", "of a class", "in a blueprint", "async"]
)
def test_guests_are_welcome_at_an_optional_view(
    pool: FakeUserPool, verifier: Verifier, protect_all: bool, place: str
) -> None:
    """No token, or another scheme: no principal. A bad token is refused all the same."""
    auth, app = CognitoAuth(verifier, protect_all=protect_all), Flask(__name__)
    auth.init_app(app)
    blueprint = Blueprint("b", __name__)
    auth.protect(blueprint)

    def view() -> str:
        found = principal_of()
        return "guest" if found is None else found.subject

    async def async_view() -> str:
        return view()

    class OfMethod(MethodView):
        @auth.optional
        def get(self) -> str:
            return view()

    @auth.optional
    class OfClass(MethodView):
        def get(self) -> str:
            return view()

    if place == "above it":
        app.add_url_rule("/x", "x", view)
        auth.optional(view)
    elif place == "in a blueprint":
        blueprint.add_url_rule("/x", "x", auth.optional(view))
    else:
        written = {"async": auth.optional(async_view), "below the route": auth.optional(view)}
        written |= {"of a method": OfMethod.as_view("x"), "of a class": OfClass.as_view("x")}
        app.add_url_rule("/x", "x", written[place])
    app.register_blueprint(blueprint)
    client = app.test_client()
    assert client.get("/x").text == "guest"
    assert client.get("/x", headers={"Authorization": "Basic eDp5"}).text == "guest"
    assert client.get("/x", headers=bearer(pool)).text == "alice"
    for bad, status in (("Bearer x.y.z", 401), ("Bearer", 400)):
        refused = client.get("/x", headers={"Authorization": bad})
        assert (refused.status_code, "www-authenticate" in refused.headers) == (status, True)


def test_a_policy_of_the_whole_is_asked_for_those_with_a_token(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """Guests pass an optional view; a principal needs what the guard and the blueprint ask for."""
    auth = CognitoAuth(verifier, require=READ, protect_all=True)
    app, blueprint = Flask(__name__), Blueprint("b", __name__)
    auth.init_app(app)
    auth.protect(blueprint, policy.groups("staff"))
    blueprint.add_url_rule("/x", "x", auth.optional(lambda: "ok"))
    app.register_blueprint(blueprint)
    client = app.test_client()
    assert client.get("/x").status_code == 200
    for options, status in (
        ({}, 403),
        ({"scopes": ["orders/read"]}, 403),
        ({"groups": ["staff"]}, 403),
        ({"scopes": ["orders/read"], "groups": ["staff"]}, 200),
    ):
        headers = {"Authorization": f"Bearer {pool.access_token(**options)}"}
        assert client.get("/x", headers=headers).status_code == status


# --- Preflights


def test_a_preflight_learns_nothing(verifier: Verifier) -> None:
    """F12: with `preflight="pass"` every URL under protect_all gives one answer, known or unknown."""
    auth = CognitoAuth(verifier, protect_all=True, preflight="pass", exclude=["/health"])
    app = make(auth)
    app.add_url_rule("/health", "health", who)
    app.add_url_rule("/optional", "optional", auth.optional(view()))
    app.add_url_rule("/own", "own", auth.require()(view()), methods=["OPTIONS", "PATCH"])
    client = app.test_client()
    paths = ["/bare", "/guarded", "/own", "/optional", "/health", "/nothing", "/open", "/static/x"]
    answers = [client.options(path, headers=PREFLIGHT) for path in paths]
    assert {(each.status_code, each.data, str(each.headers)) for each in answers} == {
        (204, b"", str(answers[0].headers))
    }
    assert "allow" not in answers[0].headers


# --- Routes and exclusions


@pytest.mark.parametrize(
    ("rule", "path", "excluded"),
    [
        pytest.param("/<tenant>/invoices", "/static/invoices", False, id="a tenant of that name"),
        pytest.param("/<string:tenant>/<page>", "/static/invoices", False, id="by its full name"),
        pytest.param("/<any(static, media):kind>/x", "/static/x", False, id="any of some"),
        pytest.param('/<any("a/b", static):kind>/x', "/static/x", False, id="a slash in an argument"),
        pytest.param("/<a><b>/x", "/static/x", False, id="two in one segment"),
        pytest.param("/st<rest>/x", "/static/x", False, id="a part of a segment"),
        pytest.param("/st<path:rest>", "/static/x", False, id="a path from within a segment"),
        pytest.param("/static/<name>", "/static/x", True, id="below"),
        pytest.param("/static/<int:number>", "/static/7", True, id="a number below"),
        pytest.param("/static/<path:filename>", "/static/a/b", True, id="as the static folder has it"),
        pytest.param("/static/<path:filename>/raw", "/static/a/b/raw", True, id="more behind the path"),
        pytest.param("/static/a", "/static/a", True, id="no parameter"),
        pytest.param("/<path:anything>", "/static/a", True, id="any path"),
        pytest.param("/<path:tenant>/a", "/static/a", False, id="a tenant that may hold slashes"),
        pytest.param("/<tenant>/<path:anything>", "/static/a/b", False, id="a tenant, then any path"),
        pytest.param("/health/<name>", "/health/x", False, id="not excluded"),
    ],
)
def test_an_exclusion_names_a_route(verifier: Verifier, rule: str, path: str, excluded: bool) -> None:
    """N7: `/static/*` opens routes that begin so, and not `/<tenant>/invoices` of a tenant "static"."""
    app = Flask(__name__, static_folder=None)
    auth = CognitoAuth(verifier, app=app, protect_all=True, exclude=["/static/*"])
    app.add_url_rule(rule, "x", lambda **_: "ok")
    app.add_url_rule("/guarded" + rule, "guarded", auth.require()(lambda **_: "ok"))
    client = app.test_client()
    assert client.get(path).status_code == (200 if excluded else 401)
    assert client.get("/guarded" + path).status_code == 401


def test_a_whole_path_is_excluded_whatever_its_route(verifier: Verifier) -> None:
    """`exclude=["/health"]` is one path, and opens no other value of its route's parameter."""
    app = Flask(__name__)
    CognitoAuth(verifier, app=app, protect_all=True, exclude=["/health"])
    app.add_url_rule("/<page>", "x", lambda page: page)
    client = app.test_client()
    assert (client.get("/health").status_code, client.get("/wealth").status_code) == (200, 401)


# --- Handshakes


@pytest.mark.parametrize("optional", [False, True], ids=["required", "optional"])
def test_a_cookie_on_a_handshake_needs_its_origin(
    pool: FakeUserPool, verifier: Verifier, optional: bool
) -> None:
    """F1: a `websocket=True` rule, as Flask-Sock writes it, is no read from anywhere."""
    own = "https://app.example.com"
    app = Flask(__name__)
    auth = CognitoAuth(verifier, app=app, cookie="at", allowed_origins=[own])
    guarded = auth.optional(view()) if optional else auth.require()(view())
    app.add_url_rule("/feed", "feed", guarded, websocket=True)
    app.add_url_rule("/page", "page", guarded)
    client = app.test_client()
    client.set_cookie("at", pool.access_token())
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    for origin, status in ((None, 403), ("https://evil.example", 403), ("null", 403), (own, 200)):
        sent = handshake | ({} if origin is None else {"Origin": origin})
        assert client.get("/feed", headers=sent).status_code == status
    assert client.get("/page", headers={"Origin": "https://evil.example"}).status_code == 200


# --- Once per request


def test_a_token_is_verified_once_and_a_policy_asked_once(pool: FakeUserPool) -> None:
    """However many guards apply: application, blueprint, route, class, hook and wrapper."""
    asked: list[str] = []

    def revoked(principal: Principal) -> bool:
        asked.append("revoked")
        return False

    def check(name: str) -> policy.Policy:
        def ask(principal: Principal) -> bool:
            asked.append(name)
            return True

        return policy.check(ask)

    app, auth = Flask(__name__), CognitoAuth(pool.offline_verifier(revoked=revoked), protect_all=True)
    auth.init_app(app)
    blueprint, route = Blueprint("b", __name__), check("route")
    auth.protect(blueprint, check("blueprint"))

    @auth.require(route)
    @auth.require(route)
    @blueprint.get("/x")
    @auth.require(check("view"))
    @auth.require(route)
    def view() -> str:
        return who()

    app.register_blueprint(blueprint)
    client = app.test_client()
    for _ in range(2):
        assert client.get("/x", headers=bearer(pool)).text == "alice"
        assert sorted(asked) == ["blueprint", "revoked", "route", "view"]
        asked.clear()


def test_requests_in_one_application_context_know_nothing_of_each_other(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """flask.g is shared inside `with app.app_context()`; what a request has passed is not."""
    app = make(CognitoAuth(verifier))
    client = app.test_client()
    with app.app_context():
        g.marker = "shared"
        assert client.get("/guarded", headers=bearer(pool)).text == "alice"
        assert client.get("/guarded").status_code == 401
        assert client.get("/bare").text == "nobody"
        assert client.get("/guarded", headers=bearer(pool, "bob")).text == "bob"


# --- Applications and requests keep apart


def test_applications_and_threads_keep_their_principals_apart(pool: FakeUserPool, verifier: Verifier) -> None:
    """Two applications with pools of their own under one object, asked at once from two threads."""
    other, auth = FakeUserPool("us-west-2_Other0001"), CognitoAuth(protect_all=True)
    meeting = threading.Barrier(2, timeout=30)

    def meet() -> str:
        meeting.wait()
        before = who()
        meeting.wait()
        return f"{before} {who()} {current_principal.user_pool_id}"

    apps = [make(auth, verifier), make(auth, other.offline_verifier())]
    said: dict[int, str] = {}

    def ask(index: int) -> None:
        headers = bearer((pool, other)[index], f"user{index}")
        said[index] = apps[index].test_client().get("/meet", headers=headers).text

    for app in apps:
        app.add_url_rule("/meet", "meet", meet)
    threads = [threading.Thread(target=ask, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said == {0: "user0 user0 us-west-2_Fake00001", 1: "user1 user1 us-west-2_Other0001"}
    assert apps[0].test_client().get("/bare", headers=bearer(other)).status_code == 401


def test_a_view_that_asks_the_other_application_keeps_its_principal(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """A request inside a request, with the same environ too, changes nothing that was decided."""
    other, auth = FakeUserPool("us-west-2_Other0001"), CognitoAuth(protect_all=True)
    outer, inner = make(auth, verifier), make(auth, other.offline_verifier())

    @outer.get("/through")
    def through() -> str:
        from flask import request

        asked = inner.test_client().get("/bare", headers=bearer(other, "bob")).text
        same = Response.from_app(inner, {**request.environ, "PATH_INFO": "/bare"})
        return f"{asked} {same.status_code} {who()}"

    assert outer.test_client().get("/through", headers=bearer(pool)).text == "bob 401 alice"


@pytest.mark.parametrize(
    "settings", [{}, {"cookie": "at", "allowed_origins": ["https://a.example"]}], ids=repr
)
@pytest.mark.parametrize("shared", [True, False], ids=["one guard", "equal settings"])
def test_behind_the_wsgi_middleware_a_token_is_verified_once(
    pool: FakeUserPool, settings: Any, shared: bool
) -> None:
    """With the same Guard, or the same verifier and sources; a route's policy is asked all the same."""
    asked: list[str] = []
    verifier = pool.offline_verifier(revoked=lambda principal: bool(asked.append("revoked")))
    guard = Guard(verifier, **settings)
    app = make(CognitoAuth(guard) if shared else CognitoAuth(verifier, **settings))
    auth = app.extensions["cognito_mr_auth"][0]
    app.add_url_rule("/read", "read", auth.require(READ)(view()))
    app.wsgi_app = pure.CognitoAuthMiddleware(app.wsgi_app, guard)
    client = app.test_client()
    for path, status in (("/guarded", 200), ("/bare", 200), ("/read", 403)):
        assert client.get(path, headers=bearer(pool)).status_code == status
        assert asked == ["revoked"], path
        asked.clear()
    assert client.get("/bare").status_code == 401


@pytest.mark.parametrize(
    "front",
    [
        pytest.param(lambda verifier: Guard(verifier, **COOKIE)),
        pytest.param(lambda verifier: Guard(FakeUserPool("us-west-2_Other0001").offline_verifier())),
        pytest.param(lambda verifier: Guard(verifier, optional=True)),
    ],
    ids=["other sources", "another verifier", "guests"],
)
def test_another_guard_in_front_proves_nothing(pool: FakeUserPool, verifier: Verifier, front: Any) -> None:
    """A principal that this guard would not have found counts for nobody."""
    app = make(CognitoAuth(verifier))
    app.wsgi_app = pure.CognitoAuthMiddleware(app.wsgi_app, front(verifier))
    client = app.test_client()
    client.set_cookie("at", pool.access_token())
    assert client.get("/guarded").status_code == 401
    client.delete_cookie("at")
    other = FakeUserPool("us-west-2_Other0001")
    assert client.get("/guarded", headers=bearer(other)).status_code == 401


def test_what_stood_in_the_environ_proves_nothing_to_a_guard(pool: FakeUserPool, verifier: Verifier) -> None:
    """A guard verifies the token itself, and overwrites what it finds."""
    stranger = verifier.verify(pool.access_token(claims={"sub": "stranger"}))
    for environ in (
        {PRINCIPAL: stranger},
        {PRINCIPAL: stranger, GUARD: Guard(verifier)},
        {PRINCIPAL: stranger, GUARD: object()},
        {PRINCIPAL: "stranger", GUARD: Guard(verifier)._request_guard},
        {PRINCIPAL: object(), GUARD: Guard(verifier)._request_guard},
    ):
        client = make(CognitoAuth(verifier)).test_client()
        assert client.get("/guarded", environ_overrides=environ).status_code == 401
        assert client.get("/guarded", headers=bearer(pool), environ_overrides=environ).text == "alice"
        optional = make(CognitoAuth(verifier, protect_all=True, optional=True)).test_client()
        assert optional.get("/bare", environ_overrides=environ).text == "nobody"
    assert optional.get("/bare", headers={"Cognito_mr_auth.principal": "alice"}).text == "nobody"


# --- The rest


def test_the_metadata_document_names_no_issuers_before_they_are_known(verifier: Verifier) -> None:
    """Before `bind` its URL is like any other; then it is open under protect_all too."""
    auth = CognitoAuth(protect_all=True, resource="https://api.example.com/v1")
    app, path = make(auth), "/.well-known/oauth-protected-resource/v1"
    app.testing = True
    client = app.test_client()
    with pytest.raises(errors.ConfigurationError):
        client.get(path)
    auth.bind(verifier)
    assert set(client.get(path).json["authorization_servers"]) == set(verifier.issuers)
    assert client.post(path).status_code == 401


def test_an_async_hook_is_a_type_error(pool: FakeUserPool) -> None:
    """Flask's guard runs without an event loop: a coroutine function as a hook is a TypeError at once."""

    async def revoked(principal: object) -> bool:
        return False

    async def check(principal: object) -> bool:
        return True

    auth = CognitoAuth(pool.offline_verifier())
    for wrong in (
        lambda: make(CognitoAuth(pool.offline_verifier(revoked=revoked))),
        lambda: make(CognitoAuth(pool.offline_verifier(), require=policy.check(check))),
        lambda: auth.require(policy.check(check)),
        lambda: auth.protect(Blueprint("b", __name__), policy.check(check)),
    ):
        with pytest.raises(TypeError, match="coroutine"):
            wrong()


def test_the_server_gets_the_same_bytes_as_from_the_pure_middleware(verifier: Verifier) -> None:
    """Headers in the same order, the same body, nothing added by Flask."""

    def heard(app: Any) -> Any:
        started: list[Any] = []
        environ = environ_of(Ask((("Authorization", "Bearer a b"),), path="/bare"))
        body = b"".join(app(environ, lambda status, headers, exc=None: started.append((status, headers))))
        [(status, headers)] = started
        return status.upper(), [(name.lower(), value) for name, value in headers], body

    app = make(CognitoAuth(verifier, protect_all=True))
    assert heard(app) == heard(pure.CognitoAuthMiddleware(lambda *_: [], verifier))
