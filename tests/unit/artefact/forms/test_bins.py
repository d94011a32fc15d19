"""Numbers that become bins: the graph puts every value into scikit-learn's bin, also on the edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer

from ekiben.artefact.forms.converted import converted
from ekiben.artefact.forms.proof import prove
from ekiben.artefact.forms.scaling import NoExactFormError
from ekiben.serving.predictors.onnx import OnnxPredictor
from ekiben.serving.schema import Input, Output, Schema

ROWS, LABELS = load_iris(return_X_y=True)
INPUTS = tuple(Input(f"x{number}", "float64") for number in range(4))
OUTPUT = Output("classification", (0, 1, 2), probabilities=True)


def fitted(**parameters: Any) -> Any:
    """Bins of quantiles before a logistic regression."""
    bins = KBinsDiscretizer(
        **{"n_bins": 5, "quantile_method": "averaged_inverted_cdf", "subsample": None, **parameters}
    )
    return make_pipeline(bins, LogisticRegression(max_iter=500)).fit(ROWS, LABELS)


def on_edges(estimator: Any) -> Any:
    """Rows on each inner edge, and on its two neighbours in float64."""
    found: list[Any] = []
    for column, edges in enumerate(estimator[0].bin_edges_):
        for edge in edges:
            for value in (np.nextafter(edge, -np.inf), edge, np.nextafter(edge, np.inf)):
                row = ROWS[len(found) % len(ROWS)].copy()
                row[column] = value
                found.append(row)
    return np.array(found)


@pytest.mark.parametrize("encode", ["onehot", "onehot-dense", "ordinal"])
@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
def test_a_value_on_an_edge_is_in_scikit_learns_bin(encode: str, strategy: str) -> None:
    """Edges and their neighbours give scikit-learn's probabilities, and 2,000 rows no other label."""
    estimator = fitted(encode=encode, strategy=strategy)
    schema = Schema(INPUTS, OUTPUT)
    found = prove(estimator, schema, ROWS, ROWS[:50], count=2_000, seed=1)
    assert found.predictor == "onnx", found.document
    rows = on_edges(estimator)
    answers = OnnxPredictor(found.contents["onnx"], schema).predict(rows)
    assert answers.predictions.tolist() == estimator.predict(rows).tolist()
    assert answers.probabilities == pytest.approx(estimator.predict_proba(rows), rel=0, abs=1e-12)


def test_a_column_of_one_value_is_one_bin() -> None:
    """A constant column has one bin, whatever comes later."""
    rows = np.column_stack([np.full(len(ROWS), 7.0), ROWS[:, 2]])
    bins = KBinsDiscretizer(n_bins=4, encode="onehot-dense", strategy="uniform")
    with pytest.warns(UserWarning, match="constant"):
        estimator = make_pipeline(bins, LogisticRegression(max_iter=500)).fit(rows, LABELS)
    schema = Schema(INPUTS[:2], OUTPUT)
    predictor = OnnxPredictor(converted(estimator, schema).content, schema)
    asked = np.array([[7.0, 1.4], [-3.0, 5.1], [1e9, 6.0]])
    expected = estimator.predict_proba(asked)
    assert predictor.predict(asked).probabilities == pytest.approx(expected, rel=0, abs=1e-12)


def test_bins_that_float32_decides_have_no_form() -> None:
    """Rows that are cast before they are compared fall into other bins; a missing value falls into none."""
    with pytest.raises(NoExactFormError, match="float32"):
        converted(fitted(dtype=np.float32), Schema(INPUTS, OUTPUT))
    gap = (Input("x0", "float64", missing="nan"), *INPUTS[1:])
    with pytest.raises(NoExactFormError, match="missing"):
        converted(fitted(), Schema(gap, OUTPUT))
