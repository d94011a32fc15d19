"""Why there is no data: each reason from what was there and what was not."""

from __future__ import annotations

import pytest

from ekiben.diagnosis.report import absence
from ekiben.observe import autoscaling, indicators
from ekiben.observe.boards import asked, release, scaling
from ekiben.observe.boards.board import Query
from ekiben.observe.windows import HOUR
from ekiben.serving import metrics

BURN = indicators.burn_rate("availability", HOUR)
REFUSED = asked.rate(metrics.REJECTED_REQUESTS, "reason")


@pytest.mark.parametrize(
    ("expression", "there", "said"),
    [
        (autoscaling.ready_replicas(), set(), "No pod of this release was scraped"),
        (BURN, {"ekiben_objective_availability_ratio"}, "prometheusRule.enabled"),
        (BURN, {"ekiben_objective_availability_ratio"}, "release:availability_errors:ratio_rate1h was not"),
        (autoscaling.max_replicas(), set(), "no autoscaler"),
        (asked.cpu_limit_cores(), {"model_info"}, "the kubelet's cAdvisor"),
        (REFUSED, set(), "no pod counted any model_rejected_requests_total"),
        ('min(model_recheck_score{release!=""})', set(), "No pod of this release gave model_recheck_score"),
        ('count(ALERTS{release!=""})', set(), "No alert of this release"),
        (REFUSED, {"model_rejected_requests_total"}, "nothing of the kind"),
        (
            autoscaling.desired_replicas(),
            {"ekiben_autoscaling_max_replicas"},
            "does not see kube-controller-manager and kube-state-metrics",
        ),
    ],
)
def test_the_reason_is_what_is_missing(expression: str, there: set[str], said: str) -> None:
    """Pods, rules, other programs, events: whichever of them was not there."""
    assert said in absence.reason(Query(expression, "it"), there)


def test_an_alternative_is_not_missed() -> None:
    """Where Kubernetes' own component answers, nobody needs kube-state-metrics."""
    query = Query(autoscaling.desired_replicas(), "it")
    there = {
        "ekiben_autoscaling_max_replicas",
        "horizontal_pod_autoscaler_controller_desired_replicas",
    }
    assert "kube" not in absence.reason(query, there)


def test_every_query_of_the_boards_reads_something_known() -> None:
    """So that its reason can be found."""
    for board in (release.BOARD, scaling.BOARD):
        for panel in board.panels():
            assert all(absence.read_by(query) for query in panel.queries), panel.title
