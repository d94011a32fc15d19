from __future__ import annotations

import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier

from ekiben.artefact.forms import converted
from ekiben.serving.predictors.onnx import OnnxPredictor
from ekiben.serving.schema import Input, Output, Schema


def test_histograms_are_not_cast() -> None:
    """HistGradientBoosting compares float64: it answers beyond float32, and so does its form."""
    model = HistGradientBoostingClassifier(max_iter=3).fit(*load_iris(return_X_y=True))
    output = Output("classification", (0, 1, 2), probabilities=True)
    schema = Schema(tuple(Input(f"x{place}", "float64") for place in range(4)), output)
    predictor = OnnxPredictor(converted.converted(model, schema).content, schema)
    row = np.array([[1e300, 1.0, 1.0, -1e300]])
    assert predictor.predict(row).predictions.tolist() == model.predict(row).tolist()
