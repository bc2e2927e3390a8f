"""flask.CognitoAuth finds a view's guards wherever they were written: order, blueprints, classes."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial, update_wrapper, wraps
from typing import Any

import pytest
from flask import Blueprint, Flask, request
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
PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}


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
            "optional": auth.optional,
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
    "optional, right order": (stack("route", "optional"), OPEN, OPEN),
    "optional, wrong order": (stack("optional", "route"), OPEN, OPEN),
    "optional under a decorator": (stack("route", "plain", "optional"), OPEN, OPEN),
    "optional under a rude decorator": (stack("route", "rude", "optional"), OPEN, ANY),
    "optional above a decorator of the registered": (stack("optional", "plain", "route"), OPEN, ANY),
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
    "async, optional": (stack("route", "optional", view=_async), OPEN, OPEN),
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
    # A preflight needs a token like any other, unless `preflight="pass"` says otherwise.
    assert client.status("/x", "none", "OPTIONS", **PREFLIGHT) == (200 if expected == OPEN or unseen else 401)
    assert client.status("/x", "plain", "GET", Authorization="Bearer x.y.z") == (
        200 if expected == OPEN and ("optional" not in row or "of the registered" in row) else 401
    )


@pytest.mark.parametrize("words", [("public", "read"), ("optional", "read"), ("public", "optional")], ids=str)
@pytest.mark.parametrize("between", [(), ("route",), ("plain",), ("plain", "route")], ids=str)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_two_marks_on_one_view_contradict_each_other(
    verifier: Verifier, words: tuple[str, str], between: tuple[str, ...], turned: bool
) -> None:
    """Where a decorator sees both, it says so at import."""
    over, under = reversed(words) if turned else words
    with pytest.raises(TypeError, match=r"both (@require and @(public|optional)|public and optional)"):
        stack(over, *between, under)(Flask(__name__), CognitoAuth(verifier))


@pytest.mark.parametrize("word", ["public", "optional"])
def test_where_it_is_not_seen_require_wins(pool: FakeUserPool, verifier: Verifier, word: str) -> None:
    """A view that turns out to be both at run time is closed."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)
    opened: Any = getattr(auth, word)

    @app.get("/x")
    @opened
    @rude
    @auth.require(READ)
    def view() -> str:
        return "ok"

    @opened
    class Both(View):
        decorators = (auth.require(READ),)

        def dispatch_request(self) -> str:
            return "ok"

    @opened
    class OfMethod(MethodView):
        @auth.require(READ)
        def get(self) -> str:
            return "ok"

    @auth.require(READ)
    class OfClass(MethodView):
        @opened
        def get(self) -> str:
            return "ok"

    app.add_url_rule("/y", view_func=Both.as_view("y"))
    app.add_url_rule("/method", view_func=OfMethod.as_view("method"))
    app.add_url_rule("/class", view_func=OfClass.as_view("class"))
    client = Client(app, pool)
    for path in ("/x", "/y", "/method", "/class"):
        assert client.statuses(path) == READERS


def test_public_and_optional_together_are_optional(pool: FakeUserPool, verifier: Verifier) -> None:
    """A class and its method may each say one: the stricter holds, and a bad token is refused."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)

    @auth.public
    class Both(MethodView):
        @auth.optional
        def get(self) -> str:
            return "ok"

    app.add_url_rule("/x", view_func=Both.as_view("x"))
    client = Client(app, pool)
    assert client.statuses("/x") == OPEN
    assert client.status("/x", "none", Authorization="Bearer x.y.z") == 401


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

    @auth.require(WRITE)
    class Written(Plain):
        pass

    class OfTwo(Decorated, Written):
        pass

    class Inherits(Decorated):
        decorators = []  # noqa: RUF012 - the parent's are gone, its mark is not

    @auth.public
    class Public(Plain):
        pass

    kinds = (Plain, Listed, OnDispatch, Cached, Decorated, Twice, OfTwo, Inherits, Public)
    return {each.__name__: each for each in kinds}[kind]


CLASSES: dict[str, tuple[list[int], list[int]]] = {
    "Plain": (OPEN, ANY),
    "Listed": (READERS, READERS),
    "OnDispatch": (READERS, READERS),
    "Cached": (READERS, READERS),
    "Decorated": (READERS, READERS),
    "Twice": (BOTH, BOTH),
    "OfTwo": (BOTH, BOTH),
    "Inherits": (READERS, READERS),
    "Public": (OPEN, OPEN),
}


@pytest.mark.parametrize("protect_all", [False, True], ids=["alone", "protect_all"])
@pytest.mark.parametrize("kind", CLASSES)
def test_view_classes_are_guarded(
    pool: FakeUserPool, verifier: Verifier, kind: str, protect_all: bool
) -> None:
    """By `decorators`, by a decorator on the class, on two of its bases, or on dispatch_request."""
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


# --- What is opened is the view that is called, and no other

# Where the mark stands -> what else would inherit or copy it, and what says it again
INHERITED = ["class", "method", "dispatch", "decorators", "mixin"]


def _marked(place: str, opened: Any) -> tuple[type[View], type[View], type[View]]:
    """A view class opened in one of the ways, a subclass of it, and a subclass that is opened itself."""
    if place == "dispatch":

        class Bare(View):
            @opened
            def dispatch_request(self) -> str:
                return "ok"

        class OfBare(Bare):
            pass

        class AgainBare(Bare):
            dispatch_request = opened(lambda self: "ok")

        return Bare, OfBare, AgainBare

    class Mixin:
        get = opened(lambda self: "ok")

    class Base(MethodView):
        if place == "decorators":
            decorators = [opened]
        get = (opened if place in ("method", "mixin") else plain)(lambda self: "ok")

    if place == "class":
        opened(Base)

    class Inherits(*([Mixin, MethodView] if place == "mixin" else [Base])):  # type: ignore[misc]
        pass

    class Again(Base):
        if place == "decorators":
            decorators = [*Base.decorators]
        if place in ("method", "mixin"):
            get = opened(lambda self: "ok")

    if place == "class":
        opened(Again)
    return Base, Inherits, Again


@pytest.mark.parametrize("word", ["public", "optional"])
@pytest.mark.parametrize("place", INHERITED)
def test_a_subclass_inherits_no_opening(
    pool: FakeUserPool, verifier: Verifier, place: str, word: str
) -> None:
    """A17: not through an inherited method or dispatch_request, the class's mark or its `decorators`."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)
    for name, cls in zip("abc", _marked(place, getattr(auth, word)), strict=True):
        app.add_url_rule(f"/{name}", view_func=cls.as_view(name))
    client = Client(app, pool)
    statuses = {name: client.statuses(f"/{name}") for name in "abc"}
    assert statuses == {"a": OPEN, "b": ANY, "c": OPEN}
    assert client.statuses("/a", "HEAD") == (OPEN if place != "dispatch" else client.statuses("/a", "GET"))
    assert client.statuses("/b", "HEAD") == ANY


