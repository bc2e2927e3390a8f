"""The configuration that a token is held against."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest

from cognito_mr_auth import ANY_CLIENT, UserPool, Verifier, errors
from cognito_mr_auth.cli._configuration import configuration, read_only
from cognito_mr_auth.cli._unverified import _LEEWAY

POOL_ID = "us-west-2_EXAMPLE"

FILES = [
    pytest.param(None, None, False, None, id="none"),
    pytest.param(None, "baked", False, "baked", id="baked-alone"),
    pytest.param("own", None, False, "own", id="own-that-is-not-there-yet"),
    pytest.param("own", "baked", False, "baked", id="both-but-own-is-not-there-yet"),
    pytest.param("own", "baked", True, "own", id="both"),
]


@pytest.mark.parametrize(("own", "baked", "exists", "read"), FILES)
def test_key_files_are_only_read(
    own: str | None, baked: str | None, exists: bool, read: str | None, tmp_path: Path
) -> None:
    """No file is left to write; the application's own is read before a shipped one, which is older."""
    if exists:
        (tmp_path / "own").touch()
    paths = {"key_file": own and tmp_path / own, "baked_key_file": baked and tmp_path / baked}
    pool = UserPool(POOL_ID, client_ids=["x"], replica_regions=["us-east-1"], **paths)
    found = read_only(pool)
    expected = None if read is None else str(tmp_path / read)
    assert (found.key_file, found.baked_key_file) == (None, expected)
    assert found == UserPool(
        POOL_ID, client_ids=["x"], replica_regions=["us-east-1"], baked_key_file=expected
    )


def test_the_defaults_are_the_verifiers() -> None:
    """What is left out counts as it does in an application."""
    theirs, ours = signature(Verifier).parameters, signature(configuration).parameters
    for name in ("token_use", "leeway", "cache_size", "token_types", "max_token_length"):
        assert ours[name].default == theirs[name].default
    assert theirs["leeway"].default == _LEEWAY


def test_settings_are_checked_as_a_verifier_checks_them(tmp_path: Path) -> None:
    """What no application could start with is refused, a key file of two pools included."""
    path = tmp_path / "keys.json"
    pools = [UserPool(f"us-west-2_{name}", client_ids=ANY_CLIENT, key_file=path) for name in ("A", "B")]
    with pytest.raises(errors.ConfigurationError, match="two pools share"):
        configuration(*pools)
    with pytest.raises(errors.ConfigurationError, match="leeway"):
        configuration(pools[0], leeway=900.0)
    with pytest.raises(errors.ConfigurationError, match="max_token_length"):
        configuration(pools[0], max_token_length=1)
