"""Processes of containers, as the machine sees them: to kill one as the kernel would."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

WEIGHT = 8192  # of the cluster beside other processes, that weigh 1024 each


def of(container: str) -> list[int]:
    """Processes of a container, first one first.

    Args:
        container: Its id.

    Raises:
        ProcessLookupError: There is none: the node does not run on this machine.
    """
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if container in (folder / "cgroup").read_text(encoding="ascii"):
                    found.append(int(folder.name))
    if not found:
        raise ProcessLookupError(f"no process of container {container} on this machine")
    return sorted(found, key=_started)


def _started(pid: int) -> int:
    """When it started, clock ticks since boot (the 22nd field).

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    return 1 << 62


def favour(cluster: str) -> None:
    """Give a local cluster's processes more of this machine's CPU than others get, as a node of its own has.

    A node's processes are one group beside all others of the machine: a group weighs as much as one process.
    """
    for group in Path("/sys/fs/cgroup/cpu").glob(f"ekiben-{cluster}-*"):
        (group / "cpu.shares").write_text(str(WEIGHT), encoding="ascii")


def kill(container: str) -> None:
    """SIGKILL its first process."""
    os.kill(of(container)[0], signal.SIGKILL)
