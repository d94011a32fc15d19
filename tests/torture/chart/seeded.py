"""The seeded faults of the chart."""

from tests.torture.pod import results
from tests.torture.pod.faults import Fault

FILE = results.ROOT / "docs" / "chart-faults.jsonl"
FAULTS: tuple[Fault, ...] = ()
