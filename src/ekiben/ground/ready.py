"""Wait until a started node is a cluster: API, node, DNS, metrics; say what hangs when it is not.

Each is asked to do its work: what the store remembers of an earlier life of the node proves nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ekiben.clients import command
from ekiben.errors import ClusterError
from ekiben.ground import life, readiness
from ekiben.ground.addresses import API_PORT
from ekiben.ground.layout import Layout
from ekiben.ground.record import Record

_LONGEST_SECONDS = 180.0  # cold file caches on a loaded machine; usually 20
_POLL_SECONDS = 0.25
_DIRECT = {"NO_PROXY": "*", "no_proxy": "*"}  # the node is one hop away; no proxy knows it


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that must work.

    Attributes:
        name: For people.
        works: Asks for it once.
    """

    name: str
    works: Callable[[Layout, Record], bool]


def api(_layout: Layout, record: Record) -> bool:
    """The API server says that it is ready."""
    return readiness.answers(f"https:{record.addresses.node}:{API_PORT}/readyz")


def components(layout: Layout, _record: Record) -> bool:
    """Every component has answered since the node started."""
    rows = life.components(layout)
    return bool(rows) and all(row["answered"] for row in rows.values())


def node(layout: Layout, record: Record) -> bool:
    """The node takes pods."""
    found = _get(layout, record, f"/api/v1/nodes/{record.node}")
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in found.get("status", {}).get("conditions", [])
    )


def dns(_layout: Layout, record: Record) -> bool:
    """The cluster's DNS knows the API server: a pod runs, and Services reach it."""
    return readiness.resolves(str(record.addresses.dns), "kubernetes.default.svc.cluster.local")


def metrics(layout: Layout, record: Record) -> bool:
    """The metrics API, aggregated, measures the node."""
    return bool(_get(layout, record, "/apis/metrics.k8s.io/v1beta1/nodes").get("items"))


GOALS = (
    Goal("API server", api),
    Goal("every component", components),
    Goal("node", node),
    Goal("cluster DNS", dns),
    Goal("metrics API", metrics),
)


def external_metrics(layout: Layout, record: Record) -> bool:
    """The external metrics API, aggregated, answers: KEDA's operator and adapter found each other."""
    return bool(_get(layout, record, "/apis/external.metrics.k8s.io/v1beta1"))


def goals(record: Record) -> tuple[Goal, ...]:
    """What must work in a cluster."""
    return (*GOALS, Goal("KEDA", external_metrics)) if record.keda is not None else GOALS


def _get(layout: Layout, record: Record, path: str) -> dict[str, Any]:
    argv = [
        str(record.binaries / "kubectl"),
        f"--kubeconfig={layout.kubeconfig}",
        "--request-timeout=5s",
        "get",
    ]
    done = command.run([*argv, "--raw", path], env=_DIRECT, check=False, show=False)
    found: dict[str, Any] = json.loads(done.stdout) if done.status == 0 else {}
    return found


def wait(layout: Layout, *, say: Callable[[str], None]) -> None:
    """Wait for every goal in turn.

    Raises:
        ClusterError: One was not reached in time, or the node died; the message names what hangs.
    """
    record = life.recorded(layout)
    if record is None:
        raise ClusterError(f"expected cluster {layout.name!r}, found no record", remedy="`ekiben cluster up`")
    began = time.monotonic()
    for goal in goals(record):
        while not goal.works(layout, record):
            if not life.alive(layout) or time.monotonic() - began > _LONGEST_SECONDS:
                raise ClusterError(
                    f"expected {goal.name} within {_LONGEST_SECONDS:g} s, found {trouble(layout)}",
                    remedy=f"read {layout.logs}, then `ekiben cluster up` again, or `ekiben cluster reset`",
                )
            time.sleep(_POLL_SECONDS)
        say(f"{goal.name} ready after {time.monotonic() - began:.0f} s")


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
