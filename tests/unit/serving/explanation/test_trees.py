"""TreeSHAP against the definition, and against scikit-learn's own outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.unit.serving.explanation import shapley

from ekiben.artefact.explanation import explained_by
from ekiben.errors import ConfigError
from ekiben.serving.explanation.content import Content
from ekiben.serving.explanation.loaded import explainer_of
from ekiben.serving.explanation.trees import TreeExplainer
from ekiben.serving.schema import Input, Output, Schema

NUMBER = Output("regression")
WIDTH = 4
RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(120, WIDTH)).round(1)  # equal values, as real data have
LABELS = (ROWS[:, 0] > 0).astype(int) + (ROWS[:, 1] * ROWS[:, 2] > 0.2)
TARGET = ROWS[:, 0] * 3 + ROWS[:, 1] * ROWS[:, 2] + 100
ASKED = np.concatenate([ROWS[:4], RANDOM.normal(size=(4, WIDTH))])


def schema(output: Output) -> Schema:
    return Schema(tuple(Input(f"c{place}", "float64") for place in range(WIDTH)), output)


def classes(labels: Any) -> Output:
    return Output("classification", tuple(np.unique(labels).tolist()), probabilities=True)


def explained(estimator: Any, output: Output, rows: Any = ASKED) -> tuple[Any, Any, Any]:
    """Base, contributions and outputs, from the bytes that an artefact would hold."""
    content = explained_by(estimator, schema(output), ROWS, ROWS[:2]).content()
    explainer = explainer_of(Content.parse(content), WIDTH)
    found = explainer.explain(rows)
    return explainer.base, found.contributions, found.outputs


@pytest.mark.parametrize(
    "forest",
    [
        RandomForestClassifier(n_estimators=3, max_depth=4, random_state=0),
        RandomForestClassifier(n_estimators=3, max_depth=4, random_state=0, class_weight="balanced"),
        DecisionTreeClassifier(max_depth=5, random_state=0),
    ],
)
def test_contributions_of_classes_are_shapley_values(forest: Any) -> None:
    """For each class, whole and broken weights of rows, to 1e-9."""
    forest.fit(ROWS, LABELS)
    base, contributions, outputs = explained(forest, classes(LABELS))
    trees = [each.tree_ for each in getattr(forest, "estimators_", [forest])]
    for row, found in zip(ASKED, contributions, strict=True):
        parts = [shapley.of_tree(tree, row) for tree in trees]
        assert base == pytest.approx(np.mean([each for each, _ in parts], axis=0), abs=1e-8)
        assert found == pytest.approx(np.mean([each for _, each in parts], axis=0), abs=1e-8)
    assert np.array_equal(outputs, forest.predict_proba(ASKED))
    assert np.abs(base + contributions.sum(axis=1) - forest.predict_proba(ASKED)).max() < 1e-9


@pytest.mark.parametrize("kind", [DecisionTreeRegressor, ExtraTreesRegressor])
def test_contributions_of_a_number_are_shapley_values(kind: Any) -> None:
    """Trees and forests of a regression add up to the prediction."""
    more = {"n_estimators": 3, "bootstrap": True} if kind is ExtraTreesRegressor else {}
    forest = kind(max_depth=5, random_state=1, **more).fit(ROWS, TARGET)
    base, contributions, _ = explained(forest, NUMBER)
    trees = [each.tree_ for each in getattr(forest, "estimators_", [forest])]
    for row, found in zip(ASKED, contributions, strict=True):
        expected = np.mean([shapley.of_tree(tree, row)[1] for tree in trees], axis=0)
        assert found == pytest.approx(expected, abs=1e-9)
    assert base + contributions.sum(axis=1) == pytest.approx(forest.predict(ASKED)[:, None], rel=1e-12)


def test_boosting_behind_a_scaler_adds_up_to_the_decision_function() -> None:
    """Contributions are of the columns as they are sent; the scaler is a step of the explanation."""
    booster = GradientBoostingClassifier(n_estimators=4, max_depth=3, random_state=0)
    estimator = make_pipeline(StandardScaler(), booster).fit(ROWS, LABELS)
    base, contributions, outputs = explained(estimator, classes(LABELS))
    scaled = estimator[0].transform(ASKED)
    for row, found in zip(scaled, contributions, strict=True):
        for score in range(3):
            parts = [shapley.of_tree(stage[score].tree_, row)[1][:, 0] for stage in booster.estimators_]
            assert found[:, score] == pytest.approx(booster.learning_rate * sum(parts), abs=1e-9)
    assert outputs == pytest.approx(estimator.decision_function(ASKED), abs=1e-12)
    assert np.abs(base + contributions.sum(axis=1) - outputs).max() < 1e-9


def test_histogram_boosting_with_gaps() -> None:
    """A missing value goes the way that the tree learned for it."""
    rows, asked = ROWS.copy(), ASKED.copy()
    rows[::5, 1], asked[::2, 1] = np.nan, np.nan
    booster = HistGradientBoostingRegressor(max_iter=4, max_depth=4, min_samples_leaf=5).fit(rows, TARGET)
    base, contributions, _ = explained(booster, NUMBER, asked)
    for row, found in zip(asked, contributions, strict=True):
        parts = [shapley.of_histogram_tree(stage[0], row)[1] for stage in booster._predictors]
        assert found == pytest.approx(sum(parts), abs=1e-9)
    assert base + contributions.sum(axis=1) == pytest.approx(booster.predict(asked)[:, None], rel=1e-12)


@pytest.mark.parametrize(
    ("estimator", "labels", "given"),
    [
        (RandomForestClassifier(30, random_state=0), LABELS, "predict_proba"),
        (GradientBoostingClassifier(n_estimators=30), LABELS > 0, "decision_function"),
        (HistGradientBoostingClassifier(max_iter=20), LABELS > 0, "decision_function"),
        (HistGradientBoostingClassifier(max_iter=20), LABELS, "decision_function"),
        (GradientBoostingRegressor(n_estimators=30), TARGET, "predict"),
        (DecisionTreeRegressor(max_depth=1, min_samples_leaf=100), TARGET, "predict"),  # one leaf
    ],
)
def test_whole_models_add_up(estimator: Any, labels: Any, given: str) -> None:
    """Base and contributions are scikit-learn's own output within 1e-9, on many rows."""
    estimator.fit(ROWS, labels)
    rows = np.random.default_rng(0).normal(size=(500, WIDTH)).round(2)
    base, contributions, _ = explained(estimator, NUMBER if given == "predict" else classes(labels), rows)
    expected = np.asarray(getattr(estimator, given)(rows)).reshape(len(rows), -1)
    assert np.abs(base + contributions.sum(axis=1) - expected).max() < 1e-9


