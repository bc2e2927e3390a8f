"""aws_lambda.chalice: marks on views, the outermost middleware, and authorizer functions."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from chalice import AuthResponse, AuthRoute, Blueprint, Chalice, CORSConfig, Response
from chalice.app import AuthRequest
from support.drivers import NEEDED, Ask
from support.drivers.chalice import application, asker
from support.drivers.client import Reached
from support.lambda_events import event as golden
from support.lambda_events import with_token

from cognito_mr_auth import errors, policy
from cognito_mr_auth.aws_lambda import Authorizer, Unauthorized
from cognito_mr_auth.aws_lambda.chalice import CognitoAuth, authorizer, principal_of
from cognito_mr_auth.aws_lambda.chalice import _authorizer as adapter
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
VERIFIER = POOL.offline_verifier()
ORIGIN, WANTED = ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET")
ARN = "arn:aws:execute-api:us-west-2:123456789012:abcdef123/prod/GET/orders"


def bearer(**options: Any) -> tuple[tuple[str, str], ...]:
    """The header of a token with the scope that is needed, unless said otherwise."""
    token = POOL.access_token(**{"subject": "me", "scopes": ["a/b"], **options})
    return (("Authorization", f"Bearer {token}"),)


def ask(app: Chalice, path: str, *headers: tuple[str, str], method: str = "GET") -> tuple[int, str]:
    """Status and body of what an application answers."""
    reply = asker(app, Reached(), path)(Ask(headers, method, path))
    return reply.status, reply.body.decode()


def subject(app: Any) -> str:
    """Who asks, as a view says it."""
    principal = principal_of(app.current_request)
    return "nobody" if principal is None else principal.subject


def logged(view: Any) -> Any:
    """A decorator as users write them."""

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


# --- Marks on views

VIEWS = {
    # path, method, options of the token or None, status
    "public, nobody": ("/public", "GET", None, 200),
    "public, a bad token is not looked at": ("/public", "GET", {"signed_by": "foreign"}, 200),
    "public, a method that it does not have": ("/public", "DELETE", None, 401),
    "optional, nobody": ("/optional", "GET", None, 200),
    "optional, a good token": ("/optional", "GET", {}, 200),
    "optional, a bad token": ("/optional", "GET", {"signed_by": "foreign"}, 401),
    "required, nobody": ("/required", "GET", None, 401),
    "required, without the scope": ("/required", "GET", {"scopes": []}, 403),
    "required, with the scope": ("/required", "GET", {}, 200),
    "no word, nobody": ("/private", "GET", None, 401),
    "no word, a good token": ("/private", "GET", {"scopes": []}, 200),
    "unknown, nobody": ("/nowhere", "GET", None, 401),
}


@pytest.mark.parametrize("above", [False, True], ids=["below", "above"])
@pytest.mark.parametrize("row", VIEWS)
def test_a_views_mark_holds_for_that_view(row: str, above: bool) -> None:
    """W3: written below `@app.route` or above it, which never sees the route."""
    app = application()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True)
    words = {"/public": auth.public, "/optional": auth.optional, "/required": auth.require(NEEDED)}
    for path, word in {**words, "/private": lambda view: view}.items():

        def view() -> str:
            return subject(app)

        mark: Any = word
        if above:
            mark(app.route(path)(view))
        else:
            app.route(path)(mark(view))
    path, method, options, status = VIEWS[row]
    said, body = ask(app, path, *(() if options is None else bearer(**options)), method=method)
    assert said == status
    if status == 200:
        assert body == ('"me"' if options is not None and path != "/public" else '"nobody"')


def test_a_requirement_is_seen_through_wrappers() -> None:
    """Whichever of several functions is registered; an opening is that function's alone."""
    app = application()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True)

    def view() -> str:
        return subject(app)

    app.route("/a", name="a")(view)
    auth.require(NEEDED)(logged(view))
    assert ask(app, "/a", *bearer(scopes=[]))[0] == 403

    def other() -> str:
        return subject(app)

    app.route("/b", name="b")(other)
    auth.public(logged(other))
    assert ask(app, "/b")[0] == 401


@pytest.mark.parametrize("word", ["public", "optional"])
def test_a_copy_has_no_opening(word: str) -> None:
    """W3: a partial of an open view, with all its attributes, is another view; at each request anew."""
    app = application()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True)

    def view(_page: int = 1) -> str:
        return subject(app)

    opened = getattr(auth, word)(view)
    copied = functools.update_wrapper(functools.partial(opened, 2), opened)
    for path, each in {"/open": opened, "/copied": copied, "/wrapped": logged(copied)}.items():
        app.route(path, name=path)(each)
    for _ in range(2):
        assert ask(app, "/open")[0] == 200
        assert ask(app, "/copied")[0] == ask(app, "/wrapped")[0] == 401


