"""Every fault of a key endpoint in every state of the keys: one table by one list, one check (FI-01..40)."""

from __future__ import annotations

import pytest
from faults.cell import STATES, Fault, Place, State, check_cell, states
from faults.table import FAULTS


@states
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_in_a_state(fault: Fault, state: State, place: Place) -> None:
    """Good tokens pass where keys are held, forged ones never, and nobody waits for the fault's sake."""
    check_cell(place, fault, state)


def test_the_table_is_whole() -> None:
    """Each row about an endpoint is there; FI-02 is in test_transport.py, FI-04 in test_tls.py."""
    rows = {fault.row for fault in FAULTS}
    assert rows | {"FI-02", "FI-04"} == {f"FI-{number:02}" for number in range(1, 41)}
    assert len({str(fault) for fault in FAULTS}) == len(FAULTS)


def test_the_states_are_those_of_the_table_of_rules() -> None:
    """Every age of the set that decides differently (R), and no key at all."""
    names = ["cold", "fresh", "aged", "stale", "stale-confirmed", "expired"]
    assert [state.name for state in STATES] == names
