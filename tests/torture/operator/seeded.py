"""The seeded faults of the operator's side: command line, road, diagnosis, release.

One more is one more entry; an old text that is not in the code is an error.
"""

from __future__ import annotations

from tests.torture.operator.releases import RELEASE
from tests.torture.operator.stations import CLI, ROAD
from tests.torture.operator.watching import DIAGNOSIS
from tests.torture.pod.faults import Fault

FAULTS: tuple[Fault, ...] = (*CLI, *ROAD, *DIAGNOSIS, *RELEASE)
