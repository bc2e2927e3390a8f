"""django.CognitoAuthMiddleware in MIDDLEWARE under WSGI: PROTECT_ALL, and a plain view."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier

from . import Asker
from ._django import asker, everything, routes_of_words, who

WEBSOCKET = False


def words(verifier: Verifier) -> Asker:
    """Views that say `public`, `optional`, `require`, or nothing."""
    return asker(routes_of_words(who), verifier, asynchronous=False, protect_all=True)


def build(verifier: Verifier, **options: Any) -> Asker:
    """A project of one view that says nothing."""
    return asker(everything(who), verifier, asynchronous=False, protect_all=True, **options)
