"""Linear contributions against the closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ekiben.artefact.explanation import explained_by
from ekiben.serving.explanation.content import Content
from ekiben.serving.explanation.loaded import explainer_of
from ekiben.serving.schema import Input, Output, Schema

ROWS = np.random.default_rng(5).normal(size=(80, 3)) * [1, 10, 100] + [0, 5, -50]
NAMES = ("a", "b", "c")
KINDS = (ROWS[:, 0] > 0).astype(int) + (ROWS[:, 1] > 5)


def explained(estimator: Any, output: Output, rows: Any) -> tuple[Any, Any, Any]:
    schema = Schema(tuple(Input(name, "float64") for name in NAMES), output)
    explainer = explainer_of(Content.parse(explained_by(estimator, schema, ROWS, ROWS[:2]).content()), 3)
    found = explainer.explain(rows)
    return explainer.base, found.contributions, found.outputs


def test_a_line() -> None:
    """Of y = 2 a + 1 a row at 4 contributes 2 (4 - mean); the base is y at the mean."""
    estimator = LinearRegression().fit(ROWS, 2 * ROWS[:, 0] + 1)
    base, contributions, outputs = explained(estimator, Output("regression"), np.array([[4.0, 7.0, -50.0]]))
    mean = ROWS[:, 0].mean()
    assert base == pytest.approx([2 * mean + 1])
    assert contributions[0, :, 0] == pytest.approx([2 * (4 - mean), 0, 0], abs=1e-12)
    assert outputs == pytest.approx(np.array([[9.0]]))


@pytest.mark.parametrize("classifier", [LogisticRegression, RidgeClassifier])
@pytest.mark.parametrize("labels", [KINDS, KINDS > 0])
def test_classes_behind_a_scaler(classifier: Any, labels: Any) -> None:
    """A column moved to the background alone changes the decision function by its contribution."""
    estimator = make_pipeline(StandardScaler(), classifier()).fit(ROWS, labels)
    probable = classifier is LogisticRegression
    output = Output("classification", tuple(np.unique(labels).tolist()), probabilities=probable)
    base, contributions, outputs = explained(estimator, output, ROWS[:5])
    whole = estimator.decision_function(ROWS[:5]).reshape(5, -1)
    for column in range(3):
        without = ROWS[:5].copy()
        without[:, column] = ROWS[:, column].mean()
        expected = whole - estimator.decision_function(without).reshape(5, -1)
        assert contributions[:, column] == pytest.approx(expected, abs=1e-10)
    assert outputs == pytest.approx(whole, abs=1e-12)
    assert base + contributions.sum(axis=1) == pytest.approx(whole, abs=1e-12)
    at_mean = estimator.decision_function(ROWS.mean(axis=0, keepdims=True)).reshape(-1)
    assert base == pytest.approx(at_mean, abs=1e-12)
