"""WSGI (PEP 3333): makes an `HTTPRequest` of an environ, and a WSGI answer of the guard's.

Owns what `wsgi` and `flask` have in common, and imports neither. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .bearer import HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

__all__ = ["read_request", "status_line", "without_body"]


def read_request(environ: Mapping[str, Any]) -> HTTPRequest:
    """The request of an environ. Servers have joined headers of one name with a comma."""

    def header(name: str) -> list[str]:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return [] if value is None else [value]

    # Not in PEP 3333, but gunicorn, uWSGI, mod_wsgi and Werkzeug give the path as it was sent.
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    return HTTPRequest(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), raw, header)


def status_line(answer: HTTPResponse) -> str:
    """Such as "401 Unauthorized"."""
    return f"{answer.status} {HTTPStatus(answer.status).phrase}"


def without_body(app: WSGIApplication, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    """An application's answer to a preflight without its body, because a preflight has no principal.

    The Fetch standard reads status and headers alone. An application that ignores the method would
    answer with what it shows to users. Once the response has begun, nothing of its body is read: it may
    have no end, and a server that sends nothing never notices that the client has left.
    """
    begun: list[str] = []

    def start_bare(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        begun.append(status)
        kept = [pair for pair in headers if pair[0].lower() != "content-length"]
        start_response(status, kept, *exc_info)
        return lambda _octets: None

    said = app(environ, start_bare)
    try:
        for _ in () if begun else said:  # PEP 3333: begun with the first octets at the latest
            if begun:
                break
    finally:
        getattr(said, "close", lambda: None)()
    return []
