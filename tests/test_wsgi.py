"""wsgi.CognitoAuthMiddleware as a WSGI component (PEP 3333); what it answers is in test_outcomes.py."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from support.drivers import Ask
from support.drivers.client import ask_wsgi, environ_of
from support.records import fields, refusals

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.errors import ConfigurationError, CredentialsMissing, PolicyDenied
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool
from cognito_mr_auth.wsgi import (
    PRINCIPAL,
    CognitoAuthMiddleware,
    auth_request,
    principal_of,
    require,
    response,
)


def say_who(environ: Any, start_response: Any) -> list[bytes]:
    """An application that answers with the subject."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    principal = principal_of(environ)
    return [b"nobody" if principal is None else principal.subject.encode()]


def serve(app: Any, environ: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """What a server gets: status line, headers, body."""
    started: list[Any] = []
    chunks = app(environ, lambda status, headers, exc_info=None: started.append((status, headers)))
    body = b"".join(chunks)
    getattr(chunks, "close", lambda: None)()
    [(status, headers)] = started
    return status, dict(headers), body


def with_token(token: str, method: str = "GET", path: str = "/") -> dict[str, Any]:
    """The environ of a request with a token."""
    return environ_of(Ask((("Authorization", f"Bearer {token}"),), method, path))


# --- The protocol

REASONS = {
    "400 Bad Request": (("Authorization", "Bearer a b"),),
    "401 Unauthorized": (),
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("status", REASONS)
def test_a_refusal_is_whole_and_head_gets_no_body(verifier: Verifier, status: str, method: str) -> None:
    """A status with its phrase, one body with its Content-Length, and for HEAD the same without the body."""
    environ = environ_of(Ask(REASONS[status], method))
    said, headers, body = serve(CognitoAuthMiddleware(say_who, verifier), environ)
    assert said == status
    asked = environ_of(Ask(REASONS[status]))
    whole = serve(CognitoAuthMiddleware(say_who, verifier), asked)[2]
    assert int(headers["content-length"]) == len(whole) > 0
    assert body == (b"" if method == "HEAD" else whole)


VALID_ROWS: dict[str, tuple[dict[str, Any], Ask]] = {
    "good": ({}, Ask()),
    "refused": ({}, Ask((("Authorization", "Bearer x.y.z"),))),
    "none": ({}, Ask((("X-Other", "1"),))),
    "refused head": ({}, Ask((("Authorization", "Basic eDp5"),), "HEAD")),
    "excluded": ({"exclude": ["/health"]}, Ask((("X-Other", "1"),), "GET", "/health")),
    "preflight": (
        {"preflight": "pass"},
        Ask((("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")), "OPTIONS"),
    ),
    "document": (
        {"resource": "https://api.example.com"},
        Ask((), "GET", "/.well-known/oauth-protected-resource"),
    ),
    "document, head": (
        {"resource": "https://api.example.com"},
        Ask((), "HEAD", "/.well-known/oauth-protected-resource"),
    ),
}


@pytest.mark.parametrize("row", VALID_ROWS)
@pytest.mark.filterwarnings("error")
def test_the_validator_finds_nothing_on_either_side(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """The validator of wsgiref stands before and behind the middleware, and no rule of PEP 3333 is broken."""

    def inner(environ: Any, start_response: Any) -> list[bytes]:
        head = environ["REQUEST_METHOD"] == "HEAD"
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [] if head else [b"ok"]

    options, ask = VALID_ROWS[row]
    headers = ask.headers or (("Authorization", f"Bearer {pool.access_token()}"),)
    app = validator(CognitoAuthMiddleware(validator(inner), verifier, **options))
    environ = environ_of(ask._replace(headers=headers)) | {"wsgi.input": _Input(), "wsgi.errors": _Errors()}
    status, _, _ = serve(app, environ)
    assert status.split()[0] == ("401" if row in ("refused", "none", "refused head") else "200")


class _Input:
    """What PEP 3333 demands of wsgi.input, and no more."""

    def read(self, size: int = -1) -> bytes:
        return b""

    def readline(self, size: int = -1) -> bytes:
        return b""

    def readlines(self, hint: int = -1) -> list[bytes]:
        return []

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


class _Errors:
    """The same of wsgi.errors."""

    def flush(self) -> None: ...

    def write(self, text: str) -> None: ...

    def writelines(self, lines: list[str]) -> None: ...


class _Chunks:
    """An iterable that remembers being closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    def close(self) -> None:
        self.closed += 1


def test_the_iterable_of_the_application_is_handed_on_as_it_is(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """The server gets the very object that the application gave, so its close() and wrappers work."""
    chunks = _Chunks()

    def streaming(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return chunks

    app = CognitoAuthMiddleware(streaming, verifier)
    assert app(with_token(pool.access_token()), lambda *_: None) is chunks
    assert chunks.closed == 0


@pytest.mark.parametrize("wrapper", [FileWrapper, lambda file: [file.read()], list])
def test_files_and_lists_are_the_servers_to_recognise(
    pool: FakeUserPool, verifier: Verifier, wrapper: Any
) -> None:
    """A `wsgi.file_wrapper` or a list of one is what servers send in one go (PEP 3333)."""
    given: list[Any] = []

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        given.append(wrapper(io.BytesIO(b"a file")))
        return given[0]

    app = CognitoAuthMiddleware(application, verifier)
    assert app(with_token(pool.access_token()), lambda *_: None) is given[0]


def test_what_start_response_can_do_is_still_there(pool: FakeUserPool, verifier: Verifier) -> None:
    """The server's write(), and exc_info: before the response begins the last call counts, then it raises."""
    calls: list[Any] = []

    def start_response(*response: Any) -> Any:
        calls.append(response)
        if len(response) == 3:
            raise response[2][1]
        return calls.append

    trouble = (TroubleError, TroubleError(), None)

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        write = start_response("500 Oh", [("X", "1")], trouble)
        assert calls == []
        write(b"a")
        write(b"b")
        with pytest.raises(TroubleError):
            start_response("500 Late", [], trouble)
        return [b"c"]

    said = CognitoAuthMiddleware(application, verifier)(with_token(pool.access_token()), start_response)
    assert (calls[:3], said) == ([("500 Oh", [("X", "1")]), b"a", b"b"], [b"c"])


def test_two_calls_of_start_response_are_the_servers_to_refuse(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """PEP 3333: without exc_info it is a fatal error."""
    calls: list[Any] = []

    def start_response(*response: Any) -> Any:
        assert not calls, "twice"
        calls.append(response)

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        start_response("404 Not Found", [])
        return []

    with pytest.raises(AssertionError, match="twice"):
        CognitoAuthMiddleware(application, verifier)(with_token(pool.access_token()), start_response)


class TroubleError(Exception):
    """What an application raises."""


def test_what_the_application_raises_is_not_touched(pool: FakeUserPool, verifier: Verifier) -> None:
    """Exceptions of the application reach the server, those of its iterable too."""

    def at_once(environ: Any, start_response: Any) -> list[bytes]:
        raise TroubleError

    def later(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x"
        raise TroubleError

    for application in (at_once, later):
        with pytest.raises(TroubleError):
            serve(CognitoAuthMiddleware(application, verifier), with_token(pool.access_token()))


# --- An AuthError that the application raises

OCTETS = ("Content-Length", "13")


def at_once(environ: Any, start_response: Any) -> list[bytes]:
    """Raises before anything."""
    raise PolicyDenied


def after_its_status(environ: Any, start_response: Any) -> list[bytes]:
    """Raises after it has called start_response, with headers that must not go out."""
    start_response("200 OK", [OCTETS, ("Content-Type", "text/plain")])
    raise PolicyDenied


def lazily(environ: Any, start_response: Any) -> Iterator[bytes]:
    """A generator, of which no line runs before its first octets are asked for."""
    raise PolicyDenied
    yield b"secret"


def lazily_after_its_status(environ: Any, start_response: Any) -> Iterator[bytes]:
    """The same, with a status."""
    start_response("200 OK", [OCTETS])
    raise PolicyDenied
    yield b"secret"


class Lazy:
    """An application as a class (PEP 3333 has one), which begins where it is iterated over."""

    def __init__(self, environ: Any, start_response: Any) -> None:
        self.start_response = start_response

    def __iter__(self) -> Iterator[bytes]:
        self.start_response("200 OK", [OCTETS])
        raise PolicyDenied


def eager_with_lazy_octets(environ: Any, start_response: Any) -> Any:
    """Its lines have run, and its generator raises."""
    start_response("200 OK", [OCTETS])
    return (verifier_says_no() for _ in range(1))


def verifier_says_no() -> bytes:
    """A verification by hand."""
    raise PolicyDenied


ANSWERED = {
    "at once": at_once,
    "after its status": after_its_status,
    "lazily": lazily,
    "lazily, after its status": lazily_after_its_status,
    "a class": Lazy,
    "its octets": eager_with_lazy_octets,
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("row", ANSWERED)
@pytest.mark.filterwarnings("error")
def test_an_error_before_the_response_is_the_guards(
    pool: FakeUserPool, verifier: Verifier, row: str, method: str
) -> None:
    """Status, challenge and body of a refusal, one status line, and no header of the application."""
    middleware = CognitoAuthMiddleware(ANSWERED[row], verifier, realm="orders")
    environ = with_token(pool.access_token(), method)
    status, headers, body = serve(middleware, environ)
    assert status == "403 Forbidden"
    assert headers["www-authenticate"].startswith('Bearer realm="orders"')
    assert "Content-Length" not in headers
    assert (len(body) == int(headers["content-length"])) is (method == "GET")
    environ = with_token(pool.access_token(), method)
    checked = environ | {"QUERY_STRING": "", "wsgi.input": _Input(), "wsgi.errors": _Errors()}
    assert serve(validator(middleware), checked)[0] == "403 Forbidden"


def generating(*octets: bytes) -> Any:
    """An application that sends these, then refuses."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from octets
        raise PolicyDenied

    return app


def writing(environ: Any, start_response: Any) -> list[bytes]:
    """The same by write()."""
    start_response("200 OK", [])(b"half")
    raise PolicyDenied


@pytest.mark.parametrize(
    "app", [generating(b"half"), generating(b""), writing], ids=["sent", "empty", "written"]
)
def test_an_error_in_a_response_breaks_it_off(pool: FakeUserPool, verifier: Verifier, app: Any) -> None:
    """A response that has begun cannot be replaced, so the error reaches the server after the one status."""
    started: list[Any] = []

    def start_response(*response: Any) -> Any:
        started.append(response)
        return lambda _octets: None

    twice = CognitoAuthMiddleware(CognitoAuthMiddleware(app, verifier), verifier)
    with refusals() as records, pytest.raises(PolicyDenied):
        list(twice(with_token(pool.access_token()), start_response))
    assert started == [("200 OK", [])]
    assert [fields(each)[0] for each in records] == ["policy_denied"]


class Closing:
    """A response that counts how often it is closed, whatever it does before."""

    def __init__(self, *octets: bytes, raises: bool) -> None:
        self.left = list(octets)
        self.raises = raises
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self.left:
            return self.left.pop(0)
        raise PolicyDenied if self.raises else StopIteration

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("asked", [0, 1, 2], ids=["never asked for", "begun", "whole"])
@pytest.mark.parametrize("row", ["sends", "refuses", "empty"])
@pytest.mark.parametrize("calls", [True, False], ids=["eager", "lazy"])
def test_a_response_is_closed_once(
    pool: FakeUserPool, verifier: Verifier, row: str, asked: int, *, calls: bool
) -> None:
    """PEP 3333: close() is called however the response ends, also if its body was never requested."""
    chunks = Closing(*([b"a"] if row == "sends" else []), raises=row == "refuses" and not calls)

    def app(environ: Any, start_response: Any) -> Any:
        if calls:
            start_response("200 OK", [])
        return chunks

    said = CognitoAuthMiddleware(app, verifier)(with_token(pool.access_token()), lambda *_: None)
    for _ in range(asked):
        next(iter(said), None)
    said.close()  # type: ignore[attr-defined]
    assert chunks.closed == 1


def test_a_generator_with_nothing_to_say_still_has_a_status(pool: FakeUserPool, verifier: Verifier) -> None:
    """Its status goes out where its end is found; one that has none is the server's to refuse."""

    def silent(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("204 No Content", [("X", "1")])
        yield from ()

    app = CognitoAuthMiddleware(silent, verifier)
    assert serve(app, with_token(pool.access_token())) == ("204 No Content", {"X": "1"}, b"")
    started: list[Any] = []
    mute = CognitoAuthMiddleware(lambda environ, start_response: [], verifier)
    assert list(mute(with_token(pool.access_token()), lambda *response: started.append(response))) == []
    assert started == []


@pytest.mark.parametrize(
    ("scopes", "status"), [(None, 401), ([], 403), (["orders/read"], 200)], ids=["nobody", "without", "with"]
)
def test_a_route_may_ask_for_more(
    pool: FakeUserPool, verifier: Verifier, scopes: list[str] | None, status: int
) -> None:
    """`require` checks a route's policy; raised or made by `response`, the answer is the same."""
    read = policy.scopes("orders/read")

    def raises(environ: Any, start_response: Any) -> list[bytes]:
        principal = require(environ, read)
        start_response("200 OK", [])
        return [principal.subject.encode()]

    def answers(environ: Any, start_response: Any) -> list[bytes]:
        try:
            return raises(environ, start_response)
        except (CredentialsMissing, PolicyDenied) as error:
            answer = response(environ, error)
            start_response(f"{answer.status} Refused", list(answer.headers))
            return [answer.body]

    token = () if scopes is None else (("Authorization", f"Bearer {pool.access_token(scopes=scopes)}"),)
    replies = [
        ask_wsgi(CognitoAuthMiddleware(app, verifier, optional=True, realm="orders"), Ask(token), bool)
        for app in (raises, answers)
    ]
    assert replies[0] == replies[1]
    assert replies[0].status == status


def test_a_verifier_may_come_late(pool: FakeUserPool, verifier: Verifier) -> None:
    """Before that a request is a fault of the server's: no 401, and nobody passes."""
    guard = Guard(exclude=["/health"])
    app = CognitoAuthMiddleware(say_who, guard)
    for path in ("/", "/health"):
        with pytest.raises(ConfigurationError, match="call bind"):
            serve(app, with_token(pool.access_token(), path=path))
    guard.bind(verifier)
    assert serve(app, with_token(pool.access_token(subject="me")))[2] == b"me"


def test_the_endpoint_for_nginx_is_a_wsgi_application(pool: FakeUserPool, verifier: Verifier) -> None:
    """Of which the validator finds nothing either; see test_auth_request.py."""
    app = validator(auth_request(verifier))
    for token, status in ((pool.access_token(), "204 No Content"), ("garbage", "401 Unauthorized")):
        environ = with_token(token) | {"wsgi.input": _Input(), "wsgi.errors": _Errors()}
        assert serve(app, environ)[0] == status

    async def revoked(principal: object) -> bool:
        return False

    with pytest.raises(TypeError, match="coroutine"):
        auth_request(pool.offline_verifier(revoked=revoked))


# --- The principal


def test_the_principal_stands_in_the_environ(pool: FakeUserPool, verifier: Verifier) -> None:
    """principal_of gives it, by the public key too, and the environ is the server's own dictionary."""
    environ = with_token(pool.access_token(claims={"sub": "5f0c"}))
    assert serve(CognitoAuthMiddleware(say_who, verifier), environ)[2] == b"5f0c"
    assert environ[PRINCIPAL] is principal_of(environ)


def test_without_a_middleware_there_is_an_error_and_no_guest() -> None:
    """A missing middleware is an error, because None would read as "anonymous, and that is fine"."""
    with pytest.raises(LookupError, match="CognitoAuthMiddleware"):
        principal_of(environ_of(Ask()))


STALE: dict[str, tuple[Ask, dict[str, Any], bytes]] = {
    "optional": (Ask(), {"optional": True}, b"nobody"),
    "excluded": (Ask(path="/health"), {"exclude": ["/health"]}, b"nobody"),
    "preflight": (
        Ask((("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")), "OPTIONS"),
        {"preflight": "pass"},
        b"",  # the application ran, and what it said is kept back
    ),
}


@pytest.mark.parametrize("row", STALE)
def test_a_stale_principal_is_overwritten(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """What stood in the environ before is gone, where a request passes without a token too."""
    ask, options, expected = STALE[row]
    environ = environ_of(ask) | {PRINCIPAL: verifier.verify(pool.access_token())}
    assert serve(CognitoAuthMiddleware(say_who, verifier, **options), environ)[2] == expected
    assert environ[PRINCIPAL] is None


@pytest.mark.parametrize(
    "name", ["cognito_mr_auth.principal", "Cognito_mr_auth.principal", "COGNITO-MR-AUTH.PRINCIPAL"]
)
def test_a_client_cannot_name_itself(verifier: Verifier, name: str) -> None:
    """A header with the key's name is a header (HTTP_...), and does not set a principal."""
    reply = ask_wsgi(CognitoAuthMiddleware(say_who, verifier, optional=True), Ask(((name, "admin"),)), bool)
    assert reply.body == b"nobody"


# --- What servers give


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param("Bearer {0},Bearer {0}", 400, id="two headers, joined as servers do"),
        pytest.param("Bearer {0}, Bearer {0}", 400, id="joined with a space"),
        pytest.param("Basic eDp5,Bearer {0}", 400, id="another scheme first"),
        pytest.param("Bearer {0},Basic eDp5", 400, id="another scheme last"),
        pytest.param(",Bearer {0}", 400, id="an empty one first"),
        pytest.param("Bearer {0},", 400, id="an empty one last"),
        pytest.param("", 401, id="empty"),
        pytest.param("Bearer {0}", 200, id="one"),
    ],
)
def test_joined_headers_are_malformed(
    pool: FakeUserPool, verifier: Verifier, given: str, status: int
) -> None:
    """A server's comma between two Authorization headers never hides one of them."""
    environ = environ_of(Ask()) | {"HTTP_AUTHORIZATION": given.format(pool.access_token())}
    assert serve(CognitoAuthMiddleware(say_who, verifier), environ)[0].startswith(str(status))


def test_a_missing_path_is_the_root(pool: FakeUserPool, verifier: Verifier) -> None:
    """PATH_INFO may be absent (PEP 3333); that is no excluded path and no crash."""
    environ = with_token(pool.access_token())
    bare = environ_of(Ask())
    for each in (environ, bare):
        del each["PATH_INFO"]
    app = CognitoAuthMiddleware(say_who, verifier, exclude=["/", "/health"])
    assert serve(app, environ)[0] == "200 OK"
    assert serve(app, bare)[0] == "401 Unauthorized"


# PATH_INFO -> the path as sent (RAW_URI, REQUEST_URI) -> whether /static/* is excluded there
SPELLINGS: dict[str, tuple[str, dict[str, str], bool]] = {
    "raw": ("/static/a.css", {"RAW_URI": "/static/a.css"}, True),
    "raw with a query": ("/static/a.css", {"RAW_URI": "/static/a.css?v=%2f"}, True),
    "request uri": ("/static/a.css", {"REQUEST_URI": "/static/a.css"}, True),
    "neither": ("/static/a.css", {}, True),
    "encoded slash, raw": ("/static/../admin", {"RAW_URI": "/static/..%2fadmin"}, False),
    "encoded slash that decodes to no dots": ("/static/a/b", {"RAW_URI": "/static/a%2Fb"}, False),
    "the same by request uri": ("/static/a/b", {"REQUEST_URI": "/static/a%2Fb"}, False),
    "an empty raw uri": ("/static/a/b", {"RAW_URI": "", "REQUEST_URI": "/static/a%2Fb"}, False),
    "encoded dots, neither": ("/static/../admin", {}, False),
    "still encoded, neither": ("/static/%2e%2e/admin", {}, False),
    "backslash": ("/static/..\\admin", {"RAW_URI": "/static/..%5cadmin"}, False),
    "two slashes": ("/static//admin", {"RAW_URI": "/static//admin"}, False),
    "another case": ("/Static/a.css", {"RAW_URI": "/Static/a.css"}, False),
    "the directory itself": ("/static", {"RAW_URI": "/static"}, False),
    "a longer word": ("/staticx/a", {"RAW_URI": "/staticx/a"}, False),
}


@pytest.mark.parametrize("row", SPELLINGS)
def test_exclusions_read_the_path_as_it_was_sent(verifier: Verifier, row: str) -> None:
    """RAW_URI (gunicorn), REQUEST_URI (uWSGI) or neither: an odd spelling is never excluded."""
    path, sent, excluded = SPELLINGS[row]
    environ = environ_of(Ask())
    del environ["RAW_URI"]
    environ |= {"PATH_INFO": path, **sent}
    app = CognitoAuthMiddleware(say_who, verifier, exclude=["/static/*"])
    assert serve(app, environ)[0] == ("200 OK" if excluded else "401 Unauthorized")


def test_paths_are_those_below_the_mount(verifier: Verifier) -> None:
    """SCRIPT_NAME is not part of an excluded path: the application is mounted anywhere."""
    app = CognitoAuthMiddleware(say_who, verifier, exclude=["/health"])
    mounted = environ_of(Ask(path="/health")) | {"SCRIPT_NAME": "/v1", "RAW_URI": "/v1/health"}
    assert serve(app, mounted)[0] == "200 OK"
    spelled = environ_of(Ask(path="/")) | {"SCRIPT_NAME": "/health", "RAW_URI": "/health/"}
    assert serve(app, spelled)[0] == "401 Unauthorized"


def test_the_document_is_there_for_get_and_head_alone(verifier: Verifier) -> None:
    """RFC 9728's document needs no token; another method on its path is a request like any other."""
    app = CognitoAuthMiddleware(say_who, verifier, resource="https://api.example.com/v1")
    path = "/.well-known/oauth-protected-resource/v1"
    status, headers, body = serve(app, environ_of(Ask(path=path)))
    assert (status, headers["content-type"]) == ("200 OK", "application/json")
    assert b'"resource":"https://api.example.com/v1"' in body
    assert serve(app, environ_of(Ask((), "HEAD", path)))[::2] == ("200 OK", b"")
    assert serve(app, environ_of(Ask((), "POST", path)))[0] == "401 Unauthorized"


# --- Settings


def test_what_cannot_be_right_fails_in_the_constructor(verifier: Verifier) -> None:
    """A verifier that is none, a function for a policy, an unknown setting."""
    with pytest.raises(TypeError, match="give a Verifier"):
        CognitoAuthMiddleware(say_who, object())
    with pytest.raises(TypeError, match=r"policy\.check"):
        CognitoAuthMiddleware(say_who, verifier, require=lambda principal: True)
    with pytest.raises(TypeError, match="excludes"):
        CognitoAuthMiddleware(say_who, verifier, excludes=["/health"])
    with pytest.raises(ConfigurationError, match="exclude"):
        CognitoAuthMiddleware(say_who, verifier, exclude=["/*"])


def test_an_async_hook_is_a_type_error(pool: FakeUserPool) -> None:
    """WSGI has no event loop: a coroutine function as a hook is a TypeError at once."""

    async def revoked(principal: object) -> bool:
        return False

    with pytest.raises(TypeError, match="coroutine"):
        CognitoAuthMiddleware(say_who, pool.offline_verifier(revoked=revoked))


@pytest.mark.parametrize("way", ["chunks", "write", "generator"])
def test_a_preflights_answer_has_no_body(verifier: Verifier, way: str) -> None:
    """An application that ignores the method shows nothing to a preflight; its headers go out."""
    closed = []

    class Chunks:
        def __iter__(self) -> Any:
            return iter([b"all ", b"customers"])

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [("Content-Length", "13"), ("Access-Control-Allow-Origin", "*")])
        if way == "write":
            write(b"all customers")
            return []
        return Chunks() if way == "chunks" else (part for part in (b"all ", b"customers"))

    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
    reply = ask_wsgi(CognitoAuthMiddleware(app, verifier, preflight="pass"), Ask(preflight, "OPTIONS"), bool)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers == {"access-control-allow-origin": "*"}
    assert closed == ([True] if way == "chunks" else [])


@pytest.mark.parametrize("begins", ["when it is called", "with its first octets", "after an empty chunk"])
def test_a_preflight_to_an_endless_answer_ends(verifier: Verifier, begins: str) -> None:
    """A stream that ignores the method is closed once its status is known: it would keep the worker."""
    closed = []

    class Stream:
        def __init__(self, start_response: Any) -> None:
            self.begin = partial(start_response, "200 OK", [("Content-Type", "text/event-stream")])
            if begins == "when it is called":
                self.begin()

        def __iter__(self) -> Any:
            if begins == "after an empty chunk":
                yield b""
            if begins != "when it is called":
                self.begin()
            for number in itertools.count():
                assert number < 10, "nobody stops it"
                yield b"data: customers\n\n"

        def close(self) -> None:
            closed.append(True)

    stream = lambda _environ, start_response: Stream(start_response)  # noqa: E731
    app = CognitoAuthMiddleware(stream, verifier, preflight="pass")
    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
    reply = ask_wsgi(app, Ask(preflight, "OPTIONS"), bool)
    assert (reply.status, reply.body, closed) == (200, b"", [True])
