"""ONNX Runtime on a graph of float64: the same comparisons and sums as scikit-learn makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime

from ekiben.errors import ConfigError
from ekiben.serving.predictor import Answers
from ekiben.serving.predictors.outcome import Outcome
from ekiben.serving.schema import Schema
from ekiben.serving.validation import Rows

# Names in the graph: numbers and strings in; scores, largest magnitude, least code of a category out.
INPUT, WORDS, SCORES, REACH, UNKNOWN = "rows", "words", "scores", "reach", "unknown"
LINK, INCLUSIVE = "ekiben.link", "ekiben.inclusive"  # keys of the file's metadata
FLOAT32_OVERFLOW = (2 - 2**-24) * 2.0**127  # what float32 rounds to infinity, from here on
_ERRORS_ONLY = 3


class OnnxPredictor:
    """A session of its own, on the calling thread alone.

    Args:
        content: The graph, whose hash was verified.
        schema: What it takes and gives.

    Raises:
        ConfigError: ONNX Runtime cannot load it, or it does not fit the schema.
    """

    name = "onnx"

    def __init__(self, content: bytes, schema: Schema) -> None:
        try:
            self._session = onnxruntime.InferenceSession(
                content, _options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # Its exceptions have no base of their own.
            raise ConfigError(
                f"estimator.onnx: ONNX Runtime {onnxruntime.__version__} cannot load it: {error}",
                remedy="train the model again with the versions that the pod has",
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._outcome = Outcome(
            metadata.get(LINK, ""), schema.output, inclusive=metadata.get(INCLUSIVE) == "true"
        )
        outputs = {each.name: each for each in self._session.get_outputs()}
        self._outcome.check(_width(outputs.get(SCORES)))
        self._feed = feed(schema, self._session.get_inputs())
        self._names = [name for name in (SCORES, REACH, UNKNOWN) if name in outputs]
        self._limits = tuple(_REFUSED[name] for name in self._names[1:])

    def predict(self, rows: Rows) -> Answers:
        """Answer rows of shape (rows, inputs).

        Raises:
            ValueError: A value beyond float32 where the estimator casts to it, or an unknown category where
                it knows no other: it refuses them too.
        """
        found = self._session.run(self._names, self._feed(rows))
        for (refused, expected), value in zip(self._limits, found[1:], strict=True):
            if refused(value):
                raise ValueError(f"expected {expected}")
        return self._outcome.answers(found[0])


def feed(schema: Schema, given: Any) -> Callable[[Rows], dict[str, Any]]:
    """Make what gives rows to a session: as they are, or numbers and strings apart.

    Args:
        schema: What the estimator takes.
        given: Inputs of the graph, as ONNX Runtime tells them.

    Raises:
        ConfigError: The graph takes other columns than the schema has.
    """
    words = [place for place, each in enumerate(schema.inputs) if each.type == "string"]
    numbers = [place for place, each in enumerate(schema.inputs) if each.type != "string"]
    expected = {WORDS: ("tensor(string)", len(words)), INPUT: ("tensor(double)", len(numbers))}
    found = {each.name: (each.type, each.shape[-1]) for each in given}
    if not found or any(expected.get(name) != what for name, what in found.items()):
        raise ConfigError(
            f"estimator.onnx: expected inputs out of {expected}, found {found}",
            remedy="train the model again",
        )
    if not words:
        return lambda rows: {INPUT: rows}
    parts: dict[str, Callable[[Rows], Any]] = {
        WORDS: lambda rows: rows[:, words],
        INPUT: lambda rows: rows[:, numbers].astype(np.float64),
    }
    taken = {name: parts[name] for name in found}
    return lambda rows: {name: part(rows) for name, part in taken.items()}


_REFUSED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    REACH: (
        lambda magnitude: bool(magnitude >= FLOAT32_OVERFLOW),
        "values that float32 can hold, as the estimator needs",
    ),
    UNKNOWN: (lambda code: bool(code < 0), "categories that the estimator knows"),
}


def _options() -> onnxruntime.SessionOptions:
    """One thread and no waiting in loops: a replica is one process on about one core.

    Source: https://onnxruntime.ai/docs/performance/tune-performance/threading.html
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = _ERRORS_ONLY
    return options


def _width(tensor: Any) -> int:
    """Columns of a tensor of float64 with two dimensions; 0 for any other."""
    if tensor is None or tensor.type != "tensor(double)" or len(tensor.shape) != 2:  # noqa: PLR2004
        return 0
    return tensor.shape[1] if isinstance(tensor.shape[1], int) else 0
