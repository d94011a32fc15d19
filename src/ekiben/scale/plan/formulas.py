"""What a plan derives, in order: each formula takes given and measured numbers and those above it.

The mathematics is explained in docs/scaling.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ekiben.scale.plan.quantity import Formula

Headroom = Literal["budget", "saturation", "objective"]
Signal = Literal["cpu", "demand"]

_DOC = "docs/scaling.md"
_HPA = "https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/"
_LITTLE = "Little, Operations Research 9(3), 1961: L = lambda W"

_RATES = (
    Formula(
        "lag_seconds", "s",
        "scrape_seconds + window_seconds / 2 + rule_seconds + adapter_seconds + sync_seconds + "
        "schedule_seconds + pull_seconds + start_seconds + probe_seconds + endpoint_seconds",
        "longest time from more load to a replica that takes its share", f"{_DOC}, section 3",
    ),
    Formula(
        "mean_lag_seconds", "s",
        "scrape_seconds / 2 + window_seconds / 2 + rule_seconds / 2 + adapter_seconds + sync_seconds / 2 + "
        "schedule_seconds + pull_seconds + start_seconds + probe_seconds / 2 + endpoint_seconds",
        "the same on average: an event falls into the middle of each period",
        f"{_DOC}, section 3",
    ),
    Formula(
        "wait_seconds", "s", "timeout_seconds / 5",
        "longest wait that a surge may cause", f"{_DOC}, section 4: far below the callers' time-out",
    ),
    Formula(
        "hard_rate", "requests/s", "0.95 * saturation_rate",
        "rate above which a replica's queue grows", f"{_DOC}, section 4",
    ),
    Formula(
        "ramp_bound_rate", "requests/s", "capacity_rate / (1 + surge_per_second * lag_seconds)",
        "rate from which a surge during the lag never leaves the objective", f"{_DOC}, section 4 (a)",
    ),
    Formula(
        "saturation_bound_rate", "requests/s",
        "min(capacity_rate, hard_rate / (1 + surge_per_second * lag_seconds))",
        "rate from which a surge during the lag never saturates a replica", f"{_DOC}, section 4 (b)",
    ),
    Formula(
        "surge_ratio", "",
        "max(1, 1 + surge_per_second * (lag_seconds + wait_seconds) - sqrt(surge_per_second * "
        "surge_per_second * wait_seconds * (wait_seconds + 2 * lag_seconds) + "
        "2 * surge_per_second * wait_seconds))",
        "saturation over target at which the wait at the end of the lag is `wait_seconds`",
        f"{_DOC}, section 4 (c): the root of (gL - y)^2 = 2 g W (1 + y), y = r - 1",
    ),
    Formula(
        "surge_bound_rate", "requests/s", "saturation_rate / surge_ratio",
        "rate from which a surge during the lag makes nobody wait longer than `wait_seconds`",
        f"{_DOC}, section 4 (c)",
    ),
    Formula(
        "surge_budget_seconds", "s", "surge_budget_ratio * bad_ratio * 86400 / surges_per_day",
        "how long all requests may be bad in each surge", f"{_DOC}, section 4 (c)",
    ),
    Formula(
        "surge_spread_ratio", "",
        "surge_per_second * surge_budget_seconds * max(0, saturation_rate / capacity_rate - 1)",
        "that budget as growth, times how far saturation lies above the objective", f"{_DOC}, section 4 (c)",
    ),
    Formula(
        "budget_bound_rate", "requests/s",
        "capacity_rate / (1 + max(0, min(surge_per_second * (lag_seconds - surge_budget_seconds), "
        "surge_per_second * lag_seconds + surge_spread_ratio - sqrt(surge_spread_ratio * "
        "(surge_spread_ratio + 2 + 2 * surge_per_second * lag_seconds)))))",
        "rate from which a day's surges spend no more than their part of the error budget",
        f"{_DOC}, section 4 (c): all bad beyond C*, or the root of (gL - h)^2 = 2 K (1 + h); the better one",
    ),
)  # fmt: skip

# The same place for each choice, so that what follows need not know it. No replica needs to carry more than
# the whole peak, so that a small service does not ask for a large machine.
TARGETS: Mapping[Headroom, Formula] = {
    "budget": Formula(
        "target_rate", "requests/s", "min(capacity_rate, surge_bound_rate, budget_bound_rate, peak_rate)",
        "load of one replica that the autoscaler aims at", f"{_DOC}, section 4 (c)",
    ),
    "saturation": Formula(
        "target_rate", "requests/s", "min(capacity_rate, saturation_bound_rate, peak_rate)",
        "load of one replica that the autoscaler aims at", f"{_DOC}, section 4 (b)",
    ),
    "objective": Formula(
        "target_rate", "requests/s", "min(capacity_rate, ramp_bound_rate, peak_rate)",
        "load of one replica that the autoscaler aims at", f"{_DOC}, section 4 (a)",
    ),
}  # fmt: skip

_POD = (
    Formula(
        "headroom_ratio", "", "capacity_rate / target_rate - 1",
        "what the target leaves below the capacity", f"{_DOC}, section 4",
    ),
    Formula(
        "steer_rate", "requests/s", "target_rate / (1 + tolerance_ratio)",
        "load at which the HPA stands still; it adds a replica only above this times 1 + tolerance", _HPA,
    ),
    Formula(
        "busy_cores", "cores", "idle_cores + cpu_seconds_per_request * target_rate",
        "CPU use of a replica at its target", f"{_DOC}, section 5",
    ),
    Formula(
        "worker_threads", "threads", "max(1, floor(cores))",
        "threads that predict, all from one queue", f"{_DOC}, section 5: one for each core",
    ),
    Formula(
        "cpu_request_millicores", "millicores", "max(10, 10 * ceil(100 * busy_cores))",
        "CPU request of a replica", f"{_DOC}, section 5: what it uses at its target, not at its peak",
    ),
    Formula(
        "cpu_limit_millicores", "millicores", "1000 * ceil(cores + 0.5)",
        "CPU limit of a replica", f"{_DOC}, section 5: half a core above what it can use, or CFS stalls it",
    ),
    Formula(
        "memory_mebibytes", "MiB", "ceil(1.2 * memory_bytes / 1048576)",
        "memory request and limit of a replica", f"{_DOC}, section 5",
    ),
    Formula(
        "cpu_target_percent", "percent of the CPU request",
        "max(1, min(100, floor(100000 * (idle_cores + cpu_seconds_per_request * steer_rate) / "
        "cpu_request_millicores)))",
        "CPU use that the HPA steers to", f"{_DOC}, section 5",
    ),
    Formula(
        "cpu_net_percent", "percent of the CPU request",
        "max(1, min(floor(115000 * busy_cores / cpu_request_millicores), "
        "floor(95000 * cores / cpu_request_millicores)))",
        "CPU use at which the safety net adds replicas where demand is the signal",
        f"{_DOC}, section 5: above the target, and below what a replica can use",
    ),
    Formula(
        "concurrency_limit", "requests", "max(16, min(10000, ceil(saturation_rate * wait_seconds)))",
        "requests in a replica at once; more are refused with 503 rather than answered too late", _LITTLE,
    ),
    Formula(
        "bucket_seconds", "s", "objective_seconds",
        "edge of the latency buckets, so that the share of good requests is exact", f"{_DOC}, section 5",
    ),
)  # fmt: skip

_REPLICAS = (
    Formula(
        "quota_replicas", "replicas", "min(1000, floor(1000 * quota_cores / cpu_request_millicores))",
        "replicas whose CPU requests fit the quota", f"{_DOC}, section 6",
    ),
    Formula(
        "peak_replicas", "replicas", "ceil(peak_rate / target_rate)",
        "replicas that carry the peak", f"{_DOC}, section 6",
    ),
    Formula(
        "min_replicas", "replicas",
        "max(2, ceil(trough_rate / target_rate), ceil(trough_rate / hard_rate) + 1, "
        "ceil(trough_rate * (1 + surge_per_second * lag_seconds) / hard_rate))",
        "fewest replicas: they carry the trough, also with one lost, also in a surge", f"{_DOC}, section 6",
    ),
    Formula(
        "max_replicas", "replicas",
        "min(quota_replicas, max(min_replicas, ceil(1.5 * peak_rate / target_rate) + 1))",
        "most replicas: the peak with half as much again, and one", f"{_DOC}, section 6",
    ),
    Formula(
        "peak_cores", "cores", "cores * max(min_replicas, peak_replicas)",
        "cores of all replicas at the peak", f"{_DOC}, section 5: of several shapes the least is taken",
    ),
    Formula(
        "ramp_peak_replicas", "replicas", "ceil(peak_rate / ramp_bound_rate)",
        "replicas at the peak if the objective were held through every surge", f"{_DOC}, section 4 (a)",
    ),
    Formula(
        "saturation_peak_replicas", "replicas", "ceil(peak_rate / saturation_bound_rate)",
        "replicas at the peak if no surge were to saturate them", f"{_DOC}, section 4 (b)",
    ),
    Formula(
        "pdb_max_unavailable", "replicas", "1",
        "replicas that an eviction may take at once", f"{_DOC}, section 6: the fewest carry one's loss",
    ),
)  # fmt: skip

_BEHAVIOR = (
    Formula(
        "scale_up_window_seconds", "s", "0",
        "how long a higher need must hold", f"{_DOC}, section 7: late replicas cost the objective",
    ),
    Formula(
        "scale_up_pods", "replicas", "max(4, ceil(max_replicas / 2))",
        "replicas that may come at once", f"{_DOC}, section 7",
    ),
    Formula(
        "scale_up_percent", "percent", "100 * ceil(surge_per_second * lag_seconds + 1)",
        "growth that may come at once", f"{_DOC}, section 7: what a surge adds within the lag, rounded up",
    ),
    Formula("scale_up_period_seconds", "s", "sync_seconds", "in which those may come", _HPA),
    Formula(
        "scale_down_window_seconds", "s", "min(3600, ceil(max(120, 2 * lag_seconds + window_seconds)))",
        "how long a lower need must hold",
        f"{_DOC}, section 7: longer than a wrong step down takes to be undone",
    ),
    Formula(
        "scale_down_percent", "percent", "max(1, floor(100 * headroom_ratio / (1 + headroom_ratio)))",
        "replicas that may go at once: no more than the headroom carries", f"{_DOC}, section 7",
    ),
    Formula(
        "scale_down_pods", "replicas", "1",
        "replicas that may go at once where the percentage rounds to none", f"{_DOC}, section 7",
    ),
    Formula(
        "scale_down_period_seconds", "s",
        "min(1800, sync_seconds * ceil(max(sync_seconds, lag_seconds) / sync_seconds))",
        "in which those may go: a lag, so that one wrong step is undone before the next",
        f"{_DOC}, section 7",
    ),
)  # fmt: skip

_LIFE = (
    Formula(
        "startup_failure_threshold", "probes", "max(30, ceil(10 * start_seconds / startup_period_seconds))",
        "startup probes that may fail", f"{_DOC}, section 8: ten times what a start took",
    ),
    Formula(
        "progress_deadline_seconds", "s",
        "max(300, startup_failure_threshold * startup_period_seconds + 60)",
        "after which a rollout that gets nowhere has failed",
        f"{_DOC}, section 8: what its probe allows a start, and a minute for all else",
    ),
    Formula(
        "drain_seconds", "s", "max(10, ceil(2 * endpoint_seconds))",
        "how long an ending pod goes on serving", f"{_DOC}, section 8: until no proxy sends to it",
    ),
    Formula(
        "request_timeout_seconds", "s", "ceil(timeout_seconds)",
        "longest time of one request", f"{_DOC}, section 8: nobody waits for a later answer",
    ),
    Formula(
        "grace_seconds", "s", "2 * drain_seconds + request_timeout_seconds + 10",
        "terminationGracePeriodSeconds", "helm/model-server: the chart computes it from the two above",
    ),
)  # fmt: skip


def formulas(headroom: Headroom) -> tuple[Formula, ...]:
    """All that a plan derives, in an order in which each takes only what stands above it."""
    return (*_RATES, TARGETS[headroom], *_POD, *_REPLICAS, *_BEHAVIOR, *_LIFE)
