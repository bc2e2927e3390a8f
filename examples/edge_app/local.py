"""Plays CloudFront and an origin on loopback, for the function beside it.

python -m cognito_mr_auth.testing --scope orders/read -- python examples/edge_app/local.py 8000
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from function import handler, verifier


class CloudFront(BaseHTTPRequestHandler):
    """Makes the event of a viewer request, calls the function, and passes accepted requests to the origin."""

    def do_GET(self) -> None:
        """One request."""
        headers: dict[str, list[dict[str, str]]] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append({"key": name, "value": value})
        uri, _, querystring = self.path.partition("?")
        request = {"method": self.command, "uri": uri, "querystring": querystring, "headers": headers}
        event = {"Records": [{"cf": {"config": {"eventType": "viewer-request"}, "request": request}}]}
        said = handler(event, None)
        if "status" not in said:
            said = origin(said)
        body = said["body"].encode()
        self.send_response(int(said["status"]))
        for name, pairs in said.get("headers", {}).items():
            self.send_header(pairs[0].get("key", name), pairs[0]["value"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def origin(request: dict[str, Any]) -> dict[str, Any]:
    """An application that knows the caller only from X-Identity: the pool's ID, "|" and the subject."""
    [told] = request["headers"].get("x-identity", [{"value": "|"}])
    pool, _, subject = told["value"].partition("|")
    up = verifier.ready()
    answers: dict[str, Any] = {
        "/health": ({"status": "ok"}, 200),
        "/ready": ({"status": "pass" if up else "fail"}, 200 if up else 503),
        "/me": ({"subject": subject, "issuer": pool}, 200),
        "/orders": ({"orders": []}, 200),
    }
    said, status = answers.get(request["uri"], ({"detail": "not found"}, 404))
    return {"status": str(status), "body": json.dumps(said)}


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), CloudFront).serve_forever()
