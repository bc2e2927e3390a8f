"""Real counterparts: Flask's extensions that answer errors and preflights themselves.

Flask-RESTful and Flask-RESTX know werkzeug's HTTPException alone, flask-smorest has a body of its own,
Flask-CORS adds its headers to whatever goes out, and Flask-Sock makes a WebSocket of a GET.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_cors
import flask_restful
import flask_restx
import flask_smorest
import pytest
from flask import Flask
from flask.views import MethodView
from flask_sock import Sock

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.flask import CognitoAuth, principal_of
from cognito_mr_auth.testing import FakeUserPool

READ = policy.scopes("orders/read")


def _raise(error: Exception) -> Any:
    raise error


# The user's own line in a view.
WORK: dict[str, Callable[[Verifier, FakeUserPool], Any]] = {
    "nothing": lambda verifier, pool: None,
    "tenant": lambda verifier, pool: _raise(errors.PolicyDenied("another tenant")),
    "expired": lambda verifier, pool: verifier.verify(pool.access_token(expires_in=-600)),
    "outage": lambda verifier, pool: _raise(errors.KeysUnavailable(retry_after=7)),
}


class Site:
    """The same views for each extension: guarded in two ways, for guests, opened as classes, and bare."""

    def __init__(self, pool: FakeUserPool, verifier: Verifier) -> None:
        self.pool, self.verifier = pool, verifier
        self.app = Flask(__name__)
        self.app.config.update(API_TITLE="Orders", API_VERSION="1", OPENAPI_VERSION="3.0.3")
        self.auth = CognitoAuth(verifier)

    def views(self, base: Any) -> dict[str, Any]:
        """Classes by path; new ones, since marks stay on a class."""
        auth = self.auth

        class Guarded(base):
            @auth.require(READ)
            def get(self, work: str) -> Any:
                return _work(work)

        class Listed(base):
            decorators = [auth.require(READ)]  # noqa: RUF012 - as Flask's documentation has it
            method_decorators = [auth.require(READ)]  # noqa: RUF012 - as Flask-RESTful's has it

            def get(self, work: str) -> Any:
                return _work(work)

        def _work(work: str) -> Any:
            WORK[work](self.verifier, self.pool)
            found = principal_of()
            return {"subject": None if found is None else found.subject}

        @auth.optional
        class Guests(base):
            def get(self, work: str) -> Any:
                return _work(work)

        @auth.public
        class Public(base):
            def get(self, work: str) -> Any:
                return _work(work)

        class Inherits(Public):
            pass

        class Bare(base):
            def get(self, work: str) -> Any:
                return _work(work)

        kinds = (Guarded, Listed, Guests, Public, Inherits, Bare)
        return {f"/{cls.__name__.lower()}/<work>": cls for cls in kinds}


def _plain(site: Site) -> Callable[[], None]:
    def add() -> None:
        for path, cls in site.views(MethodView).items():
            site.app.add_url_rule(path, view_func=cls.as_view(path))

    return add


def _restful(site: Site) -> Callable[[], None]:
    api = flask_restful.Api(site.app)

    def add() -> None:
        for path, cls in site.views(flask_restful.Resource).items():
            api.add_resource(cls, path)

    return add


def _restx(site: Site) -> Callable[[], None]:
    api = flask_restx.Api(site.app)

    def add() -> None:
        for path, cls in site.views(flask_restx.Resource).items():
            api.add_resource(cls, path)

    return add


def _smorest(site: Site) -> Callable[[], None]:
    api = flask_smorest.Api(site.app)

    def add() -> None:
        blueprint = flask_smorest.Blueprint("orders", __name__)
        for path, cls in site.views(MethodView).items():
            blueprint.route(path)(cls)
        api.register_blueprint(blueprint)

    return add


EXTENSIONS = {"restful": _restful, "restx": _restx, "smorest": _smorest}


def served(site: Site, extension: Callable[[Site], Callable[[], None]], *, first: bool) -> Any:
    """A client of the application; `first`: the extension's Api is made before init_app."""
    if first:
        add = extension(site)
        site.auth.init_app(site.app)
    else:
        site.auth.init_app(site.app)
        add = extension(site)
    add()
    site.app.logger.disabled = True  # they log a 503 with its traceback
    return site.app.test_client()


def tokens(pool: FakeUserPool) -> dict[str, dict[str, str]]:
    """Headers by name."""
    made = {
        "reader": pool.access_token(subject="alice", scopes=["orders/read"]),
        "plain": pool.access_token(subject="alice"),
        "expired": pool.access_token(expires_in=-600),
        "bad": "x.y.z",
    }
    return {"none": {}} | {name: {"Authorization": f"Bearer {token}"} for name, token in made.items()}


