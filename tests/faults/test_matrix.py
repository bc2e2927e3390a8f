"""Every fault of a key endpoint in every state of the keys, with one check for all (FI-01..40)."""

from __future__ import annotations

import pytest
from faults.cell import STATES, Fault, Place, State, check_cell, states
from faults.table import FAULTS


@states
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_in_a_state(fault: Fault, state: State, place: Place) -> None:
    """Good tokens pass where keys are usable, forged ones never, and every call ends in time."""
    check_cell(place, fault, state)


def test_the_table_is_whole() -> None:
    """The table has each row about an endpoint; FI-02 is in test_transport.py, FI-04 in test_tls.py."""
    rows = {fault.row for fault in FAULTS}
    assert rows | {"FI-02", "FI-04"} == {f"FI-{number:02}" for number in range(1, 41)}
    assert len({str(fault) for fault in FAULTS}) == len(FAULTS)


def test_the_states_are_those_of_the_table_of_rules() -> None:
    """The states are those that R tells apart."""
    names = ["cold", "fresh", "aged", "stale", "stale-if-error", "expired"]
    assert [state.name for state in STATES] == names
