"""How many threads numerical libraries may use: as many as the cgroup's quota holds whole cores.

They count the machine's cores, not the container's, and then fight over a
fraction of one. Their variables must be set before they are loaded.
"""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from pathlib import Path

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
_ROOT = Path("/sys/fs/cgroup")


def limit(environment: MutableMapping[str, str], root: Path = _ROOT) -> int:
    """Set the thread counts that are not set yet.

    Returns:
        The number of threads, 1 and up.
    """
    quota = cores(root)
    threads = max(1, math.floor(quota)) if quota is not None else 1
    for variable in VARIABLES:
        environment.setdefault(variable, str(threads))
    return threads


def cores(root: Path = _ROOT) -> float | None:
    """CPU quota of the own cgroup in cores; None if there is none.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and
    https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us).
    """
    try:
        quota, period = (root / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    return int(quota) / int(period) if quota.isdigit() else None
