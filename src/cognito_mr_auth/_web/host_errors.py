"""Makes an AuthError that is also the host framework's own kind of exception (W5).

This module has the classes. There is one for each pair, made at its first use. A handler or an `except` for
either kind finds the error. An extension that knows only the host's own kind answers it correctly.
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
    original. A pickled copy becomes the original again. A copy is the same refusal, which was answered
    before, so it leaves no record of its own (see `_runtime.refusals`).
    """
    kind = type(error)
    if isinstance(error, host):
        error._recorded = True
        return error
    both = _made.get((kind, host))
    if both is None:
        members = {
            "__module__": kind.__module__,
            "__str__": kind.__str__,  # because the host's may add a status
            "__reduce__": lambda self: self.error.__reduce__(),
        }
        both = _made[kind, host] = type(kind.__name__, (kind, host), members)
    made = both.__new__(both, *error.args)
    made.__dict__.update({**error.__dict__, "_recorded": True, **attributes, "error": error})
    return made  # type: ignore[return-value]
