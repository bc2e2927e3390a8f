"""flask.CognitoAuth finds a view's guards wherever they were written: order, blueprints, classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue
from flask.views import MethodView, View

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.flask import CognitoAuth, current_principal
from cognito_mr_auth.testing import FakeUserPool

READ = policy.scopes("orders/read")
WRITE = policy.scopes("orders/write")


class Client:
    """Asks an application with no token, a token without scopes, one that reads, one that writes too."""

    def __init__(self, app: Flask, pool: FakeUserPool) -> None:
        self._client = app.test_client()
        tokens = {
            "none": None,
            "plain": pool.access_token(scopes=["other/one"]),
            "read": pool.access_token(scopes=["orders/read"]),
            "both": pool.access_token(scopes=["orders/read", "orders/write"]),
        }
        self._headers = {who: {"Authorization": f"Bearer {t}"} if t else {} for who, t in tokens.items()}

    def status(self, path: str, who: str = "none", method: str = "GET", **headers: str) -> int:
        asked = self._client.open(path, method=method, headers={**self._headers[who], **headers})
        asked.close()
        return asked.status_code

    def statuses(self, path: str, method: str = "GET") -> list[int]:
        """The statuses of those four, in that order."""
        return [self.status(path, who, method) for who in self._headers]


OPEN = [200, 200, 200, 200]
ANY = [401, 200, 200, 200]
READERS = [401, 403, 200, 200]
BOTH = [401, 403, 403, 200]


def plain(view: Callable[..., Any]) -> Callable[..., Any]:
    """A user's decorator with functools.wraps."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def rude(view: Callable[..., Any]) -> Any:
    """A user's decorator without functools.wraps: marks are lost."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def cached(view: Callable[..., Any]) -> Callable[..., Any]:
    """A user's decorator that answers without calling the view, as a cache does."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return "from the cache"

    return wrapper


# --- One route, written in every order -> who passes, without and with protect_all

Write = Callable[[Flask, CognitoAuth], None]


def _bare() -> str:
    return "ok"


async def _async() -> str:
    return "ok"


def fresh(view: Callable[..., Any]) -> Callable[..., Any]:
    """A copy, since marks stay on a function."""
    if view is _async:

        async def again() -> str:
            return await _async()

        return again

    def anew() -> str:
        return _bare()

    return anew


def stack(*layers: str, view: Callable[..., Any] = _bare) -> Write:
    """Decorators by name, the topmost first; `route` registers what stands below it."""

    def write(app: Flask, auth: CognitoAuth) -> None:
        named: dict[str, Callable[[Any], Any]] = {
            "route": lambda f: app.add_url_rule("/x", "x", f) or f,
            "require": auth.require(),
            "read": auth.require(READ),
            "write": auth.require(WRITE),
            "public": auth.public,
            "plain": plain,
            "rude": rude,
            "cached": cached,
        }
        made: Any = fresh(view)
        for layer in reversed(layers):
            made = named[layer](made)

    return write


