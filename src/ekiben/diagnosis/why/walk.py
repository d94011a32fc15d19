"""`why`: reads, finds the cause, writes the sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from ekiben.config import ModelConfig
from ekiben.diagnosis.doctor.reading import Metrics, View
from ekiben.diagnosis.opened import opened
from ekiben.diagnosis.why import cause as causes
from ekiben.diagnosis.why import reading, sentence
from ekiben.diagnosis.why.answer import Scaling, Why
from ekiben.errors import ClusterError
from ekiben.identifiers import ClusterAddress


def why(
    config: ModelConfig,
    address: ClusterAddress,
    *,
    namespace: str,
    cluster: View | None = None,
    prometheus: Metrics | None = None,
    now: Callable[[], float] = time.time,
) -> Why:
    """Say why a release has as many replicas as it has.

    Args:
        config: The model's `ekiben.yaml`.
        address: Its cluster.
        namespace: Its namespace.
        cluster: An open cluster; None opens `address` for this call.
        prometheus: An open Prometheus; None opens that of `ekiben.yaml` or of `address`, if any.
        now: Seconds since the epoch.

    Raises:
        ClusterError: The cluster cannot be asked, or holds no such release.
        ConfigError: The HPA's spec cannot be read.
    """
    notes: list[str] = []
    url = config.observe.prometheus_url or address.prometheus_url
    with opened(address, url, cluster, prometheus) as (view, metrics):
        deployment = view.deployment(namespace, config.release_name)
        if deployment is None:
            raise ClusterError(
                f"expected the release {namespace}/{config.release_name} in {address.context}, found none",
                remedy=f"release it: `ekiben release {config.model}`, or give its namespace with -n",
            )
        facts = reading.read(view, metrics, namespace, deployment, now(), notes)
    return answer(facts, address.context, namespace, tuple(notes))


def answer(facts: Scaling, context: str, namespace: str, notes: tuple[str, ...] = ()) -> Why:
    """Answer from facts."""
    found, scaler = causes.find(facts), facts.scaler
    return Why(
        datetime.fromtimestamp(facts.now, UTC).isoformat(timespec="seconds"),
        context,
        namespace,
        facts.deployment.name,
        sentence.write(facts, found),
        found,
        facts.deployment.wanted,
        facts.ready,
        scaler.desired if scaler else None,
        scaler.minimum if scaler else None,
        scaler.maximum if scaler else None,
        facts.derivations,
        facts.change,
        (*_notes(facts), *notes),
    )


def _notes(facts: Scaling) -> Iterator[str]:
    """What else plays a part."""
    wanted, total = facts.deployment.wanted, facts.deployment.total
    if facts.deployment.refusal:
        yield f"the API server refuses pods: {facts.deployment.refusal}"
    elif total < wanted:
        yield f"{total} of {sentence.replicas(wanted)} there: the rest is being made"
    late = [one for one in facts.replicas if not one.ending and not one.serves]
    if late:
        names = ", ".join(one.name for one in late)
        yield f"not ready: {names} (`ekiben doctor {facts.deployment.name}` says why)"
    for one in facts.derivations:
        if one.unready or one.missing:
            yield (
                f"{one.metric}: {one.pods} pods count, {one.unready} start, {one.missing} have no figures: "
                "idle where more would be wanted, the silent ones at their request where fewer would be"
            )
    if facts.object is not None:
        yield f"the HPA {facts.object.scaler} was made by KEDA from the ScaledObject {facts.object.name}"
