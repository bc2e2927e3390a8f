"""aws_lambda.chalice.CognitoAuth(protect_all=True): an application as a whole is guarded."""

from __future__ import annotations

import logging
from typing import Any

from chalice import Chalice, Response

from cognito_mr_auth import Verifier
from cognito_mr_auth.aws_lambda.chalice import CognitoAuth, principal_of

from . import NEEDED, Ask, Asker, Reply
from ._lambda import event_of
from .client import Reached

WEBSOCKET = False
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Raised(logging.Handler):
    """Raises what Chalice logs and makes a 500 of: what is no answer reaches the test."""

    def __init__(self) -> None:
        super().__init__()
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.last = (record.exc_info or (None, None))[1]

    def look(self) -> None:
        """Raise what came since the last look."""
        last, self.last = self.last, None
        if last is not None:
            raise last


def application() -> Chalice:
    """One whose failures are noticed."""
    app = Chalice(app_name="orders", configure_logs=False, env={})
    app.log = logging.getLogger("tests.chalice")
    app.log.handlers, app.log.propagate = [Raised()], False
    return app


def who(app: Chalice, reached: Reached) -> Any:
    """A view that returns the caller."""

    def view(proxy: str | None = None) -> Any:
        reached.mark()
        principal = principal_of(app.current_request)
        return Response(body=None if principal is None else principal.subject, headers={})

    return view


def reply_of(answer: dict[str, Any], reached: Reached) -> Reply:
    """What a client of the gateway gets, which adds the length."""
    body = answer["body"].encode()
    if not answer["headers"].get("content-type") and body not in (b"", b"null"):
        body = b'"%s"' % body  # Chalice sends a string as it is
    said = {name.lower(): value for name, value in answer["headers"].items()}
    return Reply(answer["statusCode"], {"content-length": str(len(body))} | said, body, reached.look())


def asker(app: Chalice, reached: Reached, resource: str = "/{proxy+}") -> Asker:
    """An asker over HTTP."""

    def ask(request: Ask) -> Reply:
        event = event_of(request, websocket=False)
        event["resource"] = resource
        event["requestContext"] |= {"resourcePath": resource, "httpMethod": request.method}
        event |= {"pathParameters": {"proxy": request.path}, "stageVariables": None, "body": None}
        event |= {"multiValueQueryStringParameters": None}
        answer = app(event, None)
        app.log.handlers[0].look()
        return reply_of(answer, reached)

    return ask


def everything(app: Chalice, view: Any) -> None:
    """Let one view answer all, whatever the content type."""
    app.route("/{proxy+}", methods=METHODS, content_types=["*/*", "text/plain", "application/json"])(view)


def words(verifier: Verifier) -> Asker:
    """An application whose views say `public`, `optional`, `require`, or nothing."""
    reached = Reached()
    app = application()
    auth = CognitoAuth(verifier, app=app, protect_all=True)
    marks: dict[str, Any] = {
        "/public": auth.public,
        "/optional": auth.optional,
        "/required": auth.require(NEEDED),
        "/private": lambda view: view,
    }
    for number, (path, mark) in enumerate(marks.items()):
        app.route(path, methods=["GET", "HEAD"], name=f"view{number}")(mark(who(app, reached)))

    def ask(request: Ask) -> Reply:
        if request.path not in marks:  # no resource of the API's: the gateway answers by itself
            return Reply(404, {}, b"", False)
        return asker(app, reached, request.path)(request)

    return ask


def build(verifier: Verifier, **options: Any) -> Asker:
    """An application with no guard on its view."""
    reached = Reached()
    app = application()
    CognitoAuth(verifier, app=app, protect_all=True, **options)
    everything(app, who(app, reached))
    return asker(app, reached)
