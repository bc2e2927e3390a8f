"""The marks on Chalice's views, and the guard's responses as Chalice's.

Owns which marks a view has. `_web.marks` decides to which view an opening applies. A requirement applies to
the view on which it was set and to all views that this one wraps, because any of them may be the registered
one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, NamedTuple

from chalice.app import Response

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.marks import is_own
from cognito_mr_auth._web.preflight import without_length
from cognito_mr_auth.aws_lambda._proxy.events import content
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.policy import Policy

__all__ = ["Mark", "answer_errors", "as_response", "mark_view", "wanted", "without_body"]

Word = Literal["required", "optional", "public"]


# Attributes of a view: its marks, and whether it responds to the AuthErrors that it raises.
_MARKS = "_cognito_mr_auth_marks"
_ANSWERS = "_cognito_mr_auth_answers"
# Marks that close a view come before marks that open it.
_WORDS: tuple[Word, ...] = ("required", "optional", "public")


class Mark(NamedTuple):
    """What a decorator sets for a view, and which CognitoAuth set it."""

    word: Word
    auth: Any
    policy: Policy | None = None
    view: object = None


def mark_view(view: Any, mark: Mark) -> None:
    """Add a mark. Raises TypeError if `view` is not a view function."""
    if not callable(view) or isinstance(view, type):
        raise TypeError(f"{mark.word}: this marks view functions, and takes nothing else")
    setattr(view, _MARKS, (*_marks_of(view), mark._replace(view=view)))


def wanted(entry: Any, auth: object) -> tuple[Word | None, list[Policy | None]]:
    """Return the mark of a route's view, if any, and the policies of its requirements.

    Raises:
        RuntimeError: a mark belongs to another CognitoAuth, so nothing would enforce it.
    """
    view = getattr(entry, "view_function", None)
    marks = _marks_of(view)
    if any(mark.auth is not auth for mark in marks):
        raise RuntimeError("a view has a mark of another CognitoAuth than its application's")
    words = {mark.word for mark in marks if mark.word == "required" or is_own(view, mark.view)}
    return next((word for word in _WORDS if word in words), None), [mark.policy for mark in marks]


def _marks_of(view: object) -> tuple[Mark, ...]:
    found: tuple[Mark, ...] = getattr(view, _MARKS, ())
    return found


def answer_errors(entry: Any, answer: Callable[[AuthError], Response]) -> None:
    """Make a route's view respond to the AuthErrors that it raises, because Chalice would answer 500."""
    view = getattr(entry, "view_function", None)
    if view is None or hasattr(view, _ANSWERS):
        return

    @wraps(view)
    def answering(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except AuthError as error:
            return answer(error)  # Chalice adds the CORS headers of the route

    setattr(answering, _ANSWERS, True)
    entry.view_function = answering


def as_response(request: Any, answer: HTTPResponse, entry: Any) -> Response:
    """Return the guard's response as Chalice's, with the CORS headers of the route."""
    made, body = content(answer, request.method)
    headers: dict[str, Any] = {**made}
    cors = getattr(entry, "cors", None)
    if cors is not None and "access-control-allow-origin" not in headers:
        headers |= cors.get_access_control_headers()
    return Response(body, headers=headers, status_code=answer.status)


def without_body(said: Any) -> Response:
    """Remove the body of a response to a preflight, because a preflight has no principal."""
    return Response("", headers=without_length(said.headers.items()), status_code=said.status_code)
