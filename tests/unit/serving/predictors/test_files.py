"""Files of the exact forms: what is read back, what is refused, and how ONNX Runtime is set."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from tests.unit.serving.conftest import training_rows

from ekiben.artefact.forms.converted import converted
from ekiben.artefact.forms.folded import fold
from ekiben.artefact.forms.graph import Graph
from ekiben.errors import ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.predictors.linear import Linear, LinearPredictor
from ekiben.serving.predictors.onnx import OnnxPredictor, _options
from ekiben.serving.schema import Output, Schema

ROWS, LABELS = training_rows()


def test_the_artefacts_own_form_answers(artefact: Path, forest: RandomForestClassifier) -> None:
    """`load` gives the form that the artefact was read for, and both forms answer as the forest."""
    for form, name in (("auto", "onnx"), ("scikit-learn", "scikit-learn")):
        predictor = predictors.load(reader.read(artefact, form))  # type: ignore[arg-type]
        answers = predictor.predict(ROWS)
        assert predictor.name == name
        assert np.array_equal(answers.predictions, forest.predict(ROWS))
        assert answers.probabilities is not None
        assert np.array_equal(answers.probabilities, forest.predict_proba(ROWS))


def test_floats_come_back_to_the_bit(schema: Schema) -> None:
    """A linear form read from its file is the one that was written."""
    linear = fold(LogisticRegression().fit(ROWS, LABELS), schema)
    found = Linear.parse(linear.content())
    assert np.array_equal(found.coefficients, linear.coefficients)
    assert np.array_equal(found.intercepts, linear.intercepts)
    assert found.link == linear.link == "sigmoid"


GOOD = {"format": 1, "coefficients": [[1.0, 2.0, 3.0]], "intercepts": [0.5], "link": "sigmoid"}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"coefficients": [1.0, 2.0, 3.0]}, {"coefficients": [[1.0, 2.0, None]]},
        {"coefficients": [[1.0], [2.0, 3.0]]}, {"intercepts": [0.5, 0.5]}, {"intercepts": 0.5},
        {"intercepts": [float("nan")]}, {"intercepts": ["a"]}, {"link": "probit"},
        {"coefficients": [[1.0, 2.0]]},
    ],
)  # fmt: skip
def test_a_linear_form_that_is_none(schema: Schema, change: dict[str, Any]) -> None:
    """Another format, shape, number or link is refused as configuration."""
    with pytest.raises(ConfigError):
        LinearPredictor(Linear.parse(json.dumps({**GOOD, **change}).encode()), schema)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff", b"{}"])
def test_a_linear_form_that_is_no_document(content: bytes) -> None:
    """Whatever the bytes are."""
    with pytest.raises(ConfigError, match=r"linear\.json"):
        Linear.parse(content)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x08\x0a", b"\x00" * 64])
def test_a_graph_that_is_none(schema: Schema, content: bytes) -> None:
    """Bytes that ONNX Runtime cannot load are refused as configuration."""
    with pytest.raises(ConfigError, match=r"estimator\.onnx"):
        OnnxPredictor(content, schema)


def test_a_graph_that_does_not_fit_the_schema(forest: RandomForestClassifier, schema: Schema) -> None:
    """Another number of columns, of classes, or no link in its metadata is refused at load."""
    content = converted(forest, schema).content
    two = Schema(schema.inputs[:2], schema.output)
    three = Schema(schema.inputs, Output("classification", (0, 1, 2), probabilities=True))
    for wrong in (two, three):
        with pytest.raises(ConfigError):
            OnnxPredictor(content, wrong)
    graph = Graph(schema)
    scores = graph.add("Add", graph.matrix(graph.inputs()), graph.constant(1.0))
    with pytest.raises(ConfigError, match="expected a link"):
        OnnxPredictor(graph.content(scores, 3, ""), schema)


def test_onnx_runtime_has_one_thread(forest: RandomForestClassifier, schema: Schema) -> None:
    """No pool of threads beside the caller's, no spinning, one operator after the other."""
    options = _options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    before = set(Path("/proc/self/task").iterdir())
    predictor = OnnxPredictor(converted(forest, schema).content, schema)
    predictor.predict(np.zeros((5_000, 3)))
    started = set(Path("/proc/self/task").iterdir()) - before
    assert started == set()


def test_threads_may_ask_at_once(forest: RandomForestClassifier, schema: Schema) -> None:
    """Two threads with rows of their own get answers of their own."""
    predictor = OnnxPredictor(converted(forest, schema).content, schema)
    draws = [np.random.default_rng(seed).uniform(-1, 1, (300, 3)) for seed in range(4)]
    expected = [forest.predict_proba(each) for each in draws]
    right: list[bool] = []

    def ask(number: int) -> None:
        right.extend(
            np.array_equal(predictor.predict(draws[number]).probabilities, expected[number])  # type: ignore[arg-type]
            for _ in range(20)
        )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 80


def test_rows_may_be_a_part_of_a_larger_array(forest: RandomForestClassifier, schema: Schema) -> None:
    """A slice that is not contiguous in memory is answered as its copy."""
    predictor = OnnxPredictor(converted(forest, schema).content, schema)
    wide = np.random.default_rng(0).uniform(-1, 1, (50, 7))
    part = wide[::2, 1:4]
    answers = predictor.predict(part)
    assert np.array_equal(answers.predictions, forest.predict(part.copy()))