ORDERS: dict[str, tuple[Write, list[int], list[int]]] = {
    "no guard": (stack("route"), OPEN, ANY),
    "public, right order": (stack("route", "public"), OPEN, OPEN),
    "public, wrong order": (stack("public", "route"), OPEN, OPEN),
    "public under a decorator": (stack("route", "plain", "public"), OPEN, OPEN),
    "public under a rude decorator": (stack("route", "rude", "public"), OPEN, ANY),
    "public above a decorator of the registered": (stack("public", "plain", "route"), OPEN, ANY),
    "right order": (stack("route", "read"), READERS, READERS),
    "wrong order": (stack("read", "route"), READERS, READERS),
    "right order, no policy": (stack("route", "require"), ANY, ANY),
    "wrong order, no policy": (stack("require", "route"), ANY, ANY),
    "two": (stack("route", "read", "write"), BOTH, BOTH),
    "two, one above the route": (stack("read", "route", "write"), BOTH, BOTH),
    "two, both above the route": (stack("read", "write", "route"), BOTH, BOTH),
    "a decorator between": (stack("route", "read", "plain", "write"), BOTH, BOTH),
    "wrong order, a decorator between": (stack("read", "plain", "route"), READERS, READERS),
    "wrong order, a decorator below": (stack("read", "route", "plain"), READERS, READERS),
    "a rude decorator above": (stack("route", "rude", "read"), READERS, READERS),
    "a rude decorator below": (stack("route", "read", "rude"), READERS, READERS),
    "a rude decorator below, wrong order": (stack("read", "route", "rude"), READERS, READERS),
    # Nothing that we see names the guard: it is protect_all that keeps it closed.
    "a rude decorator between, wrong order": (stack("read", "rude", "route"), OPEN, ANY),
    "a cache above the guard": (stack("route", "cached", "read"), READERS, READERS),
    "a cache above the guard, wrong order": (stack("cached", "read", "route"), READERS, READERS),
    "async": (stack("route", "read", view=_async), READERS, READERS),
    "async, wrong order": (stack("read", "route", view=_async), READERS, READERS),
    "async, two": (stack("read", "route", "write", view=_async), BOTH, BOTH),
    "async, public": (stack("public", "route", view=_async), OPEN, OPEN),
}


@pytest.mark.parametrize("when", ["init_app first", "init_app last"])
@pytest.mark.parametrize("protect_all", [False, True], ids=["alone", "protect_all"])
@pytest.mark.parametrize("row", ORDERS)
def test_the_order_of_decorators_opens_nothing(
    pool: FakeUserPool, verifier: Verifier, row: str, protect_all: bool, when: str
) -> None:
    """Above or below the route, under init_app or before it: a guard that was written holds."""
    write, alone, protected = ORDERS[row]
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=protect_all)
    if when == "init_app first":
        auth.init_app(app)
    write(app, auth)
    if when == "init_app last":
        auth.init_app(app)
    client = Client(app, pool)
    expected = protected if protect_all else alone
    assert client.statuses("/x") == expected
    assert client.statuses("/x", "HEAD") == expected
    # Flask answers OPTIONS itself; of a guard that only the view's call shows, the hook knows nothing.
    unseen = row == "a rude decorator above" and not protect_all
    assert client.status("/x", "none", "OPTIONS") == (200 if expected == OPEN or unseen else 401)
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    assert client.status("/x", "none", "OPTIONS", **preflight) == 200


@pytest.mark.parametrize(
    "layers",
    [
        ("public", "read"),
        ("read", "public"),
        ("read", "route", "public"),
        ("public", "route", "read"),
        ("public", "plain", "read"),
        ("read", "plain", "public"),
    ],
    ids=" over ".join,
)
def test_public_and_required_is_a_contradiction(verifier: Verifier, layers: tuple[str, ...]) -> None:
    """Where a decorator sees both, it says so at import."""
    with pytest.raises(TypeError, match="both public and required"):
        stack(*layers)(Flask(__name__), CognitoAuth(verifier))


def test_where_it_is_not_seen_require_wins(pool: FakeUserPool, verifier: Verifier) -> None:
    """A view that turns out to be both at run time is closed."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)

    @app.get("/x")
    @auth.public
    @rude
    @auth.require(READ)
    def view() -> str:
        return "ok"

    @auth.public
    class Both(View):
        decorators = (auth.require(READ),)

        def dispatch_request(self) -> str:
            return "ok"

    app.add_url_rule("/y", view_func=Both.as_view("y"))
    client = Client(app, pool)
    assert client.statuses("/x") == READERS
    assert client.statuses("/y") == READERS


def test_a_function_that_serves_two_routes_keeps_their_guards_apart(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """Each registered wrapper has its own policy; the bare function, registered too, has both."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)

    def view() -> str:
        return "ok"

    app.add_url_rule("/read", "read", auth.require(READ)(view))
    app.add_url_rule("/any", "any", auth.require()(view))
    app.add_url_rule("/write", "write", auth.require(WRITE)(view))
    app.add_url_rule("/bare", "bare", view)
    client = Client(app, pool)
    assert client.statuses("/read") == READERS
    assert client.statuses("/any") == ANY
    assert client.statuses("/write") == BOTH
    assert client.statuses("/bare") == BOTH


