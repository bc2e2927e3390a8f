"""WSGI, both ways: an environ as the guard reads it, and the guard's answer (PEP 3333).

Owns what `wsgi` and `flask` have in common, and imports neither. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from ._bearer import Answer, Inbound

__all__ = ["inbound", "status_line"]


def inbound(environ: Mapping[str, Any]) -> Inbound:
    """An environ as the guard reads it. Servers have joined headers of one name with a comma."""

    def header(name: str) -> list[str]:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return [] if value is None else [value]

    # Not in PEP 3333, but gunicorn, uWSGI, mod_wsgi and Werkzeug give the path as it was sent.
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    return Inbound(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), raw, header)


def status_line(answer: Answer) -> str:
    """Such as "401 Unauthorized"."""
    return f"{answer.status} {HTTPStatus(answer.status).phrase}"
