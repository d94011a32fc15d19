"""The fleet board: all releases side by side, worst first in every legend."""

from __future__ import annotations

from ekiben.observe import autoscaling, conditions, indicators
from ekiben.observe.boards import asked
from ekiben.observe.boards.asked import WHOSE
from ekiben.observe.boards.board import Board, Panel, Query, Row
from ekiben.observe.indicators import ON
from ekiben.observe.windows import BURNS, HOUR, Pace
from ekiben.serving import metrics

_NAME = "{{namespace}}/{{release}}"
_FASTEST = BURNS[0].rate
_BASE = Pace().base
_FIRING = indicators.every("ALERTS", 'alertstate="firing"', 'alertname=~"Ekiben.+"')


def _budget(indicator: indicators.Indicator, what: str) -> Panel:
    return Panel(
        f"Burn of the {indicator} budget, 1 h",
        f"How many times faster than allowed {what} over the last hour. At 1 a budget of 30 days lasts 30 "
        f"days; "
        f"at {_FASTEST:g} somebody is paged.",
        "times",
        (Query(indicators.burn_rate(indicator, HOUR), _NAME),),
        (1, _FASTEST),
    )


BOARD = Board(
    uid="ekiben-fleet",
    title="ekiben / fleet",
    description="Every release: what is asked of it, how well it answers, and how many replicas that takes.",
    matchers='namespace=~"$namespace",release!=""',
    one_release=False,
    rows=(
        Row(
            "Objectives",
            (
                _budget("availability", "requests failed or were given up"),
                _budget("latency", "answers were slower than the objective"),
                Panel(
                    "Alerts that fire",
                    "Alerts of ekiben's rules by release; docs/runbook.md has a section for each.",
                    "count",
                    (
                        Query(
                            f"count by (namespace, release, alertname) ({_FIRING})",
                            "{{alertname}} " + _NAME,
                        ),
                    ),
                    (1,),
                ),
            ),
        ),
        Row(
            "Requests",
            (
                Panel(
                    "Requests",
                    "Requests for predictions that ended, per second, by all protocols and with any outcome.",
                    "requests",
                    (Query(asked.rate(metrics.REQUESTS, *WHOSE), _NAME),),
                ),
                Panel(
                    "Errors",
                    "Share of requests that failed (500, 503, 504) or were given up (499), over 5 minutes.",
                    "ratio",
                    (Query(indicators.every(indicators.recorded_ratio("availability", _BASE)), _NAME),),
                ),
                Panel(
                    "Latency, p99 against the objective",
                    "The 99th percentile as a multiple of the objective: above 1, one answer in a hundred "
                    "is late.",
                    "times",
                    (
                        Query(
                            f"{asked.latency(0.99, *WHOSE)} / {ON} {asked.latency_objective()}",
                            _NAME,
                            exemplars=True,
                        ),
                    ),
                    (1,),
                ),
                Panel(
                    "Rows that were refused",
                    "Share of rows that did not fit the schema, over 15 minutes: callers and model disagree.",
                    "ratio",
                    (Query(conditions.rejected_ratio(Pace()), _NAME),),
                    (0.05,),
                ),
            ),
        ),
        Row(
            "Replicas",
            (
                Panel(
                    "Ready replicas",
                    "Pods that Prometheus scrapes now.",
                    "count",
                    (Query(autoscaling.ready_replicas(), _NAME),),
                ),
                Panel(
                    "Desired of most replicas",
                    "What the autoscaler asks for, as a share of what it may: at 100 % more load brings no "
                    "more.",
                    "ratio",
                    (Query(f"{autoscaling.desired_replicas()} / {ON} {autoscaling.max_replicas()}", _NAME),),
                    (1,),
                ),
                Panel(
                    "CPU",
                    "Cores that the pods' processes use.",
                    "cores",
                    (Query(asked.cpu_cores(*WHOSE), _NAME),),
                ),
                Panel(
                    "Versions",
                    "Versions that serve side by side: 2 during a rollout, 1 at all other times.",
                    "count",
                    (Query(conditions.versions(), _NAME),),
                    (2,),
                ),
            ),
        ),
    ),
)
