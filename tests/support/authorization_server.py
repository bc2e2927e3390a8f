"""A fake authorization server on loopback, for clients that sign in: it agrees to everything.

Owns its socket and thread, which end with its `with`. Its tokens are a FakeUserPool's, so their `iss` is
Cognito's; a client never reads it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cognito_mr_auth.testing import FakeUserPool

HOST = "127.0.0.1"
# As dynamic registration makes them: no configuration of the resource server knows it.
CLIENT_ID = "7registered56789"


class AuthorizationServer:
    """What it was asked for, and the pool whose tokens it gives.

    `forbids`: it answers 403, as a Cognito host does for a pool that has not switched to its issuer.
    """

    def __init__(self, pool: FakeUserPool, port: int, *, forbids: bool) -> None:
        self.issuer = f"http://{HOST}:{port}/{pool.user_pool_id}"
        self.forbids = forbids
        self.asked: list[str] = []
        self.registered = 0
        self.scopes: list[str] = []
        self.resources: list[str | None] = []
        self._pool = pool

    def get(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Status, headers and document."""
        self.asked.append(path)
        if self.forbids:
            return 403, {}, {"message": "Forbidden"}
        place = urlsplit(self.issuer).path
        if path == f"{place}/.well-known/openid-configuration":
            return 200, {}, self._document()
        if path == f"{place}/authorize":
            self.scopes.append(query["scope"])
            self.resources.append(query.get("resource"))
            back = {"code": query["scope"], "state": query["state"]}
            return 302, {"Location": f"{query['redirect_uri']}?{urlencode(back)}"}, {}
        return 404, {}, {}

    def post(self, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Status, headers and document."""
        self.asked.append(path)
        place = urlsplit(self.issuer).path
        if path == f"{place}/register":
            self.registered += 1
            return 201, {}, json.loads(body) | {"client_id": CLIENT_ID}
        if path == f"{place}/token":
            form = dict(parse_qsl(body.decode()))
            token = self._pool.access_token(
                subject="me",
                client_id=CLIENT_ID,
                scopes=form["code"].split(),
                audience=form.get("resource"),
                issuer="replica",
            )
            said = {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": form["code"]}
            return 200, {}, said
        return 404, {}, {}

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }


@contextmanager
def authorizing(pool: FakeUserPool, *, forbids: bool = False) -> Iterator[AuthorizationServer]:
    """An authorization server of the pool, for a `with` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(*made.get(parts.path, dict(parse_qsl(parts.query))))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(*made.post(self.path, body))

        def _answer(self, status: int, headers: dict[str, str], document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as listener:
        made = AuthorizationServer(pool, listener.server_address[1], forbids=forbids)
        thread = threading.Thread(target=listener.serve_forever, name="authorization server", daemon=True)
        thread.start()
        try:
            yield made
        finally:
            listener.shutdown()
            thread.join()
