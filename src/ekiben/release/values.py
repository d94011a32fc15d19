"""Chart values of one release: pure, from the configuration, the image and the artefact."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ekiben.config import ModelConfig
from ekiben.errors import ConfigError
from ekiben.identifiers import ImageReference, ModelTag
from ekiben.observe.objectives import LEAST_RATIO

_REPLICAS = 2  # the chart's, where nothing scales and replicaCount is null

if TYPE_CHECKING:
    from ekiben.scale.plan.document import CapacityPlan

# Values that have one source already, and which one: two sources would fight.
_OWNED: Mapping[str, str] = {
    "model": "the model artefact",
    "image.repository": "`image.repository` and `image.registry` in ekiben.yaml",
    "image.tag": "the image that is released",
    "image.digest": "the image that is released",
    "access.mode": "`release.access` in ekiben.yaml",
    "seal.signers": "`bento.seal.signers` in ekiben.yaml",
    "seal.allowPickle": "`bento.seal.allow_pickle` in ekiben.yaml",
    "seal.encryption.secretName": "`bento.seal.encryption.secret` in ekiben.yaml",
    "autoscaling.minReplicas": "`scale.min_replicas` in ekiben.yaml",
    "autoscaling.maxReplicas": "`scale.max_replicas` in ekiben.yaml",
    "autoscaling.targetCPUUtilizationPercentage": "`scale.target_cpu_percent` in ekiben.yaml",
    "autoscaling.behavior.scaleDown.stabilizationWindowSeconds": "`scale.scale_down_window_seconds`",
    "server.objectiveSeconds": "`observe.latency_seconds` in ekiben.yaml",
    "server.recheckSeconds": "`observe.recheck.seconds` in ekiben.yaml",
    "resources.requests.cpu": "`release.resources.cpu_request` in ekiben.yaml",
    "resources.requests.memory": "`release.resources.memory` in ekiben.yaml",
    "resources.limits.cpu": "`release.resources.cpu_limit` in ekiben.yaml",
    "resources.limits.memory": "`release.resources.memory` in ekiben.yaml",
}


# What a capacity plan decides besides.
_PLANNED = "the capacity plan (`ekiben plan show`)"
_OWNED_BY_PLAN: Mapping[str, str] = dict.fromkeys(
    (
        "autoscaling.enabled",
        "autoscaling.behavior",
        "keda.enabled",
        "keda.demand",
        "keda.query",
        "server.mostInProgress",
        "server.workers",
        "podDisruptionBudget.maxUnavailable",
        "drainSeconds",
        "requestTimeoutSeconds",
        "progressDeadlineSeconds",
        "startupProbe.periodSeconds",
        "startupProbe.failureThreshold",
    ),
    _PLANNED,
)


def chart_values(
    config: ModelConfig,
    image: ImageReference,
    model: ModelTag,
    artefact_sha256: str,
    plan: CapacityPlan | None = None,
    prometheus_url: str = "",
) -> dict[str, Any]:
    """Derive the chart's values and lay `release.values` over them.

    Args:
        config: The model's `ekiben.yaml`.
        image: What is deployed, by digest.
        model: Tag of the model inside it.
        artefact_sha256: `sha256:...` of the artefact's manifest.
        plan: Whose numbers replace those of `scale` and `release.resources`; None takes the sections'.
        prometheus_url: Prometheus of the cluster, which KEDA asks for the demand; empty if it is not known.

    Returns:
        Values as `values.schema.json` describes them.

    Raises:
        ConfigError: `release.values` sets what has another source, or `replicaCount` under the HPA, or the
            plan is of another artefact, or for the demand where no Prometheus is known.
    """
    _refuse_fights(config.release.values, _OWNED if plan is None else _planned(_OWNED))
    derived = _derived(config, image, model, artefact_sha256)
    if plan is not None:
        plan.require_of(model.name, artefact_sha256)
        keda_asks = _asked_by_keda(config, prometheus_url) if plan.signal == "demand" else ""
        derived = _with_plan(derived, plan, keda_asks)
    return laid_over(derived, config.release.values)


def _planned(owned: Mapping[str, str]) -> dict[str, str]:
    """Sources of values under a plan: what comes from `scale` and `release.resources` comes from it."""
    sections = ("autoscaling.", "resources.")
    return {path: _PLANNED if path.startswith(sections) else source for path, source in owned.items()} | dict(
        _OWNED_BY_PLAN
    )


def _asked_by_keda(config: ModelConfig, prometheus_url: str) -> str:
    keda = config.release.values.get("keda", {})
    found = str(keda.get("serverAddress", "")) if isinstance(keda, Mapping) else ""
    if not (found or prometheus_url):
        raise ConfigError(
            "expected the URL of the Prometheus that KEDA asks for the demand, found none",
            remedy="set keda.serverAddress in `release.values`, e.g. http://prometheus.monitoring.svc:9090, "
            "or plan with --signal cpu, which needs metrics-server alone",
        )
    return found or prometheus_url


def _with_plan(derived: Mapping[str, Any], plan: CapacityPlan, keda_asks: str) -> dict[str, Any]:
    """Lay the plan's values over the sections'; both objectives are edges of the latency buckets.

    The first is what the release promises (the chart records it as its objective): that of ekiben.yaml.
    """
    from ekiben.scale.plan import chart

    found = laid_over(derived, chart.chart_values(plan))
    if keda_asks:
        found["keda"]["serverAddress"] = keda_asks
    edges = (*derived["server"]["objectiveSeconds"], *found["server"]["objectiveSeconds"])
    found["server"]["objectiveSeconds"] = list(dict.fromkeys(edges))
    return found


def _derived(config: ModelConfig, image: ImageReference, model: ModelTag, artefact: str) -> dict[str, Any]:
    machine, scale, seal = config.release.resources, config.scale, config.bento.seal
    promised = _promised(config)
    return {
        "model": {"name": model.name, "version": model.version, "artefact": artefact},
        "image": {"repository": image.repository, "tag": image.tag, "digest": image.digest},
        "autoscaling": {
            "enabled": True,
            "minReplicas": scale.min_replicas,
            "maxReplicas": scale.max_replicas,
            "targetCPUUtilizationPercentage": scale.target_cpu_percent,
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": scale.scale_down_window_seconds}},
        },
        "access": {"mode": config.release.access},
        "server": {
            "objectiveSeconds": [config.observe.latency_seconds],
            "recheckSeconds": config.observe.recheck_seconds,
        },
        # Brought where the cluster knows the kind. One objective of both indicators; `release.values` may
        # tell one from the other.
        "prometheusRule": {
            "enabled": True,
            "objective": {"availabilityRatio": promised, "latencyRatio": promised},
        },
        "seal": {
            "signers": list(seal.signers),
            "allowPickle": seal.allow_pickle,
            "encryption": {"secretName": seal.encryption.secret},
        },
        "resources": {
            "requests": {"cpu": machine.cpu_request, "memory": machine.memory},
            "limits": {"cpu": machine.cpu_limit, "memory": machine.memory},
        },
    }


def _promised(config: ModelConfig) -> float:
    ratio = config.observe.objective_ratio
    if ratio < LEAST_RATIO:
        raise ConfigError(
            f"observe.objective_ratio: expected at least {LEAST_RATIO}, found {ratio}: "
            "the fastest alert about the error budget could not fire"
        )
    return ratio


def replicas_expected(values: Mapping[str, Any]) -> int:
    """Fewest replicas that a finished release with these values has."""
    fewest = values["autoscaling"]["minReplicas"] if autoscaled(values) else values.get("replicaCount")
    return int(fewest or _REPLICAS)


def autoscaled(values: Mapping[str, Any]) -> bool:
    """True if an HPA owns the number of replicas: the chart's, or the one that KEDA makes."""
    return bool(values["autoscaling"]["enabled"] or values.get("keda", {}).get("enabled"))


