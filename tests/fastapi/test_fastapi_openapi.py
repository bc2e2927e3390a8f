"""What FastAPI's OpenAPI document and its Swagger UI say of the guard."""

import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from support.drivers import Ask, Reply
from support.drivers.client import ask_http

from cognito_mr_auth import Principal, errors, policy
from cognito_mr_auth.fastapi import CognitoAuth
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

POOL = FakeUserPool()
VERIFIER = POOL.offline_verifier()

DOMAIN = "auth.example.com"
CLIENT_ID = "1example23456789"


def get(app: FastAPI, path: str) -> Reply:
    """GET without a token, in this process."""
    return ask_http(app, Ask(path=path), lambda: True)


def document(app: FastAPI) -> Any:
    """The OpenAPI document as a client gets it."""
    return get(app, "/openapi.json").json


READ, WRITE = policy.scopes("orders/read"), policy.scopes("orders/write")
OPS = policy.any_group("ops")


def orders(auth: CognitoAuth, **options: Any) -> FastAPI:
    """An application whose routes name different things."""
    app = FastAPI(responses=auth.responses, swagger_ui_init_oauth=auth.swagger_ui_init_oauth, **options)

    def get_user(principal: Annotated[Principal, Depends(auth.require(READ))]) -> Principal:
        return principal

    router = APIRouter(prefix="/orders", dependencies=[Depends(auth.require(READ))])
    routes: dict[str, list[Any]] = {
        "/health": [],
        "/me": [Depends(auth)],
        "/any": [Depends(auth.require())],
        "/ops": [Depends(auth.require(OPS))],
        "/read": [Depends(auth.require(READ))],
        "/either": [Depends(auth.require(policy.any_scope("orders/read", "orders/write") | OPS))],
        "/security": [Security(auth, scopes=["c", "d"])],
        "/both": [Depends(auth.require(READ)), Security(auth, scopes=["c"]), Depends(auth)],
        "/above": [Security(auth.require(READ), scopes=["c"])],
        "/user": [Security(get_user, scopes=["me"])],
        "/not": [Depends(auth.require(~READ))],
    }
    for path, dependencies in routes.items():
        app.get(path, dependencies=dependencies)(lambda: None)
    router.post("/", dependencies=[Depends(auth.require(WRITE))])(lambda: None)
    app.include_router(router)
    return app


@pytest.mark.parametrize("settings", [{}, {"login_domain": DOMAIN}], ids=["bearer", "oauth2"])
@pytest.mark.parametrize(
    ("path", "security"),
    [
        ("/health", None),
        ("/me", []),
        ("/any", []),
        ("/ops", []),
        ("/read", ["orders/read"]),
        ("/either", ["orders/read", "orders/write"]),
        ("/security", ["c", "d"]),
        ("/both", ["orders/read", "c"]),
        ("/above", ["c", "orders/read"]),
        ("/user", ["me", "orders/read"]),
        ("/not", []),
        ("/orders/", ["orders/read", "orders/write"]),
    ],
)
def test_a_route_lists_its_scopes(path: str, security: list[str] | None, settings: dict[str, Any]) -> None:
    """OpenAPI 3.1, Security Requirement Object: the scheme's name with the route's scopes."""
    auth = CognitoAuth(VERIFIER, **settings)
    [operation] = document(orders(auth))["paths"][path].values()
    assert operation.get("security") == (None if security is None else [{auth.scheme_name: security}])


@pytest.mark.parametrize(
    ("settings", "name", "scheme"),
    [
        pytest.param({}, "Cognito", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}, id="bearer"),
        pytest.param(
            {"login_domain": DOMAIN, "require": policy.scopes("api/use")},
            "Cognito-auth.example.com",
            {
                "type": "oauth2",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "https://auth.example.com/oauth2/authorize",
                        "tokenUrl": "https://auth.example.com/oauth2/token",
                        "scopes": {"api/use": "", "orders/read": "", "orders/write": ""},
                    }
                },
            },
            id="authorization code",
        ),
    ],
)
def test_there_is_one_scheme(settings: dict[str, Any], name: str, scheme: dict[str, Any]) -> None:
    """Bearer without a domain; with one, the authorization code grant and every policy's scopes."""
    schemes = document(orders(CognitoAuth(VERIFIER, **settings)))["components"]["securitySchemes"]
    assert schemes == {name: scheme}


def test_the_scopes_are_plain_strings_in_the_document() -> None:
    """Also for those who read `app.openapi()` without going through JSON text."""
    schema = orders(CognitoAuth(VERIFIER, login_domain=DOMAIN)).openapi()
    [[scope]] = [each[f"Cognito-{DOMAIN}"] for each in schema["paths"]["/read"]["get"]["security"]]
    assert (json.dumps(scope), str(scope)) == ('"orders/read"', "orders/read")


