"""WSGI (PEP 3333): makes an `HTTPRequest` from an environ, and a WSGI response from the guard's answer.

Owns what `wsgi` and `flask` have in common, and imports neither. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cognito_mr_auth._runtime.refusals import record
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.principal import Principal

from .bearer import HTTPRequest, HTTPResponse
from .environ_names import MAY_BE_EMPTY, environ_variable
from .guard import RequestGuard
from .verification import Method

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

__all__ = ["answering", "known", "read_request", "respond", "without_body"]


def read_request(environ: Mapping[str, Any]) -> HTTPRequest:
    """The request of an environ. Servers join headers of the same name with a comma."""
    # Not in PEP 3333, but gunicorn, uWSGI, mod_wsgi and Werkzeug give the path as it was sent.
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    return HTTPRequest(
        environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), raw, partial(_values, environ)
    )


def _values(environ: Mapping[str, Any], header: str) -> list[str]:
    variable = environ_variable(header)
    value = environ.get(variable)
    return [] if value is None or (value == "" and variable in MAY_BE_EMPTY) else [value]


def known(
    guard: RequestGuard,
    environ: Mapping[str, Any],
    *,
    method: Method = "verify",
    behind: Mapping[str, Any] | None = None,
) -> Principal | None:
    """The principal of a request whose token is known; None if the guard has to make all its checks.

    `method` is what the guard would call, and `behind` is where a guard in front may have left its principal,
    if that is not the environ.
    """
    header = guard.deciding_header
    sent = None if header is None else environ.get(header.variable)
    if sent is None:
        return None
    octets = sent.encode("utf-8", "surrogatepass")
    return guard.known(method, (octets,), environ if behind is None else behind)


def respond(
    answer: HTTPResponse, environ: Mapping[str, Any], start_response: Callable[..., object]
) -> list[bytes]:
    """Start the response and return its body."""
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
    # RFC 9110 9.3.2; not every server cuts it off.
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def answering(
    app: WSGIApplication,
    guard: RequestGuard,
    environ: dict[str, Any],
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Return the application's response, or the guard's response to an AuthError of the application.

    What has begun cannot be answered: the error goes on to the server, which breaks the response off.
    """
    start = _Start(start_response)
    try:
        said = app(environ, start)
    except AuthError as error:
        if start.begun:
            record(error, guard.outcomes)
            raise
        return respond(guard.response(error), environ, start_response)
    if start.held is None or isinstance(said, Generator):
        answer = lambda error: respond(guard.response(error), environ, start_response)  # noqa: E731
        return _Answering(said, start, answer, guard)
    start.begin()
    return said  # unchanged, because a server may recognise a list or a file


class _Start:
    """A start_response that is held back until the application says more, or returns.

    So a refusal does not have to take headers back: gunicorn 27 adds the new ones to the old.
    """

    __slots__ = ("_start_response", "_write", "begun", "held")

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self.held: tuple[Any, ...] | None = None
        self.begun = False

    def __call__(self, *response: Any) -> Callable[[bytes], object]:
        if self.held is not None and len(response) == 2:  # again without exc_info, which servers refuse
            self.begin()
        if self.begun:
            return self._start_response(*response)
        self.held = response[:2]  # nothing was sent, so exc_info has nothing to end
        return self._say

    def begin(self) -> None:
        """Pass the status and headers to the server, unless it has them."""
        if self.held is not None and not self.begun:
            self.begun = True
            self._write = self._start_response(*self.held)

    def _say(self, octets: bytes) -> None:
        self.begin()
        self._write(octets)


class _Answering:
    """A response whose application runs no line before the server asks for the first octets."""

    def __init__(
        self,
        said: Iterable[bytes],
        start: _Start,
        answer: Callable[[AuthError], Iterable[bytes]],
        guard: RequestGuard,
    ) -> None:
        self._said = said
        self._start = start
        self._answer = answer
        self._guard = guard
        self._octets: Iterator[bytes] | None = None
        self._answered = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._octets is None:
                self._octets = iter(self._said)
            octets = next(self._octets)
        except StopIteration:
            self._begin()
            raise
        except AuthError as error:
            if self._start.begun:
                record(error, self._guard.outcomes)
                raise
            self._answered = True
            self._octets = iter(self._answer(error))
            return next(self._octets)
        self._begin()
        return octets

    def _begin(self) -> None:
        if not self._answered:
            self._start.begin()

    def close(self) -> None:
        """Close the application's response, also if the server never asked for it."""
        getattr(self._said, "close", lambda: None)()


def without_body(app: WSGIApplication, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    """Return an application's answer to a preflight without the body, because a preflight has no principal.

    The Fetch standard reads status and headers alone. An application that ignores the method would
    answer with what it shows to users. Once the response has begun, nothing of its body is read: it may
    have no end, and a server that sends nothing never notices that the client has left.
    """
    begun: list[str] = []

    def start_bare(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        begun.append(status)
        kept = [pair for pair in headers if pair[0].lower() != "content-length"]
        start_response(status, kept, *exc_info)
        return lambda _octets: None

    said = app(environ, start_bare)
    try:
        for _ in () if begun else said:  # PEP 3333: begun with the first octets at the latest
            if begun:
                break
    finally:
        getattr(said, "close", lambda: None)()
    return []
