"""The user that frameworks know beside a principal, for code that reads `request.user`.

Starlette, Django and what is built on them share this shape. Such a user holds no right of the framework's
own. It is active and authenticated, and neither staff nor superuser, whatever a claim says.
"""

from __future__ import annotations

from collections.abc import Iterable

from cognito_mr_auth.principal import Principal

__all__ = ["CognitoUser", "PrincipalUser"]


class PrincipalUser:
    """The user that a token stands for. `principal` has everything that the token says."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def is_authenticated(self) -> bool:
        """Always True."""
        return True

    @property
    def display_name(self) -> str:
        """The username, or a machine's subject. For display only, because names may be reused."""
        return self.principal.username or self.principal.subject

    @property
    def identity(self) -> str:
        """The provider (a pool's ID) and the subject, as "provider:subject". No two users share it."""
        return f"{self.principal.provider}:{self.principal.subject}"

    def __eq__(self, other: object) -> bool:
        return self.identity == other.identity if isinstance(other, PrincipalUser) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"CognitoUser({self.principal!r})"


class CognitoUser(PrincipalUser):
    """`request.user` of Django and what is built on it, for a request with a token.

    It is no row of a database. It has no `save`, and no permissions of Django.
    """

    @property
    def is_anonymous(self) -> bool:
        """Always False."""
        return False

    @property
    def is_active(self) -> bool:
        """Always True, because the token was accepted."""
        return True

    @property
    def is_staff(self) -> bool:
        """Always False, because no token makes somebody staff."""
        return False

    @property
    def is_superuser(self) -> bool:
        """Always False."""
        return False

    @property
    def pk(self) -> str:
        """The same as `identity`."""
        return self.identity

    @property
    def id(self) -> str:
        """The same as `identity`."""
        return self.identity

    def get_username(self) -> str:
        """The same as `display_name`."""
        return self.display_name

    def has_perm(self, perm: str, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Always False, because the framework's permissions belong to its own users."""
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """False, unless the list is empty."""
        return all(self.has_perm(each, obj) for each in perm_list)

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002 - Django's signature
        """Always False."""
        return False

    async def ahas_perm(self, perm: str, obj: object = None) -> bool:
        """Like `has_perm`."""
        return self.has_perm(perm, obj)

    async def ahas_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Like `has_perms`."""
        return self.has_perms(perm_list, obj)

    async def ahas_module_perms(self, app_label: str) -> bool:
        """Like `has_module_perms`."""
        return self.has_module_perms(app_label)
