"""`python -m ekiben.ground.node`: process 1 of the node.

It makes the node's own /proc, /sys, /run and network, starts the components, starts again what
ends, and reaps what was orphaned.
Only light modules may be imported here: this process lives as long as the cluster.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from ekiben.clients import command
from ekiben.ground import cgroups, components, readiness
from ekiben.ground.addresses import Addresses
from ekiben.ground.component import Component
from ekiben.ground.layout import NODE, NODE_BINARIES, NODE_DEBIAN, NODE_KEDA, NODE_REGISTRY
from ekiben.ground.record import Record, parse

# What the kubelet wants of the machine's kernel (vm and panic behaviour). It writes them only where they
# differ, and they have no namespace, so it is shown the values and the machine keeps its own.
# Source: pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables.
_SHOWN = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_OWN_NETWORK = {
    "ipv4/ip_forward": "1",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv6/conf/all/disable_ipv6": "1",
}
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_STEADY_SECONDS = 60.0  # a component that lived so long starts again at once
_TICK_SECONDS = 0.1
_IDLE_SECONDS = 10.0


def _mount(*arguments: str) -> None:
    command.run(["mount", *arguments], show=False)


def mount_files(folder: Path, record: Record, hierarchies: list[cgroups.Hierarchy]) -> None:
    """Give the node file systems of its own, and short paths to its state and programs."""
    run = folder / "run"
    run.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(run))
    sources = {
        NODE: str(folder),
        NODE_BINARIES: str(record.binaries),
        NODE_DEBIAN: str(record.debian),
        NODE_REGISTRY: str(record.registry),
        **({NODE_KEDA: str(record.keda)} if record.keda else {}),
    }
    for target, source in sources.items():
        inside = run / target.relative_to("/run")
        inside.mkdir()
        _mount("--bind", source, str(inside))
    _mount("--rbind", str(run), "/run")
    for hidden in ("/var/lib", "/var/log"):
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", hidden)
    # Alertmanager reads its templates where Debian would have installed them.
    _mount("--bind", f"{NODE_DEBIAN}/usr/share", "/usr/share")
    # Gone rather than covered: runc and cAdvisor would find the machine's hierarchies first.
    command.run(["umount", "--recursive", "--lazy", "/sys"], show=False)
    _mount("-t", "sysfs", "sysfs", "/sys")
    _mount_cgroups(hierarchies)
    for name, value in _SHOWN.items():
        shown = Path("/run/sysctl") / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        if (Path("/proc/sys") / name).exists():
            _mount("--bind", str(shown), f"/proc/sys/{name}")
    _mount_hosts(record)
    for path in ("/run/lock", "/run/tmp", "/run/netns"):
        Path(path).mkdir()
    _mount("--make-rshared", "/")


def _mount_hosts(record: Record) -> None:
    """Let the node's programs find its own name, for which there is no name server in reach.

    Prometheus asks for it at its start and whenever it reads its rules, and waits 10 s for no answer.
    """
    hosts = Path("/run/hosts")
    hosts.write_text(f"127.0.0.1 localhost\n{record.addresses.node} {record.node}\n")
    if Path("/etc/hosts").exists():
        _mount("--bind", str(hosts), "/etc/hosts")


def _mount_cgroups(hierarchies: list[cgroups.Hierarchy]) -> None:
    """Mount every hierarchy where the machine has it; the node's own group is the root of each."""
    if not any(str(each.mount) == "/sys/fs/cgroup" for each in hierarchies):
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/sys/fs/cgroup")
    for each in hierarchies:
        each.mount.mkdir(parents=True, exist_ok=True)
        kind = "cgroup" if each.version == 1 else "cgroup2"
        _mount("-t", kind, *(("-o", each.options) if each.options else ()), kind, str(each.mount))
        names = each.options.split(",")
        if each.version == 1 and len(names) > 1 and "," in each.mount.name:
            for name in names:  # cpu -> cpu,cpuacct, as distributions do
                (each.mount.parent / name).symlink_to(each.mount.name)


def connect(addresses: Addresses, machine_network: int, owner: str) -> None:
    """Make the link to the machine and the routes at both ends.

    Args:
        addresses: The cluster's addresses.
        machine_network: Descriptor of the machine's network namespace.
        owner: What the link's alias says: the cluster's folder.
    """
    machine = f"/proc/1/fd/{machine_network}"
    outside = ("nsenter", f"--net={machine}", "ip")
    device = addresses.device
    length = addresses.link.prefixlen
    for line in (
        ("ip", "link", "set", "lo", "up"),
        ("ip", "link", "add", "eth0", "type", "veth", "peer", "name", device, "netns", machine),
        (*outside, "link", "set", device, "alias", owner),
        ("ip", "address", "add", f"{addresses.node}/{length}", "dev", "eth0"),
        ("ip", "link", "set", "eth0", "up"),
        ("ip", "route", "add", "default", "via", str(addresses.machine)),
        (*outside, "address", "add", f"{addresses.machine}/{length}", "dev", device),
        (*outside, "link", "set", device, "up"),
        (*outside, "route", "add", str(addresses.pods), "via", str(addresses.node)),
        (*outside, "route", "add", str(addresses.services), "via", str(addresses.node)),
    ):
        command.run(line, show=False)
    for name, value in _OWN_NETWORK.items():
        path = Path("/proc/sys/net") / name
        if path.exists():
            path.write_text(value)
    os.close(machine_network)