def test_several_requirements_hold_together_and_close_what_is_open() -> None:
    """A view that says `public` and `require` is closed."""
    app = application()
    auth = CognitoAuth(VERIFIER, app=app)

    @app.route("/a")
    @auth.require(policy.any_group("staff"))
    @auth.require(NEEDED)
    @auth.public
    def view() -> str:
        return subject(app)

    assert ask(app, "/a")[0] == 401
    assert ask(app, "/a", *bearer())[0] == ask(app, "/a", *bearer(groups=["staff"], scopes=[]))[0] == 403
    assert ask(app, "/a", *bearer(groups=["staff"])) == (200, '"me"')


def test_an_unmarked_view_is_open_unless_all_is_protected() -> None:
    """No token is read, and there is no principal."""
    app = application()
    CognitoAuth(VERIFIER, app=app)
    app.route("/a")(lambda: str(principal_of(app.current_request, default="nobody looked")))
    assert ask(app, "/a", *bearer(signed_by="foreign")) == (200, '"nobody looked"')
    with pytest.raises(LookupError, match="no guard has looked"):
        principal_of(app.current_request)


def test_a_blueprints_views_are_its_applications() -> None:
    """With a prefix, registered before the guard or after it."""
    for first in (False, True):
        app, blueprint = application(), Blueprint("orders")
        auth = CognitoAuth(VERIFIER)

        @blueprint.route("/orders")
        @auth.require(NEEDED)
        def orders(app: Any = app) -> str:
            return subject(app)

        if first:
            auth.init_app(app)
        app.register_blueprint(blueprint, url_prefix="/v1")
        if not first:
            auth.init_app(app)
        assert ask(app, "/v1/orders")[0] == 401
        assert ask(app, "/v1/orders", *bearer()) == (200, '"me"')


# --- Before and around everything of the application


def test_no_middleware_runs_before_the_guard() -> None:
    """W1: whenever it was registered; a wrong content type is no news for strangers either."""
    app, seen = application(), []

    def middleware(name: str) -> Any:
        def run(event: Any, get_response: Any) -> Any:
            seen.append(name)
            return get_response(event)

        return run

    app.register_middleware(middleware("earlier"), "all")
    CognitoAuth(VERIFIER, app=app, protect_all=True)
    app.register_middleware(middleware("later"), "http")
    app.route("/a", methods=["POST"])(lambda: subject(app))
    kind = ("Content-Type", "text/plain")
    assert (ask(app, "/a", kind, method="POST")[0], seen) == (401, [])
    assert (ask(app, "/a", kind, *bearer(), method="POST")[0], seen) == (415, ["earlier", "later"])


def test_errors_of_views_and_middlewares_are_answered() -> None:
    """W5: with the challenge, and with the CORS headers of the route, once."""
    app = application()

    def refuses(*_given: Any) -> Any:
        raise errors.PolicyDenied("another tenant's orders")

    CognitoAuth(VERIFIER, app=app)
    app.route("/view", cors=CORSConfig(allow_origin="https://app.example.com"))(refuses)
    app.route("/twice")(lambda: "fine")
    for _ in range(2):
        reply = asker(app, Reached(), "/view")(Ask(path="/view"))
        assert (reply.status, reply.json["reason"]) == (403, "policy_denied")
        assert "insufficient_scope" in reply.headers["www-authenticate"]
        assert reply.headers["access-control-allow-origin"] == "https://app.example.com"
    assert ask(app, "/twice") == (200, '"fine"')
    app.register_middleware(refuses, "http")
    assert ask(app, "/twice")[0] == 403


def test_a_refusal_has_the_routes_cors_headers() -> None:
    """Browsers hide an answer without them; the document of `resource=` has its own."""
    app = application()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True, resource="https://api.example.com")
    cors = CORSConfig(allow_origin="https://app.example.com", allow_credentials=True)
    app.route("/a", cors=cors)(auth.require(NEEDED)(lambda: "x"))
    app.route("/.well-known/oauth-protected-resource", cors=cors)(lambda: "x")
    refused = asker(app, Reached(), "/a")(Ask(path="/a"))
    assert (refused.status, refused.headers["access-control-allow-credentials"]) == (401, "true")
    document = asker(app, Reached(), "/.well-known/oauth-protected-resource")(
        Ask(path="/.well-known/oauth-protected-resource")
    )
    assert (document.status, document.headers["access-control-allow-origin"]) == (200, "*")


