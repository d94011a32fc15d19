"""Reads what `why` is answered from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ekiben.clients.facts.scaling import PodUsage, ScaledObject, Scaler
from ekiben.clients.facts.workload import Deployment, Replica
from ekiben.clients.objects import Event
from ekiben.diagnosis.doctor.autoscaler import Scaled
from ekiben.diagnosis.doctor.reading import Metrics, View
from ekiben.diagnosis.why.answer import Change, Scaling
from ekiben.diagnosis.why.derivation import derive
from ekiben.errors import ClusterError, NoDataError
from ekiben.observe import queries
from ekiben.scale.hpa import quantity

_SIZE = re.compile(r"New size: (\d+); reason: (.*)", re.DOTALL)
_FROM_TO = re.compile(r"from (\d+) to (\d+)")
_TOGETHER_SECONDS = 10.0  # between the HPA's event and the Deployment's of the same change
_USE_SECONDS = 30  # about what metrics-server averages over


def read(
    view: View,
    prometheus: Metrics | None,
    namespace: str,
    deployment: Deployment,
    now: float,
    notes: list[str],
) -> Scaling:
    """Read everything.

    Args:
        view: The cluster, open.
        prometheus: An open Prometheus; None if there is none.
        namespace: Of the release.
        deployment: Its Deployment.
        now: Seconds since the epoch.
        notes: Gets a line for what is missing.

    Raises:
        ClusterError: The cluster cannot be asked.
        ConfigError: The HPA's spec cannot be read.
    """
    name = deployment.name
    replicas = view.replicas(namespace, deployment.selector)
    scalers = view.scalers(namespace)
    own = Scaled(scalers).own(name)
    rivals = tuple(one.name for one in scalers if one.target_name == name and own and one.name != own.name)
    facts = Scaling(deployment, replicas, own, rivals, now=now)
    if own is None:
        return facts
    usages = _usages(view, namespace, deployment, notes)
    change = last_change(own, deployment, view.events(namespace))
    if change is not None and prometheus is not None:
        change = replace(change, percent=_percent(prometheus, namespace, name, replicas, change))
    return replace(
        facts,
        object=_object(view, namespace, own),
        usages=usages,
        derivations=derive(own, deployment.wanted, replicas, usages, now),
        change=change,
    )


def last_change(scaler: Scaler, deployment: Deployment, events: Sequence[Event]) -> Change | None:
    """Find the HPA's last change in the events; None if they do not reach back so far."""
    for one in reversed(events):
        size = _SIZE.search(one.message)
        mine = (one.kind, one.name, one.reason) == (
            "HorizontalPodAutoscaler", scaler.name, "SuccessfulRescale"
        )  # fmt: skip
        if mine and size and one.at is not None:
            at, after = one.at.timestamp(), int(size[1])
            return Change(at, _before(deployment, events, at, after), after, size[2].strip())
    return None


def _before(deployment: Deployment, events: Sequence[Event], at: float, after: int) -> int | None:
    for one in events:
        step = _FROM_TO.search(one.message)
        mine = (one.kind, one.name, one.reason) == ("Deployment", deployment.name, "ScalingReplicaSet")
        near = one.at is not None and abs(one.at.timestamp() - at) <= _TOGETHER_SECONDS
        if mine and near and step and int(step[2]) == after:
            return int(step[1])
    return None


def _object(view: View, namespace: str, own: Scaler) -> ScaledObject | None:
    return next((one for one in view.scaled_objects(namespace) if one.scaler == own.name), None)


def _usages(
    view: View, namespace: str, deployment: Deployment, notes: list[str]
) -> tuple[PodUsage, ...]:  # fmt: skip
    try:
        return view.pod_usages(namespace, deployment.selector)
    except ClusterError as error:
        notes.append(f"the metrics API does not answer: {error}")
        return ()


def _percent(
    prometheus: Metrics, namespace: str, release: str, replicas: Sequence[Replica], change: Change
) -> float | None:
    """CPU use of the pods there were just before the change, % of what they requested."""
    requests = [
        sum(quantity.milli(c.requests["cpu"]) for c in one.containers if "cpu" in c.requests) / 1000
        for one in replicas
    ]
    request = max(requests, default=0.0)
    scope = queries.Scope(namespace, release, window_seconds=_USE_SECONDS)
    if request <= 0:
        return None
    try:
        used = prometheus.values(queries.cpu_per_pod(scope), at=change.at)
    except NoDataError:
        return None
    mean = sum(one.value for one in used) / len(used)
    return 100 * mean / request