def test_what_is_registered_now_is_what_counts(pool: FakeUserPool, verifier: Verifier) -> None:
    """An extension that replaces view functions later, with or without wraps, opens nothing."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)
    stack("route", "read")(app, auth)
    for replace, expected in ((plain, READERS), (rude, READERS), (cached, OPEN)):
        app.view_functions["x"] = replace(app.view_functions["x"])
        if replace is not cached:
            assert Client(app, pool).statuses("/x") == expected
    app.view_functions["x"] = auth.require(WRITE)(app.view_functions["x"])
    assert Client(app, pool).statuses("/x") == [401, 403, 403, 200]
    app.view_functions["x"] = lambda: "another view altogether"
    assert Client(app, pool).statuses("/x") == OPEN


def test_views_need_not_be_functions(pool: FakeUserPool, verifier: Verifier) -> None:
    """Bound methods, partials and callable objects are guarded like functions, in either order."""

    class Controller:
        def show(self) -> str:
            return "ok"

    class Button:
        __name__ = "button"

        def __call__(self) -> str:
            return "ok"

    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)
    made: dict[str, Callable[[], Any]] = {
        "method": Controller().show,
        "partial": partial(_bare),
        "callable": Button(),
    }
    for name, view in made.items():
        app.add_url_rule(f"/right/{name}", f"right_{name}", auth.require(READ)(view))
        app.add_url_rule(f"/wrong/{name}", f"wrong_{name}", view)
    client = Client(app, pool)
    for name in made:
        assert client.statuses(f"/right/{name}") == READERS
        assert client.statuses(f"/wrong/{name}") == READERS
    with pytest.raises((AttributeError, TypeError)):
        auth.require(READ)(len)


# --- Class-based views


def _view(auth: CognitoAuth, kind: str) -> type[View]:
    class Plain(View):
        def dispatch_request(self) -> ResponseReturnValue:
            return current_principal.subject if current_principal else "nobody"

    class Listed(Plain):
        decorators = [auth.require(READ)]  # noqa: RUF012 - as Flask's documentation has it

    class OnDispatch(Plain):
        @auth.require(READ)
        def dispatch_request(self) -> ResponseReturnValue:
            return "ok"

    class Cached(OnDispatch):
        decorators = [cached]  # noqa: RUF012 - as Flask's documentation has it

    @auth.require(READ)
    class Decorated(Plain):
        pass

    @auth.require(WRITE)
    class Twice(Decorated):
        pass

    class Inherits(Decorated):
        decorators = []  # noqa: RUF012 - the parent's are gone, its mark is not

    @auth.public
    class Public(Plain):
        pass

    class OfPublic(Public):
        pass

    kinds = (Plain, Listed, OnDispatch, Cached, Decorated, Twice, Inherits, Public, OfPublic)
    return {each.__name__: each for each in kinds}[kind]


CLASSES: dict[str, tuple[list[int], list[int]]] = {
    "Plain": (OPEN, ANY),
    "Listed": (READERS, READERS),
    "OnDispatch": (READERS, READERS),
    "Cached": (READERS, READERS),
    "Decorated": (READERS, READERS),
    "Twice": (BOTH, BOTH),
    "Inherits": (READERS, READERS),
    "Public": (OPEN, OPEN),
    "OfPublic": (OPEN, ANY),  # a subclass must be marked public again
}


@pytest.mark.parametrize("protect_all", [False, True], ids=["alone", "protect_all"])
@pytest.mark.parametrize("kind", CLASSES)
def test_view_classes_are_guarded(
    pool: FakeUserPool, verifier: Verifier, kind: str, protect_all: bool
) -> None:
    """By `decorators`, by a decorator on the class or on dispatch_request."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=protect_all)
    auth.init_app(app)
    app.add_url_rule("/x", view_func=_view(auth, kind).as_view("x"))
    assert Client(app, pool).statuses("/x") == CLASSES[kind][protect_all]


