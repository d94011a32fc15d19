"""Conversions broken on purpose: each is dropped, and its cause is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ekiben.artefact.forms import attempts, converted
from ekiben.artefact.forms.folded import fold
from ekiben.artefact.forms.proof import prove
from ekiben.errors import AcceptanceError
from ekiben.serving.predictors.linear import Linear
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.schema import Input, Output, Schema

ROWS, LABELS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
CANCER_SCHEMA = Schema(
    tuple(Input(f"x{number}", "float64") for number in range(30)),
    Output("classification", (0, 1), probabilities=True),
)
FOREST = make_pipeline(StandardScaler(), RandomForestClassifier(12, max_depth=4, random_state=0)).fit(
    ROWS, LABELS
)
NETWORK = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=300, tol=1e-2, random_state=0)).fit(
    ROWS, LABELS
)
SCHEMA = Schema(
    tuple(Input(f"x{number}", "float64") for number in range(4)),
    Output("classification", (0, 1, 2), probabilities=True),
)


def broken(change: Callable[[onnx.GraphProto], None]) -> Callable[..., Any]:
    """A converter whose graph is changed afterwards, by the means of onnx alone."""

    def convert(estimator: Any, schema: Schema) -> converted.Converted:
        found = converted.converted(estimator, schema)
        model = onnx.load_from_string(found.content)
        change(model.graph)
        onnx.checker.check_model(model)
        return converted.Converted(
            model.SerializeToString(), found.marks, found.last, found.columns, found.before, found.ensemble
        )

    return convert


def outcome(
    monkeypatch: pytest.MonkeyPatch, estimator: Any, change: Callable[[onnx.GraphProto], None]
) -> Any:
    monkeypatch.setattr(attempts, "converted", broken(change))
    found = prove(estimator, SCHEMA, ROWS, ROWS[:40], count=4_000, seed=0)
    assert found.predictor == "scikit-learn"
    return found.document["forms"]["onnx"]


def cast_first(graph: onnx.GraphProto) -> None:
    """Rows are cast to float32 before the scaler sees them."""
    for node in graph.node:
        node.input[:] = ["cast" if name == "rows" else name for name in node.input]
    graph.node.insert(0, helper.make_node("Cast", ["single"], ["cast"], to=TensorProto.DOUBLE))
    graph.node.insert(0, helper.make_node("Cast", ["rows"], ["single"], to=TensorProto.FLOAT))


def times_reciprocal(graph: onnx.GraphProto) -> None:
    """The scaler's division is a product with 1 / scale, which rounds otherwise."""
    [node] = [each for each in graph.node if each.op_type == "Div" and each.input[1] == "constant_1"]
    [scale] = [each for each in graph.initializer if each.name == node.input[1]]
    scale.CopyFrom(numpy_helper.from_array(1 / numpy_helper.to_array(scale), name=scale.name))
    node.op_type = "Mul"


def tree_attribute(graph: onnx.GraphProto, name: str) -> Any:
    [node] = [each for each in graph.node if each.op_type == "TreeEnsemble"]
    [found] = [each for each in node.attribute if each.name == name]
    return found


def one_leaf(graph: onnx.GraphProto) -> None:
    """One leaf of a tree adds a third."""
    found = tree_attribute(graph, "leaf_weights")
    weights = numpy_helper.to_array(found.t).copy()
    weights[weights == 1.0] = np.where(np.arange((weights == 1.0).sum()) == 3, 1 / 3, 1.0)
    found.t.CopyFrom(numpy_helper.from_array(weights))


def one_split(graph: onnx.GraphProto) -> None:
    """One split lies a tenth to the right."""
    found = tree_attribute(graph, "nodes_splits")
    limits = numpy_helper.to_array(found.t).copy()
    limits[0] += 0.1
    found.t.CopyFrom(numpy_helper.from_array(limits))


def swapped_classes(graph: onnx.GraphProto) -> None:
    """Leaves of class 1 add to class 2, and the other way round."""
    found = tree_attribute(graph, "leaf_targetids")
    swap = {0: 0, 1: 2, 2: 1}
    found.ints[:] = [swap[each] for each in found.ints]


def other_activation(graph: onnx.GraphProto) -> None:
    """The layers are joined by another function."""
    [node] = [each for each in graph.node if each.op_type == "Relu"]
    node.op_type = "Softplus"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (cast_first, ("standardscaler", "Cast", "float32", "StandardScaler computes float64")),
        (one_leaf, ("randomforestclassifier", "TreeEnsemble", "float64", "a leaf adds 0.333")),
        (one_split, ("randomforestclassifier", "TreeEnsemble", "float64", "tree 0: the split of column")),
        (swapped_classes, ("randomforestclassifier", "Div", "float64", "column 1 holds class 2")),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_broken_graph_of_trees_is_caught_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, change: Any, cause: tuple[str, ...]
) -> None:
    """The form is dropped; step, operator, type and what differs there stand in `parity.json`."""
    found = outcome(monkeypatch, FOREST, change)
    assert not found["kept"]
    assert found["flips"] > 0
    step, operator, dtype, detail = cause
    assert (found["cause"]["step"], found["cause"]["operator"], found["cause"]["dtype"]) == (
        step,
        operator,
        dtype,
    )
    assert detail in found["cause"]["detail"]
    worst = found["worst"][0]
    expected = FOREST.predict_proba(np.array([worst["row"]]))[0]
    assert worst["expected"]["probabilities"] == expected.tolist()
    assert worst["found"]["probabilities"] != expected.tolist()


