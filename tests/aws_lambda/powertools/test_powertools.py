"""aws_lambda.powertools: what no other adapter has, since its middlewares come after its validation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler import (
    ALBResolver,
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    BedrockAgentResolver,
    CORSConfig,
    DependencyResolutionError,
    Depends,
    LambdaFunctionUrlResolver,
    Response,
    VPCLatticeResolver,
    VPCLatticeV2Resolver,
)
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.http_resolver import HttpResolverLocal
from support.drivers import Ask
from support.drivers.client import http_scope, serve
from support.drivers.powertools import event_of
from support.lambda_events import event as golden
from support.lambda_events import with_token, without_token

from cognito_mr_auth import errors, policy
from cognito_mr_auth.aws_lambda import Authorizer
from cognito_mr_auth.aws_lambda.powertools import PRINCIPAL, CognitoAuth, principal_of
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

CLOCK = FakeClock()
POOL = FakeUserPool(clock=CLOCK)
VERIFIER = POOL.offline_verifier()
NEEDED = policy.scopes("orders/read")
ORIGIN, WANTED = ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET")
CORS = CORSConfig(allow_origin="https://app.example.com")
RESOLVERS: dict[str, Callable[..., Any]] = {
    "proxy-rest": APIGatewayRestResolver,
    "proxy-http-1.0": APIGatewayRestResolver,
    "proxy-http-2.0": APIGatewayHttpResolver,
    "proxy-function-url": LambdaFunctionUrlResolver,
    "proxy-alb": ALBResolver,
    "proxy-alb-multi-value": ALBResolver,
    "proxy-vpc-lattice": VPCLatticeResolver,
    "proxy-vpc-lattice-2.0": VPCLatticeV2Resolver,
}


def bearer(**options: Any) -> tuple[tuple[str, str], ...]:
    """The header of a token with the scope that is needed, unless said otherwise."""
    token = POOL.access_token(**{"subject": "me", "scopes": ["orders/read"], **options})
    return (("Authorization", f"Bearer {token}"),)


def resolver(**options: Any) -> Any:
    """One for an HTTP API."""
    return APIGatewayHttpResolver(**options)


def ask(
    app: Any, path: str = "/orders", headers: Any = (), method: str = "GET", **more: Any
) -> tuple[int, dict[str, str], str]:
    """Status, headers in lower case and body of what a resolver answers."""
    answer = app.resolve({**event_of(Ask(tuple(headers), method, path)), **more}, None)
    return answer["statusCode"], _lower(answer), answer["body"]


def _lower(answer: dict[str, Any]) -> dict[str, str]:
    several = {name: values[0] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    return {name.lower(): value for name, value in {**(answer.get("headers") or {}), **several}.items()}


def subject(app: Any) -> Callable[[], dict[str, Any]]:
    """A route that returns the caller."""

    def route() -> dict[str, Any]:
        principal = principal_of(app)
        return {"subject": None if principal is None else principal.subject}

    return route


class Seen(list[str]):
    """Which of the application's functions ran."""

    def middleware(self, name: str) -> Callable[[Any, Any], Any]:
        """One that notes its name."""

        def run(app: Any, next_middleware: Any) -> Any:
            self.append(name)
            return next_middleware(app)

        return run


# Powertools looks the names of annotations up in the module, so the dependencies stand here.
SEEN = Seen()


def noted() -> str:
    """A dependency that notes that it ran."""
    SEEN.append("dependency")
    return "x"


def broken() -> str:
    """A dependency with a fault of its own."""
    raise ZeroDivisionError


def raises(*_given: Any) -> Any:
    """A route, a middleware or a dependency with a policy of its own."""
    raise errors.PolicyDenied("another tenant's orders")