@pytest.mark.parametrize("name", EXTENSIONS)
@pytest.mark.parametrize("first", [True, False], ids=["Api before init_app", "Api after it"])
@pytest.mark.parametrize("protect_all", [False, True], ids=["alone", "protect_all"])
@pytest.mark.parametrize("propagate", [None, False], ids=["", "PROPAGATE_EXCEPTIONS=False"])
def test_an_extension_changes_no_answer(
    pool: FakeUserPool, verifier: Verifier, name: str, first: bool, protect_all: bool, propagate: bool | None
) -> None:
    """Status, challenge, Retry-After and body are those of a plain view, for each error of each view."""
    clients = []
    for extension in (_plain, EXTENSIONS[name]):
        site = Site(pool, verifier)
        site.app.config["PROPAGATE_EXCEPTIONS"] = propagate
        site.auth = CognitoAuth(verifier, protect_all=protect_all)
        clients.append(served(site, extension, first=first))
    statuses = set()
    for who, headers in tokens(pool).items():
        for kind in ("guarded", "listed", "guests", "public", "inherits", "bare"):
            for work in WORK:
                expected, heard = (each.get(f"/{kind}/{work}", headers=headers) for each in clients)
                if work == "nothing" and kind in ("bare", "inherits") and expected.status_code == 500:
                    assert (
                        heard.status_code == 500
                    )  # nobody has looked at the request, and principal_of() says so
                    continue
                assert (heard.status_code, heard.json) == (expected.status_code, expected.json), (
                    who,
                    kind,
                    work,
                )
                for header in ("www-authenticate", "retry-after", "cache-control", "content-type"):
                    assert heard.headers.getlist(header) == expected.headers.getlist(header)
                assert heard.content_length == len(heard.data)
                statuses.add(heard.status_code)
    assert statuses == {200, 401, 403, 503}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_who_may_call_what(pool: FakeUserPool, verifier: Verifier, name: str) -> None:
    """Guards hold, guests are welcome where it says so, and a subclass of a public view is closed."""
    site = Site(pool, verifier)
    site.auth = CognitoAuth(verifier, protect_all=True)
    client, sent = served(site, EXTENSIONS[name], first=True), tokens(pool)
    rows = {
        "guarded": [401, 200, 403, 401, 401],
        "listed": [401, 200, 403, 401, 401],
        "guests": [200, 200, 200, 401, 401],
        "public": [200, 200, 200, 200, 200],
        "inherits": [401, 200, 200, 401, 401],
        "bare": [401, 200, 200, 401, 401],
    }
    heard = {
        kind: [client.get(f"/{kind}/nothing", headers=sent[who]).status_code for who in sent] for kind in rows
    }
    assert heard == rows
    assert client.get("/guests/nothing", headers=sent["none"]).json == {"subject": None}
    assert client.get("/guests/nothing", headers=sent["plain"]).json == {"subject": "alice"}
    assert client.get("/nothing").status_code == 401


def test_a_handler_of_a_users_own_smorest_api_is_a_choice(verifier: Verifier) -> None:
    """flask-smorest's own handler gives way to ours; one that a subclass writes does not."""

    class Api(flask_smorest.Api):
        def handle_http_exception(self, error: Any) -> Any:
            return {"theirs": error.code}, error.code

    app = Flask(__name__)
    app.config.update(API_TITLE="Orders", API_VERSION="1", OPENAPI_VERSION="3.0.3")
    CognitoAuth(verifier, app=app, protect_all=True)
    Api(app)
    assert app.test_client().get("/x").json == {"theirs": 401}


# --- Flask-CORS

ORIGIN = "https://app.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "authorization",
}


@pytest.mark.parametrize("first", [True, False], ids=["CORS before init_app", "CORS after it"])
@pytest.mark.parametrize("preflight", ["pass", "refuse"])
def test_flask_cors_and_the_guard(
    pool: FakeUserPool, verifier: Verifier, preflight: Any, first: bool
) -> None:
    """`CORS(app)` adds its headers to all that goes out; browsers take a preflight's answer if it is 2xx."""
    app = Flask(__name__)
    auth = CognitoAuth(verifier, protect_all=True, preflight=preflight, resource="https://api.example.com")
    if first:
        flask_cors.CORS(app, origins=[ORIGIN])
    auth.init_app(app)
    if not first:
        flask_cors.CORS(app, origins=[ORIGIN])
    app.add_url_rule("/orders", "orders", auth.require()(lambda: "ok"))
    client = app.test_client()
    for path in ("/orders", "/nothing"):
        asked = client.options(path, headers=PREFLIGHT)
        assert asked.status_code == (204 if preflight == "pass" else 401)
        assert asked.headers["access-control-allow-origin"] == ORIGIN
        assert asked.headers["access-control-allow-headers"] == "authorization"
    for headers, status in (({}, 401), (tokens(pool)["plain"], 200)):
        reply = client.get("/orders", headers={"Origin": ORIGIN, **headers})
        assert reply.status_code == status
        assert reply.headers.getlist("access-control-allow-origin") == [ORIGIN]
    # The document says "*" by itself, and browsers take no two.
    document = client.get("/.well-known/oauth-protected-resource", headers={"Origin": ORIGIN})
    assert (document.status_code, document.headers.getlist("access-control-allow-origin")) == (200, ["*"])


# --- Flask-Sock


def test_a_socket_of_flask_sock_is_guarded(pool: FakeUserPool, verifier: Verifier) -> None:
    """F1: its handshake is a GET; a cookie there needs an allowed Origin, and no handler runs without."""
    app = Flask(__name__)
    auth = CognitoAuth(verifier, app=app, cookie="at", allowed_origins=[ORIGIN])
    ran: list[str] = []

    @Sock(app).route("/feed")
    @auth.require()
    def feed(socket: Any) -> None:
        ran.append("feed")

    client = app.test_client()
    client.set_cookie("at", pool.access_token())
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert client.get("/feed", headers={**handshake, **origin}).status_code == 403
    assert ran == []
