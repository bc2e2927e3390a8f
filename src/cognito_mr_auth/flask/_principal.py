"""The principal that a guard has found, in this application or in front of it.

Owns how views get it, and the errors that they get if there is none.
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
    """Return the principal of this request, or of `asked`; None if the request passed without a token.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
        RuntimeError: outside a request.
    """
    if asked is None and not has_request_context():
        raise RuntimeError("the principal is known only while a request is served")
    return principal_in((request if asked is None else asked).environ, default, _ADVICE)


class _CurrentPrincipal(LocalProxy[Principal | None]):
    """A proxy whose error says what is missing if there is no principal."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        found = self._get_current_object()
        if found is None:
            raise LookupError(_NOBODY)
        return getattr(found, name)


current_principal: Principal = cast("Principal", _CurrentPrincipal(lambda: principal_of(default=None)))
"""The principal of this request, for views that need one.

It is false if the request passed without a token. `is None` is never true of a proxy, so views that allow
guests call `principal_of()`.

Raises:
    LookupError: on access to any attribute, if there is no principal.
    RuntimeError: outside a request.
"""
