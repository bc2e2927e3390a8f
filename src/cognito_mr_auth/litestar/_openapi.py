"""Describes the guard in Litestar's OpenAPI document: the scheme, and which operations need it.

Owns the translation into Litestar's types; `_web.openapi` has the values.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from cognito_mr_auth._web import openapi

from ._handlers import requirements, word_of

__all__ = ["describe", "described"]

_SCHEME = openapi.SecurityScheme(None, None, None)


def described(config: OpenAPIConfig, *, closed: bool) -> OpenAPIConfig:
    """Copy the configuration and add the scheme. If `closed`, operations need it unless they are marked."""
    found: Any = copy(config)  # all applications share the default configuration
    document = _SCHEME.document
    scheme = SecurityScheme(
        type=document["type"], scheme=document["scheme"], bearer_format=document["bearerFormat"]
    )
    before = config.components if isinstance(config.components, list) else [config.components]
    found.components = [*before, Components(security_schemes={_SCHEME.name: scheme})]
    if closed:
        found.security = [*(config.security or []), {_SCHEME.name: []}]
    return found  # type: ignore[no-any-return]


def describe(handler: HTTPRouteHandler, *, excluded: bool) -> None:
    """Document what an operation needs, unless its handler has documented it itself."""
    needed = {_SCHEME.name: _scopes(handler)}
    word = "public" if excluded else word_of(handler)
    if handler.security is not None:
        return
    if requirements(handler.resolve_guards()):
        handler.security = [needed]
    elif word is not None:
        # Without an empty object in the list, the operation would inherit the document's global requirement.
        handler.security = [{}] if word == "public" else [{}, needed]


def _scopes(handler: HTTPRouteHandler) -> list[str]:
    policies = [each.policy for each in requirements(handler.resolve_guards())]
    named = [name for policy in policies if policy is not None for name in policy.scope_names]
    return list(dict.fromkeys(named))
