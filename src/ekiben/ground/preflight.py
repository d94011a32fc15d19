"""What a local cluster needs of this machine, asked before anything changes; all that is missing at once."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import command, debian, gobuild, places, recipes
from ekiben.errors import ToolError
from ekiben.ground import cgroups

FREE_BYTES = 6 << 30  # modules 2.5 GiB and Go's cache 2.5 GiB while it builds, binaries 0.6 GiB
FREE_BYTES_BUILT = 2 << 30  # images and the registry
PACKAGES = ("iptables", "iproute2")  # no service in them, so they are installed
NODE_PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "etcd-server",
    "docker-registry",
    "prometheus-alertmanager",
)
_CAP_SYS_RESOURCE = 24
# What kube-proxy and the pods' network ask of the kernel, asked in a network of its own.
_RULE = "iptables -t nat -A POSTROUTING -m comment --comment ekiben -m mark --mark 0x1 -j MASQUERADE"


@dataclass(frozen=True, slots=True)
class Need:
    """Something that is missing.

    Attributes:
        what: Expected and found, one line.
        remedy: What to do about it.
    """

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} ({self.remedy})"


def basics() -> list[Need]:
    """What only the machine's owner can change; cheap to ask, changes nothing."""
    if platform.system() != "Linux":
        return [Need(f"expected Linux, found {platform.system()}", "use kind, or a Linux machine")]
    needs = []
    if os.geteuid() != 0:
        needs.append(Need(f"expected root, found user id {os.geteuid()}", "run as root, or with `sudo -E`"))
    if not debian.available():
        needs.append(Need("expected apt-get and dpkg, found none", "use Debian 12 or a child of it"))
    if not binaries_built():
        needs += _go()
    return [*needs, *_disk(), *_controllers()]


def binaries_built() -> bool:
    """Everything that Go would build is in the cache."""
    return gobuild.built_set(recipes.NODE) is not None


def _go() -> list[Need]:
    try:
        gobuild.go_version()
    except ToolError as error:
        return [Need(str(error), error.remedy)]
    return []


def _disk() -> list[Need]:
    wanted = FREE_BYTES_BUILT if binaries_built() else FREE_BYTES
    return disk_needs([places.cache(), places.state()], wanted)


def disk_needs(folders: Sequence[Path], wanted: int) -> list[Need]:
    """Folders whose file system has fewer free bytes than wanted."""
    needs = {}
    for folder in folders:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(there).free
        if free < wanted:
            found = f"expected {wanted >> 30} GiB free at {there}, found {free / 2**30:.1f} GiB"
            needs[there.stat().st_dev] = Need(
                found, "free some, or set EKIBEN_CACHE and EKIBEN_STATE to another disk"
            )
    return list(needs.values())


def _controllers() -> list[Need]:
    try:
        lacking = cgroups.lacking(cgroups.mounted())
    except OSError as error:
        return [Need(f"expected control groups to read, found: {error}", "mount /sys/fs/cgroup")]
    if not lacking:
        return []
    return [
        Need(
            f"expected the control group controllers {', '.join(sorted(lacking))}, found none",
            "mount or enable them",
        )
    ]


def kernel() -> list[Need]:
    """What the kernel lacks: tried, not read from its configuration; as root, once the packages are there."""
    needs = []
    for title, line in (
        ("namespaces", "unshare --mount --pid --net --ipc --uts --cgroup --fork true"),
        (
            "pairs of network devices (veth)",
            "unshare --net ip link add name probe0 type veth peer name probe1",
        ),
        ("packet filter rules of kube-proxy", f"unshare --net {_RULE}"),
    ):
        done = command.run(line.split(), check=False, show=False)
        if done.status != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            needs.append(
                Need(
                    f"expected a kernel with {title}, found: {last}", "load the module or use another kernel"
                )
            )
    return needs


def snapshotter(folder: Path) -> str:
    """How containerd stacks layers in a folder: `overlayfs` where the kernel can, else `native`."""
    trial = folder / f".overlay-trial-{os.getpid()}"
    parts = {name: trial / name for name in ("lower", "upper", "work", "merged")}
    try:
        for part in parts.values():
            part.mkdir(parents=True)
        options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        # In a mount namespace of its own: whatever happens, nothing stays mounted.
        mount = ["mount", "--types", "overlay", "overlay", "--options", options, str(parts["merged"])]
        done = command.run(["unshare", "--mount", *mount], check=False, show=False)
        return "overlayfs" if done.status == 0 else "native"
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def has_capability(status: str, number: int) -> bool:
    """Whether `/proc/self/status` shows a capability as effective."""
    line = next((line for line in status.splitlines() if line.startswith("CapEff:")), "CapEff: 0")
    return bool(int(line.split()[1], 16) >> number & 1)


def may_lower_oom_score() -> bool:
    """Whether this process may protect others from the kernel's out-of-memory killer."""
    return has_capability(Path("/proc/self/status").read_text(), _CAP_SYS_RESOURCE)
