"""Every kind of estimator: its fastest form, compared with scikit-learn on rows of this file's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.unit.artefact.forms.proving import (
    CANCER,
    DIABETES,
    IRIS,
    asked,
    fitted,
    proven,
    served,
    together,
)

from ekiben.artefact.forms import attempts, converted
from ekiben.serving.predictor import Answers, Form
from ekiben.serving.predictors.onnx import OnnxPredictor
from ekiben.serving.schema import Schema

TREES = [
    (RandomForestClassifier(30, random_state=0), IRIS),
    (RandomForestClassifier(20, max_depth=2, random_state=0), IRIS),  # leaves of several classes
    (make_pipeline(StandardScaler(), RandomForestClassifier(20, max_depth=3, random_state=0)), IRIS),
    (make_pipeline(RobustScaler(), MinMaxScaler(), ExtraTreesClassifier(20, random_state=0)), IRIS),
    (ExtraTreesClassifier(20, min_samples_leaf=4, random_state=0), CANCER),
    (DecisionTreeClassifier(random_state=0), IRIS),
    (DecisionTreeClassifier(max_depth=1, random_state=0), CANCER),
    (DecisionTreeRegressor(max_depth=6, random_state=0), DIABETES),
    (RandomForestRegressor(10, random_state=0), DIABETES),
    (GradientBoostingRegressor(n_estimators=20, random_state=0), DIABETES),
    (HistGradientBoostingRegressor(max_iter=15, random_state=0), DIABETES),
]
BOOSTED = [
    (GradientBoostingClassifier(n_estimators=8, random_state=0), IRIS),
    (GradientBoostingClassifier(n_estimators=15, random_state=0), CANCER),
    (GradientBoostingClassifier(n_estimators=8, loss="exponential", init="zero", random_state=0), CANCER),
    (HistGradientBoostingClassifier(max_iter=8, random_state=0), IRIS),
    (HistGradientBoostingClassifier(max_iter=10, random_state=0), CANCER),
    (HistGradientBoostingRegressor(loss="poisson", max_iter=10, random_state=0), DIABETES),
]
NETWORKS = [
    (make_pipeline(StandardScaler(), MLPClassifier((8, 5), max_iter=40, random_state=0)), IRIS),
    (
        make_pipeline(StandardScaler(), MLPClassifier((6,), activation="tanh", max_iter=40, random_state=0)),
        CANCER,
    ),
    (MLPRegressor(hidden_layer_sizes=(6,), activation="logistic", max_iter=40, random_state=0), DIABETES),
]
LINEAR = [
    (make_pipeline(StandardScaler(), LogisticRegression()), CANCER),
    (make_pipeline(MinMaxScaler(), LogisticRegression()), IRIS),
    (make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)), IRIS),
    (make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), CANCER),
    (make_pipeline(MaxAbsScaler(), RidgeClassifier()), CANCER),
    (RidgeClassifier(), IRIS),
    (make_pipeline(StandardScaler(), LinearSVC()), IRIS),
    (LinearDiscriminantAnalysis(), IRIS),
    (LinearRegression(), DIABETES),
    (make_pipeline(RobustScaler(), "passthrough", Ridge()), DIABETES),
    (make_pipeline(StandardScaler(with_mean=False), Lasso()), DIABETES),
    (ElasticNet(alpha=0.01), DIABETES),
    (make_pipeline(StandardScaler(), SGDRegressor(random_state=0)), DIABETES),
]


OTHERS: list[tuple[Form, Any, Any]] = [
    *(("onnx", *case) for case in (*BOOSTED, *NETWORKS)),
    *(("folded", *case) for case in LINEAR),
]


def last_name(case: tuple[Any, ...]) -> str:
    estimator = case[0] if hasattr(case[0], "fit") else case[1]
    return type(getattr(estimator, "steps", [("", estimator)])[-1][1]).__name__


@pytest.mark.parametrize(("estimator", "data"), TREES, ids=map(last_name, TREES))
def test_trees_answer_to_the_bit(estimator: Any, data: Any) -> None:
    """Means and sums of leaves are scikit-learn's in every bit, for a batch and for single rows."""
    estimator, schema = fitted(estimator, data)
    found = proven(estimator, data, schema)
    assert found.predictor == "onnx", found.document
    predictor = served("onnx", found.contents["onnx"], schema)
    rows = asked(data)
    for answers, given in (
        (predictor.predict(rows), rows),
        (Answers(*together([predictor.predict(row[None]) for row in rows[-200:]])), rows[-200:]),
    ):
        assert np.array_equal(answers.predictions, estimator.predict(given))
        if schema.output.probabilities:
            assert answers.probabilities is not None
            assert np.array_equal(answers.probabilities, estimator.predict_proba(given))