@pytest.mark.parametrize("kind", RESOLVERS)
def test_each_resolver_is_guarded(kind: str) -> None:
    """The golden event of each kind passes with a good token alone, to a route that names its guard."""
    app = RESOLVERS[kind]()
    auth = CognitoAuth(VERIFIER, app=app)
    app.get("/orders", middlewares=[auth.require(NEEDED)])(subject(app))

    def asked(event: dict[str, Any]) -> Any:
        if "raw_path" in event:  # of VPC Lattice; before 3.37 Powertools found no route for one with a query
            event["raw_path"] = event["raw_path"].partition("?")[0]
        return app.resolve(event, None)

    answer = asked(with_token(kind, POOL.access_token(subject="me", scopes=["orders/read"])))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"subject": "me"})
    denied = asked(with_token(kind, POOL.access_token()))
    assert denied["statusCode"] == 403
    refused = asked(without_token(kind))
    assert (refused["statusCode"], _lower(refused)["www-authenticate"]) == (401, 'Bearer realm="api"')
    assert json.loads(refused["body"])["reason"] == "credentials_missing"
    assert _lower(refused)["cache-control"] == "no-store"


# --- Before everything of the application


@pytest.mark.needs("pydantic")  # Powertools imports it for a resolver of this test
def test_nothing_of_the_application_runs_before_the_guard() -> None:
    """W1: no middleware, whenever it was added, no validation of the request, no dependency."""
    seen = SEEN
    app = APIGatewayRestResolver(enable_validation=True)
    app.use([seen.middleware("earlier")])
    auth = CognitoAuth(VERIFIER, app=app)
    app.use([seen.middleware("later")])

    @app.get("/orders", middlewares=[seen.middleware("own"), auth.require(NEEDED)])
    def orders(limit: int, given: Annotated[str, Depends(noted)]) -> dict[str, int]:
        seen.append("route")
        return {"limit": limit}

    event = golden("proxy-rest", queryStringParameters={"limit": "x"})
    event["multiValueQueryStringParameters"] = {"limit": ["many"]}
    for name in ("headers", "multiValueHeaders"):
        event[name].pop("Authorization")
    assert (app.resolve(event, None)["statusCode"], seen) == (401, [])
    event["multiValueHeaders"]["Authorization"] = [bearer()[0][1]]
    assert (app.resolve(event, None)["statusCode"], seen) == (422, [])
    event["multiValueQueryStringParameters"] = {"limit": ["5"]}
    assert app.resolve(event, None)["statusCode"] == 200
    assert seen == ["earlier", "later", "own", "dependency", "route"]


def test_a_whole_resolver_can_require() -> None:
    """`app.use([auth.require(...)])` holds for every route and URL, and with what a route says itself."""
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app)
    app.use([auth.require(policy.any_group("staff"))])
    app.get("/orders", middlewares=[auth.require(NEEDED)])(subject(app))
    app.get("/me", middlewares=[auth.public])(subject(app))
    for path, options, status in (
        ("/orders", None, 401),
        ("/orders", {"groups": ["staff"]}, 200),
        ("/orders", {"groups": ["staff"], "scopes": []}, 403),
        ("/orders", {}, 403),
        ("/me", None, 401),
        ("/me", {"groups": ["staff"], "scopes": []}, 200),
        ("/nowhere", None, 401),
        ("/nowhere", {"groups": ["staff"]}, 404),
    ):
        headers = () if options is None else bearer(**options)
        assert ask(app, path, headers)[0] == status, (path, options)


def test_a_whole_resolver_can_welcome_guests() -> None:
    """`app.use([auth.optional])` looks at the token of every request, and opens nothing that is closed."""
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app)
    app.use([auth.optional])
    app.get("/feed")(subject(app))
    app.get("/open", middlewares=[auth.public])(subject(app))
    app.get("/orders", middlewares=[auth.require(NEEDED)])(subject(app))
    for path in ("/feed", "/open"):
        assert ask(app, path)[2] == '{"subject":null}'
        assert ask(app, path, bearer())[2] == '{"subject":"me"}'
        assert ask(app, path, bearer(signed_by="foreign"))[0] == 401
    assert ask(app)[0] == 401


