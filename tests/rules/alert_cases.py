"""When each alert fires, computed by hand. `k` counts steps from the fault on."""

from __future__ import annotations

from tests.rules.alert_case import (
    AUTOSCALING_BOARD,
    COMPUTED,
    DESIRED,
    EDGE,
    HPAS,
    KEY,
    NOT_COMPUTED,
    OBJECTIVE,
    POD,
    REJECTED,
    RELEASE_BOARD,
    SCORE,
    STARTED,
    THROTTLED,
    UP,
    Case,
    Firing,
    answers,
    container,
    pod,
    requests,
    series,
)  # fmt: skip

BAD = {
    "availability": "requests fail or are given up",
    "latency": "answers are slower than the objective",
}
WINDOWS = {  # limit: long and short window, severity
    "14.4": ("1h", "5m", "page"),
    "6": ("6h", "30m", "page"),
    "3": ("1d", "2h", "ticket"),
    "1": ("3d", "6h", "ticket"),
}


def burn(indicator: str, limit: str, times: str) -> Firing:
    long, short, severity = WINDOWS[limit]
    return Firing(
        {"severity": severity, "long_window": long, "short_window": short},
        {
            "summary": f"models/iris spends its error budget of {indicator}",
            "description": f"Over {long}, too many {BAD[indicator]}: {times} times what the objective allows "
            f"(limit {limit}), and over {short} as well.",
            "runbook_url": f"docs/runbook.md#ekiben{indicator}budgetburn",
            "dashboard_url": RELEASE_BOARD,
        },
    )


def failing(per_minute: float, minute: int = 1_440) -> dict[str, str]:
    """Some of 600 requests a minute fail from a minute on; far from 0, no rate is cut off there."""
    first = 100_000 + per_minute
    return {
        requests("ok"): f"0+600x{minute} {minute * 600 + 600 - per_minute}+{600 - per_minute}x1500",
        requests("failed"): f"100000x{minute} {first}+{per_minute}x1500",
    }


def slow(per_minute: float, minute: int = 1_440) -> dict[str, str]:
    """Some of 600 answers a minute are slower than 50 ms from a minute on."""
    quick = 600 - per_minute
    bucket = answers("bucket", le="0.05")
    return {bucket: f"0+600x{minute} {minute * 600 + quick}+{quick}x1500"}


# The fault begins at minute 1440 with a day of good requests before it.
#
# A step of 1 min: a rate over 5 min sees 5 samples, so the share of a fault p that began k min ago is
# p * min(k, 4) / 4; the sums of that are p * (0.25, 0.75, 1.5, 2.5, 3.5, ...). 1 h has 60 of them.
#   availability, budget 0.001, p = 0.5:  0.5 * 2.5 = 1.25 > 14.4 * 0.001 * 60 = 0.864 at k = 4, 0.75 at 3;
#   latency, budget 0.01, p = 1:          9.5 > 14.4 * 0.01 * 60 = 8.64 at k = 11, 8.5 at 10.
#   3 d hold 1444 and 1451 of them: 1.25 < 1.444 and 9.5 < 14.51, so the slowest alert is silent.
# A step of 5 min: the share is p from k = 1 on; 6 h have 72 shares, 1 d 288, 3 d all 288 + k.
#   6 x:  p =  6 budgets * 5/3: k * p > 6 budgets * 72 at k = 44 (43.2); 1 x is over since k = 33 (32);
#   3 x:  p = 5 budgets: k * p > 3 budgets * 288 at k = 173 (172.8); 1 x is over since k = 73 (72);
#   1 x:  p = 2.3 budgets: k * p > budget * (288 + k) at k = 222 (221.5).
BURNS = tuple(
    case
    for indicator, fault, budget in (("availability", failing, 0.001), ("latency", slow, 0.01))
    for case in (
        Case(
            f"{indicator} 14.4",
            f"Ekiben{indicator.capitalize()}BudgetBurn",
            fault(300) if indicator == "availability" else fault(600),
            1_444 if indicator == "availability" else 1_451,
            (burn(indicator, "14.4", "20.83" if indicator == "availability" else "15.83"),),
        ),
        Case(
            f"{indicator} 6",
            f"Ekiben{indicator.capitalize()}BudgetBurn",
            fault(600 * 10 * budget),
            1_440 + 5 * 44,
            (burn(indicator, "6", "6.111"), burn(indicator, "1", "1.325")),
            (burn(indicator, "1", "1.299"),),
            step=5,
        ),
        Case(
            f"{indicator} 3",
            f"Ekiben{indicator.capitalize()}BudgetBurn",
            fault(600 * 5 * budget),
            1_440 + 5 * 173,
            (burn(indicator, "3", "3.003"), burn(indicator, "1", "1.876")),
            (burn(indicator, "1", "1.87"),),
            step=5,
        ),
        Case(
            f"{indicator} 1",
            f"Ekiben{indicator.capitalize()}BudgetBurn",
            fault(600 * 2.3 * budget),
            1_440 + 5 * 222,
            (burn(indicator, "1", "1.001"),),
            step=5,
        ),
    )
)


