"""flask: a refusal, and any AuthError of a view or hook, is werkzeug's HTTPException as well (W5)."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, redirect, request
from flask.views import MethodView
from support.records import fields, refusals
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    HTTPException,
    ServiceUnavailable,
    Unauthorized,
)

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.flask import CognitoAuth
from cognito_mr_auth.testing import FakeUserPool

READ = policy.scopes("orders/read")


def bearer(pool: FakeUserPool) -> dict[str, str]:
    """The headers of a good token."""
    return {"Authorization": f"Bearer {pool.access_token()}"}


class Tenant(errors.PolicyDenied):
    """A user's own, with a status of its own."""

    reason = "tenant"
    status = 409


class Teapot(errors.AuthError):
    """One with a status for which werkzeug has no class."""

    status = 499


class Both(errors.PolicyDenied, Forbidden):
    """One that is both kinds already."""

    code = 403


def raised(error: Callable[[], Exception]) -> Callable[[Verifier, FakeUserPool], Any]:
    """A line of the user's that raises."""

    def line(_verifier: Verifier, _pool: FakeUserPool) -> None:
        raise error()

    return line


# A line in a view or hook -> status, werkzeug's class, reason
LINES: dict[str, tuple[Callable[[Verifier, FakeUserPool], Any], int, type[Exception], str]] = {
    "another tenant": (
        raised(lambda: errors.PolicyDenied("another tenant")),
        403,
        Forbidden,
        "policy_denied",
    ),
    "nobody": (raised(errors.CredentialsMissing), 401, Unauthorized, "credentials_missing"),
    "malformed": (raised(errors.RequestMalformed), 400, BadRequest, "request_malformed"),
    "too old": (
        raised(lambda: errors.AuthenticationTooOld(max_age=60)),
        401,
        Unauthorized,
        "authentication_too_old",
    ),
    "an outage": (
        raised(lambda: errors.KeysUnavailable(retry_after=7)),
        503,
        ServiceUnavailable,
        "keys_unavailable",
    ),
    "verified by hand": (
        lambda verifier, pool: verifier.verify(pool.access_token(expires_in=-600)),
        401,
        Unauthorized,
        "token_expired",
    ),
    "a policy by hand": (
        lambda verifier, pool: verifier.verify(pool.access_token(), require=READ),
        403,
        Forbidden,
        "policy_denied",
    ),
    "a status of its own": (raised(Tenant), 409, Conflict, "tenant"),
    "a status that werkzeug has not": (raised(Teapot), 499, HTTPException, "auth_error"),
    "both already": (raised(Both), 403, Forbidden, "policy_denied"),
}


@pytest.mark.parametrize("row", LINES)
def test_every_refusal_leaves_one_record(row: str) -> None:
    """Whoever raised it, however many handlers see it, and for each request anew."""
    pool = FakeUserPool()
    verifier, app = pool.offline_verifier(), Flask(__name__)
    CognitoAuth(verifier, app=app)
    line, _, _, reason = LINES[row]
    app.add_url_rule("/x", "x", lambda: line(verifier, pool))
    client = app.test_client()
    with refusals() as records:
        for _ in range(2):
            client.get("/x")
    assert [fields(each)[0] for each in records] == [reason] * 2


def place_line(app: Flask, auth: CognitoAuth, place: str, line: Callable[[], Any]) -> None:
    """Let a view or hook for /x do this, before or after which nothing else happens."""
    blueprint = Blueprint("b", __name__)

    def view() -> str:
        if place == "view":
            line()
        return "ok"

    async def async_view() -> str:
        line()
        return "ok"

    class OfClass(MethodView):
        decorators = [auth.optional]  # noqa: RUF012 - as Flask's documentation has it

        def get(self) -> str:
            line()
            return "ok"

    if place == "before_request":
        app.before_request(line)
    elif place == "blueprint's before_request":
        blueprint.before_request(line)
    elif place == "url_value_preprocessor":
        app.url_value_preprocessor(lambda *_: line())
    elif place == "guard":
        view = auth.require()(view)
    written = {"async view": async_view, "method of a class": OfClass.as_view("x")}
    blueprint.add_url_rule("/x", "x", written.get(place, view))
    app.register_blueprint(blueprint)


PLACES = [
    "view",
    "async view",
    "method of a class",
    "before_request",
    "blueprint's before_request",
    "url_value_preprocessor",
]