def test_without_protect_all_an_unmarked_route_is_open() -> None:
    """No token is read, and there is no principal."""
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app)
    app.get("/open")(lambda: {"principal": principal_of(app, default="nobody looked")})
    app.get("/asks")(subject(app))
    app.get("/guests", middlewares=[auth.optional])(subject(app))
    assert ask(app, "/open", bearer(signed_by="foreign"))[2] == '{"principal":"nobody looked"}'
    with pytest.raises(LookupError, match="no guard has looked"):
        ask(app, "/asks", bearer())
    assert ask(app, "/guests")[2] == '{"subject":null}'
    assert ask(app, "/guests", bearer())[2] == '{"subject":"me"}'
    assert ask(app, "/guests", bearer(signed_by="foreign"))[0] == 401


def test_a_router_carries_its_guards() -> None:
    """`include_router` with a prefix: the middlewares of its routes say what they said."""
    router, app = Router(), resolver()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True)
    router.get("/public", middlewares=[auth.public])(lambda: {"subject": principal_of(router)})
    router.get("/required", middlewares=[auth.require(NEEDED)])(subject(router))
    router.get("/private")(subject(router))
    app.include_router(router, prefix="/v1")
    assert ask(app, "/v1/public")[:1] == (200,)
    assert ask(app, "/v1/required")[0] == ask(app, "/v1/private")[0] == 401
    assert ask(app, "/v1/required", bearer(scopes=[]))[0] == 403
    assert ask(app, "/v1/private", bearer(scopes=[]))[2] == '{"subject":"me"}'


def test_unknown_urls_are_closed() -> None:
    """With `protect_all` a 404, the application's own too, is for those with a token."""
    app = resolver()
    CognitoAuth(VERIFIER, app=app, protect_all=True)
    app.not_found(lambda _error: Response(404, body="ours"))
    assert ask(app, "/nowhere")[0] == 401
    assert ask(app, "/nowhere", bearer())[::2] == (404, "ours")


# --- CORS


def test_a_preflight_gets_the_resolvers_answer() -> None:
    """With `preflight="pass"`; by default it needs a token, because the guard stands in front."""
    for options, status in (({}, 401), ({"preflight": "pass"}, 204)):
        app = resolver(cors=CORS)
        auth = CognitoAuth(VERIFIER, app=app, protect_all=True, **options)
        app.get("/orders", middlewares=[auth.require(NEEDED)])(subject(app))
        said, headers, body = ask(app, headers=(ORIGIN, WANTED), method="OPTIONS")
        assert (said, headers["access-control-allow-origin"]) == (status, "https://app.example.com")
        assert (headers.get("access-control-allow-methods"), body) == (
            ("GET,OPTIONS", "") if options else (None, body)
        )
        assert ask(app, headers=(ORIGIN,))[1]["access-control-allow-origin"] == "https://app.example.com"


@pytest.mark.parametrize("whole", [False, True])
def test_a_route_for_options_shows_a_preflight_nothing(whole: bool) -> None:
    """One that names its guard does not run; the answer of another goes out without its body."""
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True, preflight="pass")
    middlewares = [] if whole else [auth.require(NEEDED)]
    seen = Seen()

    @app.route("/orders", method="OPTIONS", middlewares=middlewares)
    def orders() -> Any:
        seen.append("route")
        return Response(200, body="secret", headers={"Content-Length": "6", "X": "1"})

    status, headers, body = ask(app, headers=(ORIGIN, WANTED), method="OPTIONS")
    assert (status, body, seen) == ((200, "", ["route"]) if whole else (204, "", []))
    assert "content-length" not in headers
    assert ask(app, headers=(ORIGIN, WANTED, *bearer()), method="OPTIONS")[2] == "secret"


def test_what_a_middleware_gives_is_cut_as_well() -> None:
    """A middleware of the application that answers a preflight with something else than a Response."""
    app = resolver()
    CognitoAuth(VERIFIER, app=app, protect_all=True, preflight="pass")
    app.use([lambda _app, _next: {"secret": 1}])
    assert ask(app, headers=(ORIGIN, WANTED), method="OPTIONS")[::2] == (200, "")


