"""`aiohttp._handlers`: guards hold for the registered handler, an opening for the one that it marks (W3)."""

from __future__ import annotations

import functools
import tempfile
import types
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.aiohttp import CognitoAuth

READ = policy.scopes("orders/read")
SCOPED = {"scopes": ["orders/read"]}


def plain() -> Any:
    """A new handler, because a mark stays on what it was set on."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="reached")

    return handler


def logged(handler: Any) -> Any:
    """A decorator as users write them."""

    @functools.wraps(handler)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await handler(*args, **kwargs)

    return wrapper


def blind(handler: Any) -> Any:
    """A decorator that hides what it wraps."""

    async def wrapper(request: web.Request) -> Any:
        return await handler(request)

    return wrapper


def _sync(handler: Any) -> Any:
    """A wrapper that awaits nothing itself."""

    def wrapper(request: web.Request) -> Any:
        return handler(request)

    return wrapper


class Shown(web.View):
    """A view with nothing on it."""

    async def get(self) -> web.Response:
        return web.Response(text="reached")


class Handlers:
    """Handlers as methods of an object."""

    async def own(self, request: web.Request) -> web.Response:
        return web.Response(text="reached")


def child(view: Any) -> Any:
    """A subclass that has nothing of its own."""
    return type("Child", (view,), {})


def new_view(**methods: Any) -> Any:
    """A new view."""
    return type("New", (Shown,), methods)


async def get(this: web.View) -> web.Response:
    """A view's method."""
    return web.Response(text="reached")


def _get() -> Any:
    return types.FunctionType(get.__code__, get.__globals__)


# --- Guards


def _registered_below(require: Any) -> Any:
    routes = web.RouteTableDef()
    require(routes.get("/x")(plain()))
    return routes


def _registered_below_a_wrapper(require: Any) -> Any:
    routes = web.RouteTableDef()
    require(logged(routes.get("/x")(plain())))
    return routes


def _registered_between(require: Any) -> Any:
    routes = web.RouteTableDef()
    require(routes.get("/x")(policy_free(require)(plain())))
    return routes


def policy_free(require: Any) -> Any:
    """The same guard again, in place of another."""
    return require


def _method_of_an_object(require: Any) -> Any:
    handlers = type("Mine", (Handlers,), {"own": _method()})()
    routes = web.RouteTableDef()
    require(routes.get("/x")(handlers.own))
    return routes


def _method() -> Any:
    return types.FunctionType(Handlers.own.__code__, Handlers.own.__globals__)


def _by_keyword(require: Any) -> Any:
    async def handler(request: web.Request, page: int) -> web.Response:
        return web.Response(text="reached")

    async def outer(request: web.Request) -> Any:
        return await guarded(page=1, request=request)

    guarded = require(handler)
    return [web.get("/x", outer)]


GUARDED: dict[str, Callable[[Any], Any]] = {
    "a function": lambda require: [web.get("/x", require(plain()))],
    "a function above its route": _registered_below,
    "above its route, and a wrapper between": _registered_below_a_wrapper,
    "one above and one below the route": _registered_between,
    "a guarded function in a wrapper": lambda require: [web.get("/x", logged(require(plain())))],
    "a guarded function in a wrapper that hides it": lambda require: [web.get("/x", blind(require(plain())))],
    "a wrapper that hides": lambda require: [web.get("/x", require(blind(plain())))],
    "a partial": lambda require: [web.get("/x", require(functools.partial(plain())))],
    "a sync wrapper of a coroutine function": lambda require: [web.get("/x", require(_sync(plain())))],
    "a sync function": lambda require: [web.get("/x", require(lambda request: web.Response(text="reached")))],
    "a bound method": lambda require: [
        web.get("/x", require(type("Mine", (Handlers,), {"own": _method()})().own))
    ],
    "a bound method above its route": _method_of_an_object,
    "a request by keyword": _by_keyword,
    "a view": lambda require: [web.view("/x", require(new_view()))],
    "a view above its route": lambda require: [web.view("/x", view := new_view()), require(view)][:1],
    "a subclass of a guarded view": lambda require: [web.view("/x", child(require(new_view())))],
    "a subclass with a method of its own": lambda require: [
        web.view("/x", type("Child", (require(new_view()),), {"get": _get()}))
    ],
    "a subclass that dispatches by itself": lambda require: [
        web.view("/x", type("Child", (require(new_view()),), {"__await__": _dispatch}))
    ],
    "a second base": lambda require: [web.view("/x", type("Child", (new_view(), require(new_view())), {}))],
    "a method of a view": lambda require: [web.view("/x", new_view(get=require(_get())))],
    "an inherited method of a view": lambda require: [web.view("/x", child(new_view(get=require(_get()))))],
}


