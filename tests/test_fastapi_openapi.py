"""What FastAPI's OpenAPI document and its Swagger UI say of the guard."""

import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from support.drivers import Ask, Reply
from support.drivers.client import ask_http

from cognito_mr_auth import Principal, errors, policy
from cognito_mr_auth.fastapi import CognitoAuth
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
    [operation] = document(orders(CognitoAuth(VERIFIER, **settings)))["paths"][path].values()
    assert operation.get("security") == (None if security is None else [{"Cognito": security}])


@pytest.mark.parametrize(
    ("settings", "scheme"),
    [
        pytest.param({}, {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}, id="bearer"),
        pytest.param(
            {"login_domain": DOMAIN, "require": policy.scopes("api/use")},
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
def test_there_is_one_scheme(settings: dict[str, Any], scheme: dict[str, Any]) -> None:
    """Bearer without a domain; with one, the authorization code grant and every policy's scopes."""
    assert document(orders(CognitoAuth(VERIFIER, **settings)))["components"]["securitySchemes"] == {
        "Cognito": scheme
    }


def test_the_scopes_are_plain_strings_in_the_document() -> None:
    """Also for those who read `app.openapi()` without going through JSON text."""
    schema = orders(CognitoAuth(VERIFIER, login_domain=DOMAIN)).openapi()
    [[scope]] = [each["Cognito"] for each in schema["paths"]["/read"]["get"]["security"]]
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
                    "properties": {"detail": {"type": "string"}},
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


# --- RFC 9728


def test_the_document_is_public_in_a_protected_application() -> None:
    """`auth.router` takes on no dependency, stands in no schema, and answers HEAD too."""
    auth = CognitoAuth(VERIFIER, resource="https://api.example.com/v1")
    app = FastAPI(dependencies=[Depends(auth), Depends(auth.require(READ))])
    app.include_router(auth.router, dependencies=[Depends(auth)])
    path = "/.well-known/oauth-protected-resource/v1"
    reply = get(app, path)
    assert (reply.status, reply.json["authorization_servers"]) == (200, list(VERIFIER.issuers))
    assert reply.headers["content-length"] == str(len(reply.body))
    assert ask_http(app, Ask(method="HEAD", path=path), lambda: True).status == 200
    assert document(app)["paths"] == {}


def test_without_a_resource_there_is_no_document() -> None:
    """Including a router that serves nothing would be a mistake that nobody sees."""
    with pytest.raises(errors.ConfigurationError, match="resource="):
        _ = CognitoAuth(VERIFIER).router