def test_the_document_has_cors_headers_of_its_own() -> None:
    """RFC 9728: for every origin. Two Access-Control-Allow-Origin would be none to a browser."""
    app = resolver(cors=CORS)
    CognitoAuth(VERIFIER, app=app, protect_all=True, resource="https://api.example.com")
    raw = app.resolve(event_of(Ask((ORIGIN,), path="/.well-known/oauth-protected-resource")), None)
    names = [name for name in raw["headers"] if name.lower() == "access-control-allow-origin"]
    assert [raw["headers"][name] for name in names] == ["*"]


def test_a_routes_cache_control_is_not_for_refusals() -> None:
    """What is refused is not stored, although the route's answers may be."""
    app = resolver(cors=CORS)
    auth = CognitoAuth(VERIFIER, app=app)
    seconds = "max-age=60"
    app.get("/orders", cache_control=seconds, middlewares=[auth.require(NEEDED)])(subject(app))
    refused = app.resolve(event_of(Ask(path="/orders")), None)["headers"]
    assert [refused[name] for name in refused if name.lower() == "cache-control"] == ["no-store"]
    assert ask(app, headers=bearer())[1]["cache-control"] == seconds


# --- The principal's life


def test_the_principal_is_gone_afterwards() -> None:
    """Also where the route raises: the next event's unguarded route must not see it."""
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app)

    @app.get("/breaks", middlewares=[auth.require()])
    def breaks() -> Any:
        assert principal_of(app.request) == app.context[PRINCIPAL]
        raise ZeroDivisionError

    app.clear_context = lambda: None  # as older versions, when a route raises
    with pytest.raises(ZeroDivisionError):
        ask(app, "/breaks", bearer())
    assert principal_of(app, default=None) is None
    assert PRINCIPAL not in app.context


def test_errors_of_routes_are_answered() -> None:
    """W5: of a route, a middleware or a dependency; a handler of the application comes first."""

    def orders(given: Annotated[str, Depends(raises)]) -> Any:
        raise AssertionError(given)

    def fails(given: Annotated[str, Depends(broken)]) -> Any:
        raise AssertionError(given)

    app = resolver(cors=CORS)
    CognitoAuth(VERIFIER, app=app)
    app.get("/route")(raises)
    app.get("/middleware", middlewares=[raises])(subject(app))
    app.get("/dependency")(orders)
    for path in ("/route", "/middleware", "/dependency"):
        status, headers, body = ask(app, path)
        assert (status, json.loads(body)["reason"]) == (403, "policy_denied")
        assert "insufficient_scope" in headers["www-authenticate"]
    app.get("/broken")(fails)
    with pytest.raises(DependencyResolutionError):
        ask(app, "/broken")
    app.exception_handler(errors.PolicyDenied)(lambda _error: Response(418, body="ours"))
    assert ask(app, "/route")[0] == 418
    theirs = resolver()
    theirs.exception_handler(errors.AuthError)(lambda _error: Response(418, body="ours"))
    CognitoAuth(VERIFIER, app=theirs, protect_all=True)
    assert ask(theirs)[0] == 418


def test_a_head_request_gets_no_body() -> None:
    """RFC 9110 9.3.2; 8.6: its length is GET's."""
    app = resolver()
    CognitoAuth(VERIFIER, app=app, protect_all=True)
    status, headers, body = ask(app, method="HEAD")
    assert (status, body, headers["content-length"]) == (401, "", str(len(ask(app)[2])))


# --- Excluded paths


@pytest.mark.parametrize(
    ("route", "path", "status"),
    [
        ("/health", "/health", 200),
        ("/static/<name>", "/static/app.js", 200),
        ("/static/.+", "/static/css/app.css", 200),
        (".+", "/static/app.js", 200),
        ("/<tenant>/invoices", "/static/invoices", 401),
        ("/(a|static)/x", "/static/x", 401),
        ("/orders", "/orders", 401),
        (".+", "/static/../orders", 401),
        ("/none", "/static/unknown", 404),
    ],
)
def test_an_exclusion_names_a_route(route: str, path: str, status: int) -> None:
    """W3: `"/static/*"` opens no parameter to a tenant of that name, and a catch-all by its path alone."""
    app = resolver()
    CognitoAuth(VERIFIER, app=app, protect_all=True, exclude=["/health", "/static/*"])
    app.get(route)(lambda **_parameters: {})
    assert ask(app, path)[0] == status