class Button:
    """An object that is a view."""

    def __call__(self) -> str:
        return "pressed"


@pytest.mark.parametrize("word", ["public", "optional"])
def test_a_copy_has_no_opening(pool: FakeUserPool, verifier: Verifier, word: str) -> None:
    """A18: a partial of an open view, or a copy of it, is another view, whatever marks were copied."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)
    opened: Any = getattr(auth, word)

    def page(name: str = "front") -> str:
        return name

    view = opened(page)
    app.add_url_rule("/open", "open", view)
    app.add_url_rule("/partial", "partial", partial(view, "accounts"))
    app.add_url_rule("/copied", "copied", update_wrapper(partial(view, "accounts"), view))
    app.add_url_rule("/inner", "inner", update_wrapper(partial(page, "accounts"), page))
    app.add_url_rule("/own", "own", opened(update_wrapper(partial(_bare), _bare)))
    app.add_url_rule("/wrapped", "wrapped", plain(view))
    button = Button()
    app.add_url_rule("/object", "object", opened(button))
    app.add_url_rule("/another", "another", copy(button))
    client = Client(app, pool)
    for path in ("/open", "/own", "/wrapped", "/object"):
        assert client.statuses(path) == OPEN
    for path in ("/partial", "/copied", "/inner", "/another"):
        assert client.statuses(path) == ANY


def test_a_class_may_be_opened_where_it_is_registered(pool: FakeUserPool, verifier: Verifier) -> None:
    """Around `as_view` it is the very view that the route calls; its class and subclasses stay closed."""
    app, auth = Flask(__name__), CognitoAuth(verifier, protect_all=True)
    auth.init_app(app)

    class Page(MethodView):
        def get(self) -> str:
            return "ok"

    class Other(Page):
        pass

    app.add_url_rule("/public", view_func=auth.public(Other.as_view("public")))
    app.add_url_rule("/optional", view_func=auth.optional(Other.as_view("optional")))
    app.add_url_rule("/page", view_func=Page.as_view("page"))
    app.add_url_rule("/other", view_func=Other.as_view("other"))
    client = Client(app, pool)
    assert [client.statuses(path) for path in ("/public", "/optional")] == [OPEN, OPEN]
    assert [client.statuses(path) for path in ("/page", "/other")] == [ANY, ANY]


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

    @inner.get("/guests")
    @auth.optional
    def guests() -> str:
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
    """Its views and those of nested blueprints, except public ones. A view's own guard applies too."""
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
    # Whoever sends a token must have what the blueprint asks for.
    assert client.statuses("/outer/inner/guests") == [200, *expected[1:]]
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

CALL_IT = r"call it as @require\(\)"


def _blueprint() -> Blueprint:
    return Blueprint("b", __name__)


