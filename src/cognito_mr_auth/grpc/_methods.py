"""What a call must show, depending on its method: the interceptor's table, and the servicer's marks.

Owns which of them applies. Only an entry or a mark for the very method opens it. A table closes the methods
that it does not name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import NamedTuple

from cognito_mr_auth import policy
from cognito_mr_auth._runtime.hooks import require_policy, require_sync
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.marks import Policies, opened, required
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy

__all__ = ["Demand", "Methods"]


class Demand(NamedTuple):
    """A method's own policies, and whether it needs a token; `need` is None if no token is read."""

    need: Need | None
    policies: Policies = ()

    @property
    def policy(self) -> Policy | None:
        """All policies combined."""
        own = [each for each in self.policies if each is not None]
        return reduce(and_, own) if own else None


# Names as protobuf writes them: "/package.Service/Method", all methods of a service, or all other methods.
_NAME = re.compile(r"/(?:\w+(?:\.\w+)*/(?:\w+|\*)|\*)", re.ASCII)
_REST = "/*"
_NOBODY = policy.check(lambda _principal: False)


class Methods:
    """The policies of methods by name. If several names match a method, the most specific one applies.

    Raises:
        ConfigurationError: a name is not the name of a method.
        TypeError: the argument is not a dict, or a value is not a Policy.
    """

    __slots__ = ("_policies",)

    def __init__(self, policies: Mapping[str, Policy | None]) -> None:
        if not isinstance(policies, Mapping):
            raise TypeError(f"methods= takes a dict of names and policies, not {type(policies).__name__}")
        for name, each in policies.items():
            if type(name) is not str or not _NAME.fullmatch(name):
                raise ConfigurationError(
                    f"methods holds {name!r}: give '/pkg.Service/Method', '/pkg.Service/*'"
                )
            require_policy(each)
        self._policies = dict(policies)

    def refuse_async_checks(self) -> None:
        """Raise TypeError for a policy with a check that is a coroutine function (H2)."""
        for each in self._policies.values():
            require_sync(each)

    def demand(self, guard: RequestGuard, request: HTTPRequest, behavior: object) -> Demand:
        """Return what a call of the behaviour must show; it is None if the server has no such method."""
        if behavior is None:
            return Demand("configured")
        own, word, name = required(behavior), opened(behavior), self._name_of(request.path)
        listed = (self._policies.get(name),)
        if own is not None:
            return Demand("required", (*listed, *own))
        if name == request.path:
            return Demand("required", listed)
        if word is not None:
            return Demand(None) if word == "public" else Demand("optional", listed)
        if not name and self._policies and not guard.excludes(request):
            # A misspelt name in the table must not leave its method without a policy.
            return Demand("required", (_NOBODY,))
        return Demand("configured" if name in ("", _REST) else "required", listed)

    def _name_of(self, method: str) -> str:
        service = method.rpartition("/")[0]
        return next((name for name in (method, f"{service}/*", _REST) if name in self._policies), "")
