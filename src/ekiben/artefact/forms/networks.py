"""Multi-layer perceptrons as matrices and vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekiben.artefact.forms.ensembles import Floats
from ekiben.artefact.forms.scaling import NoExactFormError, name_of
from ekiben.serving.predictors.outcome import Link

_MODULE = "sklearn.neural_network._multilayer_perceptron"
NETWORKS = frozenset({f"{_MODULE}.MLPClassifier", f"{_MODULE}.MLPRegressor"})
# Source: sklearn/neural_network/_base.py, ACTIVATIONS; the values are ONNX's operators.
_ACTIVATIONS: Mapping[str, str | None] = {
    "identity": None,
    "relu": "Relu",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
}
_LINKS: Mapping[str, Link] = {
    "identity": "identity",
    "exp": "exponential",
    "logistic": "sigmoid",
    "softmax": "softmax",
}


@dataclass(frozen=True, slots=True)
class Network:
    """A multi-layer perceptron.

    Attributes:
        layers: Matrix (in, out) and vector (out,) of each.
        activation: ONNX operator between layers; None if there is none.
        link: How the last layer's values become answers.
    """

    layers: tuple[tuple[Floats, Floats], ...]
    activation: str | None
    link: Link


def network_of(last: Any) -> Network:
    """Take an estimator apart.

    Args:
        last: Fitted, without the steps before it.

    Raises:
        NoExactFormError: It is no such network, or has more than one output.
    """
    if name_of(last) not in NETWORKS:
        raise NoExactFormError(f"{type(last).__name__} has none")
    link = _LINKS.get(last.out_activation_)
    several = link in ("identity", "exponential") and last.n_outputs_ > 1
    if link is None or several or last.activation not in _ACTIVATIONS:
        raise NoExactFormError(f"{last.n_outputs_} output(s) by {last.out_activation_}")
    layers = tuple(
        (np.asarray(matrix, dtype=np.float64), np.asarray(vector, dtype=np.float64))
        for matrix, vector in zip(last.coefs_, last.intercepts_, strict=True)
    )
    return Network(layers, _ACTIVATIONS[last.activation], link)
