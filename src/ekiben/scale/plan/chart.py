"""The values of the chart that a plan decides."""

from __future__ import annotations

from typing import Any

from ekiben.scale.plan.document import CapacityPlan


def chart_values(plan: CapacityPlan) -> dict[str, Any]:
    """Give the part of the chart's values that comes from the plan: autoscaler, pod, limits and drain.

    A plan for the signal `cpu` is for the chart's HPA, one for `demand` for KEDA's, with CPU use as the net.
    """
    memory = f"{plan.whole('memory_mebibytes')}Mi"
    by_demand = plan.signal == "demand"
    target = "cpu_net_percent" if by_demand else "cpu_target_percent"
    return {
        "autoscaling": {
            "enabled": not by_demand,
            "minReplicas": plan.whole("min_replicas"),
            "maxReplicas": plan.whole("max_replicas"),
            "targetCPUUtilizationPercentage": plan.whole(target),
            "behavior": _behavior(plan),
        },
        **(_demand(plan) if by_demand else {}),
        "resources": {
            "requests": {"cpu": f"{plan.whole('cpu_request_millicores')}m", "memory": memory},
            "limits": {"cpu": f"{plan.whole('cpu_limit_millicores')}m", "memory": memory},
        },
        "server": {
            "objectiveSeconds": [plan["bucket_seconds"]],
            "mostInProgress": plan.whole("concurrency_limit"),
            "workers": plan.whole("worker_threads"),
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


def _demand(plan: CapacityPlan) -> dict[str, Any]:
    aim = {"targetRate": plan["target_rate"], "lagSeconds": plan["mean_lag_seconds"]}
    return {"keda": {"enabled": True, "demand": aim}, "prometheusRule": {"enabled": True}}


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
    """The HPA's own default is not written: clusters before Kubernetes 1.35 have no such field.

    The demand carries its own margin: a tenth of it left alone would be a replica too few at every tenth.
    """
    given = plan.number("tolerance_ratio")
    if given.kind == "assumed" and plan.signal == "demand":
        return {"tolerance": "0"}
    return {} if given.kind == "assumed" else {"tolerance": f"{given.value:g}"}
