"""The views that strangers need: readiness, and the RFC 9728 document of a guard behind Django's routing.

What a probe gets stands in adapters/test_ready.py.
"""

from __future__ import annotations

import pytest
from django.urls import path
from support.django_project import OURS, ask, project

from cognito_mr_auth import Verifier
from cognito_mr_auth.django import ready
from cognito_mr_auth.django._documents import document_urls
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

SESSIONS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["wsgi", "asgi"])
def test_a_probe_needs_no_token_and_no_login(
    pool: FakeUserPool, verifier: Verifier, asynchronous: bool
) -> None:
    """In a project that is closed in both ways; what a route asks for, it gets."""
    routes = (
        path("ready", ready),
        path("details", ready, {"details": True}),
        path("one", ready, {"providers": [pool.user_pool_id]}),
        path("other", ready, {"providers": ["us-west-2_Other"]}),
    )
    auth = {"VERIFIER": verifier, "PROTECT_ALL": True}
    with project(*routes, auth=auth, middleware=[*SESSIONS, OURS, LOGIN]):
        said = ask("/ready", asynchronous=asynchronous)
        assert (said.status_code, said.json()) == (200, {"status": "pass"})
        assert ask("/ready", "HEAD", asynchronous=asynchronous).content == b""
        assert ask("/ready", "POST", asynchronous=asynchronous).status_code == 405
        assert "providers" in ask("/details", asynchronous=asynchronous).json()
        assert ask("/one", asynchronous=asynchronous).status_code == 200
        assert ask("/other", asynchronous=asynchronous).status_code == 500


@pytest.mark.parametrize("asynchronous", [False, True], ids=["wsgi", "asgi"])
def test_whoever_is_refused_finds_the_document(verifier: Verifier, asynchronous: bool) -> None:
    """RFC 9728 5.1: the challenge of a view's own guard names it, in a project that is closed as well."""
    guard = Guard(verifier, resource="https://api.example.com/partners")._request_guard
    auth = {"VERIFIER": verifier, "PROTECT_ALL": True}
    where = "/.well-known/oauth-protected-resource/partners"
    with project(*document_urls(guard), auth=auth, middleware=[*SESSIONS, OURS, LOGIN]):
        for headers in ({}, {"Authorization": "Bearer a.b.c"}):
            said = ask(where, asynchronous=asynchronous, **headers)
            assert (said.status_code, said.json()["resource"]) == (200, "https://api.example.com/partners")
        assert ask(where, "OPTIONS", asynchronous=asynchronous).status_code == 204
        assert ask(where, "POST", asynchronous=asynchronous).status_code == 405
