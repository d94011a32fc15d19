"""`python -m ekiben.ground.keeper FOLDER`: from a process of the machine to the node.

It takes the cluster's lock, enters its control groups, and becomes unshare(1), whose only
child is process 1 of the node. The lock and the namespaces live as long as the node does:
when process 1 ends, for whatever reason, the kernel takes every process, mount, device and
packet filter rule of the node with it.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from ekiben.clients import command
from ekiben.ground import cgroups
from ekiben.ground.record import parse

# Control groups get theirs later: process 1 must first be in the group that it shall see as the root.
_NAMESPACES = ("--mount", "--pid", "--net", "--ipc", "--uts")


def argv(folder: Path, machine_network: int) -> list[str]:
    """The command that makes the node's namespaces and starts process 1 in them.

    Args:
        folder: The cluster's folder.
        machine_network: Descriptor of the machine's network namespace.
    """
    return [
        "unshare",
        *_NAMESPACES,
        "--propagation=private",
        "--mount-proc",
        "--fork",
        "--kill-child=KILL",
        sys.executable,
        "-m",
        "ekiben.ground.node",
        str(folder),
        str(machine_network),
    ]


def _forget_the_users_environment() -> None:
    """Proxies, tokens and Go's settings of whoever typed `up` are none of the node's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    os.environ.clear()
    os.environ.update(kept, PYTHONPATH=str(Path(__file__).resolve().parents[2]))


def main(folder: Path) -> int:
    """Become the node's keeper; does not return when all goes well.

    Returns:
        1 when another keeper has the lock.
    """
    lock = os.open(folder / "node.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 1
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    os.set_inheritable(lock, True)
    record = parse((folder / "cluster.json").read_text())
    hierarchies = cgroups.mounted()
    cgroups.join(record.cgroup, hierarchies)
    cgroups.enter(f"{record.cgroup}/keeper", hierarchies)
    network = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.set_inheritable(network, True)
    _forget_the_users_environment()
    command.replace(argv(folder, network))
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