@pytest.mark.parametrize(
    ("decorate", "advice"),
    [
        pytest.param(lambda auth: auth.require(_bare), CALL_IT, id="require without parentheses"),
        pytest.param(lambda auth: auth.require(_async), CALL_IT, id="the same, async"),
        pytest.param(lambda auth: auth.require(View), CALL_IT, id="the same, a class"),
        pytest.param(lambda auth: auth.require(lambda principal: True), "policy.check", id="a predicate"),
        pytest.param(lambda auth: auth.require("orders/read"), "policy.scopes", id="a scope string"),
        pytest.param(lambda auth: auth.require(["orders/read"]), "policy.scopes", id="a list of them"),
        pytest.param(lambda auth: auth.require(False), "policy", id="False"),
        pytest.param(lambda auth: auth.require()(type("X", (), {})), "View", id="a class that is no View"),
        pytest.param(lambda auth: auth.protect(_blueprint(), _bare), CALL_IT, id="a function to protect"),
        pytest.param(lambda auth: auth.protect(_blueprint(), "a"), "policy.scopes", id="a str to protect"),
        pytest.param(
            lambda auth: auth.optional(READ), "marks functions and classes", id="a policy to optional"
        ),
        pytest.param(lambda auth: auth.public(READ), "marks functions and classes", id="a policy to public"),
        pytest.param(
            lambda auth: auth.optional("/x"), "marks functions and classes", id="a path to optional"
        ),
        pytest.param(lambda auth: auth.public("/x"), "marks functions and classes", id="a path to public"),
        pytest.param(
            lambda auth: auth.public(_blueprint()), "marks functions and classes", id="a public blueprint"
        ),
        pytest.param(lambda auth: auth.public(Client.status.__get__(1)), "marks", id="a public bound method"),
        pytest.param(lambda auth: auth.optional(), "view", id="optional without a view"),
        pytest.param(lambda auth: auth.public(), "view", id="public without a view"),
    ],
)
def test_what_is_no_policy_fails_at_decoration(
    verifier: Verifier, decorate: Callable[[CognitoAuth], object], advice: str
) -> None:
    """A function where a policy belongs would be true and never asked; the message says what to write."""
    with pytest.raises(TypeError, match=advice):
        decorate(CognitoAuth(verifier))


@pytest.mark.parametrize("above", [False, True], ids=["below the route", "above the route"])
def test_an_uncalled_require_serves_no_request(verifier: Verifier, above: bool) -> None:
    """The import fails, so there is no application that would serve."""
    app = Flask(__name__)
    auth: Any = CognitoAuth(verifier, app=app)
    with pytest.raises(TypeError, match=CALL_IT):
        auth.require(app.get("/x")(fresh(_bare))) if above else app.get("/x")(auth.require(fresh(_bare)))


def test_a_guard_for_bound_methods_is_set_once(pool: FakeUserPool, verifier: Verifier) -> None:
    """Flask-RESTful applies `method_decorators` to each request's bound method: marks do not pile up."""
    app, auth = Flask(__name__), CognitoAuth(verifier)
    auth.init_app(app)
    required, optional = auth.require(READ), auth.optional

    class Resource(View):
        def get(self) -> str:
            return "ok"

        def head(self) -> str:
            return ""

        def dispatch_request(self) -> Any:
            return required(self.get)() if request.method == "GET" else optional(self.head)()

    app.add_url_rule("/x", view_func=Resource.as_view("x"))
    client = Client(app, pool)
    for _ in range(3):
        assert client.statuses("/x") == READERS
        assert client.statuses("/x", "HEAD") == OPEN
    marks = [len(value) for value in vars(Resource.get).values() if type(value) is tuple]
    assert marks == [1]
    assert vars(Resource.head) == {}  # a mark would open the method of every other instance


# --- Methods that are not called


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


@pytest.mark.parametrize("passes", [True, False], ids=["pass", "refuse"])
@pytest.mark.parametrize("guard", ["route", "hidden", "all", "blueprint", "two guards", "optional"])
def test_a_preflight_runs_no_view(verifier: Verifier, guard: str, passes: bool) -> None:
    """A guarded view that takes OPTIONS would run for anybody: a preflight that passes gets an empty 204."""
    ran = []
    app, blueprint = Flask(__name__), Blueprint("b", __name__)
    settings: Any = {"preflight": "pass"} if passes else {}
    auth = CognitoAuth(verifier, app=app, protect_all=guard == "all", **settings)

    def view() -> str:
        ran.append(guard)
        return "all customers"

    if guard in ("route", "hidden", "two guards"):
        view = auth.require()(view)
    if guard == "optional":
        view = auth.optional(view)
    if guard == "hidden":
        view = rude(view)
    if guard in ("blueprint", "two guards"):
        auth.protect(blueprint)
    blueprint.add_url_rule("/x", view_func=view, methods=["GET", "OPTIONS"])
    app.register_blueprint(blueprint)
    client, open_to_guests = app.test_client(), guard == "optional"
    reply = client.options("/x", headers=PREFLIGHT)
    if passes:
        assert (reply.status_code, reply.data, ran) == (204, b"", [])
        assert "Allow" not in reply.headers
    else:
        assert (reply.status_code, bool(ran)) == ((200, True) if open_to_guests else (401, False))
    assert client.options("/x").status_code == (200 if open_to_guests else 401)
