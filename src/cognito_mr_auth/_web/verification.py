"""A short way from a guard to its verifier for known tokens, and checks of what the verifier returns.

Most requests bring a token that was verified before. For these, the work of a guard around the look-up costs
more than the look-up itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from cognito_mr_auth.errors import CredentialsMissing
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from .bearer import Sources
from .environ_names import environ_variable
from .state import GUARD

__all__ = [
    "DecidingHeader",
    "Known",
    "Method",
    "aidentified",
    "done",
    "identified",
    "known",
    "sole_header",
]

Method = Literal["verify", "averify"]
Known = Callable[[Method, Sequence[bytes], Mapping[str, Any]], Principal | None]

_OWN = (Verifier.verify, Verifier.averify)


class DecidingHeader(NamedTuple):
    """The name of the one header that decides, in lower case, and in the forms that servers give it."""

    name: str
    octets: bytes
    variable: str


def sole_header(sources: Sources) -> DecidingHeader | None:
    """The header that holds a token after its scheme, if no other part of a request may hold one."""
    elsewhere = (sources.cookie, sources.subprotocol, sources.query) != (None, None, None)
    if elsewhere or sources.scheme is None:
        return None
    name = sources.header
    return DecidingHeader(name, name.encode(), environ_variable(name))


def known(
    verifier: Verifier | None, method: Method, values: Sequence[bytes], behind: Mapping[str, Any]
) -> Principal | None:
    """The principal of a token that was verified before; `values` are those of the guard's header.

    None means that the token is not known, so the guard must make all its checks. They would give the same
    principal at twice the cost. A request with this header is no preflight, and a verified token has only
    the characters of a token. `method` is what the guard would call. If that is a subclass's or a test's, if
    a guard in front has stored its result in `behind`, or if there is no verifier yet, the result is None.
    """
    if verifier is None or len(values) != 1 or GUARD in behind:
        return None
    value = values[0]
    # Nearly all requests have this form, and nearly all verifiers have their own methods.
    if value[:7] != b"Bearer " or getattr(getattr(verifier, method), "__func__", None) not in _OWN:
        return None
    return verifier._recall(value[7:])  # noqa: SLF001 - a method for adapters


def identified(principal: object) -> Principal:
    """The principal itself. Any other object, such as a framework's marker, counts as no principal."""
    if not isinstance(principal, Principal):
        raise CredentialsMissing
    return principal


async def aidentified(verification: Awaitable[object]) -> Principal:
    """The principal that a verification returns, checked like `identified`."""
    return identified(await verification)


async def done(principal: Principal | None) -> Principal | None:
    """A principal that was found without waiting, for a caller that awaits it."""
    return principal
