from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.train.shop import configured

from ekiben.config import Acceptance
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.train import acceptance
from ekiben.train.metrics import Interval

MEASURED = {"accuracy": Interval(0.9, 0.8, 0.95), "log_loss": Interval(0.3, 0.2, 0.5)}


@pytest.mark.parametrize(
    ("accept", "bound"),
    [
        ({"metric": "accuracy", "min": 0.8}, None),
        ({"metric": "accuracy", "min": 0.81}, "at least 0.81 .* lower bound 0.8000"),
        ({"metric": "log_loss", "max": 0.5}, None),
        ({"metric": "log_loss", "max": 0.49}, "at most 0.49 .* upper bound 0.5000"),
    ],
)
def test_the_worse_bound_is_held_to_the_criterion(accept: dict[str, Any], bound: str | None) -> None:
    """A score by its lower bound, an error by its upper bound, inclusive; the value is not enough."""
    configuration = configured(accept=accept)
    if bound is None:
        assert acceptance.require(configuration, MEASURED, 60) is MEASURED[accept["metric"]]
        return
    with pytest.raises(AcceptanceError, match=bound):
        acceptance.require(configuration, MEASURED, 60)


def test_a_bound_that_is_no_number_is_not_accepted() -> None:
    """NaN meets no criterion."""
    with pytest.raises(AcceptanceError):
        acceptance.require(configured(), {"accuracy": Interval(0.9, float("nan"), 1.0)}, 60)


@pytest.mark.parametrize(("by", "said"), [("exact", "exact, 95%"), ("none", "nothing bounds the metric")])
def test_the_refusal_says_how_the_bound_was_found(by: Any, said: str) -> None:
    """A bound that no resample gave is not called one of resamples."""
    with pytest.raises(AcceptanceError, match=said):
        acceptance.require(configured(), {"accuracy": Interval(1.0, 0.5, 1.0, by)}, 5)


def test_a_metric_that_the_rows_do_not_define() -> None:
    """The error names those that they do."""
    with pytest.raises(ConfigError, match=r"roc_auc is not defined .* defined are accuracy, log_loss"):
        acceptance.require(configured(accept={"metric": "roc_auc", "min": 0.5}), MEASURED, 60)


@pytest.mark.parametrize(
    "given",
    [
        {"metric": "accuracy"},
        {"metric": "accuracy", "max": 0.5},
        {"metric": "rmse", "min": 0.5},
        {"metric": "rmse", "min": 0.5, "max": 1},
        {"metric": "roc_auc", "min": 1.1},
    ],
)
def test_a_criterion_that_does_not_fit_its_metric(given: dict[str, Any]) -> None:
    """Scores have a least, errors a most; nothing can be above 1."""
    with pytest.raises(ValidationError):
        Acceptance.model_validate(given)
