"""An estimator with all steps before it as one graph of float64, and what is needed to compare the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekiben.artefact.forms import folded
from ekiben.artefact.forms.ensembles import TREES, Ensemble, ensemble_of
from ekiben.artefact.forms.graph import Column, Graph, Mark, Reference, dense
from ekiben.artefact.forms.networks import NETWORKS, network_of
from ekiben.artefact.forms.scaling import NoExactFormError, bare, name_of
from ekiben.artefact.forms.splits import Splits
from ekiben.artefact.forms.transformers import Columns, Place, after, convert, numbers
from ekiben.serving.predictors.outcome import Link
from ekiben.serving.schema import Schema

# Of sums of products, whose order numpy and ONNX Runtime choose for themselves.
_SUM_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Converted:
    """A graph and what it was made of.

    Attributes:
        content: The file's bytes.
        marks: Where it must agree with scikit-learn, in the order of computing.
        last: The estimator behind all steps.
        columns: What it takes.
        before: What scikit-learn gives to it, of the estimator's rows.
        ensemble: Its trees, if it has such.
    """

    content: bytes
    marks: tuple[Mark, ...]
    last: Any
    columns: tuple[Column, ...]
    before: Reference
    ensemble: Ensemble | None


@dataclass(frozen=True, slots=True)
class Scores:
    """What the last estimator's operators give."""

    tensor: str
    width: int
    link: Link
    inclusive: bool = False


def converted(estimator: Any, schema: Schema) -> Converted:
    """Write an estimator as a graph.

    Args:
        estimator: Fitted.
        schema: What it takes and gives.

    Raises:
        NoExactFormError: A part of it is not known here.
    """
    graph = Graph(schema)
    last, columns, place = steps_before(estimator, graph.inputs(), graph, Place("", lambda rows: rows))
    scores = scores_of(last, columns, graph, place)
    content = graph.content(scores.tensor, scores.width, scores.link, inclusive=scores.inclusive)
    ensemble = ensemble_of(last) if name_of(last) in TREES else None
    return Converted(content, tuple(graph.marks), last, columns, place.before, ensemble)


def steps_before(estimator: Any, columns: Columns, graph: Graph, place: Place) -> tuple[Any, Columns, Place]:
    """Write the steps of a pipeline; give the estimator behind them, what it takes, where it stands."""
    estimator = bare(estimator)
    if name_of(estimator) != "sklearn.pipeline.Pipeline":
        return estimator, columns, place
    before = place.before
    for name, step in estimator.steps[:-1]:
        columns = convert(step, columns, graph, place.below(name, before))
        before = after(step, before)
    name, last = estimator.steps[-1]
    return steps_before(last, columns, graph, place.below(name, before))


def scores_of(last: Any, columns: Columns, graph: Graph, place: Place) -> Scores:
    """Write an estimator without the steps before it.

    Raises:
        NoExactFormError: It is not known here.
    """
    numbers(columns, type(last).__name__)
    name = name_of(last)
    for names, found in _KINDS.items():
        if name in names:
            return found(last, columns, graph, place)
    raise NoExactFormError(f"{type(last).__name__} has none")


def _mark(
    last: Any, place: Place, operator: str, tensor: str, given: Callable[[Any], Any], exact: bool
) -> Mark:
    """A mark on what the last estimator makes of what it takes."""

    def reference(rows: Any) -> Any:
        found = np.asarray(given(dense(place.before(rows)).astype(np.float64)))
        return found.reshape(len(found), -1)

    tolerance = 0.0 if exact else _SUM_TOLERANCE
    return Mark(place.path, type(last).__name__, operator, tensor, reference, tolerance)


def _trees(last: Any, columns: Columns, graph: Graph, place: Place) -> Scores:
    ensemble = ensemble_of(last)
    tensor = graph.matrix(columns)
    gaps = any(each.gap for each in columns)
    # Rows of precision float32 are within it already, but for what a step before makes of them.
    untouched = all(each.tensor == graph.inputs()[0].tensor for each in columns)
    if ensemble.float32 and not (untouched and graph.schema.precision == "float32"):
        graph.reach(tensor, gaps=gaps)
    attributes = Splits(ensemble, missing=gaps).attributes()
    tensor = graph.add("TreeEnsemble", tensor, domain="ai.onnx.ml", **attributes)
    if ensemble.divisor != 1:
        tensor = graph.add("Div", tensor, graph.constant(float(ensemble.divisor)))
    graph.marks.append(_mark(last, place, "TreeEnsemble", tensor, _summed(last, ensemble), exact=True))
    return Scores(tensor, len(ensemble.base), ensemble.link, ensemble.inclusive)


