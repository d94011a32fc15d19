"""A graph of float64 for ONNX Runtime: scaling as scikit-learn scales, then trees or a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from ekiben.artefact.forms.ensembles import Ensemble
from ekiben.artefact.forms.networks import Network
from ekiben.artefact.forms.scaling import NoExactFormError, Step
from ekiben.artefact.forms.splits import Splits
from ekiben.serving.predictors.onnx import INCLUSIVE, INPUT, LINK, REACH, SCORES
from ekiben.serving.schema import Schema

# The first versions with TreeEnsemble (ai.onnx.ml 5) and with all else that is used here.
_OPSETS = (("", 18), ("ai.onnx.ml", 5))
_IR_VERSION = 10


class Graph:
    """A chain of operators.

    Args:
        inputs: Columns of the rows.
    """

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._last = INPUT

    def then(self, operator: str, constant: Any = None, *, domain: str = "", **attributes: Any) -> None:
        """Append an operator on what the last one gave, and maybe a constant of float64."""
        inputs = [self._last]
        if constant is not None:
            inputs.append(f"constant_{len(self._constants)}")
            self._constants.append(
                numpy_helper.from_array(np.asarray(constant, dtype=np.float64), name=inputs[1])
            )
        self._last = f"value_{len(self._nodes)}"
        tensors = {
            name: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            for name, value in attributes.items()
        }
        self._nodes.append(helper.make_node(operator, inputs, [self._last], domain=domain, **tensors))

    def reach(self) -> None:
        """Give the largest magnitude so far as an output of its own."""
        self._nodes.append(helper.make_node("Abs", [self._last], ["magnitude"]))
        self._nodes.append(helper.make_node("ReduceMax", ["magnitude"], [REACH], keepdims=0))

    def content(self, scores: int, link: str, *, inclusive: bool) -> bytes:
        """Give the file's bytes, the same for the same graph.

        Args:
            scores: Columns of the last operator.
            link: How scores become answers.
            inclusive: Whether a score of 0 means the second of two classes.
        """
        for node in self._nodes:
            if node.output[0] == self._last:
                node.output[0] = SCORES
        bounded = any(REACH in node.output for node in self._nodes)
        outputs = [helper.make_tensor_value_info(SCORES, TensorProto.DOUBLE, [None, scores])]
        if bounded:
            outputs.append(helper.make_tensor_value_info(REACH, TensorProto.DOUBLE, []))
        graph = helper.make_graph(
            self._nodes,
            "estimator",
            [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, self._inputs])],
            outputs,
            self._constants,
        )
        model: ModelProto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(*each) for each in _OPSETS],
            ir_version=_IR_VERSION,
            producer_name="ekiben",
        )
        for key, value in ((INCLUSIVE, "true" if inclusive else "false"), (LINK, link)):
            model.metadata_props.add(key=key, value=value)
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def of_ensemble(steps: Sequence[Step], ensemble: Ensemble, schema: Schema) -> bytes:
    """Write trees behind scalers.

    Args:
        steps: What the scalers do.
        ensemble: The trees.
        schema: What the estimator takes.

    Raises:
        NoExactFormError: Values may be missing where a cast to float32 must be looked after.
    """
    missing = any(each.missing == "nan" for each in schema.inputs)
    graph = Graph(len(schema.inputs))
    _scale(graph, steps)
    # Rows of precision float32 are within it already, but for what a scaler makes of them.
    if ensemble.float32 and (steps or schema.precision != "float32"):
        if missing:
            raise NoExactFormError("missing values would hide a value that float32 cannot hold")
        graph.reach()
    graph.then("TreeEnsemble", domain="ai.onnx.ml", **Splits(ensemble, missing=missing).attributes())
    if ensemble.divisor != 1:
        graph.then("Div", float(ensemble.divisor))
    return graph.content(len(ensemble.base), ensemble.link, inclusive=ensemble.inclusive)


def of_network(steps: Sequence[Step], network: Network, inputs: int) -> bytes:
    """Write a multi-layer perceptron behind scalers.

    Args:
        steps: What the scalers do.
        network: The layers.
        inputs: Columns of the rows.
    """
    graph = Graph(inputs)
    _scale(graph, steps)
    for number, (matrix, vector) in enumerate(network.layers):
        if number and network.activation:
            graph.then(network.activation)
        graph.then("MatMul", matrix)
        graph.then("Add", vector)
    return graph.content(len(network.layers[-1][1]), network.link, inclusive=False)


def _scale(graph: Graph, steps: Sequence[Step]) -> None:
    for step in steps:
        graph.then(step.operation, step.vector)
