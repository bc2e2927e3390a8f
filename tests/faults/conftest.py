"""The fixture of the fault matrix: the endpoints of two pools, started once for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("faults.cell")  # so that a failed assertion shows its values

from faults.cell import Place  # noqa: E402


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A pool for the faults and a neighbour, over plain http."""
    with Place().serving() as serving:
        yield serving