def test_routes_declare_no_parameter_of_ours() -> None:
    """Nothing of the dependencies' signatures is taken for a query parameter or a body."""
    for path in document(orders(CognitoAuth(VERIFIER)))["paths"].values():
        for operation in path.values():
            assert "parameters" not in operation
            assert "requestBody" not in operation


def test_responses_say_what_a_refused_client_gets() -> None:
    """400, 401, 403 and 503, each with its body and its header."""
    responses = document(orders(CognitoAuth(VERIFIER)))["paths"]["/read"]["get"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "503"}
    for status, response in responses.items():
        if status == "200":
            continue
        assert response["description"]
        assert response["content"] == {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"detail": {"type": "string"}, "reason": {"type": "string"}},
                    "required": ["detail"],
                }
            }
        }
        [(header, what)] = response["headers"].items()
        assert header == ("Retry-After" if status == "503" else "WWW-Authenticate")
        assert what["schema"] == {"type": "integer" if status == "503" else "string"}


def test_responses_are_the_callers_own() -> None:
    """A caller may add to them; the next one gets them untouched."""
    auth = CognitoAuth(VERIFIER)
    auth.responses[401]["description"] = "changed"
    assert auth.responses[401]["description"] != "changed"


@pytest.mark.parametrize(
    ("settings", "init"),
    [
        ({}, None),
        ({"login_domain": DOMAIN}, {"usePkceWithAuthorizationCodeGrant": True}),
        (
            {"login_domain": DOMAIN, "swagger_client_id": CLIENT_ID},
            {"clientId": CLIENT_ID, "usePkceWithAuthorizationCodeGrant": True},
        ),
    ],
    ids=["bearer", "domain", "domain and client"],
)
def test_swagger_ui_knows_the_client(settings: dict[str, Any], init: dict[str, Any] | None) -> None:
    """The page gets client, PKCE and the scopes, also those of routes that were added later."""
    app = orders(CognitoAuth(VERIFIER, **settings))
    page = get(app, "/docs").body.decode()
    _, found, rest = page.partition("ui.initOAuth(")
    if init is None:
        assert not found
    else:
        sent, _ = json.JSONDecoder().raw_decode(rest)
        assert sent == init | {"scopes": "orders/read orders/write"}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"login_domain": value}, id=f"domain {value!r}")
        for value in (
            "",
            "https://auth.example.com",
            "auth.example.com/",
            "auth.example.com:443",
            "user@auth.example.com",
            "auth.example.com.",
            "auth",
            "127.0.0.1",
            "::1",
            "AUTH.example.com",
            "auth..example.com",
            "-auth.example.com",
            "auth-.example.com",
            "auth_x.example.com",
            "auth.example.com\n",
            " auth.example.com",
            "auth.example.com?x",
            "\xe4uth.example.com",
            "a" * 64 + ".example.com",
            "a." * 126 + "com",
            b"auth.example.com",
            1,
        )
    ]
    + [
        pytest.param({"swagger_client_id": CLIENT_ID}, id="client without domain"),
        pytest.param({"swagger_client_id": "", "login_domain": DOMAIN}, id="empty client"),
        pytest.param({"swagger_client_id": "</script>", "login_domain": DOMAIN}, id="client with a tag"),
        pytest.param({"swagger_client_id": "\xe4bc", "login_domain": DOMAIN}, id="client beyond ASCII"),
        pytest.param({"swagger_client_id": 1, "login_domain": DOMAIN}, id="client, a number"),
    ],
)
def test_nonsense_fails_at_once(settings: dict[str, Any]) -> None:
    """A domain is a bare host name, and the client needs one."""
    with pytest.raises(errors.ConfigurationError):
        CognitoAuth(VERIFIER, **settings)


@pytest.mark.parametrize(
    "domain",
    [DOMAIN, "x.auth.eu-west-1.amazoncognito.com", "a.b", "xn--bcher-kva.example", "a.xn--p1ai", "1.2.a3"],
)
def test_host_names_are_taken(domain: str) -> None:
    """Cognito's own and custom ones, internationalised ones in their ASCII form."""
    flow = CognitoAuth(VERIFIER, login_domain=domain).model.flows.authorizationCode
    assert flow.tokenUrl == f"https://{domain}/oauth2/token"


# --- Several schemes in one document

OTHER = FakeUserPool("eu-west-1_Other0001")
BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

