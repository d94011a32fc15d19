"""The seeded faults of the operator's side: command line, road, diagnosis, release.

One more is one more entry; an old text that is not in the code is an error.
"""

from __future__ import annotations

from tests.torture.operator import seeded_cli, seeded_diagnosis, seeded_doctor, seeded_release, seeded_road
from tests.torture.pod.faults import Fault

FAULTS: tuple[Fault, ...] = (
    *seeded_cli.FAULTS,
    *seeded_road.FAULTS,
    *seeded_diagnosis.FAULTS,
    *seeded_doctor.FAULTS,
    *seeded_release.FAULTS,
)
