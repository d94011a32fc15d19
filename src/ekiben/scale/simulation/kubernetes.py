"""Policies that end in an HPA: the exact arithmetic, fed by what the monitor has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ekiben.scale.hpa.autoscaler import Autoscaler, Flags
from ekiben.scale.hpa.controller import Seen, sync
from ekiben.scale.hpa.history import Memory
from ekiben.scale.hpa.metric import Found
from ekiben.scale.hpa.pods import Pod, Readiness
from ekiben.scale.simulation.fleet import Replica
from ekiben.scale.simulation.policy import Policy, View

Reader = Callable[[View], Found]
_SERVED_WINDOW_SECONDS = 60.0
_SCRAPE_SECONDS = 15.0  # a common choice; Prometheus' own default is 60


class HpaPolicy(Policy):
    """An HPA with its controller's memory.

    Args:
        name: In tables.
        spec: Of the HPA, as in a manifest.
        readers: What each of its metrics reads, in order.
        request_cores: CPU request of a replica.
        flags: The controller's.
    """

    def __init__(
        self,
        name: str,
        spec: dict[str, Any],
        readers: Sequence[Reader],
        request_cores: float = 1.0,
        flags: Flags | None = None,
    ) -> None:
        self.name = name
        self._hpa = Autoscaler.of(spec)
        self._readers = tuple(readers)
        self._requests = {"app": {"cpu": round(1000 * request_cores)}}
        self._flags = flags or Flags()
        self._memory = Memory()

    def decide(self, view: View) -> int:
        """One sync."""
        fleet, now = view.fleet, view.now
        pods = [self._pod(each, now) for each in (*fleet.active, *fleet.leaving)]
        found = [read(view) for read in self._readers]
        seen = Seen(now, fleet.wanted, len(fleet.active), pods, found)
        decision, self._memory = sync(self._hpa, self._flags, self._memory, seen)
        return decision.replicas

    def _pod(self, replica: Replica, now: float) -> Pod:
        ready = replica.ready <= now
        return Pod(
            replica.name,
            "Running",
            replica.deleted < math.inf,
            replica.created,
            Readiness(ready, replica.ready if ready else replica.created),
            self._requests,
        )


def cpu(view: View) -> Found:
    """What metrics-server says."""
    return view.monitor.cpu_readings()


def external(value: float | None) -> Found:
    """A number as an external metric's only value; cut to thousandths, as KEDA does."""
    return None if value is None else (int(value * 1000),)


def utilization(percent: int) -> dict[str, Any]:
    """A CPU metric of a manifest."""
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def average(name: str, target: float) -> dict[str, Any]:
    """An external metric of a manifest, with a target per replica."""
    value = {"type": "AverageValue", "averageValue": f"{max(1, round(target * 1000))}m"}
    return {"type": "External", "external": {"metric": {"name": name}, "target": value}}


def on_cpu(percent: int, low: int, high: int, request_cores: float) -> Policy:
    """The HPA that most people have: CPU utilisation and nothing else."""
    spec = {"minReplicas": low, "maxReplicas": high, "metrics": [utilization(percent)]}
    return HpaPolicy(f"HPA CPU {percent} %", spec, [cpu], request_cores)


def on_served_rate(target: float, low: int, high: int) -> Policy:
    """KEDA's Prometheus trigger on requests served per second, over a minute, target per replica.

    Source: https://keda.sh/docs/latest/scalers/prometheus/, whose example is a rate of requests
    """

    def served(view: View) -> Found:
        found = view.monitor.total_rate(
            lambda sample: float(sample.completed), view.now, _SERVED_WINDOW_SECONDS
        )
        return external(found)

    spec = {"minReplicas": low, "maxReplicas": high, "metrics": [average("served", target)]}
    made = HpaPolicy("KEDA requests/s", spec, [served])
    made.scrape_seconds = _SCRAPE_SECONDS
    return made


def on_in_progress(target: float, low: int, high: int) -> Policy:
    """Concurrency as BentoCloud describes it: requests in progress over a target per replica, one gauge.

    Source: https://docs.bentoml.com/en/latest/scale-with-bentocloud/scaling/autoscaling.html; its loop is not
    published, so an HPA's is taken.
    """

    def in_progress(view: View) -> Found:
        return external(view.monitor.mean_in_progress(view.now, _SCRAPE_SECONDS))

    spec = {"minReplicas": low, "maxReplicas": high, "metrics": [average("in-progress", target)]}
    return HpaPolicy("BentoCloud concurrency", spec, [in_progress])
