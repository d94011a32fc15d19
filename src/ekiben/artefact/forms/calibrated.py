"""CalibratedClassifierCV as operators: each part's decision, its calibration, and the mean of all parts.

Source: sklearn/calibration.py, `predict_proba` of CalibratedClassifierCV and of _CalibratedClassifier;
sklearn/isotonic.py, `IsotonicRegression.predict`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ekiben.artefact.forms.graph import Graph
from ekiben.artefact.forms.scaling import NoExactFormError, bare, name_of
from ekiben.artefact.forms.transformers import Columns, Place

_TWO = 2


def write(last: Any, columns: Columns, graph: Graph, place: Place) -> str:
    """Write the classifier and give the tensor of its probabilities.

    Raises:
        NoExactFormError: A part of it, or the way of calibrating, is not known here.
    """
    total = ""
    for number, part in enumerate(last.calibrated_classifiers_):
        found = _part(part, columns, graph, place.below(str(number), place.before))
        total = graph.add("Add", total, found) if total else found
    count = len(last.calibrated_classifiers_)
    return graph.add("Div", total, graph.constant(float(count)))


def _part(part: Any, columns: Columns, graph: Graph, place: Place) -> str:
    """Probabilities of one calibrated classifier."""
    if part.method not in ("sigmoid", "isotonic"):
        raise NoExactFormError(f"calibration by {part.method}")
    classes = len(part.classes)
    decision = _decision(part.estimator, columns, graph, place)
    if len(part.calibrators) != (1 if classes == _TWO else classes):
        raise NoExactFormError("a part of the calibration has not seen every class")
    maker = _sigmoid if part.method == "sigmoid" else _isotonic
    each = []
    for number, calibrator in enumerate(part.calibrators):
        column = graph.add("Gather", decision, graph.constant([number], np.int64), axis=1)
        each.append(maker(calibrator, column, graph))
    one = graph.constant(1.0)
    if classes == _TWO:
        return graph.add("Concat", graph.add("Sub", one, each[0]), each[0], axis=1)
    shares = graph.add("Concat", *each, axis=1)
    total = graph.add("ReduceSum", shares, graph.constant([1], np.int64), keepdims=1)
    nothing = graph.add("Equal", total, graph.constant(0.0))
    divided = graph.add("Div", shares, graph.add("Where", nothing, one, total))
    return graph.add("Where", nothing, graph.constant(1.0 / classes), divided)


def _decision(estimator: Any, columns: Columns, graph: Graph, place: Place) -> str:
    """What is calibrated: `decision_function`, or the probabilities where there is none."""
    from ekiben.artefact.forms.converted import scores_of, steps_before

    last, columns, place = steps_before(bare(estimator), columns, graph, place)
    scores = scores_of(last, columns, graph, place)
    if hasattr(last, "decision_function"):
        if getattr(last, "loss", "") == "exponential":
            raise NoExactFormError("calibration of the loss exponential")
        return scores.tensor
    tensor, width = scores.tensor, scores.width
    if scores.link == "sigmoid":
        return graph.add("Sigmoid", tensor)
    if scores.link == "softmax":
        tensor = graph.add("Softmax", tensor, axis=1)
    elif scores.link != "share":
        raise NoExactFormError(f"calibration of {name_of(last)}")
    return tensor if width != _TWO else graph.add("Gather", tensor, graph.constant([1], np.int64), axis=1)


def _sigmoid(calibrator: Any, column: str, graph: Graph) -> str:
    scaled = graph.add("Mul", column, graph.constant(float(calibrator.a_)))
    moved = graph.add("Add", scaled, graph.constant(float(calibrator.b_)))
    return graph.add("Sigmoid", graph.add("Neg", moved))


def _isotonic(calibrator: Any, column: str, graph: Graph) -> str:
    """Interpolate between the thresholds; beyond the first and the last there is no change."""
    if calibrator.out_of_bounds != "clip":
        raise NoExactFormError("an isotonic calibration that does not clip")
    places = np.asarray(calibrator.X_thresholds_, dtype=np.float64)
    values = np.asarray(calibrator.y_thresholds_, dtype=np.float64)
    if len(places) == 1:
        zero = graph.add("Mul", column, graph.constant(0.0))
        return graph.add("Add", zero, graph.constant(values[0]))
    inside = graph.add("Min", graph.add("Max", column, graph.constant(places[0])), graph.constant(places[-1]))
    passed = graph.floats(graph.add("Greater", inside, graph.constant(places[1:-1])))
    if len(places) == _TWO:
        passed = graph.add("Mul", inside, graph.constant([[0.0]]))
    interval = graph.add("ReduceSum", passed, graph.constant([1], np.int64), keepdims=1)
    index = graph.add("Cast", interval, to=7)  # TensorProto.INT64

    def of(table: Any) -> str:
        return graph.add("Gather", graph.constant(table), index, axis=0)

    slopes = np.diff(values) / np.diff(places)
    away = graph.add("Sub", inside, of(places[:-1]))
    return graph.add("Add", graph.add("Mul", away, of(slopes)), of(values[:-1]))
