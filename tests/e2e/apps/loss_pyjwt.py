"""The same service as most have it today: PyJWT and its own key client, on the primary's endpoint."""

from __future__ import annotations

import json
import os
from typing import Any

import jwt
from e2e.apps.settings import SETTINGS

keys = jwt.PyJWKClient(SETTINGS["primary"], **SETTINGS["key_client"])


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Any valid token, and which worker answered; 401 for whatever PyJWT raises."""
    token = environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, algorithms=["RS256"], issuer=SETTINGS["issuers"])
        if claims.get("client_id") != SETTINGS["client_id"]:
            raise jwt.InvalidTokenError
    except jwt.PyJWTError:
        start_response("401 Unauthorized", [("Content-Type", "application/json")])
        return [b"{}"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"subject": claims["sub"], "worker": os.getpid()}).encode()]