@pytest.mark.parametrize("named", [False, True])
def test_a_preflight_learns_nothing(named: bool) -> None:
    """A view that names its guard does not run for it; the answer of another has no body."""
    app, seen = application(), []
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True, preflight="pass")

    def view() -> Any:
        seen.append(1)
        return Response("secret", headers={"Content-Length": "6", "X": "1"})

    app.route("/a", methods=["OPTIONS"])(auth.require(NEEDED)(view) if named else view)
    status, body = ask(app, "/a", ORIGIN, WANTED, method="OPTIONS")
    assert (status, body, seen) == ((204, "", []) if named else (200, "", [1]))


def test_what_the_guard_found_is_in_no_dump_of_the_request() -> None:
    """Chalice's own example answers `app.current_request.to_dict()`: no principal in it, and valid JSON."""
    app = application()
    auth = CognitoAuth(VERIFIER, app=app)

    @app.route("/a")
    @auth.require()
    def introspect() -> Any:
        found = app.current_request.to_dict()
        found["headers"] = None
        return found

    status, body = ask(app, "/a", *bearer())
    assert status == 200
    assert "cognito_mr_auth" not in body


def test_an_exclusion_names_a_route() -> None:
    """W3: `"/static/*"` opens no parameter to a tenant of that name."""
    app = application()
    CognitoAuth(VERIFIER, app=app, protect_all=True, exclude=["/static/*"])
    app.route("/static/{name}")(lambda name: name)
    app.route("/{tenant}/invoices")(lambda tenant: tenant)
    for resource, path, status in (
        ("/static/{name}", "/static/a", 200),
        ("/{tenant}/invoices", "/static/invoices", 401),
    ):
        event = _rest(resource, path)
        assert app(event, None)["statusCode"] == status


def _rest(resource: str, path: str, token: str | None = None, **authorizer: Any) -> dict[str, Any]:
    event = golden("proxy-rest") if token is None else with_token("proxy-rest", token)
    if token is None:
        event["headers"].pop("Authorization")
        event["multiValueHeaders"].pop("Authorization")
    event |= {"resource": resource, "path": path, "body": None, "stageVariables": None}
    event["pathParameters"] = {"name": "a", "tenant": "static"}
    event["multiValueQueryStringParameters"] = None
    context = {"resourcePath": resource, "httpMethod": "GET", "path": f"/prod{path}"}
    if authorizer:
        context["authorizer"] = authorizer
    event["requestContext"] = {**event["requestContext"], **context}
    return event


def test_an_authorizers_principal_is_taken_where_it_is_asked_for() -> None:
    """Policies judge it; elsewhere it counts for nothing."""
    handed_on = Authorizer(VERIFIER)(with_token("rest-token", bearer()[0][1][7:]), None)["context"]
    flat = {name: str(value) for name, value in handed_on.items()}
    for behind, status in ((True, 200), (False, 401)):
        app = application()
        auth = CognitoAuth(VERIFIER, app=app, behind_authorizer=behind)
        app.route("/a")(auth.require(NEEDED)(lambda: "x"))
        assert app(_rest("/a", "/a", **flat), None)["statusCode"] == status


def test_an_event_of_no_route_runs_nothing() -> None:
    """Chalice refuses it itself."""
    app = application()
    CognitoAuth(VERIFIER, app=app, protect_all=True)
    assert app({"requestContext": {}}, None)["statusCode"] == 500


# --- Mistakes in the set-up fail closed


def test_a_guard_that_no_application_knows_lets_no_request_in() -> None:
    """Without `init_app`, and a mark of another CognitoAuth with the same Guard."""
    shared = Guard(VERIFIER)
    lonely, stranger = CognitoAuth(shared), CognitoAuth(shared)
    app = application()
    app.route("/a")(lonely.require(NEEDED)(lambda: "x"))
    with pytest.raises(RuntimeError, match="init_app"):
        ask(app, "/a", *bearer())
    for word in (stranger.require(NEEDED), stranger.optional, stranger.public):
        guarded = application()
        CognitoAuth(shared, app=guarded)
        mark: Any = word
        mark(guarded.route("/b")(lambda: "x"))
        with pytest.raises(RuntimeError, match="another CognitoAuth"):
            ask(guarded, "/b", *bearer())


