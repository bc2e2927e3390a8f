"""Key files as values: what is written, and a problem as one event (P)."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.rig import Rig

from cognito_mr_auth import events
from cognito_mr_auth._remote import persistence


@pytest.mark.parametrize("writable", [True, False])
def test_a_problem_with_a_file_is_one_event(writable: bool, tmp_path: Path) -> None:
    """P: no caller hears of it."""
    path = tmp_path / "keys.json"
    if not writable:
        path.mkdir()
    rig = Rig(key_file=path)
    rig.fill()
    config, entries = rig.pool._key_set_config, rig.key_set.entries()
    found = list(persistence.save(config, entries))
    if writable:
        assert found == []
        loaded, problems = persistence.load(config)
        assert problems == []
        assert sorted(each.url for each in loaded) == sorted(each.url for each in entries)
    else:
        [problem] = found
        assert isinstance(problem, events.KeyFileProblem)
        assert problem.reason.startswith("write: ")