def test_rows_beside_a_threshold_go_the_way_of_the_tree() -> None:
    """The float32 neighbours of each split, and the float64 ones of what float32 rounds to it."""
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(ROWS, LABELS)
    rows = []
    for feature, threshold in zip(tree.tree_.feature, tree.tree_.threshold, strict=True):
        if feature >= 0:
            near = np.float32(threshold)
            for value in (near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))):
                for away in (-np.inf, np.inf):
                    row = ROWS[0].copy()
                    row[feature] = np.nextafter(float(value), away)
                    rows.append(row)
    _, contributions, outputs = explained(tree, classes(LABELS), np.array(rows))
    assert np.array_equal(outputs, tree.predict_proba(rows))
    for row, found in zip(rows, contributions, strict=True):
        assert found == pytest.approx(shapley.of_tree(tree.tree_, row)[1], abs=1e-9)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("left", 0, 0), ("right", 0, 10_000), ("left", 0, -7), ("feature", 0, WIDTH), ("feature", 0, -1),
        ("count", 0, 1), ("count", -1, 0), ("left", 0, -1),
    ],
)  # fmt: skip
def test_a_tree_that_points_outside_itself_is_refused(name: str, place: int, value: int) -> None:
    """Before the library, which would follow it, sees it."""
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(ROWS, LABELS)
    content = explained_by(tree, schema(classes(LABELS)), ROWS, ROWS[:2])
    broken = content.arrays[name].copy()
    broken[place] = value
    with pytest.raises(ConfigError, match="points outside itself"):
        TreeExplainer(Content(content.summary, {**content.arrays, name: broken}), WIDTH)
