"""The volume that the pods' logs are on is full, while they have a line to write for each request.

A tmpfs of 64 KiB is laid over the folder of each pod's logs, in the node's own mount namespace; a container
that starts then has its log there. Nothing else of the machine's disk is touched, and the mounts go with the
node if this is killed.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.torture.cluster import processes, stage
from tests.torture.cluster.scenario import Run
from tests.torture.cluster.stage import REPLICAS
from tests.torture.cluster.surroundings import loaded, process_of, scenario
from tests.torture.cluster.watch import Pod, Seen, watching

_LOGS = "run/ekiben/log/pods"  # podLogsDir of the local cluster's kubelet
_BYTES = 64 << 10
_CONTAINER = "model-server"


def disk_full(run: Run) -> None:
    """Every request is logged, and no line can be written."""
    base = run.stage.serving() or run.stage.first
    cluster = run.stage.rig.address.context.removeprefix("ekiben-")
    kubelet = process_of("kubelet", cluster)
    told = stage.with_values(base, {"server": {"logSampleRatio": 1}})
    run.stage.calm(told)
    with ExitStack() as mounts:
        folders = [mounts.enter_context(_small(kubelet, run.stage.namespace, each)) for each in _pods(run)]
        _restarted(run)
        for folder in folders:
            _fill(folder)
        with loaded(run, restarts=1):
            time.sleep(run.sizes["seconds"])
        left = [os.statvfs(folder).f_bavail for folder in folders]
        run.check("the logs' volumes were full", left == [0] * REPLICAS, f"{left} pages left")
    run.stage.keep(None)
    names = [each.name for each in _pods(run)]
    run.stage.rig.kubectl("delete", "pod", *names, "-n", run.stage.namespace)
    run.stage.calm(base)


def _pods(run: Run) -> list[Pod]:
    with watching(run.stage.rig, run.stage.namespace) as seen:
        seen.settled(REPLICAS)
        return list(seen.now.staying)


@contextmanager
def _small(kubelet: int, namespace: str, pod: Pod) -> Iterator[Path]:
    """A small volume for the logs of a pod's next container; gives its folder as this machine sees it."""
    (found,) = Path(f"/proc/{kubelet}/root/{_LOGS}").glob(f"{namespace}_{pod.name}_*")
    inside = f"/{_LOGS}/{found.name}/{_CONTAINER}"
    enter = ["nsenter", "--target", str(kubelet), "--mount"]
    options = f"size={_BYTES},mode=755"
    subprocess.run([*enter, "mount", "-t", "tmpfs", "-o", options, "tmpfs", inside], check=True)
    try:
        yield found / _CONTAINER
    finally:
        subprocess.run([*enter, "umount", "--lazy", inside], check=False)


def _restarted(run: Run) -> None:
    """Have each pod's container start anew, with its log in what was laid there."""
    with watching(run.stage.rig, run.stage.namespace) as seen:
        for each in seen.now.staying:
            processes.kill(each.container)

        def again(look: Seen) -> bool:
            return [each.restarts for each in look.staying if each.ready] == [1] * REPLICAS

        seen.until(again, 60, "every pod to be ready again")
    time.sleep(2)


def _fill(folder: Path) -> None:
    """Take what is left of a volume."""
    with (folder / "filling").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 512):
                pass
        except OSError:
            return


FULL = scenario(
    "disk-full",
    "the volume of the logs is full, and each request is logged",
    disk_full,
    seconds=120,
    after=0,
    minutes=4,
)
