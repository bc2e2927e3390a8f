"""Describes the guard in FastAPI's OpenAPI document: the scheme of dependencies, the responses of operations.

Owns the translation into FastAPI's models; `_web.openapi` has the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from fastapi import FastAPI, routing
from fastapi.openapi import models
from fastapi.security.base import SecurityBase

from cognito_mr_auth._starlette.marks import opened
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.openapi import SecurityScheme, complete

__all__ = ["complete_document", "describe"]


def describe(
    scheme: SecurityScheme, guard: RequestGuard, scopes: Iterable[str], dependencies: Iterable[SecurityBase]
) -> None:
    """Update what FastAPI reads of dependencies for its document; `scopes` are new ones."""
    if guard.bound and guard.verifier._takes_id_tokens:
        scheme.send_id_tokens()
    scheme.add(scopes)
    document = scheme.document
    kind = models.OAuth2 if "flows" in document else models.HTTPBearer
    for each in dependencies:
        each.scheme_name, each.model = scheme.name, kind.model_validate(document)


def complete_document(
    app: FastAPI, guard: RequestGuard, scheme: SecurityScheme, describe: Callable[[], None], *, closed: bool
) -> None:
    """Add the responses to an application's document; in a `closed` one, mark the open operations."""
    undescribed = app.openapi

    def described() -> dict[str, Any]:
        describe()
        document = undescribed()
        complete(document, scheme, partial(_is_open, app, guard) if closed else None)
        return document

    setattr(app, "openapi", described)  # noqa: B010 - FastAPI's way to extend the document


def _is_open(app: FastAPI, guard: RequestGuard, path: str, method: str) -> bool:
    """Whether an operation of the OpenAPI document needs no token in a closed application."""
    if guard.excludes(HTTPRequest(method.upper(), path, "", lambda _name: ())):
        return True
    contexts: Any = getattr(routing, "iter_route_contexts", iter)  # of FastAPI 0.137.2
    endpoints = (
        route.endpoint
        for route in contexts(app.routes)
        if getattr(route, "path_format", None) == path and method.upper() in (route.methods or ())
    )
    return any(opened(endpoint) == "public" for endpoint in endpoints)
