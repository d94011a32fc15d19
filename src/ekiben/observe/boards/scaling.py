"""The autoscaling board: what is asked, what could be answered, what is wanted, and how late it comes."""

from __future__ import annotations

from ekiben.observe import autoscaling, demand
from ekiben.observe.alerts import AUTOSCALING_BOARD
from ekiben.observe.boards import asked
from ekiben.observe.boards.asked import WHOSE
from ekiben.observe.boards.board import Board, Panel, Query, Row
from ekiben.observe.boards.release import CPU, LATENCY, MARKS, ONE, REPLICAS, THROTTLED
from ekiben.observe.indicators import ON
from ekiben.serving import metrics

BOARD = Board(
    uid=AUTOSCALING_BOARD,
    title="ekiben / autoscaling",
    description="Why a release has as many replicas as it has: demand, capacity, target, desired, lag.",
    matchers=ONE,
    one_release=True,
    rows=(
        Row(
            "Demand and capacity",
            (
                Panel(
                    "Demand and capacity",
                    "Requests counted at receipt, those that ended, and what the ready pods could answer if "
                    "they "
                    "used their CPU limits whole, at the present cost of a request.",
                    "requests",
                    (
                        Query(asked.arrivals(), "demand"),
                        Query(asked.rate(metrics.REQUESTS, *WHOSE), "ended"),
                        Query(asked.capacity(), "capacity", limit=True),
                    ),
                ),
                Panel(
                    "Demand by replica",
                    "Requests at receipt over ready pods.",
                    "requests",
                    (Query(f"{asked.arrivals()} / {ON} ({autoscaling.ready_replicas()} > 0)", "by replica"),),
                ),
                Panel(
                    "Replicas by demand",
                    "Replicas that the demand needs: what an autoscaler on demand decides by, rounded up; "
                    "empty without one.",
                    "count",
                    (
                        Query(demand.needed_replicas(), "needed"),
                        Query(autoscaling.ready_replicas(), "ready"),
                    ),
                ),
                Panel(
                    "CPU of one request",
                    "CPU time of the pods over requests that ended. A step is another model, or larger "
                    "requests.",
                    "seconds",
                    (Query(asked.cpu_seconds_per_request(), "CPU"),),
                ),
            ),
        ),
        Row(
            "What the autoscaler decides by",
            (
                Panel(
                    "CPU over the limit",
                    "CPU use of all pods over their limits. An autoscaler on CPU holds it at its target "
                    "(dashed) "
                    "where requests equal limits, as in the chart's defaults.",
                    "ratio",
                    (
                        Query(f"{asked.cpu_cores(*WHOSE)} / {ON} {asked.cpu_limit_cores()}", "use"),
                        Query(autoscaling.target_cpu_ratio(), "target", limit=True),
                    ),
                ),
                CPU,
                Panel(
                    "Computations of metrics, all autoscalers",
                    "How often the controller-manager computed what an autoscaler wants, and how often it "
                    "could not. "
                    "Its errors do not name the autoscaler.",
                    "per second",
                    (
                        Query(asked.computations('error="none"'), "computed, {{metric_type}}"),
                        Query(asked.computations('error!="none"'), "failed, {{metric_type}}"),
                    ),
                ),
                THROTTLED,
            ),
        ),
        Row(
            "What it wants, and when it has it",
            (
                REPLICAS,
                Panel(
                    "Replicas that are missing",
                    "Asked for and not ready: pods that wait for a node, an image, or their golden rows.",
                    "count",
                    (Query(asked.missing_replicas(), "missing"),),
                    (1,),
                ),
                Panel(
                    "Lag",
                    "Seconds of the last hour in which fewer replicas were ready than asked for.",
                    "seconds",
                    (Query(asked.seconds_short(), "short of replicas"),),
                ),
                LATENCY,
            ),
        ),
    ),
    marks=MARKS,
)