@pytest.mark.parametrize(
    ("form", "estimator", "data"),
    OTHERS,
    ids=map(last_name, OTHERS),
)
def test_all_other_forms_answer_within_the_last_digits(form: Form, estimator: Any, data: Any) -> None:
    """The same labels; probabilities within 1e-12 and numbers within 1e-10, for a batch and single rows."""
    estimator, schema = fitted(estimator, data)
    found = proven(estimator, data, schema)
    assert found.predictor == form, found.document
    predictor = served(form, found.contents[form], schema)
    rows = asked(data)
    for answers, given in (
        (predictor.predict(rows), rows),
        (Answers(*together([predictor.predict(row[None]) for row in rows[-200:]])), rows[-200:]),
    ):
        expected = estimator.predict(given)
        if schema.output.kind == "regression":
            assert answers.predictions == pytest.approx(expected, rel=1e-10, abs=1e-10 * expected.std())
            continue
        assert answers.predictions.tolist() == expected.tolist()
        if schema.output.probabilities:
            assert answers.probabilities == pytest.approx(estimator.predict_proba(given), rel=0, abs=1e-12)
        else:
            assert answers.probabilities is None


def test_labels_that_are_words() -> None:
    """Labels come out as the estimator gives them."""
    for estimator in (RandomForestClassifier(5, random_state=0), LogisticRegression(max_iter=500)):
        model, schema = fitted(estimator, IRIS, words=True)
        found = proven(model, IRIS, schema)
        predictor = served(found.predictor, found.contents[found.predictor], schema)
        rows = asked(IRIS)
        assert predictor.predict(rows).predictions.tolist() == model.predict(rows).tolist()
        assert predictor.predict(rows[:1]).predictions.tolist() == model.predict(rows[:1]).tolist()


@pytest.mark.parametrize(
    ("estimator", "reasons"),
    [
        (SVC(), {"SVC is not linear", "SVC has none"}),
        (KNeighborsClassifier(), {"KNeighborsClassifier is not linear", "KNeighborsClassifier has none"}),
        (
            make_pipeline(QuantileTransformer(n_quantiles=20), LinearRegression()),
            {"the step QuantileTransformer is no scaler", "the step QuantileTransformer has none"},
        ),
        (
            SGDClassifier(loss="modified_huber", random_state=0),
            {"the loss modified_huber has probabilities by another formula"},
        ),
        (
            GradientBoostingClassifier(n_estimators=2, init=RandomForestClassifier(2, random_state=0)),
            {
                "GradientBoostingClassifier is not linear",
                "its first estimator is RandomForestClassifier, no constant",
            },
        ),
    ],
)
def test_what_has_no_exact_form_is_served_by_itself(estimator: Any, reasons: set[str]) -> None:
    """The estimator itself answers, and `parity.json` says why for each form."""
    model, schema = fitted(estimator, (IRIS[0], (IRIS[1] > 0).astype(int)))
    found = proven(model, IRIS, schema)
    assert (found.predictor, found.contents) == ("scikit-learn", {})
    assert {each["reason"] for each in found.document["forms"].values()} == reasons
    assert not any(each["kept"] for each in found.document["forms"].values())


class Own(RandomForestClassifier):  # type: ignore[misc]
    """A subclass that answers otherwise."""

    def predict(self, rows: Any) -> Any:
        return super().predict(rows)[::-1]


def test_a_subclass_is_another_class() -> None:
    """What looks like a forest and is none is not taken apart."""
    model, schema = fitted(Own(3, random_state=0), IRIS)
    assert proven(model, IRIS, schema).document["forms"]["onnx"]["reason"] == "Own has none"


def test_the_same_estimator_gives_the_same_bytes() -> None:
    """Forms and outcome depend on estimator, rows and seed alone."""
    model, schema = fitted(RandomForestClassifier(10, random_state=0), IRIS)
    one, other = (proven(model, IRIS, schema) for _ in range(2))
    assert one == other


