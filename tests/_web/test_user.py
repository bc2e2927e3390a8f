"""The user that Starlette and Django show for a principal."""

from __future__ import annotations

import asyncio

import pytest

from cognito_mr_auth._web.user import CognitoUser
from cognito_mr_auth.testing import FakeUserPool


def test_a_user_is_known_by_provider_and_subject(pool: FakeUserPool) -> None:
    """Never by a name, which another user may get; a machine is shown by its subject."""
    user = CognitoUser(pool.principal(subject="a-1", username="alice"))
    identity = f"{pool.user_pool_id}:a-1"
    assert {user.identity, user.pk, user.id} == {identity}
    assert {user.display_name, user.get_username()} == {"alice"}
    assert user == CognitoUser(pool.principal(subject="a-1", username="bob"))
    assert hash(user) == hash(CognitoUser(pool.principal(subject="a-1")))
    assert user != CognitoUser(pool.principal(subject="a-2", username="alice"))
    assert user != CognitoUser(FakeUserPool("us-west-2_Other0001").principal(subject="a-1"))
    assert user != identity


def test_a_machine_is_shown_by_its_subject(pool: FakeUserPool) -> None:
    """It has no user name."""
    machine = CognitoUser(pool.offline_verifier().verify(pool.machine_token()))
    assert machine.display_name == machine.principal.subject


@pytest.mark.parametrize("groups", [[], ["admin", "staff", "superuser"]])
def test_a_token_gives_no_right_of_a_frameworks(pool: FakeUserPool, groups: list[str]) -> None:
    """Whatever its groups and claims say."""
    claims = {"is_staff": True, "is_superuser": True}
    user = CognitoUser(pool.principal(groups=groups, claims=claims))
    assert (user.is_authenticated, user.is_anonymous, user.is_active) == (True, False, True)
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert not user.has_perm("app.view")
    assert not user.has_perms(["app.view"])
    assert user.has_perms([])
    assert not user.has_module_perms("app")

    async def later() -> list[bool]:
        return [
            await user.ahas_perm("app.view"),
            await user.ahas_perms(["app.view"]),
            await user.ahas_module_perms("app"),
        ]

    assert asyncio.run(later()) == [False] * 3


def test_it_shows_no_claim(pool: FakeUserPool) -> None:
    """In a log line or a traceback."""
    user = CognitoUser(pool.principal(subject="a-1", username="alice"))
    assert "a-1" not in f"{user} {user!r}"
    assert "alice" not in f"{user} {user!r}"