def test_an_exclusion_is_compared_with_the_path_that_is_routed() -> None:
    """Without the stage of an HTTP API and the prefixes that the resolver takes away."""
    app = resolver(strip_prefixes=["/shop"])
    CognitoAuth(VERIFIER, app=app, protect_all=True, exclude=["/health"])
    app.get("/health")(subject(app))
    context = {"stage": "prod", "http": {"method": "GET", "path": "/prod/shop/health"}}
    for path, status in (("/prod/shop/health", 200), ("/prod/health", 200), ("/prod/prod/health", 401)):
        assert ask(app, path, requestContext=context)[0] == status


# --- Behind an authorizer


def handed_on(token: str) -> dict[str, Any]:
    """The request context of a REST API whose authorizer is ours."""
    event = with_token("rest-token", token)
    context = Authorizer(VERIFIER)(event, None)["context"]
    return {name: str(value) for name, value in context.items()}


def rest_event(authorizer: dict[str, Any] | None, token: str | None = None) -> dict[str, Any]:
    """A REST event with that authorizer's context."""
    event = without_token("proxy-rest") if token is None else with_token("proxy-rest", token)
    event["requestContext"]["authorizer"] = authorizer
    return event


def behind(**options: Any) -> Any:
    """A resolver for REST that takes an authorizer's principal."""
    app = APIGatewayRestResolver()
    auth = CognitoAuth(VERIFIER, app=app, behind_authorizer=True, **options)
    app.get("/orders", middlewares=[auth.require(NEEDED)])(subject(app))
    return app


def test_an_authorizers_principal_is_taken_where_it_is_asked_for() -> None:
    """Policies judge it; without one the token is verified; elsewhere it counts for nothing."""
    good = handed_on(POOL.access_token(subject="me", scopes=["orders/read"]))
    assert behind().resolve(rest_event(good), None)["statusCode"] == 200
    assert behind().resolve(rest_event(handed_on(POOL.access_token())), None)["statusCode"] == 403
    assert behind().resolve(rest_event(None), None)["statusCode"] == 401
    token = POOL.access_token(scopes=["orders/read"])
    assert behind().resolve(rest_event(None, token), None)["statusCode"] == 200
    staff = behind(require=policy.any_group("staff"))
    assert staff.resolve(rest_event(good), None)["statusCode"] == 403
    app = APIGatewayRestResolver()
    auth = CognitoAuth(VERIFIER, app=app)
    app.get("/orders", middlewares=[auth.require()])(subject(app))
    assert app.resolve(rest_event(good), None)["statusCode"] == 401


def test_a_principal_that_was_handed_on_must_be_one_of_ours_and_alive() -> None:
    """Of a configured issuer, unexpired although the authorizer's answer is cached, and whole."""
    good = handed_on(POOL.access_token(subject="me", scopes=["orders/read"]))
    foreign = {**good, "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other0001"}
    foreign["user_pool_id"] = "eu-west-1_Other0001"
    expired = {**good, "exp": str(int(CLOCK.wall) - 60)}
    partial = {name: value for name, value in good.items() if name != "sub"}
    for given, reason in (
        (foreign, "issuer_unknown"),
        (expired, "token_expired"),
        (partial, "claim_rejected"),
    ):
        answer = behind().resolve(rest_event(given), None)
        assert (answer["statusCode"], json.loads(answer["body"])["reason"]) == (401, reason)


# --- Without a thread that waits


def test_async_routes_are_guarded() -> None:
    """`resolve_async`, with the same answers and errors."""
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True, preflight="pass", resource="https://a.example")

    @app.get("/orders", middlewares=[auth.require(NEEDED)])
    async def orders() -> Any:
        principal = principal_of(app)
        assert principal is not None
        if principal.subject == "eve":
            raise errors.PolicyDenied
        return {"subject": principal.subject}

    def said(*headers: Any, method: str = "GET", path: str = "/orders") -> tuple[int, Any]:
        event: Any = event_of(Ask(tuple(headers), method, path))
        answer = asyncio.run(app.resolve_async(event, None))
        return answer["statusCode"], answer["body"]

    assert said(*bearer()) == (200, '{"subject":"me"}')
    assert said()[0] == 401
    assert said(*bearer(subject="eve"))[0] == 403
    assert said(ORIGIN, WANTED, method="OPTIONS") == (404, "")
    assert said(path="/.well-known/oauth-protected-resource")[0] == 200
    assert principal_of(app, default=None) is None


