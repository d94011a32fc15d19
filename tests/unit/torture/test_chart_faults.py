"""The seeded faults of the chart fit the chart."""

from __future__ import annotations

import pytest
from tests.torture.chart import seeded
from tests.torture.pod import faults, results
from tests.torture.pod.faults import Fault


@pytest.mark.parametrize("fault", seeded.FAULTS, ids=lambda fault: fault.name)
def test_a_fault_changes_what_is_there(fault: Fault) -> None:
    """Its old text is in the file once."""
    before = (results.ROOT / fault.path).read_text()
    assert faults.patched(fault, before) != before


def test_names_are_their_own() -> None:
    """One outcome belongs to one fault."""
    names = [fault.name for fault in seeded.FAULTS]
    assert len(names) == len(set(names))
