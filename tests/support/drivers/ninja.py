"""ninja.CognitoAuth on plain operations under WSGI, with `require`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path, re_path

from cognito_mr_auth import Verifier

from . import NEEDED, Asker
from .client import Reached
from .django_wsgi import configure
from .drf import asker

WEBSOCKET = False
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "CONNECT"]
_numbers = count()


def plain(reached: Reached) -> Callable[[HttpRequest], JsonResponse]:
    """An operation that returns the caller."""
    from cognito_mr_auth.ninja import principal_of

    def operation(request: HttpRequest) -> JsonResponse:
        reached.mark()
        principal = principal_of(request, default=None)
        return JsonResponse(None if principal is None else principal.subject, safe=False)

    return operation


def api_of(auth: Any) -> Any:
    """An API with the guard's answers. ninja wants another name for each."""
    from ninja import NinjaAPI

    api = NinjaAPI(urls_namespace=f"driver-{next(_numbers)}", openapi_url=None, docs_url=None)
    auth.init_api(api)
    return api


def everything(verifier: Verifier, require: Any, operation: Any, options: Any) -> list[Any]:
    """The URLs of an API that answers every path and method."""
    configure()
    from cognito_mr_auth.ninja import CognitoAuth

    auth = CognitoAuth(verifier, **options)
    api = api_of(auth)
    api.api_operation(METHODS, "/", auth=auth.require(require))(operation)
    patterns, *_ = api.urls
    return [*auth.urls, re_path("^.*$", patterns[0].callback)]  # ninja's own pattern takes no odd path


def by_word(verifier: Verifier, operation: Any) -> list[Any]:
    """The URLs of an API with an operation for each mark."""
    configure()
    from cognito_mr_auth.ninja import CognitoAuth

    auth = CognitoAuth(verifier)
    api = api_of(auth)
    for where, word in {
        "/public": None,
        "/optional": auth.optional,
        "/required": auth.require(NEEDED),
        "/private": auth,
    }.items():
        api.api_operation(["GET", "HEAD"], where, auth=word)(operation)
    return [path("", api.urls)]


def words(verifier: Verifier) -> Asker:
    """An operation for each mark."""
    configure()
    reached = Reached()
    return asker(by_word(verifier, plain(reached)), reached)


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """An asker over HTTP; the policy is the operation's."""
    configure()
    reached = Reached()
    return asker(everything(verifier, require, plain(reached), options), reached)