# the settings of two objects -> the names of their schemes
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "both bearer, which is one scheme": ({}, {}, {"Cognito"}),
    "one with a domain": ({}, {"login_domain": DOMAIN}, {"Cognito", f"Cognito-{DOMAIN}"}),
    "two domains": (
        {"login_domain": "a.example.com"},
        {"login_domain": "b.example.com"},
        {"Cognito-a.example.com", "Cognito-b.example.com"},
    ),
    "two names": (
        {"scheme_name": "staff", "login_domain": DOMAIN},
        {"scheme_name": "shop.2_x-y", "login_domain": DOMAIN},
        {"staff", "shop.2_x-y"},
    ),
    "access tokens and ID tokens": (
        {"login_domain": DOMAIN},
        {"login_domain": DOMAIN, "token_use": "id"},
        {f"Cognito-{DOMAIN}", f"Cognito-{DOMAIN}-id"},
    ),
}


def made(pool: FakeUserPool, settings: dict[str, Any], **more: Any) -> CognitoAuth:
    """One object; `token_use` is its verifier's."""
    rest = {**settings, **more}
    return CognitoAuth(pool.offline_verifier(token_use=rest.pop("token_use", "access")), **rest)


@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize("row", PAIRS)
def test_two_schemes_do_not_collide(row: str, installed: bool) -> None:
    """Each route names its own scheme, and none takes the other's place in silence."""
    first, second, names = PAIRS[row]
    app = FastAPI()
    one, two = (
        made(pool, settings, app=app if installed else None)
        for pool, settings in ((POOL, first), (OTHER, second))
    )
    app.get("/one", dependencies=[Depends(one.require(READ))])(lambda: None)
    app.get("/two", dependencies=[Depends(two.optional)])(lambda: None)
    said = document(app)
    assert set(said["components"]["securitySchemes"]) == names
    for path, auth, scopes in (("/one", one, ["orders/read"]), ("/two", two, [])):
        assert said["paths"][path]["get"]["security"] == [{auth.scheme_name: scopes}]
        shown = said["components"]["securitySchemes"][auth.scheme_name]
        assert shown == auth.model.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_one_scheme_of_two_objects_has_the_scopes_of_both() -> None:
    """Two objects that are described alike are one scheme, and whoever signs in may ask for every scope."""
    app = FastAPI()
    for auth, path, need in (
        (CognitoAuth(VERIFIER, app=app, login_domain=DOMAIN), "/read", READ),
        (CognitoAuth(VERIFIER, app=app, login_domain=DOMAIN, optional=True), "/write", WRITE),
    ):
        app.get(path, dependencies=[Depends(auth.require(need))])(lambda: None)
    [scheme] = document(app)["components"]["securitySchemes"].values()
    assert set(scheme["flows"]["authorizationCode"]["scopes"]) == {"orders/read", "orders/write"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"scheme_name": "x"}, {"scheme_name": "x", "login_domain": DOMAIN}),
        ({"login_domain": "a.example.com"}, {"scheme_name": "Cognito-a.example.com"}),
        ({"scheme_name": "x", "login_domain": DOMAIN}, {"scheme_name": "x", "login_domain": "b.example"}),
        (
            {"scheme_name": "x", "login_domain": DOMAIN},
            {"scheme_name": "x", "login_domain": DOMAIN, "token_use": "id"},
        ),
    ],
    ids=repr,
)
def test_one_name_for_two_schemes_is_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Where the application knows both."""
    app = FastAPI()
    made(POOL, first, app=app)
    with pytest.raises(errors.ConfigurationError, match="scheme_name="):
        made(OTHER, second, app=app)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "\xe4", "a\n", 1, b"a"], ids=repr)
def test_a_schemes_name_is_a_components(name: Any) -> None:
    """OpenAPI 3.1, Components Object."""
    with pytest.raises(errors.ConfigurationError, match="scheme_name="):
        CognitoAuth(VERIFIER, scheme_name=name)


@pytest.mark.parametrize("way", ["at once", "a guard", "late", "a guard, late"])
def test_swagger_ui_sends_id_tokens_to_who_takes_them(way: str) -> None:
    """The authorization code grant gives both tokens, and `openid` must be asked for."""
    verifier = POOL.offline_verifier(token_use="id")
    app, guard = FastAPI(), Guard(verifier if way == "a guard" else None)
    given = {"at once": verifier, "late": None}.get(way, guard)
    auth = CognitoAuth(given, app=app, login_domain=DOMAIN)
    app.get("/", dependencies=[Depends(auth.require(READ))])(lambda: None)
    assert auth.swagger_ui_init_oauth is app.swagger_ui_init_oauth
    if way == "late":
        auth.bind(verifier)
    elif way == "a guard, late":
        guard.bind(verifier)
    [(name, scheme)] = document(app)["components"]["securitySchemes"].items()
    assert (name, scheme["x-tokenName"]) == (f"Cognito-{DOMAIN}-id", "id_token")
    assert list(scheme["flows"]["authorizationCode"]["scopes"]) == ["openid", "orders/read"]
    assert app.swagger_ui_init_oauth is not None
    assert app.swagger_ui_init_oauth["scopes"] == "openid orders/read"
    plain = CognitoAuth(verifier)
    assert (plain.scheme_name, "x-tokenName" in repr(plain.model)) == ("Cognito", False)


# --- What init_app adds


@pytest.mark.parametrize("late", [False, True])
def test_init_app_documents_what_is_guarded(late: bool) -> None:
    """Each guarded operation gets the responses, whenever it was declared, and no other."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=None if late else app, login_domain=DOMAIN, swagger_client_id=CLIENT_ID)
    refused = {"model": None, "description": "mine"}
    app.get("/me", dependencies=[Depends(auth)], responses={403: refused})(lambda: None)
    app.get("/open")(lambda: None)
    if late:
        auth.init_app(app)
    for _ in range(2):
        paths = document(app)["paths"]
        responses = paths["/me"]["get"]["responses"]
        assert set(responses) == {"200", "400", "401", "403", "503"}
        assert responses["403"]["description"] == "mine"
        assert set(paths["/open"]["get"]["responses"]) == {"200"}
        assert "security" not in paths["/open"]["get"]
    assert f'"clientId": "{CLIENT_ID}"' in get(app, "/docs").body.decode()


