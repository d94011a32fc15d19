"""What a machine looks like from outside: everything that a node could leave behind, as sorted lines."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ekiben.ground import addresses, life
from ekiben.ground.layout import Layout

_ROOTS = ("/run", "/var/lib", "/var/log", "/etc/cni/net.d", "/opt", "/sys/fs")
# What changes by itself: entropy, file handles, inode counts, timers, the clock's own estimates.
_RESTLESS = re.compile(
    r"^(fs\.(dentry-state|file-nr|inode-nr|inode-state|quota)|kernel\.(ns_last_pid|random\.|pty\.nr|sched_domain)"
    r"|net\.netfilter\.nf_conntrack_count|fs\.aio-nr|kernel\.tainted|net\.ipv4\.tcp_fastopen_key|dev\.cdrom)"
)


def _lines(*argv: str) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _links() -> set[str]:
    return {line.split()[0].split("@")[0] for line in _lines("ip", "-brief", "link")}


def _rules() -> set[str]:
    """The packet filter without counters, comments, the built-in tables and their empty chains."""
    kept = set()
    for program in ("iptables-save", "ip6tables-save"):
        for line in _lines(program):
            if not re.match(r"^(#|\*|COMMIT|:(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) )", line):
                uncounted = re.sub(r" ?\[\d+:\d+\]", "", line)
                kept.add(f"{program} {uncounted}")
    return kept


def _sysctls() -> set[str]:
    kept = set()
    done = subprocess.run(["sysctl", "--all"], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        name = line.partition(" ")[0]
        if not _RESTLESS.match(line) and not re.search(r"\.(ekiben|veth)", name):
            kept.add(line)
    return kept


def _cgroups(ours: str) -> set[str]:
    """Groups of this cluster in every hierarchy; those of others come and go as they please."""
    return {str(path) for path in Path("/sys/fs/cgroup").rglob(f"*{ours}*") if path.is_dir()}


def _processes(marks: tuple[str, ...]) -> set[str]:
    """Processes whose command line or control group names the cluster or its files."""
    found = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            text = (folder / "cmdline").read_text() + (folder / "cgroup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(mark in text for mark in marks):
            found.add(f"{folder.name} {text[:200]!r}")
    return found


def _without(others: set[str], lines: Iterable[str]) -> set[str]:
    """Lines that name no device of another cluster."""
    return {line for line in lines if not others & set(re.findall(r"ekiben\d+", line))}


def snapshot(layout: Layout) -> dict[str, set[str]]:
    """Everything that must be as before once a cluster is down; other clusters may run meanwhile."""
    group = layout.cgroup
    others = {addresses.at(index).device for index in life.reserved(layout)}
    return {
        "ip link": _without(others, _links()),
        "ip address": _without(others, _lines("ip", "-brief", "address")),
        "ip route": _without(others, _lines("ip", "route", "show", "table", "all")),
        "ip rule": set(_lines("ip", "rule")),
        "ip netns": set(_lines("ip", "netns", "list")),
        "mount": set(Path("/proc/mounts").read_text().splitlines()),
        "packet filter": _rules(),
        "sysctl": _sysctls(),
        "control groups": _cgroups(group),
        "processes": _processes((group, str(layout.folder))),
        "files": {str(path) for root in _ROOTS for path in Path(root).glob("*")},
    }


def differences(before: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    """What came and what went, one line each."""
    lines = []
    for what, was in before.items():
        lines += [f"{what}: + {line}" for line in sorted(after[what] - was)]
        lines += [f"{what}: - {line}" for line in sorted(was - after[what])]
    return lines
