"""Whether a cluster's node lives, how it starts and how it ends. Every end is the same: nothing stays."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ekiben.clients import command
from ekiben.errors import ClusterError
from ekiben.ground import addresses as subnets
from ekiben.ground import cgroups
from ekiben.ground.layout import Layout, known
from ekiben.ground.record import Record, parse

_STOP_SECONDS = 30.0
_BIRTH_SECONDS = 20.0


@contextmanager
def turn(layout: Layout) -> Iterator[None]:
    """Be the only one who changes this cluster; the kernel ends the turn of a process that dies.

    Raises:
        ClusterError: Another process has the turn.
    """
    layout.turn.parent.mkdir(parents=True, exist_ok=True)
    with layout.turn.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise ClusterError(
                f"expected cluster {layout.name!r} to be free, found process {lock.read() or '?'} at it",
                remedy="wait for it to end, or take another --name",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def alive(layout: Layout) -> bool:
    """Whether the node lives: its processes hold the lock, so no process id can deceive."""
    if not layout.lock.exists():
        return False
    with layout.lock.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def recorded(layout: Layout) -> Record | None:
    """What was decided for the cluster; None if there is no record that can be read."""
    try:
        return parse(layout.record.read_text())
    except (OSError, ClusterError):
        return None


def components(layout: Layout) -> dict[str, dict[str, Any]]:
    """What the node last said of its components, by name."""
    try:
        found: dict[str, dict[str, Any]] = json.loads((layout.components).read_text())
    except (OSError, ValueError):
        return {}
    return found


def start(layout: Layout) -> None:
    """Start the node of a prepared cluster; returns once it has its network, long before it is ready.

    Raises:
        ClusterError: It did not begin to live.
    """
    layout.components.unlink(missing_ok=True)
    log = layout.folder / "node.log"
    log.unlink(missing_ok=True)
    command.start([sys.executable, "-m", "ekiben.ground.keeper", str(layout.folder)], log=log, env=_path())
    deadline = time.monotonic() + _BIRTH_SECONDS
    lived = False
    while not layout.components.exists():  # process 1 writes it when it is connected
        lived, died = lived or alive(layout), lived and not alive(layout)
        if died or time.monotonic() > deadline:
            raise ClusterError(
                f"expected the node to start within {_BIRTH_SECONDS:g} s, found: {_end_of(log)}",
                remedy="`ekiben cluster up` again; `ekiben cluster down` cleans up",
            )
        time.sleep(0.02)


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:]) or "no message"


def end(layout: Layout) -> None:
    """End the node, however far it came, and remove what does not die with it.

    Raises:
        ClusterError: Something of it would not go.
    """
    record = recorded(layout)
    groups = {layout.cgroup} | ({record.cgroup} if record is not None else set())
    hierarchies = cgroups.mounted()
    deadline = time.monotonic() + _STOP_SECONDS
    while True:
        for group in groups:
            cgroups.kill(group, hierarchies, within_seconds=_STOP_SECONDS)
        if not alive(layout):
            break
        if time.monotonic() > deadline:  # a keeper that never entered its group
            raise ClusterError(f"expected the node of {layout.name!r} to end, found its lock held")
        time.sleep(0.05)
    for group in groups:
        cgroups.remove(group, hierarchies, within_seconds=_STOP_SECONDS)
    if record is not None and _ours(layout, record):
        # The kernel takes it with the node's network, but in its own time.
        command.run(["ip", "link", "delete", record.addresses.device], check=False, show=False)


def _ours(layout: Layout, record: Record) -> bool:
    """Whether the link of the recorded name is this cluster's, not one of another copy of ekiben."""
    done = command.run(["ip", "-json", "link", "show", record.addresses.device], check=False, show=False)
    rows = json.loads(done.stdout or "[]") if done.status == 0 else []
    return any(row.get("ifalias") == str(layout.folder) for row in rows)


@contextmanager
def choosing(within_seconds: float = 60.0) -> Iterator[None]:
    """Be the only one on this machine who takes a subnet, whatever the state folder; leaves no file.

    Raises:
        ClusterError: Another process did not finish in time.
    """
    deadline = time.monotonic() + within_seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
        while True:
            try:
                name.bind("\0ekiben-subnets")  # an abstract name: gone with its holder
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ClusterError(
                        "expected to take a subnet, found another `cluster up` at it"
                    ) from error
                time.sleep(0.05)
        yield


def taken(layout: Layout) -> list[tuple[Any, str]]:
    """Networks that this machine uses, but for this cluster's own."""
    rows = json.loads(
        command.run(["ip", "-json", "-4", "route", "show", "table", "all"], show=False).stdout or "[]"
    )
    record = recorded(layout)
    ours = record.addresses.device if record is not None and _ours(layout, record) else ""
    return subnets.parse_routes([row for row in rows if not ours or row.get("dev") != ours])


def reserved(layout: Layout) -> dict[int, str]:
    """Places of the pools that other clusters hold, running or not."""
    others = ((each, recorded(each)) for each in known() if each.name != layout.name)
    return {record.addresses.index: each.name for each, record in others if record is not None}