def test_an_applications_own_settings_of_swagger_ui_stay() -> None:
    """init_app replaces none."""
    app = FastAPI(swagger_ui_init_oauth={"clientId": "mine"})
    CognitoAuth(VERIFIER, app=app, login_domain=DOMAIN)
    assert app.swagger_ui_init_oauth == {"clientId": "mine"}


@pytest.mark.parametrize("settings", [{}, {"login_domain": DOMAIN}], ids=["bearer", "oauth2"])
def test_a_closed_applications_document_says_so(settings: dict[str, Any]) -> None:
    """With `protect_all` each operation needs the scheme, except public routes and excluded paths."""
    app = FastAPI()
    auth = CognitoAuth(
        VERIFIER, app=app, protect_all=True, exclude=["/openapi.json", "/ready", "/static/*"], **settings
    )
    inner = APIRouter()
    for place in (app, inner):
        place.get("/health")(auth.public(lambda: None))
        place.post("/health")(lambda: None)
        place.get("/orders")(lambda: None)
        place.get("/scoped", dependencies=[Depends(auth.require(READ))])(lambda: None)
    app.include_router(inner, prefix="/v1/{tenant}")
    app.get("/ready")(lambda: None)
    app.get("/static/{name}")(lambda: None)
    for _ in range(2):
        said = document(app)
        assert list(said["components"]["securitySchemes"]) == [auth.scheme_name]
        found = {
            f"{method} {path}": operation.get("security")
            for path, item in said["paths"].items()
            for method, operation in item.items()
        }
        need = [{auth.scheme_name: []}]
        expected: dict[str, Any] = {"get /ready": None, "get /static/{name}": None}
        for prefix in ("", "/v1/{tenant}"):
            expected |= {
                f"get {prefix}/health": None,
                f"post {prefix}/health": need,
                f"get {prefix}/orders": need,
                f"get {prefix}/scoped": [{auth.scheme_name: ["orders/read"]}],
            }
        assert found == expected
        assert "401" in said["paths"]["/orders"]["get"]["responses"]
        assert "401" not in said["paths"]["/health"]["get"]["responses"]


# --- RFC 9728


def test_the_document_is_public_in_a_protected_application() -> None:
    """`auth.router` takes on no dependency, stands in no schema, and answers HEAD too."""
    auth = CognitoAuth(VERIFIER, resource="https://api.example.com/v1")
    app = FastAPI(dependencies=[Depends(auth), Depends(auth.require(READ))])
    app.include_router(auth.router, dependencies=[Depends(auth)])
    path = "/.well-known/oauth-protected-resource/v1"
    reply = get(app, path)
    assert (reply.status, set(reply.json["authorization_servers"])) == (200, set(VERIFIER.issuers))
    assert reply.headers["content-length"] == str(len(reply.body))
    assert ask_http(app, Ask(method="HEAD", path=path), lambda: True).status == 200
    assert document(app)["paths"] == {}


def test_without_a_resource_there_is_no_document() -> None:
    """Including a router that serves nothing would be a mistake that nobody sees."""
    with pytest.raises(errors.ConfigurationError, match="resource="):
        _ = CognitoAuth(VERIFIER).router