def test_methods_of_a_method_view_have_guards_of_their_own(pool: FakeUserPool, verifier: Verifier) -> None:
    """Sync and async; HEAD is guarded as the GET that answers it, a public one opens itself alone."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)

    class Orders(MethodView):
        @auth.public
        def get(self) -> str:
            return "ok"

        @auth.require(READ)
        async def post(self) -> str:
            return "ok"

        @auth.require(WRITE)
        @auth.require(READ)
        def put(self) -> str:
            return "ok"

        def delete(self) -> str:
            return "ok"

    class Items(MethodView):
        @auth.require(READ)
        def get(self) -> str:
            return "ok"

        @auth.public
        def head(self) -> str:
            return ""

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    app.add_url_rule("/items", view_func=Items.as_view("items"))
    client = Client(app, pool)
    rows = {"GET": OPEN, "HEAD": OPEN, "POST": READERS, "PUT": BOTH, "DELETE": ANY, "OPTIONS": ANY}
    assert {method: client.statuses("/orders", method) for method in rows} == rows
    assert client.statuses("/orders", "PATCH") == [401, 405, 405, 405]
    assert client.statuses("/items") == READERS
    assert client.statuses("/items", "HEAD") == OPEN


def test_a_cache_in_decorators_does_not_answer_for_a_guarded_method(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """The hook sees the method's guard before any decorator of the class runs."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)

    class Orders(MethodView):
        decorators = [cached]  # noqa: RUF012 - as Flask's documentation has it

        @auth.require(READ)
        def get(self) -> str:
            return "ok"

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    client = Client(app, pool)
    assert client.statuses("/orders") == READERS
    assert client.statuses("/orders", "HEAD") == READERS


# --- Blueprints


def _blueprints(app: Flask, auth: CognitoAuth, *, guard: Any, nest: str) -> None:
    inner, outer = Blueprint("inner", __name__, url_prefix="/inner"), Blueprint("outer", __name__)
    if nest == "guard first":
        auth.protect(outer, guard)

    @inner.get("/x")
    def view() -> str:
        return "ok"

    @auth.public
    @inner.get("/open")
    def open_view() -> str:
        return "ok"

    @auth.require(WRITE)
    @inner.get("/wrong")
    def wrong() -> str:
        return "ok"

    outer.add_url_rule("/x", "x", fresh(_bare))
    outer.register_blueprint(inner)
    if nest == "guard last":
        auth.protect(outer, guard)
    app.register_blueprint(outer, url_prefix="/outer")
    app.add_url_rule("/x", "x", fresh(_bare))


@pytest.mark.parametrize("when", ["init_app first", "init_app last"])
@pytest.mark.parametrize("nest", ["guard first", "guard last"])
@pytest.mark.parametrize("protect_all", [False, True], ids=["alone", "protect_all"])
@pytest.mark.parametrize(("guard", "expected"), [(None, ANY), (READ, READERS)], ids=["any", "read"])
def test_a_blueprint_is_guarded_with_all_that_is_nested(
    pool: FakeUserPool,
    verifier: Verifier,
    guard: Any,
    expected: list[int],
    protect_all: bool,
    nest: str,
    when: str,
) -> None:
    """Its views and those of nested blueprints, but for public ones; a view's own guard comes on top."""
    app = Flask(__name__)
    auth = CognitoAuth(verifier, protect_all=protect_all, exclude=["/outer/x"], optional=True)
    if when == "init_app first":
        auth.init_app(app)
    _blueprints(app, auth, guard=guard, nest=nest)
    if when == "init_app last":
        auth.init_app(app)
    client = Client(app, pool)
    assert client.statuses("/outer/x") == expected  # neither `exclude` nor `optional` opens it
    assert client.statuses("/outer/inner/x") == expected
    assert client.status("/outer/inner/x", "none", "OPTIONS") == 401
    assert client.statuses("/outer/inner/open") == OPEN
    assert client.statuses("/outer/inner/wrong") == BOTH
    assert client.statuses("/x") == OPEN  # optional