def firing(
    alert: str, severity: str, summary: str, description: str, board: str = "", **labels: str
) -> Firing:
    return Firing(
        {"severity": severity, **labels},
        {
            "summary": summary,
            "description": description,
            "runbook_url": f"docs/runbook.md#{alert.lower()}",
            "dashboard_url": board or RELEASE_BOARD,
        },
    )


ABSENT = firing(
    "EkibenMetricsAbsent",
    "page",
    "No pod of models/iris is scraped",
    "Prometheus reaches no pod of this release: it is down, or nobody can see whether it is. No other alert "
    "about it can fire.",
)
MISSING = firing(
    "EkibenObjectiveMissing",
    "ticket",
    "models/iris has no objective that its metrics can be held to",
    "1 pods are scraped, but no objective of availability is recorded, or none of their buckets ends on the "
    "objective of latency: alerts about the error budget cannot fire.",
)


def score(metric: str, value: str) -> Firing:
    return firing(
        "EkibenScoreBelowFloor",
        "page",
        "A pod of models/iris answers worse than its model",
        f"{POD} reaches {metric} {value} on its labelled rows: over 1% worse than the trained estimator of "
        "version 1.",
        pod=POD,
        version="1",
        metric=metric,
    )


def at_maximum(alert: str = "EkibenAutoscalerAtMaximum") -> Firing:
    return firing(
        alert,
        "ticket",
        "models/iris has all replicas that it may have",
        "The autoscaler has asked for 8 replicas, its maximum, for 15m: more load will not bring more "
        "replicas.",
        AUTOSCALING_BOARD,
    )


INACTIVE = firing(
    "EkibenScalingInactive",
    "ticket",
    "The autoscaler of models/iris does not act",
    "It cannot compute how many replicas it wants (at most 8): more load will not bring more replicas.",
    AUTOSCALING_BOARD,
)
CRASHING = "iris-6f8d4fdf5-zzzzz"  # never served: no series of ours
LOOP = firing(
    "EkibenRestartLoop",
    "page",
    "A pod of models/iris starts again and again",
    f"{CRASHING} has started 3 times again within 15m.",
    pod=CRASHING,
)
LOSS = {
    pod("model_recheck_score", version="1", metric="log_loss"): "0.2x30 0.203x90",
    pod("model_recheck_expected_score", version="1", metric="log_loss"): "0.2x120",
}


def started(identity: str) -> str:
    return container("container_start_time_seconds", pod=CRASHING, id=identity)


