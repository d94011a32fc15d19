"""Objectives as recorded series."""

from __future__ import annotations

import pytest

from ekiben.errors import ConfigError
from ekiben.observe import objectives
from ekiben.observe.objectives import Objective
from ekiben.observe.windows import BURNS

LABELS = {"namespace": "models", "release": "iris"}


def test_an_objective_is_six_series() -> None:
    """Values as constants; the edge of the buckets stands in a label."""
    found = objectives.group("models", "iris", Objective(0.995, 0.98, 0.05, (2, 9), 60))
    assert found["rules"] == [
        {"record": "ekiben_objective_availability_ratio", "expr": "vector(0.995)", "labels": LABELS},
        {"record": "ekiben_objective_latency_ratio", "expr": "vector(0.98)", "labels": LABELS},
        {
            "record": "ekiben_objective_latency_seconds",
            "expr": "vector(0.05)",
            "labels": {**LABELS, "le": "0.05"},
        },
        {"record": "ekiben_autoscaling_min_replicas", "expr": "vector(2)", "labels": LABELS},
        {"record": "ekiben_autoscaling_max_replicas", "expr": "vector(9)", "labels": LABELS},
        {"record": "ekiben_autoscaling_target_cpu_ratio", "expr": "vector(0.6)", "labels": LABELS},
    ]
    assert [rule["record"] for rule in found["rules"]] == list(objectives.RECORDED)


def test_what_is_not_promised_is_not_recorded() -> None:
    """Without latency and autoscaler there is one series."""
    found = objectives.group("models", "iris", Objective())
    assert [rule["record"] for rule in found["rules"]] == ["ekiben_objective_availability_ratio"]


@pytest.mark.parametrize(("seconds", "edge"), [(1, "1.0"), (2.5, "2.5"), (0.0001, "0.0001"), (60, "60.0")])
def test_an_edge_is_written_as_the_pods_write_it(seconds: float, edge: str) -> None:
    """Whole seconds have a decimal point, in the exposition and here."""
    found = objectives.group("models", "iris", Objective(latency_seconds=seconds))["rules"][-1]
    assert found["labels"]["le"] == edge


@pytest.mark.parametrize(
    "wrong",
    [
        {"availability_ratio": 1.0},
        {"availability_ratio": 0.93},
        {"latency_ratio": 99.0},
        {"latency_ratio": float("nan")},
        {"latency_seconds": 0.0},
        {"replicas": (3, 2)},
        {"replicas": (0, 2)},
        {"target_cpu_percent": 0},
    ],
)
def test_wrong_objectives_are_refused(wrong: dict[str, object]) -> None:
    """Ratios that no alert can see, percent, and replicas in the wrong order."""
    with pytest.raises(ConfigError):
        Objective(**wrong)  # type: ignore[arg-type]


def test_the_least_objective_lets_the_fastest_alert_fire() -> None:
    """All requests failing must be more than its burn rate times the budget."""
    assert max(burn.rate for burn in BURNS) * (1 - objectives.LEAST_RATIO) < 1