# Before 3.36.
@pytest.mark.filterwarnings("ignore:HttpResolverLocal is intended for local development:UserWarning")
def test_requests_at_once_have_a_principal_each() -> None:
    """HttpResolverLocal serves several requests at once in one process. None gets another's principal."""
    app = HttpResolverLocal()
    auth = CognitoAuth(VERIFIER, app=app)
    waiting: list[Any] = []
    all_here = asyncio.Event()

    @app.get("/me", middlewares=[auth.require()])
    async def me() -> Any:
        before = principal_of(app)
        waiting.append(before)
        if len(waiting) == 4:
            all_here.set()
        await all_here.wait()
        assert principal_of(app) is before
        return {"subject": before and before.subject}

    async def main() -> list[Any]:
        async def one(name: str) -> Any:
            sent: list[Any] = []

            async def receive() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Any) -> None:
                sent.append(message)

            await app(http_scope(Ask(bearer(subject=name), path="/me")), receive, send)
            return json.loads(sent[1]["body"])["subject"]

        return list(await asyncio.gather(*map(one, "abcd")))

    assert asyncio.run(main()) == ["a", "b", "c", "d"]
    assert serve(app, http_scope(Ask(path="/me")))[0]["status"] == 401


# --- Mistakes in the set-up fail closed


def test_a_guard_that_no_resolver_knows_lets_no_request_in() -> None:
    """Without `init_app`, of another CognitoAuth with the same Guard, and where `require` was not called."""
    shared = Guard(VERIFIER)
    for init in (False, True):
        app = resolver()
        other = CognitoAuth(shared)
        if init:
            CognitoAuth(shared, app=app, protect_all=True)
        app.get("/orders", middlewares=[other.require(NEEDED)])(subject(app))
        app.get("/guests", middlewares=[other.optional])(subject(app))
        for path in ("/orders", "/guests"):
            with pytest.raises(RuntimeError, match="does not know the running resolver"):
                ask(app, path, bearer())
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app)
    app.get("/orders", middlewares=[auth.require])(subject(app))
    with pytest.raises(TypeError):
        ask(app, headers=bearer())


@pytest.mark.needs("pydantic")  # Powertools imports it for a resolver of this test
def test_nonsense_fails_at_once() -> None:
    """What is no resolver of HTTP requests, a second guard, decorators, what is no policy."""
    app = resolver()
    auth = CognitoAuth(VERIFIER, app=app)
    given: Any
    with pytest.raises(RuntimeError, match="already"):
        CognitoAuth(VERIFIER, app=app)
    for given in (BedrockAgentResolver(), Router(), "app"):
        with pytest.raises(TypeError, match="resolvers of HTTP requests"):
            CognitoAuth(VERIFIER, app=given)
    for given in (auth.public, auth.optional):
        with pytest.raises(TypeError):
            given(subject(app))
    for given in (lambda _principal: True, "orders/read"):
        with pytest.raises(TypeError, match="takes a policy"):
            auth.require(given)
    for options in ({"protect_all": 1}, {"behind_authorizer": "yes"}):
        with pytest.raises(errors.ConfigurationError):
            CognitoAuth(VERIFIER, **options)  # type: ignore[arg-type]


def test_the_verifier_may_come_later() -> None:
    """`bind` after the import; an event before it is no answer."""
    app = resolver()
    auth = CognitoAuth(app=app, protect_all=True)
    app.get("/orders")(subject(app))
    with pytest.raises(errors.ConfigurationError, match="bind"):
        ask(app, headers=bearer())
    auth.bind(VERIFIER)
    assert ask(app, headers=bearer())[0] == 200
