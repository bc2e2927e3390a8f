"""The public names: what a user may import and call, and nothing else.

A name that is added or removed here needs a line in the changelog.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import Any

import pytest
from support import needs

import cognito_mr_auth
from cognito_mr_auth import Issuer, Principal, UserPool, Verifier, errors, events, policy
from cognito_mr_auth.testing import FakeUserPool

MODULES: dict[str, set[str]] = {
    "": {"ANY_CLIENT", "Issuer", "Principal", "UserPool", "Verifier", "errors", "events", "policy"},
    "aiohttp": {"PRINCIPAL", "CognitoAuth", "principal_of"},
    "asgi": {
        *("PRINCIPAL", "CognitoAuthMiddleware", "adopt", "auth_request", "principal_of", "ready"),
        *("require", "response"),
    },
    "aws_lambda": {
        *("Authorizer", "CognitoAuth", "Unauthorized", "emf"),
        *("principal_from_authorizer", "still_valid", "warm_up"),
    },
    "aws_lambda.chalice": {"CognitoAuth", "authorizer", "principal_of"},
    "aws_lambda.edge": {"CognitoAuth"},
    "aws_lambda.powertools": {"PRINCIPAL", "CognitoAuth", "principal_of"},
    "cli": {"main"},
    "discovery": {"DiscoveryError", "user_pool"},
    "django": {
        *("CognitoAuthMiddleware", "CognitoUser", "optional", "principal_of", "public", "ready", "require"),
        "user_for",
    },
    "drf": {
        *("AuthAPIException", "CognitoAuthentication", "exception_handler", "openapi_responses"),
        *("principal_of", "require"),
    },
    "errors": {
        *("AlgorithmNotAllowed", "AuthError", "AuthenticationTooOld", "CheckUnavailable", "ClaimRejected"),
        *("ConfigurationError", "CredentialsMissing", "IssuerUnknown", "KeyUnknown", "KeysUnavailable"),
        *("OriginDenied", "PolicyDenied", "RequestMalformed", "RevocationUnavailable", "SignatureInvalid"),
        *("TokenExpired", "TokenMalformed", "TokenNotYetValid", "TokenRejected", "TokenRevoked"),
        "Unavailable",
    },
    "events": {
        *("EndpointDisabled", "EndpointDown", "EndpointUp", "Event", "FetchFailed", "FetchSucceeded"),
        *("HookFailed", "InsecureEmulator", "KeysStale", "KeysUnusable", "KeysUsable"),
        *("KeyExposed", "KeyFileProblem", "KeyQuarantined", "KeysChanged", "KeysSkipped"),
        *("RateLimitReached", "StateChanged"),
    },
    "fastapi": {"AuthHTTPException", "CognitoAuth", "principal_of"},
    "flask": {"PRINCIPAL", "CognitoAuth", "current_principal", "principal_of"},
    "grpc": {
        *("AioCognitoAuthInterceptor", "CognitoAuthInterceptor"),
        *("optional", "principal_of", "public", "ready", "require"),
    },
    "guard": {"Guard", "HTTPResponse"},
    "health": {"EndpointHealth", "Health", "ProviderHealth", "State"},
    "ninja": {"AuthHttpError", "CognitoAuth", "principal_of"},
    "litestar": {"CognitoAuth", "principal_of"},
    "mcp": {"CognitoAuthMiddleware", "principal_of"},
    "otel": {"export"},
    "outcomes": {"Outcome"},
    "policy": {
        *("Policy", "any_group", "any_scope", "check", "claim", "claim_contains", "client", "groups"),
        *("has_claim", "issued_within", "lifetime", "machine", "max_age", "scopes"),
    },
    "pool": {"ANY_CLIENT", "TokenUse", "UserPool"},
    "principal": {"Issuer", "IssuerKind", "Principal"},
    "prometheus": {"CognitoCollector", "export"},
    "pyjwt": {"JWKClient"},
    "starlette": {
        *("CognitoAuthBackend", "CognitoAuthMiddleware", "CognitoAuthenticationError", "CognitoUser"),
        *("lifespan", "optional", "principal_of", "public", "ready", "require"),
    },
    "testing": {
        *("FAULTS", "MALFORMED", "REMOVE", "FakeClock", "FakeEndpoint", "FakeEndpoints", "FakeUserPool"),
        *("FaultMode", "MalformedName", "SigningKey", "TokenOptions"),
    },
    "verifier": {"Verifier"},
    "wsgi": {
        *("PRINCIPAL", "CognitoAuthMiddleware", "auth_request", "principal_of", "ready", "require"),
        "response",
    },
}
EXTRAS = {"cli": "click", "fastapi": "fastapi", "flask": "flask", "pyjwt": "jwt", "starlette": "starlette"}
EXTRAS |= {"django": "django", "grpc": "grpc"}
EXTRAS |= {"mcp": "mcp", "otel": "opentelemetry", "prometheus": "prometheus_client"}
EXTRAS |= {"drf": "rest_framework", "ninja": "ninja"}
EXTRAS |= {"aiohttp": "aiohttp", "litestar": "litestar"}
EXTRAS |= {"aws_lambda.chalice": "chalice", "aws_lambda.powertools": "aws_lambda_powertools"}

CLASSES: dict[type, set[str]] = {
    Verifier: {
        *("verify", "averify", "require", "arequire", "warm", "awarm", "ready", "health", "close"),
        *("from_env", "issuers", "counts", "newest_iat"),
    },
    UserPool: {
        *("user_pool_id", "region", "client_ids", "replica_regions", "issuers", "audience"),
        *("key_file", "baked_key_file", "offline", "insecure_emulator", "unbound_machines"),
        "token_use",
    },
    Principal: {
        *("subject", "provider", "user_pool_id", "client_id", "username", "token_use", "scopes", "groups"),
        *("issuer", "issued_at", "expires_at", "is_machine", "claims", "to_dict"),
    },
    Issuer: {"url", "kind", "region", "to_dict"},
    policy.Policy: {"scope_names"},
    errors.AuthError: {"reason", "oauth_error", "status", "retryable"},
    events.Event: {"fields", "to_dict"},
    FakeUserPool: {
        *("access_key", "access_token", "endpoints", "headers", "id_key", "id_token", "impostor"),
        *("in_environ", "issuer", "jwks", "keys", "machine_token", "offline_verifier", "principal"),
        *("rotate", "serve", "sign", "user_pool", "verifier", "withdraw"),
    },
}


# The same of adapters and the test kit, by their paths: an adapter is imported where its extra is there.
OTHER_CLASSES: dict[str, set[str]] = {
    "aiohttp.CognitoAuth": {
        *("bind", "init_app", "lifespan", "optional", "public", "ready", "require", "response"),
    },
    "asgi.CognitoAuthMiddleware": set(),
    "aws_lambda.Authorizer": set(),
    "aws_lambda.CognitoAuth": {"bind", "optional", "require"},
    "django.CognitoAuthMiddleware": {"async_capable", "process_exception", "sync_capable"},
    "django.CognitoUser": {
        *("ahas_module_perms", "ahas_perm", "ahas_perms", "display_name", "get_username"),
        *("has_module_perms", "has_perm", "has_perms", "id", "identity", "is_active", "is_anonymous"),
        *("is_authenticated", "is_staff", "is_superuser", "pk"),
    },
    "aws_lambda.chalice.CognitoAuth": {"bind", "init_app", "optional", "public", "require"},
    "aws_lambda.edge.CognitoAuth": {"bind", "optional", "require"},
    "aws_lambda.powertools.CognitoAuth": {"bind", "init_app", "optional", "public", "require"},
    "guard.Guard": {
        *("arequire", "averify", "bind", "document", "require", "response", "verifier", "verify"),
    },
    "discovery.DiscoveryError": {"add_note", "args", "with_traceback"},
    "fastapi.CognitoAuth": {
        *("bind", "claims", "init_app", "lifespan", "optional", "public", "ready", "require"),
        *("responses", "router", "swagger_ui_init_oauth"),
    },
    "flask.CognitoAuth": {
        *("bind", "init_app", "optional", "protect", "public", "ready", "require", "response"),
    },
    "drf.CognitoAuthentication": {"authenticate", "authenticate_header", "urls", "user_for", "using"},
    "ninja.CognitoAuth": {
        *("init_api", "openapi_bearerFormat", "openapi_scheme", "openapi_type"),
        *("optional", "require", "urls"),
    },
    "litestar.CognitoAuth": {
        *("bind", "lifespan", "on_app_init", "optional", "principal", "public", "ready"),
        *("receive_route", "require"),
    },
    "grpc.AioCognitoAuthInterceptor": {"intercept_service"},
    "grpc.CognitoAuthInterceptor": {"intercept_service"},
    "mcp.CognitoAuthMiddleware": set(),
    "prometheus.CognitoCollector": {"add", "collect", "describe"},
    "pyjwt.JWKClient": {
        *("fetch_data", "get_jwk_set", "get_signing_key", "get_signing_key_from_jwt", "get_signing_keys"),
        *("issuers", "match_kid"),
    },
    "starlette.CognitoAuthBackend": {"authenticate", "middleware", "on_error", "routes"},
    "starlette.CognitoAuthMiddleware": set(),
    "starlette.CognitoUser": {"display_name", "identity", "is_authenticated"},
    "testing.FakeClock": {"advance", "freeze", "jump_wall", "monotonic", "wall"},
    "testing.FakeEndpoint": {
        *("asked", "connections", "fail", "heal", "mode", "paths", "requests", "start", "stop", "url"),
    },
    "testing.FakeEndpoints": {"fail", "heal", "jwks_urls", "replica", "requests", "start", "stop"},
    "testing.SigningKey": {"jwk", "kid", "private_pem", "public_pem", "sign", "under"},
    "wsgi.CognitoAuthMiddleware": set(),
}


def _with_needs(paths: Iterable[str]) -> list[Any]:
    """The paths, each marked with the package that its module needs."""
    # A path may name a module, or a class in one.
    modules = {path: path if path in MODULES else path.rpartition(".")[0] for path in paths}
    return [
        pytest.param(path, marks=pytest.mark.needs(EXTRAS[module])) if module in EXTRAS else path
        for path, module in modules.items()
    ]


def _imported(name: str) -> Any:
    if name in ("drf", "ninja"):  # what they stand on wants Django's settings while it is imported
        from support.drivers.django_wsgi import configure

        configure()
    return importlib.import_module(f"cognito_mr_auth.{name}".rstrip("."))


@pytest.mark.parametrize("name", _with_needs(MODULES))
def test_a_module_promises_these_names(name: str) -> None:
    """`__all__` is the list, and every name of it is there."""
    module = _imported(name)
    assert set(module.__all__) == MODULES[name]
    assert [each for each in module.__all__ if not hasattr(module, each)] == []


def test_every_public_module_is_listed() -> None:
    """The root of the package holds no module or folder without an underscore beyond the list."""
    source = needs.TESTS.parent / "src" / "cognito_mr_auth"
    found = {
        each.stem for each in source.iterdir() if each.suffix == ".py" or (each / "__init__.py").exists()
    }
    assert {each for each in found if not each.startswith("_")} == {
        each for each in MODULES if each and "." not in each
    }


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_class_promises_these_names(kind: type) -> None:
    """What completion offers for an object is what a user would call."""
    inherited = set(dir(Exception)) if issubclass(kind, Exception) else set()
    assert {each for each in dir(kind) if not each.startswith("_")} - inherited == CLASSES[kind]


@pytest.mark.parametrize("path", _with_needs(OTHER_CLASSES))
def test_a_class_of_another_module_promises_these_names(path: str) -> None:
    """The same for adapters and the test kit."""
    module, _, name = path.rpartition(".")
    kind = getattr(_imported(module), name)
    assert {each for each in dir(kind) if not each.startswith("_")} == OTHER_CLASSES[path]


def test_the_index_is_all_that_the_package_binds() -> None:
    """Everything public that the index imports is in `__all__`, except its own modules."""
    # pytest rewrites the asserts of an installed plugin's package, and puts names with "@" there.
    ours = {name for name in vars(cognito_mr_auth) if not name.startswith(("_", "@"))}
    modules = {name for name in ours if importlib.util.find_spec(f"cognito_mr_auth.{name}")}
    assert ours - modules == MODULES[""] - modules
