"""Every alert, as data: when it fires, how bad that is, what it says, and where to look.

`severity` is `page` where users are hurt now and `ticket` where they will be;
`docs/runbook.md` has a section for each name.

Source: thresholds without a source of their own are choices, explained in the runbook.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ekiben.observe import autoscaling, conditions, indicators
from ekiben.observe.indicators import Indicator
from ekiben.observe.windows import BURNS, DAY, MINUTE, Burn, Pace, Severity, written

RUNBOOK = "docs/runbook.md"
RELEASE_BOARD, AUTOSCALING_BOARD = "ekiben-release", "ekiben-autoscaling"
WHO = "{{ $labels.namespace }}/{{ $labels.release }}"
REJECTED_RATIO = 0.05
THROTTLED_RATIO = 0.25  # kubernetes-mixin's CPUThrottlingHigh
RESTARTS = 3
KEY_DAYS = 14


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule.

    Attributes:
        name: Of the alert; a section of the runbook.
        expression: PromQL; it fires for every series of the result.
        severity: How soon somebody must look.
        summary: One line, with the release.
        description: What is known, with the value.
        hold_seconds: How long the expression must hold (`for`), unscaled seconds.
        board: Stable uid of the dashboard to look at.
        labels: More labels.
    """

    name: str
    expression: str
    severity: Severity
    summary: str
    description: str
    hold_seconds: int = 0
    board: str = RELEASE_BOARD
    labels: dict[str, str] = field(default_factory=dict)

    def rule(self, pace: Pace) -> dict[str, Any]:
        """Give it as a rule of Prometheus."""
        hold = {"for": written(pace.window(self.hold_seconds))} if self.hold_seconds else {}
        dashboard = (
            f"/d/{self.board}?var-namespace={{{{ $labels.namespace }}}}&var-release={{{{ $labels.release }}}}"
        )
        return {
            "alert": self.name,
            "expr": self.expression,
            **hold,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOK}#{self.name.lower()}",
                "dashboard_url": dashboard,
            },
        }


def alerts(pace: Pace) -> tuple[Alert, ...]:
    """Give every alert, at this pace."""
    burning = (_burning(indicator, burn, pace) for indicator in indicators.INDICATORS for burn in BURNS)
    return (*burning, *_of_observation(pace), *_of_answers(pace), *_of_replicas(pace))


def _burning(indicator: Indicator, burn: Burn, pace: Pace) -> Alert:
    long, short = pace.window(burn.long_seconds), pace.window(burn.short_seconds)
    bad = {
        "availability": "requests fail or are given up",
        "latency": "answers are slower than the objective",
    }[indicator]
    return Alert(
        f"Ekiben{indicator.capitalize()}BudgetBurn",
        indicators.budget_burns(indicator, burn.rate, long, short, pace),
        burn.severity,
        f"{WHO} spends its error budget of {indicator}",
        f"Over {written(long)}, too many {bad}: "
        f"{{{{ $value | humanize }}}} times what the objective allows (limit {burn.rate:g}), "
        f"and over {written(short)} as well.",
        labels={"long_window": written(long), "short_window": written(short)},
    )


def _of_observation(pace: Pace) -> Iterator[Alert]:
    yield Alert(
        "EkibenMetricsAbsent",
        conditions.metrics_absent(),
        "page",
        f"No pod of {WHO} is scraped",
        "Prometheus reaches no pod of this release: it is down, or nobody can see whether it is. "
        "No other alert about it can fire.",
        5 * MINUTE,
    )
    yield Alert(
        "EkibenObjectiveMissing",
        conditions.objective_missing(pace),
        "ticket",
        f"{WHO} has no objective that its metrics can be held to",
        "{{ $value }} pods are scraped, but no objective of availability is recorded, or none of their "
        "buckets ends on the objective of latency: alerts about the error budget cannot fire.",
        15 * MINUTE,
    )


def _of_answers(pace: Pace) -> Iterator[Alert]:
    yield Alert(
        "EkibenRowsRejected",
        f"{conditions.rejected_ratio(pace)} > {REJECTED_RATIO:g}",
        "ticket",
        f"Callers of {WHO} send rows that the model cannot take",
        "{{ $value | humanizePercentage }} of the rows of the last "
        f"{written(pace.window(15 * MINUTE))} did not fit the schema (limit 5%).",
        5 * MINUTE,
    )
    yield Alert(
        "EkibenVersionSkew",
        f"{conditions.versions()} > 1",
        "ticket",
        f"{WHO} answers with more than one version",
        "{{ $value }} versions of the model have been serving side by side for "
        f"{written(pace.window(30 * MINUTE))}.",
        30 * MINUTE,
    )
    yield Alert(
        "EkibenScoreBelowFloor",
        conditions.score_below_floor(),
        "page",
        f"A pod of {WHO} answers worse than its model",
        '{{ $labels.pod }} reaches {{ $labels.metric }} {{ printf "%.4g" $value }} on its labelled rows: '
        "over 1% worse than the trained estimator of version {{ $labels.version }}.",
        5 * MINUTE,
    )
    yield Alert(
        "EkibenRecheckFailing",
        f"{conditions.failed_rechecks(pace)} > 0",
        "ticket",
        f"Pods of {WHO} cannot score themselves",
        f"Rechecks on labelled rows failed within the last {written(pace.window(15 * MINUTE))}: the model "
        "raises on rows that it was tested with.",
    )
    yield Alert(
        "EkibenKeyExpiring",
        f"{conditions.key_seconds_left()} < {KEY_DAYS * DAY}",
        "ticket",
        f"An API key of {WHO} ends soon",
        "In {{ $value | humanizeDuration }} a caller is left without a valid key, and is answered 401 from "
        "then on.",
    )


def _of_replicas(pace: Pace) -> Iterator[Alert]:
    yield Alert(
        "EkibenAutoscalerAtMaximum",
        autoscaling.at_maximum(),
        "ticket",
        f"{WHO} has all replicas that it may have",
        "The autoscaler has asked for {{ $value }} replicas, its maximum, for "
        f"{written(pace.window(15 * MINUTE))}: more load will not bring more replicas.",
        15 * MINUTE,
        AUTOSCALING_BOARD,
    )
    yield Alert(
        "EkibenScalingInactive",
        autoscaling.scaling_inactive(pace),
        "ticket",
        f"The autoscaler of {WHO} does not act",
        "It cannot compute how many replicas it wants (at most {{ $value }}): more load will not bring more "
        "replicas.",
        10 * MINUTE,
        AUTOSCALING_BOARD,
    )
    yield Alert(
        "EkibenRestartLoop",
        f"{autoscaling.restarts(pace)} >= {RESTARTS}",
        "page",
        f"A pod of {WHO} starts again and again",
        "{{ $labels.pod }} has started {{ $value }} times again within "
        f"{written(pace.window(15 * MINUTE))}.",
    )
    yield Alert(
        "EkibenCPUThrottled",
        f"{autoscaling.throttled_ratio(pace)} > {THROTTLED_RATIO:g}",
        "ticket",
        f"A pod of {WHO} is held back by its CPU limit",
        "{{ $labels.pod }} was throttled in {{ $value | humanizePercentage }} of its CPU periods over "
        f"{written(pace.window(15 * MINUTE))} (limit 25%).",
        15 * MINUTE,
    )