def access_required(values: Mapping[str, Any]) -> bool:
    """True if callers need a key or a token."""
    return bool(values.get("access", {}).get("mode") == "required")


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as Helm does: mappings key by key, everything else is replaced."""
    result = copy.deepcopy(dict(below))
    for key, value in above.items():
        under = result.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            result[key] = laid_over(under, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _refuse_fights(values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    fights = [
        f"  {path}: comes from {source}"
        for path, replaces in _paths(values)
        for owned, source in sources.items()
        if path == owned or path.startswith(owned + ".") or (replaces and owned.startswith(path + "."))
    ]
    if values.get("replicaCount") is not None and (
        _switched(values, "autoscaling", default=True) or _switched(values, "keda", default=False)
    ):
        fights.append(
            "  replicaCount: the HPA owns it; set `scale.min_replicas`, or both"
            " autoscaling.enabled and keda.enabled: false"
        )
    if fights:
        raise ConfigError(
            "release.values: expected values that nothing else sets, found\n"
            + "\n".join(sorted(set(fights))),
            remedy="take them out of `release.values`",
        )


def _switched(values: Mapping[str, Any], section: str, *, default: bool) -> bool:
    found = values.get(section)
    return bool(found.get("enabled", default)) if isinstance(found, Mapping) else default


def _paths(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, bool]]:
    """Yield each dotted path, and whether it replaces all that is below it (`image: null`)."""
    for key, value in values.items():
        path = f"{above}.{key}" if above else str(key)
        block = isinstance(value, Mapping)
        yield path, not block
        if block:
            yield from _paths(value, path)
