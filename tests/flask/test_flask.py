"""flask.CognitoAuth in an application: init_app, protect_all, errors, current_principal, metadata."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, copy_current_request_context, g, redirect
from support.drivers import Ask
from support.drivers.client import environ_of

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth import wsgi as pure
from cognito_mr_auth.flask import PRINCIPAL, CognitoAuth, current_principal
from cognito_mr_auth.testing import FakeUserPool

READ = policy.scopes("orders/read")


def bearer(pool: FakeUserPool, subject: str = "alice") -> dict[str, str]:
    """The headers of a good token."""
    return {"Authorization": f"Bearer {pool.access_token(claims={'sub': subject})}"}


def who() -> str:
    """A view that says who asks."""
    return current_principal.subject if current_principal else "nobody"


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


def test_a_verifier_must_come_from_somewhere(pool: FakeUserPool, verifier: Verifier) -> None:
    """From the constructor, from init_app, which takes precedence, or it is a ConfigurationError."""
    with pytest.raises(errors.ConfigurationError, match="no verifier"):
        CognitoAuth().init_app(Flask(__name__))
    with pytest.raises(errors.ConfigurationError, match="no verifier"):
        CognitoAuth(app=Flask(__name__))
    other = FakeUserPool("us-west-2_Other0001")
    app = make(CognitoAuth(verifier), other.offline_verifier())
    client = app.test_client()
    assert client.get("/guarded", headers=bearer(other)).status_code == 200
    assert client.get("/guarded", headers=bearer(pool)).status_code == 401


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        pytest.param(TypeError, {"verifier": Flask(__name__)}, id="an app where the verifier belongs"),
        pytest.param(TypeError, {"require": print}, id="a function for a policy"),
        pytest.param(TypeError, {"excludes": ["/x"]}, id="an unknown setting"),
        pytest.param(errors.ConfigurationError, {"protect_all": 1}, id="protect_all=1"),
        pytest.param(errors.ConfigurationError, {"protect_all": None}, id="protect_all=None"),
        pytest.param(errors.ConfigurationError, {"optional": "yes"}, id="optional='yes'"),
        pytest.param(errors.ConfigurationError, {"cookie": "token"}, id="a cookie without origins"),
    ],
)
def test_what_cannot_be_right_fails_in_the_constructor(
    verifier: Verifier, kind: type[Exception], arguments: Any
) -> None:
    """Before any request, where a verifier is at hand."""
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

# What is asked -> without a token, with one
WHOLE: dict[str, tuple[str, str, dict[str, str], int, int]] = {
    "a view": ("GET", "/bare", {}, 401, 200),
    "its HEAD": ("HEAD", "/bare", {}, 401, 200),
    "its OPTIONS": ("OPTIONS", "/bare", {}, 401, 200),
    "an Origin alone is no preflight": ("OPTIONS", "/bare", {"Origin": "https://a.example"}, 401, 200),
    "a preflight": (
        "OPTIONS",
        "/bare",
        {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"},
        200,
        200,
    ),
    "a preflight's headers on GET": (
        "GET",
        "/bare",
        {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"},
        401,
        200,
    ),
    "nothing there": ("GET", "/nothing", {}, 401, 404),
    "a method not there": ("DELETE", "/bare", {}, 401, 405),
    "a static file": ("GET", "/static/drivers/client.py", {}, 401, 200),
    "no such static file": ("GET", "/static/none", {}, 401, 404),
    "above the static files": ("GET", "/static/../conftest.py", {}, 401, 404),
    "public": ("GET", "/open/", {}, 200, 200),
    "public, HEAD": ("HEAD", "/open/", {}, 200, 200),
    "public, OPTIONS": ("OPTIONS", "/open/", {}, 200, 200),
    "public, a method not there": ("POST", "/open/", {}, 401, 405),
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
    """Every URL, known or not, static files too; only public views, exclusions and preflights pass."""
    method, path, headers, without, with_one = WHOLE[row]
    auth = CognitoAuth(verifier, protect_all=True, exclude=["/health", "/hooks/*"])
    support = Path(__file__).parent.parent / "support"
    app = make(auth, static_folder=str(support), static_url_path="/static")
    app.add_url_rule("/health", "health", who)
    app.add_url_rule("/hooks/guarded", "hook", auth.require()(lambda: "ok"))
    client = app.test_client()
    for given, expected in (({}, without), (bearer(pool), with_one)):
        asked = client.open(path, method=method, headers={**headers, **given})
        asked.close()
        assert asked.status_code == expected
        assert ("www-authenticate" in asked.headers) is (expected == 401)


def test_a_bad_token_is_refused_in_optional_mode_and_a_missing_one_is_nobody(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """Optional opens what protect_all closes, and never what names its guard."""
    client = make(CognitoAuth(verifier, protect_all=True, optional=True)).test_client()
    rows = [
        ("/bare", {}, 200, "nobody"),
        ("/bare", bearer(pool), 200, "alice"),
        ("/bare", {"Authorization": "Bearer x.y.z"}, 401, None),
        ("/bare", {"Authorization": "Basic eDp5"}, 200, "nobody"),
        ("/guarded", {}, 401, None),
        ("/guarded", bearer(pool), 200, "alice"),
        ("/nothing", {}, 404, None),
    ]
    for path, headers, status, said in rows:
        reply = client.get(path, headers=headers)
        assert reply.status_code == status
        assert said is None or reply.text == said


def test_the_cookie_is_guarded_by_the_origin(pool: FakeUserPool, verifier: Verifier) -> None:
    """A cookie is a token where it was chosen; on POST it needs an allowed origin (CSRF)."""
    auth = CognitoAuth(verifier, cookie="at", allowed_origins=["https://app.example.com"])
    client = make(auth).test_client()
    client.set_cookie("at", pool.access_token())
    assert client.get("/guarded").status_code == 200
    assert client.post("/guarded").status_code == 403
    assert client.post("/guarded", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/guarded", headers={"Origin": "https://app.example.com"}).status_code == 200


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


# --- current_principal


def test_outside_a_request_there_is_no_current_principal(verifier: Verifier) -> None:
    """RuntimeError, in an application context too."""
    with pytest.raises(RuntimeError, match="while a request is served"):
        _ = current_principal.subject
    app = make(CognitoAuth(verifier))
    with app.app_context(), pytest.raises(RuntimeError, match="while a request is served"):
        _ = current_principal.subject


def test_current_principal_is_the_principal_or_none(pool: FakeUserPool, verifier: Verifier) -> None:
    """It passes for a Principal, is there in hooks that come after, and is false for nobody."""
    seen: list[object] = []
    auth, app = CognitoAuth(verifier, protect_all=True), Flask(__name__)
    auth.init_app(app)

    @app.before_request
    def later() -> None:
        seen.append((isinstance(current_principal, Principal), bool(current_principal)))

    @app.get("/x")
    def view() -> str:
        return who()

    app.add_url_rule("/open", "open", auth.public(lambda: str(current_principal == None)))  # noqa: E711
    client = app.test_client()
    assert client.get("/x", headers=bearer(pool)).text == "alice"
    # A public view does not look at a token: one that was not asked for cannot be wrong either.
    assert client.get("/open", headers=bearer(pool)).text == "True"
    assert client.get("/open", headers={"Authorization": "Bearer bad"}).text == "True"
    assert seen == [(True, True), (False, False), (False, False)]


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


def test_a_background_thread_has_only_the_principal_it_got(pool: FakeUserPool, verifier: Verifier) -> None:
    """A plain thread is outside a request; a copied context carries this request's principal alone."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)
    heard: list[str] = []

    def note() -> None:
        try:
            heard.append(who() if current_principal.subject else "")
        except RuntimeError:
            heard.append("outside")

    @app.get("/x")
    @auth.require()
    def view() -> str:
        for target in (note, copy_current_request_context(note)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join(30)
        return who()

    client = app.test_client()
    for subject in ("alice", "bob"):
        assert client.get("/x", headers=bearer(pool, subject)).text == subject
    assert heard == ["outside", "alice", "outside", "bob"]


def test_the_wsgi_middleware_in_front_is_read_too(pool: FakeUserPool, verifier: Verifier) -> None:
    """current_principal works behind wsgi.CognitoAuthMiddleware, with or without a CognitoAuth."""
    bare = Flask(__name__)
    bare.add_url_rule("/bare", "bare", who)
    for app in (bare, make(CognitoAuth(verifier))):
        app.wsgi_app = pure.CognitoAuthMiddleware(app.wsgi_app, verifier)
        client = app.test_client()
        assert client.get("/bare", headers=bearer(pool)).text == "alice"
        assert client.get("/bare").status_code == 401
    assert client.get("/guarded", headers=bearer(pool)).text == "alice"


def test_what_stood_in_the_environ_proves_nothing_to_a_guard(pool: FakeUserPool, verifier: Verifier) -> None:
    """A guard verifies the token itself, and overwrites what it finds."""
    stranger = verifier.verify(pool.access_token(claims={"sub": "stranger"}))
    environ = {PRINCIPAL: stranger}
    client = make(CognitoAuth(verifier)).test_client()
    assert client.get("/guarded", environ_overrides=environ).status_code == 401
    assert client.get("/guarded", headers=bearer(pool), environ_overrides=environ).text == "alice"
    optional = make(CognitoAuth(verifier, protect_all=True, optional=True)).test_client()
    assert optional.get("/bare", environ_overrides=environ).text == "nobody"
    assert optional.get("/bare", headers={"Cognito_mr_auth.principal": "alice"}).text == "nobody"


# --- Errors


def _handlers(app: Flask, auth: CognitoAuth, kind: str) -> None:
    @app.errorhandler(errors.TokenExpired if kind == "expired" else errors.AuthError)
    def handler(error: errors.AuthError) -> Any:
        if kind == "raises":
            raise ZeroDivisionError
        if kind == "redirects":
            return redirect("/login")
        response = auth.response(error)
        response.headers["x-handler"] = kind
        return response


@pytest.mark.parametrize("before", [True, False], ids=["before init_app", "after it"])
@pytest.mark.parametrize(
    ("kind", "missing", "expired"),
    [
        ("expired", (401, None), (401, "expired")),
        ("every", (401, "every"), (401, "every")),
        ("redirects", (302, None), (302, None)),
        ("raises", (500, None), (500, None)),
    ],
)
def test_an_application_answers_errors_its_own_way(
    pool: FakeUserPool, verifier: Verifier, before: bool, kind: str, missing: Any, expired: Any
) -> None:
    """Its handler wins, whichever was registered first; one that raises lets nobody through."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    app.logger.disabled = True
    if before:
        _handlers(app, auth, kind)
    auth.init_app(app)
    if not before:
        _handlers(app, auth, kind)
    app.add_url_rule("/x", "x", auth.require()(lambda: "ok"))
    client, late = app.test_client(), pool.access_token(expires_in=-600)
    for token, (status, header) in ((None, missing), (late, expired)):
        reply = client.get("/x", headers={"Authorization": f"Bearer {token}"} if token else {})
        assert (reply.status_code, reply.headers.get("x-handler")) == (status, header)
        if status == 401:
            assert reply.headers["www-authenticate"].startswith("Bearer realm=")
            assert reply.json["detail"]
        assert reply.data != b"ok"


def test_a_handler_for_everything_leaves_ours_in_place(pool: FakeUserPool, verifier: Verifier) -> None:
    """`errorhandler(Exception)` is less specific than AuthError; a blueprint's handler comes first."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)
    blueprint = Blueprint("b", __name__)
    app.register_error_handler(Exception, lambda error: ("handled", 418))
    blueprint.register_error_handler(errors.AuthError, lambda error: (error.reason, error.status))
    for place in (app, blueprint):
        place.add_url_rule(f"/{place.name.split('.')[-1]}", "x", who)
    app.register_blueprint(blueprint)
    client = app.test_client()
    own = client.get(f"/{app.name.split('.')[-1]}")
    assert (own.status_code, own.json) == (401, {"detail": "no access token was sent"})
    assert (client.get("/b").status_code, client.get("/b").text) == (401, "credentials_missing")


def test_an_abort_of_the_view_is_the_views(pool: FakeUserPool, verifier: Verifier) -> None:
    """abort(401) and abort(403) are Flask's, with no challenge of ours."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)

    @app.get("/<int:status>")
    @auth.require()
    def view(status: int) -> str:
        abort(status)

    for status in (401, 403, 404):
        reply = app.test_client().get(f"/{status}", headers=bearer(pool))
        assert reply.status_code == status
        assert reply.mimetype == "text/html"
        assert "www-authenticate" not in reply.headers


def test_an_auth_error_of_the_view_is_answered_like_ours(pool: FakeUserPool, verifier: Verifier) -> None:
    """A view that asks the verifier itself need not translate what it raises."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)

    @app.get("/x")
    @auth.require()
    def view() -> str:
        verifier.require(current_principal, READ)
        return "ok"

    reply = app.test_client().get("/x", headers=bearer(pool))
    assert reply.status_code == 403
    assert 'scope="orders/read"' in reply.headers["www-authenticate"]


def test_an_outage_is_503_and_names_no_client(pool: FakeUserPool) -> None:
    """What cannot be checked is not the caller's fault: 503, Retry-After, no challenge."""

    def revoked(principal: Principal) -> bool:
        raise ConnectionError

    app = make(CognitoAuth(pool.offline_verifier(revoked=revoked)))
    reply = app.test_client().get("/guarded", headers=bearer(pool))
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert "www-authenticate" not in reply.headers


# --- The rest


def test_the_metadata_document_is_public(pool: FakeUserPool, verifier: Verifier) -> None:
    """RFC 9728: served under protect_all without a token, and named in the challenge."""
    auth = CognitoAuth(verifier, protect_all=True, resource="https://api.example.com/v1")
    client, path = make(auth).test_client(), "/.well-known/oauth-protected-resource/v1"
    reply = client.get(path, headers={"Host": "evil.example"})
    assert reply.status_code == 200
    assert reply.json["resource"] == "https://api.example.com/v1"
    assert reply.json["authorization_servers"] == list(verifier.issuers)
    assert reply.headers["content-length"] == str(len(reply.data))
    assert client.head(path).data == b""
    assert client.post(path).status_code == 401
    refused = client.get("/bare").headers["www-authenticate"]
    assert f'resource_metadata="https://api.example.com{path}"' in refused


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


BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
import cognito_mr_auth
try:
    import cognito_mr_auth.flask
except ImportError as error:
    print(error.name, error)
"""


@pytest.mark.parametrize("missing", ["flask", "werkzeug"])
@pytest.mark.outside
def test_a_missing_extra_is_named(missing: str) -> None:
    """Without Flask the import says which extra to install."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, missing], capture_output=True, text=True, timeout=60, check=True
    )
    assert 'pip install "cognito-mr-auth[flask]"' in done.stdout
