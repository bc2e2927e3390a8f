"""A bare WSGI application that calls `jwt.decode`, with the pool's keys and failover from JWKClient.

    python -m cognito_mr_auth.testing --scope orders/read -- gunicorn --chdir examples pyjwt_app:app

JWKClient checks the token's `client_id` and `token_use`. Scopes are checked here, because PyJWT does not.
"""

import json

import jwt

from cognito_mr_auth import Verifier
from cognito_mr_auth.pyjwt import JWKClient

verifier = Verifier.from_env()
client = JWKClient(verifier)


def claims_of(token):
    """Return the claims of a valid access token of this application."""
    key = client.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], issuer=client.issuers)


def respond(environ):
    """Return status, challenge and body."""
    if (path := environ["PATH_INFO"]) == "/health":
        return "200 OK", "", {"status": "ok"}
    if path == "/ready":
        ready = verifier.ready()
        return "200 OK" if ready else "503 Service Unavailable", "", {"status": "pass" if ready else "fail"}
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":
        return "401 Unauthorized", 'Bearer realm="api"', {"detail": "no access token was sent"}
    try:
        claims = claims_of(token)
    except jwt.PyJWKClientConnectionError:  # an outage, which is not the token's fault
        return "503 Service Unavailable", "", {"detail": "the keys are unavailable"}
    except jwt.PyJWTError:
        return "401 Unauthorized", 'Bearer realm="api", error="invalid_token"', {"detail": "bad token"}
    if path == "/me":
        return "200 OK", "", {"subject": claims["sub"], "issuer": claims["iss"]}
    if "orders/read" not in claims.get("scope", "").split():
        challenge = 'Bearer realm="api", error="insufficient_scope", scope="orders/read"'
        return "403 Forbidden", challenge, {"detail": "the scope orders/read is missing"}
    return "200 OK", "", {"orders": []}


def app(environ, start_response):
    """Answer one request."""
    status, challenge, body = respond(environ)
    headers = [("content-type", "application/json")]
    start_response(status, headers + [("www-authenticate", challenge)] * bool(challenge))
    return [json.dumps(body).encode()]
