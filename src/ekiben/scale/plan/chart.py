"""The values of the chart that a plan decides."""

from __future__ import annotations

from typing import Any

from ekiben.errors import ConfigError
from ekiben.scale.plan.document import CapacityPlan


def chart_values(plan: CapacityPlan) -> dict[str, Any]:
    """Give the part of the chart's values that comes from the plan: the HPA, resources, limits and drain.

    Raises:
        ConfigError: The plan is for an autoscaler that reads the demand; the HPA reads CPU use, later.
    """
    if plan.signal != "cpu":
        raise ConfigError(
            f"expected a plan for the signal cpu, which the chart's HPA reads, found one for {plan.signal}",
            remedy=f"plan with --signal cpu, or take the rules of the demand (ekiben plan rules "
            f"{plan.subject.model}) to an autoscaler of your own and release with --plan never",
        )
    memory = f"{plan.whole('memory_mebibytes')}Mi"
    return {
        "autoscaling": {
            "enabled": True,
            "minReplicas": plan.whole("min_replicas"),
            "maxReplicas": plan.whole("max_replicas"),
            "targetCPUUtilizationPercentage": plan.whole("cpu_target_percent"),
            "behavior": _behavior(plan),
        },
        "resources": {
            "requests": {"cpu": f"{plan.whole('cpu_request_millicores')}m", "memory": memory},
            "limits": {"cpu": f"{plan.whole('cpu_limit_millicores')}m", "memory": memory},
        },
        "server": {
            "objectiveSeconds": [plan["bucket_seconds"]],
            "mostInProgress": plan.whole("concurrency_limit"),
        },
        "podDisruptionBudget": {"maxUnavailable": plan.whole("pdb_max_unavailable")},
        "drainSeconds": plan.whole("drain_seconds"),
        "requestTimeoutSeconds": plan.whole("request_timeout_seconds"),
        "progressDeadlineSeconds": plan.whole("progress_deadline_seconds"),
        "startupProbe": {
            "periodSeconds": plan.whole("startup_period_seconds"),
            "failureThreshold": plan.whole("startup_failure_threshold"),
        },
    }


def _behavior(plan: CapacityPlan) -> dict[str, Any]:
    up, down = plan.whole("scale_up_period_seconds"), plan.whole("scale_down_period_seconds")
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": plan.whole("scale_up_window_seconds"),
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": plan.whole("scale_up_pods"), "periodSeconds": up},
                {"type": "Percent", "value": plan.whole("scale_up_percent"), "periodSeconds": up},
            ],
            **_tolerance(plan),
        },
        "scaleDown": {
            "stabilizationWindowSeconds": plan.whole("scale_down_window_seconds"),
            "selectPolicy": "Max",
            "policies": [
                {"type": "Percent", "value": plan.whole("scale_down_percent"), "periodSeconds": down},
                {"type": "Pods", "value": plan.whole("scale_down_pods"), "periodSeconds": down},
            ],
            **_tolerance(plan),
        },
    }


def _tolerance(plan: CapacityPlan) -> dict[str, str]:
    """The HPA's own default is not written: clusters before Kubernetes 1.35 have no such field."""
    given = plan.number("tolerance_ratio")
    return {} if given.kind == "assumed" else {"tolerance": f"{given.value:g}"}
