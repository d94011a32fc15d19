"""`docs/reliability.md`: the pod's process, and the cluster."""

from __future__ import annotations

from pathlib import Path

from tests.torture.cluster import report as cluster
from tests.torture.cluster import suite
from tests.torture.pod import faults, report, results


def files() -> dict[Path, str]:
    """Path and text."""
    pod = report.text(results.read(), faults.read())
    return {report.FILE: f"{pod}\n{cluster.text(suite.read())}"}
