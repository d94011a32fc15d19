from __future__ import annotations

import os
from pathlib import Path

import pytest

from ekiben.errors import ClusterError
from ekiben.ground import cgroups
from ekiben.ground.cgroups import Hierarchy

V1 = """\
25 21 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
30 25 0:25 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:26 / /sys/fs/cgroup/systemd rw,nosuid shared:10 - cgroup cgroup rw,xattr,name=systemd
33 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpu,cpuacct
34 30 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:12 - cgroup cgroup rw,memory
99 30 0:29 / /other/memory rw,nosuid shared:12 - cgroup cgroup rw,memory
35 30 0:30 / /sys/fs/cgroup/unified rw,nosuid shared:13 - cgroup2 cgroup2 rw
"""


def test_hierarchies_are_read_once_each_with_their_mount_options() -> None:
    """Side-by-side mounts of version 1 and 2 are told apart, and the same hierarchy counts once."""
    found = cgroups.parse(V1)
    assert [(str(each.mount), each.version) for each in found] == [
        ("/sys/fs/cgroup/systemd", 1),
        ("/sys/fs/cgroup/cpu,cpuacct", 1),
        ("/sys/fs/cgroup/memory", 1),
        ("/sys/fs/cgroup/unified", 2),
    ]
    assert found[0].options == "xattr,name=systemd"
    assert found[0].controllers == frozenset()
    assert found[1].controllers == {"cpu", "cpuacct"}


def test_lacking_controllers_are_named_for_version_1() -> None:
    """A machine of version 1 without cpusets and process limits cannot carry a node."""
    assert cgroups.lacking(cgroups.parse(V1)) == {"cpuset", "pids"}


def test_version_2_needs_no_controller_for_accounting() -> None:
    """Where cpu is unified, accounting is part of it."""
    unified = Hierarchy(Path("/sys/fs/cgroup"), 2, frozenset({"cpu", "cpuset", "memory", "pids"}), "")
    assert cgroups.lacking([unified]) == frozenset()


def _tree(tmp_path: Path) -> Hierarchy:
    """A folder that stands for a hierarchy: files where the kernel has files."""
    inner = tmp_path / "ekiben-x" / "kubepods" / "pod1"
    inner.mkdir(parents=True)
    return Hierarchy(tmp_path, 1, frozenset({"memory"}), "memory")


def test_processes_of_inner_groups_are_found_and_our_own_is_not(tmp_path: Path) -> None:
    """Whatever depth a process is at, `down` sees it; it never kills itself."""
    hierarchy = _tree(tmp_path)
    (tmp_path / "ekiben-x" / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (tmp_path / "ekiben-x" / "kubepods" / "pod1" / "cgroup.procs").write_text("4194000\n4194001\n")
    assert cgroups.processes("ekiben-x", [hierarchy]) == {4194000, 4194001}
    assert cgroups.processes("absent", [hierarchy]) == set()


def test_groups_are_removed_innermost_first(tmp_path: Path) -> None:
    """The whole group goes, the hierarchy and its other groups stay."""
    hierarchy = _tree(tmp_path)
    (tmp_path / "other").mkdir()
    cgroups.remove("ekiben-x", [hierarchy], within_seconds=1)
    cgroups.remove("ekiben-x", [hierarchy], within_seconds=1)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_process_that_cannot_be_killed_is_an_error_with_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that hangs in the kernel is named, not waited for for ever."""
    hierarchy = _tree(tmp_path)
    (tmp_path / "ekiben-x" / "cgroup.procs").write_text("4194002\n")
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _signal: killed.append(pid))
    with pytest.raises(ClusterError, match="4194002"):
        cgroups.kill("ekiben-x", [hierarchy], within_seconds=0.1)
    assert set(killed) == {4194002}
