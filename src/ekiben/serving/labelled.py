"""Labelled rows: held-out rows with what is true of them, and how well a model answers them.

Standard metrics in closed form: a pod that serves a folded or an ONNX form has no scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError
from ekiben.serving.manifest import LABELLED
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError
from ekiben.serving.schema import Label, Schema
from ekiben.serving.seal import strict
from ekiben.serving.validation import Rows, Validator

FORMAT = 1
MOST_ROWS = 10_000
MOST_BYTES = 4 << 20  # of the file: it is part of every image, and read by every pod at its start
_EXPECTED = f"{LABELLED}: expected format {FORMAT}, rows that fit the schema, a label of each, and scores"
_REMEDY = "train the model again"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Content of `labelled.json`.

    Attributes:
        rows: Shape (rows, inputs), as the estimator takes them.
        labels: Shape (rows,); what each row truly is.
        scores: What the trained estimator reached on these rows, by name of the metric.
        classes: Of a classifier, in the order of its probabilities; None for a regressor.
    """

    rows: Rows
    labels: npt.NDArray[Any]
    scores: Mapping[str, float]
    classes: tuple[Label, ...] | None

    @classmethod
    def parse(cls, content: bytes, schema: Schema) -> Self:
        """Read the content of `labelled.json`.

        Args:
            content: The file's; its hash was verified.
            schema: What the rows must fit, as a request's must.

        Raises:
            ConfigError: Another format, too long, a part that is missing, or rows that the model refuses.
        """
        if len(content) > MOST_BYTES:
            raise ConfigError(
                f"{LABELLED}: expected at most {MOST_BYTES} bytes, found {len(content)}", remedy=_REMEDY
            )
        document = strict.parse(content, LABELLED)
        try:
            rows = Validator(schema, MOST_ROWS).rows(document["rows"], "/rows")
            labels, scores = as_array(document["labels"]), dict(document["scores"])
            sound = document["format"] == FORMAT and labels.shape == (len(rows),) and bool(scores)
            sound = sound and all(type(each) is float for each in scores.values())
        except (KeyError, TypeError, ValueError, IndexError, RefusedError) as error:
            raise ConfigError(f"{_EXPECTED}: {error!r}", remedy=_REMEDY) from error
        if not sound:
            raise ConfigError(f"{_EXPECTED}, found other parts", remedy=_REMEDY)
        return cls(rows, labels, scores, schema.output.classes)

    def score(self, answers: Answers) -> dict[str, float]:
        """Score the answers to all of these rows."""
        return score(self.labels, answers, self.classes)


def as_array(labels: Sequence[Label]) -> npt.NDArray[Any]:
    """Labels as an array that compares with predictions value by value."""
    return np.array(labels, dtype=object if isinstance(labels[0], str) else None)


def score(labels: npt.NDArray[Any], answers: Answers, classes: tuple[Label, ...] | None) -> dict[str, float]:
    """Score answers.

    Args:
        labels: Shape (rows,), at least one; what is true.
        answers: To the same rows.
        classes: In the order of the probabilities; None for a regressor.

    Returns:
        By the names that `train.accept.metric` has: accuracy, balanced accuracy and log loss of a classifier,
        MAE, RMSE and R2 of a regressor. Log loss is not there without probabilities, or if a label is none of
        the classes; R2 is not there if the labels do not vary.

    Source: https://scikit-learn.org/stable/modules/model_evaluation.html (the definitions)
    """
    if classes is None:
        return _of_numbers(labels.astype(np.float64), answers.predictions.astype(np.float64))
    right = np.asarray(answers.predictions == labels, dtype=bool)
    known = [labels == each for each in dict.fromkeys(labels.tolist())]
    found = {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean([right[rows].mean() for rows in known])),
    }
    places = {each: place for place, each in enumerate(classes)}
    if answers.probabilities is not None and all(each in places for each in labels.tolist()):
        given = answers.probabilities[np.arange(len(labels)), [places[each] for each in labels.tolist()]]
        least = float(np.finfo(np.float64).eps)  # as scikit-learn's log_loss clips
        found["log_loss"] = float(-np.log(np.clip(given, least, 1 - least)).mean())
    return found


def _of_numbers(labels: npt.NDArray[np.float64], predictions: npt.NDArray[np.float64]) -> dict[str, float]:
    errors = predictions - labels
    squared = float((errors**2).mean())
    found = {"mae": float(np.abs(errors).mean()), "rmse": math.sqrt(squared)}
    spread = float(((labels - labels.mean()) ** 2).mean())
    if spread > 0:
        found["r2"] = 1 - squared / spread
    return found


def document(rows: Rows, labels: npt.NDArray[Any], schema: Schema, answers: Answers) -> dict[str, Any]:
    """Content of `labelled.json`.

    Args:
        rows: Shape (rows, inputs), held out.
        labels: Shape (rows,).
        schema: Inputs and output.
        answers: The trained estimator's.
    """
    plain = labels.tolist()
    return {
        "format": FORMAT,
        "rows": [_cells(row, schema) for row in rows.tolist()],
        "labels": plain,
        "scores": score(as_array(plain), answers, schema.output.classes),
    }


def _cells(row: Sequence[Any], schema: Schema) -> list[Any]:
    """A row as JSON has it; a missing number is null."""
    plain = {"float64": float, "int64": int, "bool": bool, "string": str}
    return [
        None if isinstance(value, float) and math.isnan(value) else plain[each.type](value)
        for each, value in zip(schema.inputs, row, strict=True)
    ]
