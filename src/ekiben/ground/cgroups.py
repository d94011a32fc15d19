"""The control groups of a local cluster, version 1, 2 or both mounted side by side.

Every process of a cluster is in `ekiben-<name>` of every hierarchy, or below: that is
how `down` finds all of them, whoever forked them and whatever became of their parents.

Source: https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html and .../cgroup-v2.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ekiben.errors import ClusterError

NEEDED = frozenset({"cpu", "cpuset", "memory", "pids"})
_V1_ALSO = frozenset({"cpuacct"})  # the kubelet's accounting; part of cpu in version 2
_NEW_CGROUP_NAMESPACE = 0x02000000  # CLONE_NEWCGROUP of <sched.h>; Python has os.unshare from 3.12
_LEAF = "node"  # the node's own processes: version 2 allows none beside inner groups


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted hierarchy.

    Attributes:
        mount: Where it is mounted.
        version: 1 or 2.
        controllers: Its controllers; for version 2 the available ones.
        options: Mount options that give the same hierarchy again.
    """

    mount: Path
    version: int
    controllers: frozenset[str]
    options: str


def parse(mountinfo: str) -> list[Hierarchy]:
    """Read the hierarchies from `/proc/self/mountinfo`, each once, in order of mounting.

    The controllers of version 2 are not in there and stay empty.
    """
    found: dict[tuple[int, str], Hierarchy] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, supers = right.split(" ")[:3]
        mount = Path(left.split(" ")[4].replace("\\040", " "))
        if kind == "cgroup":
            options = ",".join(
                o for o in supers.split(",") if o not in {"rw", "ro"} and not o.startswith("release_agent")
            )
            names = frozenset(
                o
                for o in options.split(",")
                if "=" not in o and o not in {"xattr", "noprefix", "clone_children"}
            )
            found.setdefault((1, options), Hierarchy(mount, 1, names, options))
        elif kind == "cgroup2":
            found.setdefault((2, ""), Hierarchy(mount, 2, frozenset(), ""))
    return list(found.values())


def mounted() -> list[Hierarchy]:
    """The machine's hierarchies."""
    hierarchies = parse(Path("/proc/self/mountinfo").read_text())
    return [each if each.version == 1 else _with_available(each) for each in hierarchies]


def _with_available(each: Hierarchy) -> Hierarchy:
    available = (each.mount / "cgroup.controllers").read_text().split()
    return Hierarchy(each.mount, 2, frozenset(available), "")


def lacking(hierarchies: Iterable[Hierarchy]) -> frozenset[str]:
    """Controllers that a node needs and that no hierarchy has."""
    every = list(hierarchies)
    have = frozenset().union(*(each.controllers for each in every))
    unified = any(each.version == 2 and "cpu" in each.controllers for each in every)  # noqa: PLR2004
    return (NEEDED if unified else NEEDED | _V1_ALSO) - have


def _enable(group: Path, controllers: Iterable[str]) -> None:
    """Let the children of a version 2 group have controllers."""
    wanted = set(controllers) - set((group / "cgroup.subtree_control").read_text().split())
    if wanted:
        (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(wanted)))


def join(name: str, hierarchies: Iterable[Hierarchy]) -> None:
    """Make the cluster's group in every hierarchy and move this process into it."""
    every = list(hierarchies)
    for each in every:
        if each.version == 2 and each.controllers:  # noqa: PLR2004
            _enable(each.mount, each.controllers & (NEEDED | {"io"}))
    enter(name, every)


def enter(name: str, hierarchies: Iterable[Hierarchy]) -> None:
    """Move this process into a group of every hierarchy, made if it is not there."""
    for each in hierarchies:
        group = each.mount / name
        group.mkdir(exist_ok=True)
        if "cpuset" in each.controllers and each.version == 1:
            # A fresh cpuset is empty, and no process may enter an empty one.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((group.parent / file).read_text())
        (group / "cgroup.procs").write_text(str(os.getpid()))


def root_here() -> None:
    """See this process' group as the root of every hierarchy from now on.

    Raises:
        ClusterError: The kernel has no namespaces of control groups.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_CGROUP_NAMESPACE) != 0:
        raise ClusterError(
            f"expected a namespace of control groups, found: {os.strerror(ctypes.get_errno())}"
        )


def settle(hierarchies: Iterable[Hierarchy]) -> None:
    """Inside the node, whose group looks like the root: enter a leaf, hand controllers to the pods."""
    every = list(hierarchies)
    enter(_LEAF, every)
    for each in every:
        if each.version == 2 and each.controllers:  # noqa: PLR2004
            _enable(each.mount, each.controllers & (NEEDED | {"io"}))


def _pids(group: Path) -> list[int]:
    try:
        text = (group / "cgroup.procs").read_text()
    except FileNotFoundError:
        return []
    return [int(line) for line in text.split() if line != "0"]


def _folders(root: Path) -> list[Path]:
    """The group and all groups in it, innermost first."""
    return [Path(folder) for folder, _, _ in os.walk(root, topdown=False)]


def processes(name: str, hierarchies: Iterable[Hierarchy]) -> set[int]:
    """Every process in the group or below it, in any hierarchy."""
    return {
        pid for each in hierarchies for folder in _folders(each.mount / name) for pid in _pids(folder)
    } - {os.getpid()}


def kill(name: str, hierarchies: list[Hierarchy], *, within_seconds: float) -> None:
    """Kill every process of the group and wait until none is left.

    Raises:
        ClusterError: Some did not die (they hang in the kernel).
    """
    deadline = time.monotonic() + within_seconds
    while left := processes(name, hierarchies):
        if time.monotonic() > deadline:
            raise ClusterError(
                f"expected {name} to end within {within_seconds:g} s, found alive processes: {sorted(left)}",
                remedy="look at them with `ps`, then run `ekiben cluster down` again",
            )
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def remove(name: str, hierarchies: list[Hierarchy], *, within_seconds: float) -> None:
    """Remove the group and all in it from every hierarchy.

    Raises:
        ClusterError: The kernel kept one busy.
    """
    deadline = time.monotonic() + within_seconds
    for each in hierarchies:
        for folder in _folders(each.mount / name):
            while not _removed(folder):
                if time.monotonic() > deadline:
                    raise ClusterError(f"expected the control group {folder} to be free, found it busy")
                time.sleep(0.05)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True
