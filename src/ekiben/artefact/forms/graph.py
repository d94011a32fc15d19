"""A graph of float64 for ONNX Runtime, with marks where it must agree with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

from ekiben.serving.predictors.onnx import INCLUSIVE, INPUT, LINK, REACH, SCORES, UNKNOWN, WORDS
from ekiben.serving.schema import Schema

Reference = Callable[[Any], Any]  # from rows to what scikit-learn computes of them
# The first versions with TreeEnsemble (ai.onnx.ml 5) and with all else that is used here.
_OPSETS = (("", 18), ("ai.onnx.ml", 5))
_IR_VERSION = 10


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a tensor.

    Attributes:
        tensor: Its name in the graph; two dimensions, rows first.
        place: Which column of it.
        sources: Inputs that the column is computed from.
        word: Whether it holds strings, else float64.
        gap: Whether a value may be missing (NaN).
    """

    tensor: str
    place: int
    sources: frozenset[int]
    word: bool = False
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A tensor that scikit-learn knows too.

    Attributes:
        path: The step of the estimator, as names joined by `/`.
        kind: The class of the step.
        operator: What the step does there, as ONNX names it.
        tensor: The tensor's name.
        reference: What scikit-learn, or numpy in its place, computes of the estimator's rows.
        tolerance: Largest difference that is none, relative to the largest magnitude; 0 means every bit.
    """

    path: str
    kind: str
    operator: str
    tensor: str
    reference: Reference
    tolerance: float = 0.0


@dataclass(slots=True)
class Graph:
    """Operators in the order of their making.

    Attributes:
        schema: What the estimator takes and gives.
        marks: Where the graph must agree with scikit-learn, in the order of computing.
    """

    schema: Schema
    marks: list[Mark] = field(default_factory=list)
    _nodes: list[NodeProto] = field(default_factory=list)
    _constants: list[TensorProto] = field(default_factory=list)
    _widths: dict[str, int] = field(default_factory=dict)
    _magnitudes: list[str] = field(default_factory=list)
    _strangers: list[str] = field(default_factory=list)

    def inputs(self) -> tuple[Column, ...]:
        """Give the estimator's inputs as columns of the tensors `rows` and `words`."""
        found, count = [], {INPUT: 0, WORDS: 0}
        for number, each in enumerate(self.schema.inputs):
            tensor = WORDS if each.type == "string" else INPUT
            found.append(
                Column(
                    tensor, count[tensor], frozenset({number}), each.type == "string", each.missing == "nan"
                )
            )
            count[tensor] += 1
        self._widths.update(count)
        return tuple(found)

    def constant(self, values: Any, kind: Any = np.float64) -> str:
        """Add a constant tensor and give its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name=name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator and give the name of its output."""
        name = f"value_{len(self._nodes)}"
        tensors = {
            key: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        self._nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **tensors))
        return name

    def floats(self, tensor: str) -> str:
        """Cast to float64."""
        return self.add("Cast", tensor, to=TensorProto.DOUBLE)

    def matrix(self, columns: Sequence[Column]) -> str:
        """Give one tensor that holds these columns, in this order."""
        parts = []
        for tensor, run in groupby(columns, key=lambda each: each.tensor):
            places = [each.place for each in run]
            whole = places == list(range(self._widths[tensor]))
            parts.append(
                tensor if whole else self.add("Gather", tensor, self.constant(places, np.int64), axis=1)
            )
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def columns(
        self, tensor: str, sources: Sequence[frozenset[int]], gaps: Sequence[bool] | None = None
    ) -> tuple[Column, ...]:
        """Give the columns of a tensor that was computed of the inputs `sources`."""
        self._widths[tensor] = len(sources)
        missing = gaps or [False] * len(sources)
        return tuple(
            Column(tensor, place, source, gap=gap)
            for place, (source, gap) in enumerate(zip(sources, missing, strict=True))
        )

    def reach(self, tensor: str, *, gaps: bool) -> None:
        """Give the largest magnitude in a tensor as an output of its own; a missing value has none."""
        if gaps:
            tensor = self.add("Where", self.add("IsNaN", tensor), self.constant(0.0), tensor)
        self._magnitudes.append(self.add("ReduceMax", self.add("Abs", tensor), keepdims=0))

    def stranger(self, codes: str) -> None:
        """Let a negative code be an unknown category, which the estimator refuses."""
        self._strangers.append(self.add("ReduceMin", codes, keepdims=0))

    def content(self, scores: str, width: int, link: str, *, inclusive: bool = False) -> bytes:
        """Give the file's bytes, the same for the same graph.

        Args:
            scores: The tensor of scores.
            width: Its columns.
            link: How scores become answers.
            inclusive: Whether a score of 0 means the second of two classes.
        """
        self._nodes.append(helper.make_node("Identity", [scores], [SCORES]))
        for parts, operator, name in ((self._magnitudes, "Max", REACH), (self._strangers, "Min", UNKNOWN)):
            if parts:
                whole = parts[0] if len(parts) == 1 else self.add(operator, *parts)
                self._nodes.append(helper.make_node("Identity", [whole], [name]))
        model: ModelProto = helper.make_model(
            helper.make_graph(self._nodes, "estimator", self._given(), self._outputs(width), self._constants),
            opset_imports=[helper.make_opsetid(*each) for each in _OPSETS],
            ir_version=_IR_VERSION,
            producer_name="ekiben",
        )
        for key, value in ((INCLUSIVE, "true" if inclusive else "false"), (LINK, link)):
            model.metadata_props.add(key=key, value=value)
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _given(self) -> list[ValueInfoProto]:
        kinds = {INPUT: TensorProto.DOUBLE, WORDS: TensorProto.STRING}
        used = {name for node in self._nodes for name in node.input}
        return [
            helper.make_tensor_value_info(name, kind, [None, self._widths[name]])
            for name, kind in kinds.items()
            if name in used
        ]

    def _outputs(self, width: int) -> list[ValueInfoProto]:
        made = {name for node in self._nodes for name in node.output}
        scores = helper.make_tensor_value_info(SCORES, TensorProto.DOUBLE, [None, width])
        alone = [
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, [])
            for name in (REACH, UNKNOWN)
            if name in made
        ]
        return [scores, *alone]


def dense(found: Any) -> npt.NDArray[Any]:
    """Give what a transformer returned as an array."""
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found)
