"""Processes as the kernel sees them: their memory, their descriptors, their share of the CPU."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.torture.pod.scenario import NotTestedError

_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
_PERIOD_MICROSECONDS = 100_000


def tree(pid: int) -> list[int]:
    """A process and all below it, parents first."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def marked(name: str, value: str) -> list[int]:
    """Processes that were started with this variable, whoever is their parent by now; no dead ones."""
    wanted, found = f"{name}={value}".encode(), []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and all below it."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def descriptors(pid: int) -> int:
    """Open descriptors of a process and all below it."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            total += len(list(Path(f"/proc/{each}/fd").iterdir()))
    return total


def pin(pid: int, core: int) -> None:
    """Keep a process and all below it, with all their threads, on one core."""
    for each in tree(pid):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{each}/task").iterdir():
                os.sched_setaffinity(int(task.name), {core})


@contextlib.contextmanager
def starved(pid: int, cores: float) -> Iterator[None]:
    """Keep a process and its children within a CPU quota while the block runs.

    Source: https://docs.kernel.org/scheduler/sched-bwc.html and
    https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max).

    Raises:
        NotTestedError: No control group can be made here.
    """
    v1 = (_V1 / "cpu.cfs_quota_us").exists()
    group = (_V1 if v1 else _V2) / f"ekiben-torture-{uuid.uuid4().hex[:8]}"
    homes = {each: _home(each) for each in tree(pid)}
    quota = round(cores * _PERIOD_MICROSECONDS)
    try:
        group.mkdir()
        if v1:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}")
        for each in homes:
            (group / "cgroup.procs").write_text(str(each))
    except OSError as error:
        _leave(group, homes, v1=v1)
        raise NotTestedError(f"no control group with a CPU quota can be made here: {error}") from error
    try:
        yield
    finally:
        _leave(group, homes, v1=v1)


def _home(pid: int) -> str:
    """Path of a process' CPU control group within its hierarchy."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(",") or (not controllers and not (_V1 / "cpu.cfs_quota_us").exists()):
            return path
    return "/"


def _leave(group: Path, homes: dict[int, str], *, v1: bool) -> None:
    root = _V1 if v1 else _V2
    with contextlib.suppress(OSError):
        for each in (group / "cgroup.procs").read_text().split():
            home = root / homes.get(int(each), "/").lstrip("/")
            with contextlib.suppress(OSError):
                (home / "cgroup.procs").write_text(each)
    for _ in range(50):  # the kernel lets go of a group a moment after its last process
        with contextlib.suppress(OSError):
            group.rmdir()
        if not group.exists():
            return
        time.sleep(0.02)


@contextlib.contextmanager
def hogs(count: int) -> Iterator[None]:
    """Processes that compute for as long as the block runs."""
    found = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for each in found:
            each.kill()
            each.wait()
