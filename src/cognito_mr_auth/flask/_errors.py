"""Turns AuthErrors into werkzeug's HTTPException too, because Flask's extensions know only that class (W5).

Owns the attributes that werkzeug's exception has beside ours, and where an application makes it.
Flask-RESTful, Flask-RESTX and flask-smorest make their own responses, and each reads other attributes of the
exception.
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

# Flask-CORS sets this attribute on a response that has its headers already.
_HAS_CORS_HEADERS = "_FLASK_CORS_EVALUATED"

Answer = Callable[[AuthError], HTTPResponse]


def flask_response(answer: HTTPResponse) -> Response:
    """Convert the guard's response to Flask's."""
    return Response(answer.body, answer.status, list(answer.headers))


def with_its_cors_headers(answer: HTTPResponse) -> Response:
    """Convert a response that has CORS headers, so that no extension adds others."""
    response = flask_response(answer)
    setattr(response, _HAS_CORS_HEADERS, True)
    return response


def translate_errors(app: Flask, answer: Answer) -> None:
    """Make every AuthError of the application's views and hooks an HTTPException too, and respond to it."""

    def translating(call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def translated(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            except AuthError as error:
                caught = error
            raise _as_http_exception(caught, answer(caught))  # without a context, which would show the token

        return translated

    def handle(error: AuthError) -> Any:
        handler = _handler_of_http_exceptions()
        if handler is None:
            return flask_response(answer(error))
        return current_app.ensure_sync(handler)(_as_http_exception(error, answer(error)))

    # Only in this application. An error handler would run too late, because extensions replace the method
    # that looks for it.
    for name in ("preprocess_request", "dispatch_request"):
        setattr(app, name, translating(getattr(app, name)))
    if AuthError not in app.error_handler_spec[None][None]:
        app.register_error_handler(AuthError, handle)


def _as_http_exception(error: AuthError, answer: HTTPResponse) -> HTTPException:
    """Return the error as werkzeug's exception for its status; `answer` is the response to the client."""
    said = loads(answer.body)
    challenge = answer.header("www-authenticate")
    return as_host_error(
        error,
        default_exceptions.get(answer.status, HTTPException),  # `errorhandler(401)` looks for this class
        code=answer.status,
        description=said["detail"],
        response=None,  # RESTX drops the headers of an exception that has a response
        data=said,  # the body that RESTful and RESTX send
        www_authenticate=() if challenge is None else (challenge,),
        get_headers=lambda *_, **__: list(answer.headers),
        get_body=lambda *_, **__: answer.body.decode(),
        get_response=lambda *_, **__: flask_response(answer),
    )


def _handler_of_http_exceptions() -> Any:
    """Return the application's own handler for every HTTPException, if there is one.

    flask-smorest registers one in every application. It would replace our body with its own.
    """
    handler = current_app.error_handler_spec[None][None].get(HTTPException)
    return None if getattr(handler, "__module__", "").startswith("flask_smorest.") else handler
