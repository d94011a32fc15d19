"""Two cards side by side, of either format."""

from __future__ import annotations

import pytest

from ekiben.artefact.comparison import Figure, compare, figures

OLD = {
    "format": 1,
    "metric": "accuracy",
    "score": 0.9,
    "data_sha256": "sha256:a",
    "seed": 1,
    "rows": {"test": 10},
}


def card(metric: str, value: float, low: float, high: float, **parts: object) -> dict[str, object]:
    return {
        **OLD,
        "format": 2,
        "metric": metric,
        "score": value,
        "metrics": {metric: {"value": value, "low": low, "high": high}},
        **parts,
    }


def test_a_card_of_format_1_has_its_one_score() -> None:
    """Without an interval, so that no verdict follows from it."""
    assert figures(OLD) == {"accuracy": Figure(0.9)}
    found = compare("m:a", "m:b", (OLD, card("accuracy", 0.99, 0.98, 1.0)), ())
    assert [(each.metric, each.verdict) for each in found.metrics] == [("accuracy", "unknown")]
    assert found.metrics[0].change == pytest.approx(0.09)


@pytest.mark.parametrize(
    ("metric", "before", "after", "verdict"),
    [
        ("accuracy", (0.8, 0.7, 0.85), (0.9, 0.86, 0.95), "better"),
        ("accuracy", (0.9, 0.86, 0.95), (0.8, 0.7, 0.85), "worse"),
        ("accuracy", (0.8, 0.7, 0.88), (0.9, 0.86, 0.95), "no difference shown"),
        ("rmse", (3.0, 2.8, 3.2), (2.0, 1.8, 2.2), "better"),
        ("log_loss", (0.2, 0.1, 0.3), (0.5, 0.4, 0.6), "worse"),
        ("house", (0.2, 0.1, 0.3), (0.5, 0.4, 0.6), "unknown"),
    ],
)
def test_intervals_decide(
    metric: str, before: tuple[float, ...], after: tuple[float, ...], verdict: str
) -> None:
    """Only those that do not overlap show a difference; less is better for errors and losses."""
    found = compare("m:a", "m:b", (card(metric, *before), card(metric, *after)), ())
    assert [each.verdict for each in found.metrics] == [verdict]


def test_other_grounds_and_parameters_are_said() -> None:
    """Scores of other data are no comparison of estimators."""
    one = card("r2", 0.5, 0.4, 0.6, estimator="Ridge", parameters={"alpha": 1.0}, versions={"numpy": "2.0"})
    other = card(
        "r2",
        0.5,
        0.4,
        0.6,
        estimator="Ridge",
        parameters={"alpha": 2.0, "tol": 0.1},
        versions={"numpy": "2.1"},
        data_sha256="sha256:b",
    )
    found = compare("m:a", "m:b", (one, other), ())
    assert found.grounds == ("data",)
    assert found.parameters == {"alpha": (1.0, 2.0), "tol": (None, 0.1)}
    assert found.versions == {"numpy": ("2.0", "2.1")}
    assert not found.breaking


def test_a_card_with_nonsense_for_figures() -> None:
    """What is no number is no figure; the rest is read."""
    odd = {
        "metric": "accuracy",
        "score": True,
        "metrics": {"a": 1, "b": {"value": "x"}, "c": {"value": 2, "low": None}},
    }
    assert figures(odd) == {"c": Figure(2.0)}
