"""What gunicorn's workers serve: loaded in the master (`--preload`), set up by SOAK_APP's JSON file.

Each answer names its worker. The master ends with the process that started it, so that none is orphaned.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.wsgi import CognitoAuthMiddleware, principal_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

__all__ = ["application"]

PR_SET_PDEATHSIG = 1

settings: dict[str, Any] = json.loads(Path(os.environ["SOAK_APP"]).read_text("utf-8"))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _subject(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    principal = principal_of(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [principal.subject.encode() if principal is not None else b""]


_guarded = CognitoAuthMiddleware(
    _subject, Verifier(UserPool(**settings["pool"]), token_use="access", **settings["verifier"])
)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The guarded application, each of whose answers names its worker."""

    def with_worker(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *rest)

    return _guarded(environ, with_worker)
