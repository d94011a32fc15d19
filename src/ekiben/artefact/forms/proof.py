"""Make each form that an estimator may have, compare it with the estimator, and keep what is equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekiben.artefact.forms import graph, parity
from ekiben.artefact.forms.ensembles import ensemble_of
from ekiben.artefact.forms.folded import fold
from ekiben.artefact.forms.networks import network_of
from ekiben.artefact.forms.rows import Rows, as_known, beside_boundaries, beside_splits, within
from ekiben.artefact.forms.scaling import NoExactFormError, name_of, peel
from ekiben.serving.predictor import Form, Predictor
from ekiben.serving.predictors.linear import Linear, LinearPredictor
from ekiben.serving.predictors.onnx import OnnxPredictor
from ekiben.serving.schema import Schema

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Proven:
    """Exact forms of an estimator.

    Attributes:
        contents: Bytes of each form that was kept.
        document: Content of `parity.json`.
    """

    contents: Mapping[Form, bytes]
    document: Mapping[str, Any]

    @property
    def predictor(self) -> Form:
        """The form that a pod takes: the fastest, or the estimator itself if there is no other."""
        return next(iter(self.contents), "scikit-learn")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is compared: an estimator on rows of its kind."""

    estimator: Any
    schema: Schema
    known: Rows
    held_out: Rows
    count: int
    seed: int


def prove(estimator: Any, schema: Schema, known: Rows, held_out: Rows, *, count: int, seed: int) -> Proven:
    """Try every form.

    Args:
        estimator: Fitted.
        schema: What it takes and gives.
        known: Rows it was fitted on, shape (rows, inputs).
        held_out: Rows it was not fitted on.
        count: Rows of the comparison, 1,000 and up: a half on the resolution of the known rows, a
            quarter beside decision thresholds, the rest held out or random.
        seed: Of the random rows.

    Returns:
        What was kept, and the outcome of every form.
    """
    asked = _Asked(estimator, schema, known, held_out, count, seed)
    contents: dict[Form, bytes] = {}
    outcomes: dict[str, Any] = {}
    for form, attempt in _ATTEMPTS.items():
        try:
            content, found = attempt(asked)
        except NoExactFormError as error:
            outcomes[form] = {"kept": False, "reason": str(error)}
            continue
        outcomes[form] = found.document()
        if found.reason is None:
            contents[form] = content
    document = {
        "format": FORMAT,
        "tolerance": {
            "tie": parity.TIE,
            "probability": parity.PROBABILITY_TOLERANCE,
            "number": parity.NUMBER_TOLERANCE,
        },
        "forms": outcomes,
    }
    return Proven(contents, document)


def _folded(asked: _Asked) -> tuple[bytes, parity.Found]:
    _without_missing(asked.schema)
    content = fold(asked.estimator, asked.schema).content()
    predictor = LinearPredictor(Linear.parse(content), asked.schema)
    return content, _compared(asked, predictor, _beside_boundaries(asked))


def _onnx(asked: _Asked) -> tuple[bytes, parity.Found]:
    if not asked.schema.numeric:
        raise NoExactFormError("an input is a string")
    steps, last = peel(asked.estimator)
    if name_of(last).startswith("sklearn.neural_network."):
        _without_missing(asked.schema)
        content = graph.of_network(steps, network_of(last), len(asked.schema.inputs))
        beside = _beside_boundaries(asked)
    else:
        ensemble = ensemble_of(last)
        content = graph.of_ensemble(steps, ensemble, asked.schema)
        beside = beside_splits(ensemble, steps, asked.known, asked.count // 4, _random(asked))
    return content, _compared(asked, OnnxPredictor(content, asked.schema), beside)


def _without_missing(schema: Schema) -> None:
    if any(each.missing == "nan" for each in schema.inputs):
        raise NoExactFormError("a value may be missing, which no matrix knows")


def _beside_boundaries(asked: _Asked) -> Rows:
    if asked.schema.output.kind == "regression":
        return asked.known[:0]
    return beside_boundaries(asked.estimator.predict, asked.known, asked.count // 4, _random(asked))


def _compared(asked: _Asked, predictor: Predictor, beside: Rows) -> parity.Found:
    inputs, known, random = asked.schema.inputs, asked.known, _random(asked)
    parts = [as_known(inputs, known, asked.count // 2, random), asked.held_out[: asked.count // 8], beside]
    parts.append(within(inputs, known, asked.count - sum(map(len, parts)), random))
    return parity.compare(predictor, asked.estimator, np.concatenate(parts), asked.schema)


def _random(asked: _Asked) -> np.random.Generator:
    return np.random.default_rng(asked.seed)


_ATTEMPTS: Mapping[Form, Callable[[_Asked], tuple[bytes, parity.Found]]] = {"folded": _folded, "onnx": _onnx}
