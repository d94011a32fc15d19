"""Fit an estimator, have its forms proven, and load one: what the tests of exact forms share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning

from ekiben.artefact.forms.proof import Proven, prove
from ekiben.serving.predictor import Answers, Form
from ekiben.serving.predictors.linear import Linear, LinearPredictor
from ekiben.serving.predictors.onnx import OnnxPredictor
from ekiben.serving.schema import Input, Output, Schema

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
WORDS = np.array(["low", "middle", "high"])
COUNT = 2_000


def fitted(estimator: Any, data: tuple[Any, Any], words: bool = False) -> tuple[Any, Schema]:
    """An estimator and its schema."""
    rows, labels = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(rows, WORDS[labels] if words else labels)
    output = Output("regression")
    if hasattr(estimator, "classes_"):
        classes = tuple(estimator.classes_.tolist())
        output = Output("classification", classes, hasattr(estimator, "predict_proba"))
    return estimator, Schema(tuple(Input(f"x{i}", "float64") for i in range(rows.shape[1])), output)


def proven(estimator: Any, data: tuple[Any, Any], schema: Schema) -> Proven:
    return prove(estimator, schema, data[0], data[0][:50], count=COUNT, seed=1)


def served(form: Form, content: bytes, schema: Schema) -> OnnxPredictor | LinearPredictor:
    if form == "folded":
        return LinearPredictor(Linear.parse(content), schema)
    return OnnxPredictor(content, schema)


def asked(data: tuple[Any, Any]) -> Any:
    """Uniform rows, each also rounded to one decimal; other ones than the product's comparison draws."""
    rows = np.random.default_rng(99).uniform(
        data[0].min(axis=0), data[0].max(axis=0), (1_500, len(data[0][0]))
    )
    return np.concatenate([rows, rows.round(1)])


def together(answers: list[Answers]) -> tuple[Any, Any]:
    predictions = np.concatenate([each.predictions for each in answers])
    if answers[0].probabilities is None:
        return predictions, None
    return predictions, np.concatenate([each.probabilities for each in answers])