def test_a_guard_comes_too_late_for_a_registered_blueprint(verifier: Verifier) -> None:
    """Flask says so, and the guard is not quietly without effect."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    blueprint = Blueprint("b", __name__)
    app.register_blueprint(blueprint)
    with pytest.raises(AssertionError, match="before_request"):
        auth.protect(blueprint)


# --- Decorations that cannot be right


@pytest.mark.parametrize(
    "decorate",
    [
        pytest.param(lambda auth: auth.require(_bare), id="require without parentheses"),
        pytest.param(lambda auth: auth.require(_async), id="the same, async"),
        pytest.param(lambda auth: auth.require(lambda principal: True), id="a predicate"),
        pytest.param(lambda auth: auth.require("orders/read"), id="a scope string"),
        pytest.param(lambda auth: auth.require(View), id="a class"),
        pytest.param(lambda auth: auth.require(False), id="False"),
        pytest.param(lambda auth: auth.protect(Blueprint("b", __name__), _bare), id="a function to protect"),
        pytest.param(lambda auth: auth.require()(type("Other", (), {})), id="a class that is no View"),
    ],
)
def test_what_is_no_policy_fails_at_decoration(
    verifier: Verifier, decorate: Callable[[CognitoAuth], object]
) -> None:
    """A function where a policy belongs would be true and never asked."""
    with pytest.raises(TypeError, match=r"policy|View"):
        decorate(CognitoAuth(verifier))


# --- Methods that nobody calls


def test_a_public_method_opens_no_other_dispatch(verifier: Verifier) -> None:
    """A public `get` counts where MethodView dispatches to it, not where a class dispatches by itself."""
    auth = CognitoAuth(verifier, protect_all=True)

    class Open(MethodView):
        @auth.public
        def get(self) -> str:
            return "open"

    class Own(Open):
        def dispatch_request(self, **_values: Any) -> str:
            return "secret"

    class Bare(View):
        @auth.public
        def get(self) -> str:
            return "never called"

        def dispatch_request(self) -> str:
            return "secret"

    app = Flask(__name__)
    auth.init_app(app)
    for view in (Open, Own, Bare):
        app.add_url_rule(f"/{view.__name__}", view_func=view.as_view(view.__name__))
    client = app.test_client()
    statuses = {name: client.get(f"/{name}").status_code for name in ("Open", "Own", "Bare")}
    assert statuses == {"Open": 200, "Own": 401, "Bare": 401}


@pytest.mark.parametrize("guard", ["route", "hidden", "all", "blueprint", "two guards"])
def test_a_preflight_runs_no_view(verifier: Verifier, guard: str) -> None:
    """A guarded view that takes OPTIONS would run for anybody; Flask's own answer goes out instead."""
    ran = []
    app, blueprint = Flask(__name__), Blueprint("b", __name__)
    auth = CognitoAuth(verifier, app=app, protect_all=guard == "all")

    def view() -> str:
        ran.append(guard)
        return "all customers"

    if guard in ("route", "hidden", "two guards"):
        view = auth.require()(view)
    if guard == "hidden":
        view = rude(view)
    if guard in ("blueprint", "two guards"):
        auth.protect(blueprint)
    blueprint.add_url_rule("/x", view_func=view, methods=["GET", "OPTIONS"])
    app.register_blueprint(blueprint)
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    reply = app.test_client().options("/x", headers=preflight)
    assert (reply.status_code, reply.data, ran) == (200, b"", [])
    assert "GET" in reply.headers["Allow"]
    assert app.test_client().options("/x").status_code == 401
