"""The release board: one release, from its objectives down to its pods and the model."""

from __future__ import annotations

from ekiben.observe import autoscaling, indicators
from ekiben.observe.alerts import RELEASE_BOARD
from ekiben.observe.boards import asked
from ekiben.observe.boards.asked import WHOSE
from ekiben.observe.boards.board import Board, Mark, Panel, Query, Row
from ekiben.observe.windows import BURNS, HOUR
from ekiben.serving import metrics

ONE = 'namespace="$namespace",release="$release"'
MARKS = (
    Mark("Versions", asked.versions_new(), "version {{version}}"),
    Mark("Rollouts", asked.rollouts_new(), "rollout {{replicaset}}"),
)
_FASTEST = BURNS[0].rate


def _burning(indicator: indicators.Indicator, what: str) -> Panel:
    return Panel(
        f"Burn of the {indicator} budget",
        f"How many times faster than allowed {what}. {_FASTEST:g} over 1 h, or 6 over 6 h, is a page.",
        "times",
        tuple(Query(indicators.burn_rate(indicator, n * HOUR), f"over {n} h") for n in (1, 6)),
        (1, _FASTEST),
    )


LATENCY = Panel(
    "Latency",
    "Duration of requests for predictions in the pods, from receipt to the end of the answer. Dots are "
    "traces; "
    "the dashed line is the objective.",
    "seconds",
    (
        *(
            Query(asked.latency(share, *WHOSE), f"p{share * 100:g}", exemplars=True)
            for share in (0.5, 0.95, 0.99)
        ),
        Query(asked.latency_objective(), "objective", limit=True),
    ),
)
REPLICAS = Panel(
    "Replicas",
    "What the autoscaler asks for, and what is ready; between the dashed lines it is free.",
    "count",
    (
        Query(autoscaling.ready_replicas(), "ready"),
        Query(autoscaling.desired_replicas(), "desired"),
        Query(autoscaling.min_replicas(), "fewest", limit=True),
        Query(autoscaling.max_replicas(), "most", limit=True),
    ),
)
CPU = Panel(
    "CPU by pod",
    "Cores that each pod's process uses: what an autoscaler on CPU decides by, against its target.",
    "cores",
    (Query(asked.cpu_cores("pod"), "{{pod}}"),),
)
THROTTLED = Panel(
    "Throttled by the CPU limit",
    "Share of CPU periods in which a pod had used up its limit. Above 25 % for 15 minutes there is a ticket.",
    "ratio",
    (Query(asked.throttled_ratio(), "{{pod}}"),),
    (0.25,),
)

BOARD = Board(
    uid=RELEASE_BOARD,
    title="ekiben / release",
    description="One release: objectives, requests, saturation, replicas, and what the model sees and says.",
    matchers=ONE,
    one_release=True,
    rows=(
        Row(
            "Objectives",
            (
                _burning("availability", "requests fail or are given up"),
                _burning("latency", "answers are slower than the objective"),
            ),
        ),
        Row(
            "Requests",
            (
                Panel(
                    "Requests by outcome",
                    "Requests for predictions that ended: ok, refused (the caller's mistake), rate (the "
                    "caller's "
                    "limit), busy, late, failed, gone (the caller gave up).",
                    "requests",
                    (Query(asked.rate(metrics.REQUESTS, "outcome"), "{{outcome}}"),),
                ),
                Panel(
                    "Requests by protocol",
                    "The same by the protocol that they speak.",
                    "requests",
                    (Query(asked.rate(metrics.REQUESTS, "protocol"), "{{protocol}}"),),
                ),
                LATENCY,
            ),
        ),
        Row(
            "Saturation",
            (
                Panel(
                    "Where the time goes, p99",
                    "Time that requests wait for the predictor, and time in the predictor. Long queues ask "
                    "for "
                    "replicas; a long prediction is as long with more of them.",
                    "seconds",
                    (
                        Query(asked.quantile(metrics.QUEUE_DURATION, 0.99), "in the queue", exemplars=True),
                        Query(
                            asked.quantile(metrics.PREDICT_DURATION, 0.99), "in the predictor", exemplars=True
                        ),
                    ),
                ),
                Panel(
                    "Open",
                    "Requests being handled and connections open, over all pods.",
                    "count",
                    (
                        Query(asked.gauge(metrics.IN_PROGRESS, *WHOSE), "requests"),
                        Query(asked.gauge(metrics.CONNECTIONS_OPEN, *WHOSE), "connections"),
                    ),
                ),
                THROTTLED,
                Panel(
                    "Memory by pod",
                    "What counts against the limit (dashed), above which the kernel ends the container.",
                    "bytes",
                    (
                        Query(asked.memory_bytes(), "{{pod}}"),
                        Query(asked.memory_limit_bytes(), "limit", limit=True),
                    ),
                ),
            ),
        ),
        Row("Replicas", (REPLICAS, CPU)),
        Row(
            "Model",
            (
                Panel(
                    "Rows",
                    "Rows predicted, rows refused for a value that does not fit the schema, and rows taken "
                    "although "
                    "a value lies outside of its declared range.",
                    "per second",
                    (
                        Query(asked.rate(metrics.PREDICTIONS, "version"), "predicted, {{version}}"),
                        Query(asked.rate(metrics.REJECTED_ROWS, *WHOSE), "refused"),
                        Query(asked.rate(metrics.OUT_OF_RANGE, *WHOSE), "out of range"),
                    ),
                ),
                Panel(
                    "Refused requests by reason",
                    "First reason of each refusal; the answer points at every wrong place.",
                    "requests",
                    (Query(f"{asked.rate(metrics.REJECTED_REQUESTS, 'reason')} > 0", "{{reason}}"),),
                ),
                Panel(
                    "Score on labelled rows",
                    "What each version reaches on the rows that travel with it, worst pod; dashed, what the "
                    "trained "
                    "estimator reached. They are one line, or something is wrong with a pod.",
                    "times",
                    (
                        Query(
                            f"min by (version, metric) ({indicators.every(metrics.RECHECK_SCORE.name)})",
                            "{{metric}} of {{version}}",
                        ),
                        Query(
                            "max by (version, metric) "
                            f"({indicators.every(metrics.RECHECK_EXPECTED_SCORE.name)})",
                            "{{metric}} expected of {{version}}",
                            limit=True,
                        ),
                    ),
                ),
            ),
        ),
    ),
    marks=MARKS,
)
