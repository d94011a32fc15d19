"""Wait until a started node is a cluster: API, node, DNS, metrics; say what hangs when it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ekiben.clients import command
from ekiben.errors import ClusterError
from ekiben.ground import life, readiness
from ekiben.ground.addresses import API_PORT
from ekiben.ground.layout import Layout
from ekiben.ground.record import Record

_LONGEST_SECONDS = 180.0  # cold file caches on a loaded machine; usually 20
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that must become true.

    Attributes:
        name: For people.
        arguments: Of `kubectl wait`, but the time-out.
    """

    name: str
    arguments: tuple[str, ...]


GOALS = (
    Goal("node", ("--for=condition=Ready", "node", "--all")),
    Goal("cluster DNS", ("--namespace=kube-system", "--for=condition=Available", "deployment/coredns")),
    Goal("metrics API", ("--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io")),
)


def wait(layout: Layout, *, say: Callable[[str], None]) -> None:
    """Wait for every goal in turn.

    Raises:
        ClusterError: One was not reached in time, or the node died; the message names what hangs.
    """
    record = life.recorded(layout)
    if record is None:
        raise ClusterError(f"expected cluster {layout.name!r}, found no record", remedy="`ekiben cluster up`")
    began = time.monotonic()

    def until(name: str, true: Callable[[], bool]) -> None:
        while not true():
            passed = time.monotonic() - began
            if not life.alive(layout) or passed > _LONGEST_SECONDS:
                raise ClusterError(
                    f"expected {name} within {_LONGEST_SECONDS:g} s, found {trouble(layout)}",
                    remedy=f"read {layout.logs}, then `ekiben cluster up` again, or `ekiben cluster reset`",
                )
            time.sleep(_POLL_SECONDS)
        say(f"{name} ready after {time.monotonic() - began:.0f} s")

    until("API server", lambda: readiness.answers(f"https:{record.addresses.node}:{API_PORT}/readyz"))
    for goal in GOALS:
        until(goal.name, lambda goal=goal: reached(layout, record, goal))  # type: ignore[misc]
    until("every component", lambda: settled(layout))


def reached(layout: Layout, record: Record, goal: Goal, *, patience_seconds: int = 5) -> bool:
    """Whether a goal is reached, now or within the patience."""
    argv = [
        str(record.binaries / "kubectl"),
        f"--kubeconfig={layout.kubeconfig}",
        "wait",
        f"--timeout={patience_seconds}s",
        *goal.arguments,
    ]
    return command.run(argv, check=False, show=False).status == 0


def settled(layout: Layout) -> bool:
    """Whether every component has answered."""
    rows = life.components(layout)
    return bool(rows) and all(row["answered"] for row in rows.values())


def trouble(layout: Layout) -> str:
    """Which components do not answer, with the end of the first one's log."""
    if not life.alive(layout):
        log, what = layout.folder / "node.log", "the node's process 1 dead"
    else:
        silent = [name for name, row in life.components(layout).items() if not row["answered"]]
        if not silent:
            return "every component answering"
        log, what = layout.logs / f"{silent[0]}.log", f"no answer of {', '.join(silent)}"
    last = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
    return "\n".join([what, *last])