def test_nonsense_fails_at_once() -> None:
    """What is no application, a second guard, what is no view, what is no policy."""
    app = application()
    auth = CognitoAuth(VERIFIER, app=app)
    given: Any
    for another in (lambda: CognitoAuth(VERIFIER, app=app), lambda: auth.init_app(application())):
        with pytest.raises(RuntimeError, match="one application has one CognitoAuth"):
            another()
    for given in (Blueprint("orders"), "app"):
        with pytest.raises(TypeError, match="Chalice applications"):
            CognitoAuth(VERIFIER, app=given)
    for given in (auth.public, auth.optional, auth.require()):
        for view in ("view", Chalice):
            with pytest.raises(TypeError, match="marks view functions"):
                given(view)
    with pytest.raises(TypeError, match="takes a policy"):
        auth.require(lambda: "x")  # type: ignore[arg-type]


# --- Authorizer functions


def request(token: str) -> AuthRequest:
    """What Chalice gives an authorizer function."""
    return AuthRequest("TOKEN", token, ARN)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a deployment, which has no `chalice.local`."""
    monkeypatch.delitem(adapter.sys.modules, "chalice.local", raising=False)


def test_an_authorizer_answers_as_chalices_own_response_would(deployed: None) -> None:
    """The routes that a principal may call, as AuthResponse says them; or the whole stage."""
    token = POOL.access_token(subject="me", scopes=["orders/read"])
    routes = {"GET /orders": policy.scopes("orders/read"), "POST /orders": policy.scopes("orders/write")}
    answer = authorizer(VERIFIER, routes={**routes, "GET /health": None})(request(f"Bearer {token}"))
    theirs = AuthResponse([AuthRoute("/orders", ["GET"]), AuthRoute("/health", ["GET"])], "me")
    [ours], [statement] = (
        each["policyDocument"]["Statement"] for each in (answer, theirs.to_dict(request("")))
    )
    assert {**ours, "Resource": sorted(ours["Resource"])} == {
        **statement,
        "Resource": sorted(statement["Resource"]),
    }
    whole = authorizer(VERIFIER)(request(f"Bearer {token}"))["policyDocument"]["Statement"]
    assert whole == AuthResponse(["*"], "me").to_dict(request(""))["policyDocument"]["Statement"]


@pytest.mark.parametrize("token", ["", "Bearer", "Basic x", "Bearer x.y.z", "Bearer EXPIRED"])
def test_a_bad_token_is_the_gateways_401(deployed: None, token: str) -> None:
    """The one name of which API Gateway makes a 401; never an Allow, and never a cached response."""
    token = token.replace("EXPIRED", POOL.access_token(expires_in=-60))
    with pytest.raises(Unauthorized, match=r"\AUnauthorized\Z"):
        authorizer(VERIFIER)(request(token))


def test_an_outage_is_an_error(deployed: None) -> None:
    """500 at the gateway, and no Deny, which would be cached."""

    def revoked(_principal: Any) -> bool:
        raise ConnectionError

    with pytest.raises(errors.Unavailable):
        authorizer(POOL.offline_verifier(revoked=revoked))(request(bearer()[0][1]))


def test_nonsense_in_an_authorizers_options_fails_at_once() -> None:
    """As `Authorizer` says it; the kind is Chalice's."""
    for options in ({"kind": "appsync"}, {"routs": {}}, {"routes": {"GET": None}}):
        with pytest.raises((TypeError, errors.ConfigurationError)):
            authorizer(VERIFIER, **options)


@pytest.mark.outside
def test_chalices_test_client_shows_what_the_gateway_would() -> None:
    """401 for a bad token, 403 for one without the right, 500 in an outage; the view behind sees who asks."""
    from chalice.test import Client

    app = Chalice(app_name="orders", configure_logs=False, env={})
    auth = CognitoAuth(VERIFIER, app=app, behind_authorizer=True)
    down = False

    def revoked(_principal: Any) -> bool:
        if down:
            raise ConnectionError
        return False

    authorize = authorizer(POOL.offline_verifier(revoked=revoked), routes={"GET /orders": NEEDED})

    @app.authorizer()
    def gate(auth_request: Any) -> Any:
        return authorize(auth_request)

    @app.route("/orders", authorizer=gate)
    @auth.require()
    def orders() -> str:
        return subject(app)

    with Client(app) as client:

        def get(*headers: tuple[str, str]) -> tuple[int, bytes]:
            answer = client.http.get("/orders", headers=dict(headers))
            return answer.status_code, answer.body

        assert get(*bearer()) == (200, b"me")
        assert get()[0] == 401
        assert get(("Authorization", "Bearer x.y.z")) == (401, b'{"message":"Unauthorized"}')
        assert get(*bearer(scopes=[]))[0] == 403
        down = True
        assert get(*bearer()) == (500, b'{"message":null}')
