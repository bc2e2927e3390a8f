"""django.require on a coroutine function, under ASGI."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier, django

from . import Asker
from ._django import asker, everything, who_async

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """A view that names its guard: neither EXCLUDE nor OPTIONAL opens it."""
    return asker(everything(django.require(require)(who_async)), verifier, asynchronous=True, **options)
