"""What a web server serves in the client's namespace: `/me` behind the middleware, `/open` without a token.

Set up by NETNS_APP's JSON file. Python's import of this module is the application's start.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.wsgi import CognitoAuthMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

__all__ = ["application"]

settings: dict[str, Any] = json.loads(Path(os.environ["NETNS_APP"]).read_text("utf-8"))
_ahead = [0.0]


def _clock() -> tuple[float, float]:
    return time.time() + _ahead[0], time.monotonic() + _ahead[0]


def _hello(_environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


_verifier = Verifier(
    UserPool(**settings["pool"]),
    token_use="access",
    ssl_context=ssl.create_default_context(cadata=settings["authority"]),
    clock=_clock,
)
if settings["age"] is not None:
    _verifier.warm()
    _ahead[0] = settings["age"]

application = CognitoAuthMiddleware(_hello, _verifier, exclude=["/open"])
