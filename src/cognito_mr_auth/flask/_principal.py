"""Who asks: the principal that a guard has found, of this application or in front of it.

Owns how views ask for it, and what they hear where there is none.
"""

from __future__ import annotations

from typing import Any, cast

from flask import Request, has_request_context, request
from werkzeug.local import LocalProxy

from cognito_mr_auth._web.state import REQUIRED, Default, principal_in
from cognito_mr_auth.principal import Principal

__all__ = ["current_principal", "principal_of"]

_ADVICE = "put @auth.require() or @auth.optional on its view, or protect_all=True on its application"
_NOBODY = "this request has no principal: put @auth.require() on its view, or ask principal_of() for guests"


def principal_of(asked: Request | None = None, default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of this request, or of the one that is given; None if it was let through without a token.

    Raises:
        LookupError: no guard has looked at it, and there is no `default`.
        RuntimeError: outside a request.
    """
    if asked is None and not has_request_context():
        raise RuntimeError("the principal is known only while a request is served")
    return principal_in((request if asked is None else asked).environ, default, _ADVICE)


class _CurrentPrincipal(LocalProxy[Principal | None]):
    """A proxy that says what is missing where there is no principal."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        found = self._get_current_object()
        if found is None:
            raise LookupError(_NOBODY)
        return getattr(found, name)


current_principal: Principal = cast("Principal", _CurrentPrincipal(lambda: principal_of(default=None)))
"""The principal of this request, for views that need one.

It is false if the request was let through without a token; `is None` is never true of a proxy, so views for
guests ask `principal_of()`.

Raises:
    LookupError: for any attribute, where there is no principal.
    RuntimeError: outside a request.
"""
