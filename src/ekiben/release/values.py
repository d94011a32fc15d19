"""Chart values of one release: pure, from the configuration, the image and the artefact."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ekiben.config import ModelConfig
from ekiben.errors import ConfigError
from ekiben.identifiers import ImageReference, ModelTag

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
        "server.mostInProgress",
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
) -> dict[str, Any]:
    """Derive the chart's values and lay `release.values` over them.

    Args:
        config: The model's `ekiben.yaml`.
        image: What is deployed, by digest.
        model: Tag of the model inside it.
        artefact_sha256: `sha256:...` of the artefact's manifest.
        plan: Whose numbers replace those of `scale` and `release.resources`; None takes the sections'.

    Returns:
        Values as `values.schema.json` describes them.

    Raises:
        ConfigError: `release.values` sets what has another source, or `replicaCount` under the HPA, or the
            plan is of another artefact.
    """
    _refuse_fights(config.release.values, _OWNED if plan is None else _planned(_OWNED))
    derived = _derived(config, image, model, artefact_sha256)
    if plan is not None:
        plan.require_of(model.name, artefact_sha256)
        derived = _with_plan(derived, plan)
    return laid_over(derived, config.release.values)


def _planned(owned: Mapping[str, str]) -> dict[str, str]:
    """Sources of values under a plan: what comes from `scale` and `release.resources` comes from it."""
    sections = ("autoscaling.", "resources.")
    return {path: _PLANNED if path.startswith(sections) else source for path, source in owned.items()} | dict(
        _OWNED_BY_PLAN
    )


def _with_plan(derived: Mapping[str, Any], plan: CapacityPlan) -> dict[str, Any]:
    """Lay the plan's values over the sections'; both objectives are edges of the latency buckets."""
    from ekiben.scale.plan import chart

    found = laid_over(derived, chart.chart_values(plan))
    edges = {*derived["server"]["objectiveSeconds"], *found["server"]["objectiveSeconds"]}
    found["server"]["objectiveSeconds"] = sorted(edges)
    return found


def _derived(config: ModelConfig, image: ImageReference, model: ModelTag, artefact: str) -> dict[str, Any]:
    machine, scale, seal = config.release.resources, config.scale, config.bento.seal
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
        "prometheusRule": {"enabled": True},  # the chart brings it where the cluster knows the kind
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