OTHERS = (
    # Wrong from minute 31 on, for 5 min.
    Case("absent: down", "EkibenMetricsAbsent", {UP: "1x30 0x90"}, 36, (ABSENT,)),
    Case("absent: gone", "EkibenMetricsAbsent", {UP: "1x30 stale"}, 36, (ABSENT,)),
    # Gone from 31 on, for 15 min; and from the start.
    Case("objective: none", "EkibenObjectiveMissing", {OBJECTIVE: "0.999x30 stale"}, 46, (MISSING,)),
    Case(
        "objective: no such edge",
        "EkibenObjectiveMissing",
        {EDGE: None, series("ekiben_objective_latency_seconds", le="0.04"): "0.04x120"},
        15,
        (MISSING,),
    ),
    # 60 rows a minute beside 600 from 60 on: 15 min see 14 increments. 60 k > 0.05 (60 k + 8400) at k = 8
    # (7.4), for 5 min; then it is 780 of 9180.
    Case(
        "rejected",
        "EkibenRowsRejected",
        {REJECTED: "100000x60 100060+60x90"},
        73,
        (
            firing(
                "EkibenRowsRejected",
                "ticket",
                "Callers of models/iris send rows that the model cannot take",
                "8.497% of the rows of the last 15m did not fit the schema (limit 5%).",
            ),
        ),
    ),
    # A second version from 31 on, for 30 min.
    Case(
        "skew",
        "EkibenVersionSkew",
        {
            pod("up", pod="iris-b"): "_x31 1x90",
            pod("model_info", pod="iris-b", version="2", artefact_sha256="bb"): "_x31 1x90",
        },
        61,
        (
            firing(
                "EkibenVersionSkew",
                "ticket",
                "models/iris answers with more than one version",
                "2 versions of the model have been serving side by side for 30m.",
            ),
        ),
    ),
    # 0.94 < 0.99 * 0.95 = 0.9405, and 0.203 > 1.01 * 0.2 = 0.202, from 31 on, for 5 min.
    Case(
        "score: gain", "EkibenScoreBelowFloor", {SCORE: "0.95x30 0.94x90"}, 36, (score("accuracy", "0.94"),)
    ),
    Case("score: loss", "EkibenScoreBelowFloor", LOSS, 36, (score("log_loss", "0.203"),)),
    Case(
        "recheck",
        "EkibenRecheckFailing",
        {pod("model_rechecks_total", outcome="failed"): "0x30 1x90"},
        31,
        (
            firing(
                "EkibenRecheckFailing",
                "ticket",
                "Pods of models/iris cannot score themselves",
                "Rechecks on labelled rows failed within the last 15m: the model raises on rows that it was "
                "tested with.",
            ),
        ),
    ),
    # 14 days are 1,209,600 s: all of them are left at minute 30.
    Case(
        "key",
        "EkibenKeyExpiring",
        {KEY: f"{1_209_600 + 30 * 60}x90"},
        31,
        (
            firing(
                "EkibenKeyExpiring",
                "ticket",
                "An API key of models/iris ends soon",
                "In 13d 23h 59m 0s a caller is left without a valid key, and is answered 401 from then on.",
            ),
        ),
    ),
    # Asked for 8 from 31 on, for 15 min; the same by other names and another program.
    Case("maximum", "EkibenAutoscalerAtMaximum", {DESIRED: "2x30 8x90"}, 46, (at_maximum(),)),
    Case(
        "maximum: KEDA, exported",
        "EkibenAutoscalerAtMaximum",
        {
            DESIRED: None,
            'horizontal_pod_autoscaler_controller_desired_replicas{namespace="kube-system",'
            'exported_namespace="models",hpa_name="keda-hpa-iris"}': "2x30 8x90",
        },
        46,
        (at_maximum(),),
    ),
    Case(
        "maximum: kube-state-metrics",
        "EkibenAutoscalerAtMaximum",
        {
            DESIRED: None,
            HPAS: None,
            COMPUTED: None,
            'kube_horizontalpodautoscaler_status_desired_replicas{namespace="models",'
            'horizontalpodautoscaler="iris"}': "2x30 8x90",
        },
        46,
        (at_maximum(),),
    ),
    # Never reconciled, for 10 min from the start.
    Case("inactive: unknown", "EkibenScalingInactive", {DESIRED: None}, 10, (INACTIVE,)),
    # The last success is between 29 and 30: over 5 min it is seen until 33. From 34 on, for 10 min.
    Case(
        "inactive: no metrics",
        "EkibenScalingInactive",
        {COMPUTED: "0+4x30 120x90", NOT_COMPUTED: "0x30 4+4x90"},
        44,
        (INACTIVE,),
    ),
    Case(
        "inactive: kube-state-metrics",
        "EkibenScalingInactive",
        {
            'kube_horizontalpodautoscaler_status_condition{namespace="models",horizontalpodautoscaler="iris",'
            'condition="ScalingActive",status="false"}': "0x30 1x90"
        },
        41,
        (INACTIVE,),
    ),
    # Started again at 11, 13 and 16; each container has series of its own.
    Case(
        "restarts",
        "EkibenRestartLoop",
        {
            started("a"): "600x10 stale",
            started("b"): "_x11 1260x1 stale",
            started("c"): "_x13 1380x2 stale",
            started("d"): "_x16 1560x9",
        },
        16,
        (LOOP,),
    ),
    Case(
        "restarts: kube-state-metrics",
        "EkibenRestartLoop",
        {
            STARTED: None,
            container("kube_pod_container_status_restarts_total", pod=CRASHING): "0x10 1 1 2 2 2 3x9",
        },
        16,
        (LOOP,),
    ),
    # 200 of 600 periods a minute from 30 on: 15 min see 14 increments. 200 k > 0.25 * 8400 at k = 11 (10.5),
    # for 15 min; then it is 2800 of 8400.
    Case(
        "throttled",
        "EkibenCPUThrottled",
        {THROTTLED: "100000x30 100200+200x90"},
        56,
        (
            firing(
                "EkibenCPUThrottled",
                "ticket",
                "A pod of models/iris is held back by its CPU limit",
                f"{POD} was throttled in 33.33% of its CPU periods over 15m (limit 25%).",
                pod=POD,
            ),
        ),
    ),
)
CASES = (*BURNS, *OTHERS)