@pytest.mark.parametrize("row", GUARDED)
@pytest.mark.parametrize("protect_all", [False, True])
def test_a_guard_holds_wherever_it_stands(
    verifier: Verifier, application: Any, row: str, *, protect_all: bool
) -> None:
    """Below or above the route, through wrappers, for views and their methods, in an open application too."""
    auth = CognitoAuth(verifier, protect_all=protect_all)
    ask = application(auth, *GUARDED[row](auth.require(READ)))
    for token, status in ((None, 401), ("good", 403), ("nonsense", 401), (SCOPED, 200)):
        reply = ask("/x", token=token)
        assert (reply.status, b"reached" in reply.body) == (status, status == 200), token


def test_several_guards_hold_together(verifier: Verifier, application: Any) -> None:
    """On a view and its method, on two bases of a view, and one around the other."""
    auth = CognitoAuth(verifier)
    admin, read = auth.require(policy.groups("admin")), auth.require(READ)
    bases: Any = type("Child", (admin(new_view()), read(new_view())), {})

    async def calls(request: web.Request) -> Any:
        return await bases(request)

    ask = application(
        auth,
        web.get("/function", admin(read(plain()))),
        web.view("/view", admin(new_view(get=read(_get())))),
        web.view("/bases", bases),
        web.get("/called", calls),
    )
    for path in ("/function", "/view", "/bases", "/called"):
        assert ask(path, token=SCOPED).status == 403
        assert ask(path, token={"groups": ["admin"]}).status == 403
        assert ask(path, token=SCOPED | {"groups": ["admin"]}).status == 200


def test_a_wrapper_has_its_own_guards_alone(verifier: Verifier, application: Any) -> None:
    """One function may be guarded twice, differently; bare it has both, as nobody knows which was meant."""
    auth = CognitoAuth(verifier)
    function = plain()
    admin, read = auth.require(policy.groups("admin"))(function), auth.require(READ)(function)
    ask = application(auth, web.get("/admin", admin), web.get("/read", read), web.get("/bare", function))
    assert [ask(path, token=SCOPED).status for path in ("/admin", "/read", "/bare")] == [403, 200, 403]


@pytest.mark.parametrize("wrong", [None, "handler", 3, Handlers, type("AnyClass", (), {})], ids=repr)
def test_a_guard_is_for_handlers(verifier: Verifier, wrong: Any) -> None:
    """Anything else is a TypeError where it is written."""
    with pytest.raises(TypeError, match="guards functions"):
        CognitoAuth(verifier).require()(wrong)


def test_an_uncalled_guard_is_an_error(verifier: Verifier) -> None:
    """`@auth.require` without brackets would guard nothing."""
    with pytest.raises(TypeError, match="call it"):
        CognitoAuth(verifier).require(plain())  # type: ignore[arg-type]


def test_a_guarded_function_without_a_request_is_an_error(verifier: Verifier) -> None:
    """There is nothing to look at."""
    guarded = CognitoAuth(verifier).require()(plain())
    with pytest.raises(TypeError, match="must be given a request"):
        guarded(object()).send(None)


# --- Openings

SHAPES: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "function": (lambda mark: web.get("/x", mark(plain())), True),
    "marked, then wrapped": (lambda mark: web.get("/x", logged(mark(plain()))), True),
    "partial of a marked function": (lambda mark: web.get("/x", functools.partial(mark(plain()))), False),
    "view": (lambda mark: web.view("/x", mark(new_view())), True),
    "method of a view": (lambda mark: web.view("/x", new_view(get=mark(_get()))), True),
    "another method of a view": (lambda mark: web.view("/x", new_view(post=mark(_get()))), False),
    "subclass of a marked view": (lambda mark: web.view("/x", child(mark(new_view()))), False),
    "inherited method": (lambda mark: web.view("/x", child(new_view(get=mark(_get())))), False),
    "method of a view that dispatches by itself": (
        lambda mark: web.view("/x", new_view(get=mark(_get()), __await__=_dispatch)),
        False,
    ),
    "method of a view that chooses its methods by itself": (
        lambda mark: web.view("/x", new_view(get=mark(_get()), _iter=Shown.get)),
        False,
    ),
    "bound method": (
        lambda mark: web.get("/x", type("Mine", (Handlers,), {"own": mark(_method())})().own),
        True,
    ),
    "inherited bound method": (
        lambda mark: web.get("/x", child(type("Mine", (Handlers,), {"own": mark(_method())}))().own),
        False,
    ),
    "nothing": (lambda mark: web.get("/x", plain()), False),
}


def _dispatch(this: Any) -> Any:
    return Shown.get(this).__await__()


