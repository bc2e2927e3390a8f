"""flask: principal_of() and current_principal, which return the caller, or say what is missing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask, copy_current_request_context, render_template_string, request

from cognito_mr_auth import Principal, Verifier
from cognito_mr_auth import wsgi as pure
from cognito_mr_auth.flask import CognitoAuth, current_principal, principal_of
from cognito_mr_auth.testing import FakeUserPool


def bearer(pool: FakeUserPool, subject: str = "alice") -> dict[str, str]:
    """The headers of a good token."""
    return {"Authorization": f"Bearer {pool.access_token(subject=subject)}"}


def who() -> str:
    """A view that returns the caller."""
    return current_principal.subject if current_principal else "nobody"


def asking(verifier: Verifier, ask: Any, **options: Any) -> Any:
    """A client of an application whose views ask: public, optional, guarded, and bare."""
    app, auth = Flask(__name__), CognitoAuth(verifier, **options)
    auth.init_app(app)
    decorators = {
        "public": auth.public,
        "optional": auth.optional,
        "guarded": auth.require(),
        "bare": lambda view: view,
    }
    for name, decorate in decorators.items():

        def view() -> str:
            return repr(ask())

        app.add_url_rule(f"/{name}", name, decorate(view))
    app.testing = True
    return app.test_client()


# --- The function

NOT_ASKED = "no guard has looked at this request: put @auth.require\\(\\)"


@pytest.mark.parametrize(
    "ask",
    [principal_of, lambda: principal_of(request), lambda: principal_of(default=0)],
    ids=["", "request", "default"],
)
def test_it_is_the_principal_or_none(pool: FakeUserPool, verifier: Verifier, ask: Any) -> None:
    """A Principal and no proxy; None for guests, and in a public view, where no token is looked at."""
    client = asking(verifier, lambda: (principal := ask()) and (type(principal), principal.subject))
    known = repr((Principal, "alice"))
    rows = {
        ("public", False): "None",
        ("public", True): "None",
        ("optional", False): "None",
        ("optional", True): known,
        ("guarded", True): known,
    }
    for (path, signed_in), said in rows.items():
        assert client.get(f"/{path}", headers=bearer(pool) if signed_in else {}).text == said


def test_an_excluded_path_has_no_principal(pool: FakeUserPool, verifier: Verifier) -> None:
    """A guard looked at it, and let it pass."""
    client = asking(verifier, principal_of, protect_all=True, exclude=["/bare"])
    assert client.get("/bare", headers=bearer(pool)).text == "None"


def test_where_no_guard_looked_it_says_so(pool: FakeUserPool, verifier: Verifier) -> None:
    """LookupError that names the remedy, unless there is a default: a forgotten guard is no guest."""
    client = asking(verifier, principal_of)
    with pytest.raises(LookupError, match=NOT_ASKED):
        client.get("/bare", headers=bearer(pool))
    assert (
        asking(verifier, lambda: principal_of(default=None)).get("/bare", headers=bearer(pool)).text == "None"
    )
    bare = Flask(__name__)
    bare.add_url_rule("/", "x", lambda: principal_of(request, None) or "nobody")
    assert bare.test_client().get("/").text == "nobody"


def test_a_request_can_be_asked_about_later(pool: FakeUserPool, verifier: Verifier) -> None:
    """With the request itself it works outside of it, as in a thread that got it."""
    kept: list[Any] = []
    client = asking(verifier, lambda: kept.append(request._get_current_object()))
    client.get("/guarded", headers=bearer(pool))
    found = principal_of(kept[0])
    assert found is not None
    assert found.subject == "alice"
    with pytest.raises(RuntimeError, match="while a request is served"):
        principal_of()
    with pytest.raises(RuntimeError, match="while a request is served"):
        principal_of(default=None)


# --- The proxy


def test_outside_a_request_there_is_no_current_principal(verifier: Verifier) -> None:
    """RuntimeError, in an application context too."""
    with pytest.raises(RuntimeError, match="while a request is served"):
        _ = current_principal.subject
    app = Flask(__name__)
    CognitoAuth(verifier, app=app)
    with app.app_context(), pytest.raises(RuntimeError, match="while a request is served"):
        _ = current_principal.subject


def test_it_passes_for_a_principal(pool: FakeUserPool, verifier: Verifier) -> None:
    """In a view, in hooks that come after the guard, and in a template."""

    def ask() -> Any:
        line = render_template_string("{{ who.subject }}", who=current_principal)
        return (
            isinstance(current_principal, Principal),
            bool(current_principal),
            line,
            current_principal == principal_of(),
        )

    assert asking(verifier, ask).get("/guarded", headers=bearer(pool)).text == repr(
        (True, True, "alice", True)
    )


@pytest.mark.parametrize("path", ["public", "optional", "bare"])
@pytest.mark.parametrize("name", ["subject", "scopes", "claims", "to_dict", "no_such_name"])
def test_the_error_of_a_view_without_principal_says_what_is_missing(
    verifier: Verifier, path: str, name: str
) -> None:
    """Without a principal it is false, and any attribute is a LookupError with advice, also for hasattr."""
    assert asking(verifier, lambda: bool(current_principal)).get(f"/{path}").text == "False"
    assert asking(verifier, lambda: current_principal == None).get(f"/{path}").text == "True"  # noqa: E711
    for ask in (getattr, hasattr):
        client = asking(verifier, lambda ask=ask: ask(current_principal, name))
        with pytest.raises(LookupError, match=r"no principal: put @auth\.require\(\) on its view"):
            client.get(f"/{path}")
    client.application.testing = False
    client.application.logger.disabled = True
    assert client.get(f"/{path}").status_code == 500


def test_a_background_thread_has_only_the_principal_it_got(pool: FakeUserPool, verifier: Verifier) -> None:
    """A plain thread is outside a request; a copied context carries this request's principal alone."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)
    heard: list[str] = []

    def note() -> None:
        try:
            heard.append(who() if current_principal.subject else "")
        except RuntimeError:
            heard.append("outside")

    @app.get("/x")
    @auth.require()
    def view() -> str:
        for target in (note, copy_current_request_context(note)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join(30)
        return who()

    client = app.test_client()
    for subject in ("alice", "bob"):
        assert client.get("/x", headers=bearer(pool, subject)).text == subject
    assert heard == ["outside", "alice", "outside", "bob"]


def test_the_wsgi_middleware_in_front_is_read_too(pool: FakeUserPool, verifier: Verifier) -> None:
    """current_principal works behind wsgi.CognitoAuthMiddleware, with or without a CognitoAuth."""
    public = CognitoAuth(verifier)
    for auth in (None, CognitoAuth(verifier), public):
        app = Flask(__name__)
        if auth is not None:
            auth.init_app(app)

        def view() -> str:
            return f"{who()} {principal_of() == current_principal}"

        app.add_url_rule("/x", "x", public.public(view) if auth is public else view)
        app.wsgi_app = pure.CognitoAuthMiddleware(app.wsgi_app, verifier)  # type: ignore[method-assign]
        client = app.test_client()
        assert client.get("/x", headers=bearer(pool)).text == "alice True"
        assert client.get("/x").status_code == 401