def test_last_digits_of_a_scaler_are_caught_beside_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product in place of a division is off by one unit of the last place, which some split shows."""
    model = make_pipeline(StandardScaler(), RandomForestClassifier(60, random_state=0)).fit(*CANCER)
    monkeypatch.setattr(attempts, "converted", broken(times_reciprocal))
    found = prove(model, CANCER_SCHEMA, CANCER[0], CANCER[0][:40], count=8_000, seed=0).document["forms"][
        "onnx"
    ]
    assert not found["kept"]
    assert {each["origin"] for each in found["worst"]} == {"threshold"}
    cause = found["cause"]
    assert (cause["step"], cause["operator"], cause["dtype"]) == ("standardscaler", "Mul", "float64")
    assert "StandardScaler makes Div; the graph makes Mul" in cause["detail"]


def test_a_broken_graph_of_a_network_is_caught_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layer after the wrong function is named, and the operators that lead to it."""
    found = outcome(monkeypatch, NETWORK, other_activation)
    assert found["flips"] > 0
    assert found["cause"]["step"] == "mlpclassifier"
    assert "layer 2" in found["cause"]["detail"]
    assert "Softplus" in found["cause"]["detail"]


@pytest.mark.parametrize(
    ("change", "dtype", "detail"),
    [
        (lambda matrix: matrix.astype(np.float32), "float32", "rounded to float32"),
        (lambda matrix: matrix[[0, 2, 1]], "float64", "column 1 holds class 2"),
        (lambda matrix: matrix + np.eye(3, 4) * [2, 1, 1, 1], "float64", "the coefficient of x0 is"),
    ],
    ids=["float32", "classes", "coefficient"],
)
def test_a_broken_folding_is_caught_with_its_cause(
    monkeypatch: pytest.MonkeyPatch, change: Any, dtype: str, detail: str
) -> None:
    """Rounded, swapped or wrong coefficients are told apart."""
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    right = fold(line, SCHEMA)
    wrong = Linear(change(right.coefficients).astype(np.float64), right.intercepts, right.link)
    if dtype == "float64" and "class" in detail:
        wrong = Linear(wrong.coefficients, right.intercepts[[0, 2, 1]], right.link)
    monkeypatch.setattr(attempts, "fold", lambda *_: wrong)
    found = prove(line, SCHEMA, ROWS, ROWS[:40], count=2_000, seed=0).document["forms"]["folded"]
    assert (found["kept"], found["cause"]["dtype"]) == (False, dtype)
    assert detail in found["cause"]["detail"]


def test_a_demanded_form_with_a_difference_fails_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the form, the count and the cause."""
    monkeypatch.setattr(attempts, "converted", broken(cast_first))
    with pytest.raises(AcceptanceError, match=r"expected the exact form onnx.*rows got another label.*Cast"):
        prove(FOREST, SCHEMA, ROWS, ROWS[:40], count=4_000, seed=0, demanded=["onnx"])


def test_a_demanded_form_serves() -> None:
    """A linear model has a graph where that is demanded, and it is what answers."""
    line = LogisticRegression(max_iter=500).fit(ROWS, LABELS)
    found = prove(line, SCHEMA, ROWS, ROWS[:40], count=1_000, seed=0, demanded=["onnx"])
    assert (found.predictor, sorted(found.contents)) == ("onnx", ["folded", "onnx"])
    assert prove(line, SCHEMA, ROWS, ROWS[:40], count=1_000, seed=0).predictor == "folded"


def test_an_estimator_that_is_read_back_otherwise_is_refused() -> None:
    """A scaler whose stored form lost digits is named."""
    other = make_pipeline(StandardScaler().fit(ROWS), FOREST[-1])
    other[0].mean_ = other[0].mean_.astype(np.float32).astype(np.float64) + 0.01
    reloaded = EstimatorPredictor(other, SCHEMA)
    with pytest.raises(AcceptanceError, match=r"answers otherwise.*standardscaler"):
        prove(FOREST, SCHEMA, ROWS, ROWS[:40], count=1_000, seed=0, reloaded=reloaded)


def test_a_boosting_of_two_classes_with_the_other_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Swapped classes of a single score are told as such."""
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(*CANCER)

    def negative(graph: onnx.GraphProto) -> None:
        found = tree_attribute(graph, "leaf_weights")
        found.t.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(found.t)))

    monkeypatch.setattr(attempts, "converted", broken(negative))
    found = prove(model, CANCER_SCHEMA, CANCER[0], CANCER[0][:40], count=1_000, seed=0).document["forms"][
        "onnx"
    ]
    assert "the two classes are swapped" in found["cause"]["detail"]