def knows_http_exceptions_alone(app: Flask) -> None:
    """As Flask-RESTful and RESTX do: they take over error handling, and what they do not know is 500."""
    inner = app.handle_user_exception

    def handle_user_exception(error: Exception) -> Any:
        if not isinstance(error, HTTPException):
            return "unknown", 500
        assert error.code is not None
        if request.headers.get("x-app-handlers"):
            return inner(error)
        return (
            getattr(error, "data", {"reason": "policy_denied"}),
            error.code,
            [pair for pair in error.get_response().headers if pair[0] != "Content-Length"],
        )

    app.handle_user_exception = handle_user_exception  # type: ignore[method-assign]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("row", LINES)
@pytest.mark.parametrize("when", ["before init_app", "after it"])
def test_an_extension_gets_an_http_exception(
    pool: FakeUserPool, verifier: Verifier, place: str, row: str, when: str
) -> None:
    """Whoever handles errors in place of Flask gives the status, challenge, Retry-After and body of ours."""
    line, status, _, reason = LINES[row]
    plain, extended = Flask(__name__), Flask(__name__)
    seen: list[Exception] = []

    def noted() -> None:
        try:
            line(verifier, pool)
        except errors.AuthError as error:
            seen.append(error)
            raise

    for app in (plain, extended):
        if app is extended and when == "before init_app":
            knows_http_exceptions_alone(app)
        auth = CognitoAuth(verifier, app=app)
        if app is extended and when == "after it":
            knows_http_exceptions_alone(app)
        place_line(app, auth, place, noted)
    expected, heard = plain.test_client().get("/x"), extended.test_client().get("/x")
    assert expected.status_code == status
    assert expected.json["reason"] == reason
    if row == "both already":  # its own class says what extensions get
        assert heard.status_code == status
        return
    for name in ("www-authenticate", "retry-after", "cache-control", "content-type"):
        assert heard.headers.getlist(name) == expected.headers.getlist(name)
    assert (heard.status_code, heard.json) == (status, expected.json)
    assert all(error.__traceback__ is None for error in seen)  # its frames hold the token


@pytest.mark.parametrize("row", [row for row in LINES if row != "both already"])
def test_it_has_what_both_kinds_have(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """The attributes of either, each of its own kind, whatever part of it a handler reads."""
    line, status, host, reason = LINES[row]
    app, caught = Flask(__name__), []
    CognitoAuth(verifier, app=app)

    @app.errorhandler(host)
    def handler(error: Any) -> Any:
        caught.append(error)
        return error.get_response()

    app.add_url_rule("/x", "x", lambda: line(verifier, pool))
    reply = app.test_client().get("/x")
    (error,) = caught
    assert isinstance(error, errors.AuthError)
    assert isinstance(error, host)
    assert (error.code, error.status, error.reason) == (status, status, reason)
    assert error.data == reply.json
    assert error.description == reply.json["detail"]
    assert (error.response, error.__cause__, error.__context__) == (None, None, None)
    assert str(error) == error.message
    assert sorted(error.get_headers()) == sorted((name.lower(), value) for name, value in reply.headers)
    assert error.get_headers({}, None) == error.get_headers(environ={})
    assert json.loads(error.get_body()) == error.data
    assert error.get_response({}).headers == reply.headers
    assert [str(each) for each in error.www_authenticate] == reply.headers.getlist("www-authenticate")
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
        assert (type(copied), str(copied)) == (type(error.error), str(error))


# --- The application's own handlers

# What it is registered for -> which of a missing token (401), an expired one (401), a denied one (403)
HANDLERS: dict[str, tuple[Any, list[str]]] = {
    "TokenExpired": (errors.TokenExpired, ["expired"]),
    "TokenRejected": (errors.TokenRejected, ["expired"]),
    "PolicyDenied": (errors.PolicyDenied, ["denied"]),
    "AuthError": (errors.AuthError, ["missing", "expired", "denied"]),
    "HTTPException": (HTTPException, ["missing", "expired", "denied"]),
    "Unauthorized": (Unauthorized, ["missing", "expired"]),
    "401": (401, ["missing", "expired"]),
    "403": (403, ["denied"]),
    "404": (404, []),
    "Exception": (Exception, []),
}


@pytest.mark.parametrize("when", ["before init_app", "after it"])
@pytest.mark.parametrize("where", ["view", "protect_all", "blueprint"])
@pytest.mark.parametrize("row", HANDLERS)
def test_an_application_answers_errors_its_own_way(
    pool: FakeUserPool, verifier: Verifier, row: str, where: str, when: str
) -> None:
    """Its handler for the error, a base, its status or every HTTPException wins; Exception's does not."""
    kind, wanted = HANDLERS[row]
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=where == "protect_all", require=READ)
    blueprint = Blueprint("b", __name__)
    holder = blueprint if where == "blueprint" else app

    def handler(error: Any) -> Any:
        assert isinstance(error, errors.AuthError)
        response = auth.response(error)
        response.headers["x-handler"] = "theirs"
        return response

    if when == "before init_app":
        holder.register_error_handler(kind, handler)
    auth.init_app(app)
    if when == "after it":
        holder.register_error_handler(kind, handler)

    def view() -> str:
        return "ok"

    blueprint.add_url_rule("/x", "x", view if where == "protect_all" else auth.require()(view))
    app.register_blueprint(blueprint)
    client, tokens = app.test_client(), {"missing": None, "expired": {"expires_in": -600}, "denied": {}}
    got = []
    for name, options in tokens.items():
        token = None if options is None else pool.access_token(**options)
        reply = client.get("/x", headers={} if token is None else {"Authorization": f"Bearer {token}"})
        assert reply.status_code == (403 if name == "denied" else 401)
        assert reply.headers["www-authenticate"].startswith("Bearer realm=")
        assert list(reply.json) == ["detail", "reason"]
        if "x-handler" in reply.headers:
            got.append(name)
    # In a blueprint its own handlers come before those of the application (Flask's rule), Exception's too.
    assert got == (list(tokens) if (row, where) == ("Exception", "blueprint") else wanted)


