"""AuthErrors as Flask and its extensions know errors: as werkzeug's HTTPException too (W5).

Owns what werkzeug's exception has beside ours, and where an application gets it. Flask-RESTful, Flask-RESTX
and flask-smorest answer errors by themselves, and each reads other parts of one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from json import loads
from typing import Any

from flask import Flask, Response, current_app
from werkzeug.exceptions import HTTPException, default_exceptions

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth.errors import AuthError

__all__ = ["flask_response", "translate_errors", "with_its_cors_headers"]

# An attribute by which Flask-CORS knows a response that has its headers already.
_HAS_CORS_HEADERS = "_FLASK_CORS_EVALUATED"

Answer = Callable[[AuthError], HTTPResponse]


def flask_response(answer: HTTPResponse) -> Response:
    """The answer as Flask's response."""
    return Response(answer.body, answer.status, list(answer.headers))


def with_its_cors_headers(answer: HTTPResponse) -> Response:
    """The same of an answer that has CORS headers, to which no extension adds others."""
    response = flask_response(answer)
    setattr(response, _HAS_CORS_HEADERS, True)
    return response


def translate_errors(app: Flask, answer: Answer) -> None:
    """Make every AuthError of the application's views and hooks an HTTPException too, and answer it."""

    def translating(call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def translated(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            except AuthError as error:
                caught = error
            raise _as_http_exception(caught, answer(caught))  # with no context, which would show the token

        return translated

    def handle(error: AuthError) -> Any:
        handler = _handler_of_http_exceptions()
        if handler is None:
            return flask_response(answer(error))
        return current_app.ensure_sync(handler)(_as_http_exception(error, answer(error)))

    # Of this application alone. An error handler would come too late, because extensions replace the method
    # that looks for it.
    for name in ("preprocess_request", "dispatch_request"):
        setattr(app, name, translating(getattr(app, name)))
    if AuthError not in app.error_handler_spec[None][None]:
        app.register_error_handler(AuthError, handle)


def _as_http_exception(error: AuthError, answer: HTTPResponse) -> HTTPException:
    """The error as werkzeug's exception for its status as well; `answer` is what the client hears."""
    said = loads(answer.body)
    challenge = answer.header("www-authenticate")
    return as_host_error(
        error,
        default_exceptions.get(answer.status, HTTPException),  # `errorhandler(401)` looks for its class
        code=answer.status,
        description=said["detail"],
        response=None,  # of an exception with a response, RESTX drops the headers
        data=said,  # the body that RESTful and RESTX send
        www_authenticate=() if challenge is None else (challenge,),
        get_headers=lambda *_, **__: list(answer.headers),
        get_body=lambda *_, **__: answer.body.decode(),
        get_response=lambda *_, **__: flask_response(answer),
    )


def _handler_of_http_exceptions() -> Any:
    """The application's own handler for every HTTPException, if it has one.

    flask-smorest registers one in every application, which would put its own body in place of ours.
    """
    handler = current_app.error_handler_spec[None][None].get(HTTPException)
    return None if getattr(handler, "__module__", "").startswith("flask_smorest.") else handler
