"""How many threads numerical libraries may use: a worker's part of the whole cores in the cgroup's quota.

They count the machine's cores, not the container's, and then fight over a
fraction of one. Their variables must be set before they are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, MutableMapping
from pathlib import Path

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


def limit(
    environment: MutableMapping[str, str], workers: int = 1, root: Path = _ROOT, own: Path = _OWN
) -> int:
    """Set the thread counts that are not set yet.

    Args:
        environment: Is changed.
        workers: Threads that call the libraries at once.
        root: As in `cores`.
        own: As in `cores`.

    Returns:
        The number of threads, 1 and up.
    """
    quota = cores(root, own)
    threads = max(1, math.floor(quota / workers)) if quota is not None else 1
    for variable in VARIABLES:
        environment.setdefault(variable, str(threads))
    return threads


def cores(root: Path = _ROOT, own: Path = _OWN) -> float | None:
    """CPU quota of the own cgroup in cores; None if there is none.

    Every cgroup above counts too. In a container the own one is usually the
    root of the mount, elsewhere it is below it.

    Args:
        root: Where cgroups are mounted, version 1 or 2.
        own: The kernel's list of the cgroups of this process.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max),
    https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us) and cgroups(7) (/proc/self/cgroup).
    """
    found = [_quota(folder) for folder in _folders(root, own)]
    return min((quota for quota in found if quota is not None), default=None)


def _folders(root: Path, own: Path) -> Iterator[Path]:
    """Folders whose quota holds for this process."""
    yield root
    yield root / "cpu"
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = root / "cpu" if controllers else root
        for part in Path(path.lstrip("/")).parts:
            if part == "..":  # above what this process can see
                break
            folder /= part
            yield folder


def _quota(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        try:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        except OSError:
            return None
    return int(quota) / int(period) if quota.isdigit() else None
