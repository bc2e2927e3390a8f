"""Makes an AuthError that is the host's own kind of exception as well (W5).

Owns the classes: one for each pair, made when it is needed first. A handler or an `except` for either kind
finds the error, and an extension that knows only the host's own kind answers it rightly.
"""

from __future__ import annotations

from typing import Any, TypeVar

from cognito_mr_auth.errors import AuthError

__all__ = ["as_host_error"]

HostError = TypeVar("HostError", bound=Exception)

_made: dict[tuple[type[AuthError], type[Exception]], type[Exception]] = {}


def as_host_error(error: AuthError, host: type[HostError], **attributes: Any) -> HostError:
    """A copy of the error that is a `host` too. `attributes` are what the host reads of its own kind.

    Neither constructor runs, so `attributes` must hold all that the host's own would set. `error` is the
    original. Pickled, the copy becomes the original again. A copy is the same refusal, which was answered, so
    it leaves no record of its own (see `_runtime.refusals`).
    """
    kind = type(error)
    if isinstance(error, host):
        error._recorded = True
        return error
    both = _made.get((kind, host))
    if both is None:
        members = {
            "__module__": kind.__module__,
            "__str__": kind.__str__,  # the host's may add a status
            "__reduce__": lambda self: self.error.__reduce__(),
        }
        both = _made[kind, host] = type(kind.__name__, (kind, host), members)
    made = both.__new__(both, *error.args)
    made.__dict__.update({**error.__dict__, "_recorded": True, **attributes, "error": error})
    return made  # type: ignore[return-value]
