from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from ekiben.errors import ConfigError
from ekiben.serving.predictors import scikit_learn
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.schema import Input, Output, Schema

INPUTS = tuple(Input(f"x{i}", "float64") for i in range(3))
DRAW = np.random.default_rng(1)
ROWS = DRAW.uniform(-1, 1, size=(90, 3)).round(1)
LABELS = np.array(["low", "middle", "high"])[np.digitize(ROWS.sum(axis=1), [-0.4, 0.4])]
# Rounded rows fall on thresholds and into leaves with ties, as real data do.
ASKED = DRAW.uniform(-1, 1, size=(4_000, 3)).round(1)


def predictor(estimator: Any) -> EstimatorPredictor:
    output = Output("classification", tuple(estimator.classes_.tolist()), hasattr(estimator, "predict_proba"))
    return EstimatorPredictor(estimator, Schema(INPUTS, output))


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(4, random_state=0),  # four trees of pure leaves: ties are common
        ExtraTreesClassifier(4, random_state=0),
        DecisionTreeClassifier(max_depth=2, random_state=0),
        make_pipeline(StandardScaler(), RandomForestClassifier(2, max_depth=2, random_state=0)),
        KNeighborsClassifier(2),
        LogisticRegression(),
        SVC(random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_answers_are_scikit_learns(estimator: Any) -> None:
    """Labels and probabilities of thousands of rows, ties among them, equal `predict` and `predict_proba`."""
    fitted = clone(estimator).fit(ROWS, LABELS)
    answers = predictor(clone(estimator).fit(ROWS, LABELS)).predict(ASKED)
    assert answers.predictions.tolist() == fitted.predict(ASKED).tolist()
    if hasattr(fitted, "predict_proba"):
        assert answers.probabilities is not None
        assert answers.probabilities.tolist() == fitted.predict_proba(ASKED).tolist()
    else:
        assert answers.probabilities is None


def test_predict_is_asked_where_it_is_not_the_most_probable_class() -> None:
    """A classifier with a threshold of its own answers other labels than the greatest probability says."""
    labels = (ROWS.sum(axis=1) > 0).astype(int)
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.2).fit(ROWS, labels)
    answers = predictor(model).predict(ASKED)
    assert answers.predictions.tolist() == model.predict(ASKED).tolist()
    assert answers.predictions.tolist() != model.predict_proba(ASKED).argmax(axis=1).tolist()


def test_ties_occur_in_the_rows_asked() -> None:
    """The comparison above is not idle: some rows have two classes of equal probability."""
    forest = RandomForestClassifier(4, random_state=0).fit(ROWS, LABELS)
    probabilities = np.sort(forest.predict_proba(ASKED), axis=1)
    assert (probabilities[:, -1] == probabilities[:, -2]).sum() > 5


def test_a_forest_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a forest one walk through the trees gives labels and probabilities."""
    forest = RandomForestClassifier(3, random_state=0).fit(ROWS, LABELS)
    served = predictor(forest)
    monkeypatch.setattr(forest, "predict", lambda _: pytest.fail("asked twice"), raising=False)
    assert len(served.predict(ROWS[:2]).predictions) == 2


def test_every_step_runs_on_one_thread() -> None:
    """`n_jobs` of all nested estimators becomes 1."""
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(3, n_jobs=-1)).fit(ROWS, LABELS)
    predictor(pipeline)
    assert pipeline.get_params()["randomforestclassifier__n_jobs"] == 1


def test_regressions() -> None:
    """A regressor answers numbers and no probabilities."""
    target = ROWS @ np.array([1.0, 2.0, 3.0])
    answers = EstimatorPredictor(
        LinearRegression().fit(ROWS, target), Schema(INPUTS, Output("regression"))
    ).predict(ASKED[:5])
    assert answers.predictions == pytest.approx(ASKED[:5] @ np.array([1.0, 2.0, 3.0]))
    assert answers.probabilities is None


def test_an_estimator_without_what_the_schema_promises() -> None:
    """A schema with probabilities needs an estimator that gives them."""
    with pytest.raises(ConfigError, match="predict_proba"):
        EstimatorPredictor(
            LinearRegression().fit(ROWS, ROWS[:, 0]),
            Schema(INPUTS, Output("classification", (0, 1), probabilities=True)),
        )


def test_the_fixed_list_holds_only_classes_that_define_predict_so() -> None:
    """Each class that is asked once has scikit-learn's `predict` as argmax of its probabilities."""
    import importlib

    for name in scikit_learn._ARGMAX:
        module, _, kind = name.rpartition(".")
        estimator = getattr(importlib.import_module(module), kind)(random_state=0, max_depth=2).fit(
            ROWS, LABELS
        )
        argmax = estimator.classes_.take(estimator.predict_proba(ASKED).argmax(axis=1))
        assert argmax.tolist() == estimator.predict(ASKED).tolist()
