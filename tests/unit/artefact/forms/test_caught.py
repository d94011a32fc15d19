"""A conversion that is wrong on purpose is caught, with its cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    RandomForestClassifier,
)
from sklearn.linear_model import (
    LinearRegression,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier
from tests.unit.artefact.forms.proving import (
    COUNT,
    DIABETES,
    IRIS,
    fitted,
    proven,
)

from ekiben.artefact.forms import attempts, converted, ensembles, folded
from ekiben.artefact.forms.proof import prove
from ekiben.errors import AcceptanceError
from ekiben.serving.predictor import Answers, Form
from ekiben.serving.predictors.linear import Linear
from ekiben.serving.predictors.onnx import OnnxPredictor
from ekiben.serving.schema import Schema


def cast_away(estimator: Any) -> Any:
    """Trees whose thresholds were rounded to float32, as a converter to float32 makes them."""
    found = ensembles.ensemble_of(estimator)
    trees = tuple(
        replace(each, limit=each.threshold.astype(np.float32).astype(np.float64)) for each in found.trees
    )
    return replace(found, trees=trees)


def test_thresholds_of_float32_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scaler and a forest with thresholds of float32 flip labels: the form is dropped with a count."""
    model, schema = fitted(make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)), IRIS)
    monkeypatch.setattr(converted, "ensemble_of", cast_away)
    found = proven(model, IRIS, schema)
    assert found.predictor == "scikit-learn"
    outcome = found.document["forms"]["onnx"]
    assert outcome["flips"] > 0
    assert outcome["reason"] == f"{outcome['flips']} of {COUNT} rows got another label"
    assert outcome["cause"]["step"] == "randomforestclassifier"
    assert (outcome["cause"]["operator"], outcome["cause"]["dtype"]) == ("TreeEnsemble", "float32")
    assert "the split of column" in outcome["cause"]["detail"]


def test_a_wrong_probability_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right labels with one probability off by a part in a billion are not exact either."""

    def off(estimator: Any) -> Any:
        found = ensembles.ensemble_of(estimator)
        first, *rest = found.trees
        return replace(found, trees=(replace(first, values=first.values * (1 + 1e-9)), *rest))

    model, schema = fitted(RandomForestClassifier(20, random_state=0), IRIS)
    monkeypatch.setattr(converted, "ensemble_of", off)
    outcome = proven(model, IRIS, schema).document["forms"]["onnx"]
    assert (outcome["flips"], outcome["kept"]) == (0, False)
    assert "a number is off by" in outcome["reason"]


@pytest.mark.parametrize("demanded", [(), ("onnx",)])
def test_a_form_that_raises_is_dropped(monkeypatch: pytest.MonkeyPatch, demanded: tuple[Form, ...]) -> None:
    """It is listed with the error as its cause; the estimator serves, unless the form was demanded."""
    real = OnnxPredictor.predict
    asked = []

    def raising(self: OnnxPredictor, rows: Any) -> Answers:
        asked.append(len(rows))
        if sum(asked) > 600:
            raise RuntimeError("Non-zero status code while running Gather node. at 0x7f12ab")
        return real(self, rows)

    monkeypatch.setattr(OnnxPredictor, "predict", raising)
    model, schema = fitted(DecisionTreeClassifier(max_depth=3, random_state=0), IRIS)
    if demanded:
        with pytest.raises(AcceptanceError, match=r"demands.*raised an error.*Gather.*RuntimeError"):
            prove(model, schema, IRIS[0], IRIS[0][:50], count=COUNT, seed=0, demanded=demanded)
        return
    found = proven(model, IRIS, schema)
    outcome = found.document["forms"]["onnx"]
    assert (outcome["kept"], outcome["cause"]["operator"]) == (False, "Gather")
    assert "while running Gather node. at" in outcome["cause"]["detail"]
    assert "7f12ab" not in outcome["cause"]["detail"]
    assert (found.predictor, dict(found.contents)) == ("scikit-learn", {})


def test_a_wrong_coefficient_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A regression off by a part in a million is dropped."""
    model, schema = fitted(LinearRegression(), DIABETES)

    def off(estimator: Any, declared: Schema) -> Linear:
        found = folded.fold(estimator, declared)
        return replace(found, coefficients=found.coefficients * (1 + 1e-6))

    monkeypatch.setattr(attempts, "fold", off)
    outcome = proven(model, DIABETES, schema).document["forms"]["folded"]
    assert (outcome["kept"], outcome["largest_difference"]["relative"] > 1e-10) == (False, True)
    assert outcome["cause"]["operator"] == "coefficients"