def test_what_float32_cannot_hold_is_refused_as_the_estimator_refuses_it() -> None:
    """The first value that rounds to infinity in float32 fails; the one before it answers as scikit-learn."""
    model, schema = fitted(RandomForestClassifier(5, random_state=0), IRIS)
    predictor = OnnxPredictor(converted.converted(model, schema).content, schema)
    first = float(np.float64(2.0**128) - np.float64(2.0**103))
    row = np.array([[1.0, 1.0, 1.0, first]])
    for refusing in (predictor, model):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match="float32"):
            refusing.predict(row)
    row[0, 3] = np.nextafter(first, 0)
    assert predictor.predict(row).predictions.tolist() == model.predict(row).tolist()
    assert predictor.predict(-row).predictions.tolist() == model.predict(-row).tolist()


def test_a_bound_that_the_validator_keeps_is_not_looked_at_twice() -> None:
    """Rows of precision float32 cannot overflow a tree; behind a scaler they can."""
    model, schema = fitted(RandomForestClassifier(2, random_state=0), IRIS)
    bounded = replace(schema, precision="float32")
    scaled = make_pipeline(StandardScaler().fit(IRIS[0]), model)
    found = [
        b"reach" in converted.converted(each, declared).content
        for each, declared in ((model, schema), (model, bounded), (scaled, bounded))
    ]
    assert found == [True, False, True]


GAPS = np.where(np.random.default_rng(8).uniform(size=IRIS[0].shape) < 0.2, np.nan, IRIS[0])


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(15, random_state=0),
        ExtraTreesClassifier(15, max_depth=3, random_state=0),
        DecisionTreeClassifier(random_state=0),
        HistGradientBoostingClassifier(max_iter=6, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_missing_values_go_where_the_tree_sends_them(estimator: Any) -> None:
    """Where a schema lets NaN through, the form answers rows with gaps as scikit-learn does."""
    model, schema = fitted(estimator, (GAPS, IRIS[1]))
    inputs = tuple(replace(each, missing="nan") for each in schema.inputs)
    schema = Schema(inputs, schema.output, "float32")
    found = proven(model, (GAPS, IRIS[1]), schema)
    assert found.predictor == "onnx", found.document
    rows = asked(IRIS)
    rows[np.random.default_rng(9).uniform(size=rows.shape) < 0.3] = np.nan
    answers = served("onnx", found.contents["onnx"], schema).predict(rows)
    assert answers.predictions.tolist() == model.predict(rows).tolist()
    assert answers.probabilities == pytest.approx(model.predict_proba(rows), rel=0, abs=1e-12)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(strategy="median", add_indicator=True), LogisticRegression(max_iter=500)),
        make_pipeline(SimpleImputer(), StandardScaler(), MLPClassifier((3,), max_iter=20, random_state=0)),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    ],
    ids=["imputer", "network", "scaler"],
)
def test_missing_values_behind_steps(estimator: Any) -> None:
    """Imputers fill NaN as scikit-learn does, and a scaler hands it on; overflow is refused beside it."""
    model, schema = fitted(estimator, (GAPS, IRIS[1]))
    schema = replace(schema, inputs=tuple(replace(each, missing="nan") for each in schema.inputs))
    found = proven(model, (GAPS, IRIS[1]), schema)
    assert found.predictor == "onnx", found.document
    rows = asked(IRIS)
    rows[np.random.default_rng(9).uniform(size=rows.shape) < 0.3] = np.nan
    predictor = served("onnx", found.contents["onnx"], schema)
    answers = predictor.predict(rows)
    assert answers.predictions.tolist() == model.predict(rows).tolist()
    assert answers.probabilities == pytest.approx(model.predict_proba(rows), rel=0, abs=1e-12)
    if b"reach" in found.contents["onnx"]:
        with pytest.raises(ValueError, match="float32"):
            predictor.predict(np.array([[np.nan, 1e300, 1.0, 1.0]]))


def test_missing_values_that_nothing_fills() -> None:
    """No matrix knows a missing value: such a form is not made."""
    line, schema = fitted(LogisticRegression(max_iter=500), IRIS)
    gaps = replace(schema, inputs=tuple(replace(each, missing="nan") for each in schema.inputs))
    found = {form: each.reason for form, each in attempts.attempts(line, gaps, ()).items()}
    assert "no matrix knows" in (found["folded"] or "")
    assert "which knows none" in (found["onnx"] or "")