def _fails(error: Exception) -> Any:
    if isinstance(error, errors.AuthError):
        raise ZeroDivisionError
    return "failed", 500  # Flask asks the handler for every HTTPException about its own 500 too


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(lambda error: redirect("/login"), 302, id="redirects"),
        pytest.param(_fails, 500, id="raises"),
        pytest.param(lambda error: ("no", 418), 418, id="another status"),
    ],
)
@pytest.mark.parametrize("kind", [errors.AuthError, HTTPException, 401], ids=str)
def test_a_handler_lets_no_bad_token_through(verifier: Verifier, answer: Any, status: int, kind: Any) -> None:
    """Whatever it says, and if it fails, the view is not run."""
    app = Flask(__name__)
    auth = CognitoAuth(verifier, app=app)
    app.logger.disabled = True
    app.register_error_handler(kind, answer)
    app.add_url_rule("/x", "x", auth.require()(lambda: "let in"))
    reply = app.test_client().get("/x")
    assert (reply.status_code, b"let in" in reply.data) == (status, False)


def test_an_async_handler_is_awaited(verifier: Verifier) -> None:
    """One for every HTTPException as one for ours."""
    app = Flask(__name__)
    CognitoAuth(verifier, app=app, protect_all=True)

    @app.errorhandler(HTTPException)
    async def handler(error: HTTPException) -> Any:
        return {"said": error.code}, error.code

    assert app.test_client().get("/x").json == {"said": 401}


def test_an_extensions_handler_of_every_error_is_no_choice_of_the_application(verifier: Verifier) -> None:
    """flask-smorest registers one whose body is another; a method of a user's own subclass is a choice."""
    app = Flask(__name__)
    CognitoAuth(verifier, app=app, protect_all=True)

    def handle_http_exception(error: HTTPException) -> Any:
        return {"code": error.code, "status": error.name}, error.code

    app.register_error_handler(HTTPException, handle_http_exception)
    assert list(app.test_client().get("/x").json) == ["code", "status"]
    handle_http_exception.__module__ = "flask_smorest.error_handler"
    assert list(app.test_client().get("/x").json) == ["detail", "reason"]


def test_trapped_http_exceptions_are_answered(verifier: Verifier) -> None:
    """TRAP_HTTP_EXCEPTIONS, for debugging, makes no 500 of a refusal."""
    app = Flask(__name__)
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    CognitoAuth(verifier, app=app, protect_all=True)
    assert app.test_client().get("/x").status_code == 401


def test_an_error_where_nothing_translates_is_answered(verifier: Verifier) -> None:
    """A signal's receiver runs before any hook; ours answers, or the application's for HTTPException."""
    from flask import request_started

    def receiver(_sender: object, **_more: object) -> None:
        raise errors.PolicyDenied("closed")

    ours, theirs = Flask(__name__), Flask(__name__)
    theirs.register_error_handler(HTTPException, lambda error: (error.name, error.code))
    said = []
    for app in (ours, theirs):
        CognitoAuth(verifier, app=app)
        with request_started.connected_to(receiver, app):
            said.append(app.test_client().get("/x").get_data(as_text=True))
    assert said == ['{"detail":"closed","reason":"policy_denied"}', "Forbidden"]


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