def _summed(last: Any, ensemble: Ensemble) -> Callable[[Any], Any]:
    """Scores of an ensemble by scikit-learn: before the link, for which there is no public name."""
    if ensemble.link == "share":
        return last.predict_proba  # type: ignore[no-any-return]  # sklearn is untyped
    if not hasattr(last, "_raw_predict"):
        return last.predict  # type: ignore[no-any-return]  # sklearn is untyped
    factor = 2.0 if getattr(last, "loss", "") == "exponential" else 1.0
    kind = np.float32 if ensemble.float32 else np.float64
    return lambda rows: last._raw_predict(rows.astype(kind)) * factor  # noqa: SLF001 - before the link


def _without_gaps(last: Any, columns: Columns) -> None:
    if any(each.gap for each in columns):
        raise NoExactFormError(f"a missing value reaches {type(last).__name__}, which knows none")


def _network(last: Any, columns: Columns, graph: Graph, place: Place) -> Scores:
    _without_gaps(last, columns)
    network = network_of(last)
    tensor = graph.matrix(columns)
    for number, (matrix, vector) in enumerate(network.layers):
        if number and network.activation:
            tensor = graph.add(network.activation, tensor)
        tensor = graph.add("MatMul", tensor, graph.constant(matrix))
        tensor = graph.add("Add", tensor, graph.constant(vector))
        layers = network.layers[: number + 1]
        reference = _forward(last, layers)
        graph.marks.append(_mark(last, place, f"layer {number + 1}", tensor, reference, exact=False))
    return Scores(tensor, len(network.layers[-1][1]), network.link)


def _forward(last: Any, layers: Any) -> Callable[[Any], Any]:
    """Values of a layer before its activation, by scikit-learn's own activations."""
    from sklearn.neural_network._base import ACTIVATIONS

    def found(rows: Any) -> Any:
        for number, (matrix, vector) in enumerate(layers):
            if number:
                ACTIVATIONS[last.activation](rows)  # in place
            rows = rows @ matrix + vector
        return rows

    return found


def _linear(last: Any, columns: Columns, graph: Graph, place: Place) -> Scores:
    _without_gaps(last, columns)
    linear = folded.unfolded(last, len(columns), graph.schema)
    tensor = graph.add("MatMul", graph.matrix(columns), graph.constant(linear.coefficients.T))
    tensor = graph.add("Add", tensor, graph.constant(linear.intercepts))
    given = getattr(last, "decision_function", last.predict)
    graph.marks.append(_mark(last, place, "MatMul", tensor, given, exact=False))
    return Scores(tensor, len(linear.intercepts), linear.link)  # type: ignore[arg-type]  # a name out of LINKS


def _gaussian(last: Any, columns: Columns, graph: Graph, place: Place) -> Scores:
    """GaussianNB: a sum of squares per class.

    Source: sklearn/naive_bayes.py, GaussianNB._joint_log_likelihood.
    """
    _without_gaps(last, columns)
    rows, parts = graph.matrix(columns), []
    for mean, variance in zip(last.theta_, last.var_, strict=True):
        away = graph.add("Sub", rows, graph.constant(mean))
        squares = graph.add("Div", graph.add("Mul", away, away), graph.constant(variance))
        parts.append(graph.add("ReduceSum", squares, graph.constant([1], np.int64), keepdims=1))
    constants = np.log(last.class_prior_) - 0.5 * np.log(2.0 * np.pi * last.var_).sum(axis=1)
    sums = graph.add("Mul", graph.add("Concat", *parts, axis=1), graph.constant(-0.5))
    tensor = graph.add("Add", sums, graph.constant(constants))
    given = last.predict_joint_log_proba
    graph.marks.append(_mark(last, place, "ReduceSum", tensor, given, exact=False))
    return Scores(tensor, len(constants), "softmax")


def _calibrated(last: Any, columns: Columns, graph: Graph, place: Place) -> Scores:
    from ekiben.artefact.forms import calibrated

    tensor = calibrated.write(last, columns, graph, place)
    graph.marks.append(_mark(last, place, "Div", tensor, last.predict_proba, exact=False))
    return Scores(tensor, len(last.classes_), "share")


_KINDS: Mapping[frozenset[str], Callable[[Any, Columns, Graph, Place], Scores]] = {
    frozenset(TREES): _trees,
    NETWORKS: _network,
    folded.LINEAR: _linear,
    frozenset({"sklearn.naive_bayes.GaussianNB"}): _gaussian,
    frozenset({"sklearn.calibration.CalibratedClassifierCV"}): _calibrated,
}