@pytest.mark.parametrize("word", ["public", "optional"])
@pytest.mark.parametrize("row", SHAPES)
def test_an_opening_holds_for_what_it_marks(
    verifier: Verifier, application: Any, word: str, row: str
) -> None:
    """That function, view or method; not what inherits it, nor a partial of it."""
    make, opened = SHAPES[row]
    auth = CognitoAuth(verifier, protect_all=True)
    ask = application(auth, make(getattr(auth, word)))
    assert ask("/x").status == (200 if opened else 401)
    bad = ask("/x", token="nonsense").status
    assert bad == (200 if opened and word == "public" else 401)


@pytest.mark.parametrize("word", ["public", "optional"])
def test_a_handler_is_guarded_or_open(verifier: Verifier, word: str) -> None:
    """In either order, for functions and views alike."""
    auth = CognitoAuth(verifier)
    mark, require = getattr(auth, word), auth.require()
    for wrong in (
        lambda: mark(require(plain())),
        lambda: require(mark(plain())),
        lambda: require(logged(mark(plain()))),
        lambda: mark(require(new_view())),
        lambda: require(mark(new_view())),
        lambda: mark(new_view(get=require(_get()))),
    ):
        with pytest.raises(TypeError, match="both @require and"):
            wrong()
    function = plain()
    require(function)
    with pytest.raises(TypeError, match="both @require and"):
        mark(function)


def test_a_guard_on_a_view_counts_before_its_methods_mark(verifier: Verifier, application: Any) -> None:
    """Whoever guards the whole has guarded each part."""
    auth = CognitoAuth(verifier)
    ask = application(auth, web.view("/x", auth.require()(new_view(get=auth.public(_get())))))
    assert ask("/x").status == 401


# --- Excluded paths


class Custom(web.Resource):
    """A resource that matches in its own way."""

    @property
    def canonical(self) -> str:
        return "/static/x"

    def _match(self, path: str) -> dict[str, str]:
        return {}

    def url_for(self, **parts: str) -> Any:
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError

    def get_info(self) -> Any:
        return {}

    def raw_match(self, path: str) -> bool:
        return False


ROUTES: dict[str, tuple[str, str, bool]] = {
    # the route, the path, whether "/static/*" opens it
    "that begins so": ("/static/x", "/static/x", True),
    "with a parameter behind": ("/static/{name}", "/static/x", True),
    "that takes all behind": ("/static/{name:.*}", "/static/x/y", True),
    "that takes all": ("/{path:.*}", "/static/x", True),
    "that takes all but nothing": ("/{path:.+}", "/static/x", True),
    "of a tenant": ("/{tenant}/x", "/static/x", False),
    "of a tenant by a pattern": ("/{tenant:[a-z]+}/x", "/static/x", False),
    "of a pattern with a slash": ("/{both:[a-z]+/[a-z]+}", "/static/x", False),
    "half a parameter": ("/st{rest}/x", "/static/x", False),
    "half a parameter that takes all": ("/st{rest:.*}", "/static/x", False),
}


@pytest.mark.parametrize("row", ROUTES)
def test_an_exclusion_names_a_route(verifier: Verifier, application: Any, row: str) -> None:
    """`/static/*` opens no parameter to a tenant who is called "static"."""
    route, path, opened = ROUTES[row]
    auth = CognitoAuth(verifier, protect_all=True, exclude=["/static/*"])
    assert application(auth, web.get(route, plain()))(path).status == (200 if opened else 401)


def test_an_exclusion_opens_static_files(verifier: Verifier, client: Any) -> None:
    """And no resource of which nobody knows what it matches; an unknown URL is not found."""

    def make(*, custom: bool = False) -> web.Application:
        app = web.Application()
        CognitoAuth(verifier, app=app, protect_all=True, exclude=["/static/*"])
        if custom:
            resource = Custom()
            app.router.register_resource(resource)
            resource.add_route("GET", plain())
        else:
            app.router.add_static("/static", folder)
        return app

    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/app.js", "wb") as file:
            file.write(b"1")
        assert client(make)("/static/none.js").status == 404
        assert client(make)("/other").status == 401
    assert client(lambda: make(custom=True))("/static/x").status == 401


def test_an_excluded_path_is_the_whole_one_below_a_sub_application(verifier: Verifier, client: Any) -> None:
    """Aiohttp shows a sub-application the whole path, and the guard reads the same."""

    def make() -> web.Application:
        app, sub = web.Application(), web.Application()
        CognitoAuth(verifier, app=sub, protect_all=True, exclude=["/sub/health", "/health"])
        sub.router.add_get("/health", plain())
        sub.router.add_get("/x", plain())
        app.add_subapp("/sub", sub)
        return app

    ask = client(make)
    assert (ask("/sub/health").status, ask("/sub/x").status) == (200, 401)