@dataclass(slots=True)
class Running:
    """What process 1 knows of one component.

    Attributes:
        component: Its declaration.
        pid: Its process, 0 when it has none.
        began: When it was last started, monotonic seconds.
        pause: Seconds before it starts again.
        next: Not before this moment, monotonic seconds.
        restarts: How often it was started again.
        status: How it last ended; None before.
        answered: It has answered since it was started, or ended well if it runs once.
    """

    component: Component
    pid: int = 0
    began: float = 0.0
    pause: float = _FIRST_PAUSE_SECONDS
    next: float = 0.0
    restarts: int = 0
    status: int | None = None
    answered: bool = False


@dataclass(slots=True)
class Supervisor:
    """Starts, watches and restarts components.

    Attributes:
        running: State by name.
        logs: Folder of the logs.
        report: File of what `status` reads.
    """

    running: dict[str, Running]
    logs: Path
    report: Path
    last: str = field(default="")

    def tick(self, now: float) -> bool:
        """Start what may start, ask what has not answered; returns whether all is settled."""
        for each in self.running.values():
            if not each.pid and not self._finished(each) and now >= each.next and self._may(each):
                self._start(each, now)
            elif each.pid and not each.answered and not each.component.once:
                each.answered = not each.component.ready or readiness.answers(each.component.ready)
        self._write()
        return all(each.answered for each in self.running.values())

    def _may(self, each: Running) -> bool:
        return all(self.running[name].answered for name in each.component.after)

    @staticmethod
    def _finished(each: Running) -> bool:
        return each.component.once and each.answered

    def _start(self, each: Running, now: float) -> None:
        name = each.component.name
        each.pid = command.start(each.component.argv, log=self.logs / f"{name}.log", env=each.component.env)
        each.began = now

    def ended(self, pid: int, status: int, now: float) -> None:
        """Take note of an ended process; orphans of others are none of our components."""
        for each in self.running.values():
            if each.pid == pid:
                each.pid, each.status = 0, status
                each.answered = each.component.once and status == 0
                if not each.answered:
                    steady = now - each.began > _STEADY_SECONDS
                    each.pause = (
                        _FIRST_PAUSE_SECONDS if steady else min(each.pause * 2, _LONGEST_PAUSE_SECONDS)
                    )
                    each.next = now + each.pause
                    each.restarts += 1

    def _write(self) -> None:
        rows = {
            name: {
                "running": bool(each.pid),
                "answered": each.answered,
                "restarts": each.restarts,
                "status": each.status,
                "once": each.component.once,
            }
            for name, each in self.running.items()
        }
        text = json.dumps(rows, indent=1)
        if text != self.last:
            partial = self.report.with_suffix(".partial")
            partial.write_text(text)
            partial.replace(self.report)
            self.last = text


def _reap(supervisor: Supervisor) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        supervisor.ended(pid, os.waitstatus_to_exitcode(status), time.monotonic())


def supervise(supervisor: Supervisor) -> None:
    """Run until SIGTERM or SIGINT; whoever is left dies with process 1."""
    # Handlers and a wake-up socket instead of a blocked mask: children would inherit the mask.
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    stop: list[int] = []
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stop.append(number))
    while not stop:
        settled = supervisor.tick(time.monotonic())
        if select.select([ours], [], [], _IDLE_SECONDS if settled else _TICK_SECONDS)[0]:
            ours.recv(4096)
        _reap(supervisor)


def main(folder: Path, machine_network: int) -> None:
    """Be process 1 of the node."""
    record = parse((folder / "cluster.json").read_text())
    hierarchies = cgroups.mounted()
    socket.sethostname(record.node)
    cgroups.enter(record.cgroup, hierarchies)
    cgroups.root_here()
    mount_files(folder, record, hierarchies)
    cgroups.settle(cgroups.mounted())
    connect(record.addresses, machine_network, str(folder))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    programs = [NODE_BINARIES, NODE_DEBIAN / "usr/sbin", NODE_DEBIAN / "usr/bin"]
    os.environ["PATH"] = ":".join([*map(str, programs), "/usr/sbin", "/usr/bin", "/sbin", "/bin"])
    os.environ["TMPDIR"] = "/run/tmp"
    os.chdir("/")
    (NODE / "log" / "pods").mkdir(parents=True, exist_ok=True)
    declared = components.of_node(record.addresses, record.node, with_keda=record.keda is not None)
    supervise(
        Supervisor({each.name: Running(each) for each in declared}, NODE / "log", NODE / "components.json")
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
