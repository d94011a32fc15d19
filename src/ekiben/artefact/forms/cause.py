"""Why a form answers otherwise: the first step, operator and type whose output differs from scikit-learn's.

The graph is run with every tensor as an output, on the rows that differ most. Tensors are compared in
the order of computing with what scikit-learn makes of the same rows; before the first that differs, all
agree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from ekiben.artefact.forms import causes
from ekiben.artefact.forms.attempts import Attempt
from ekiben.artefact.forms.converted import Converted
from ekiben.artefact.forms.folded import fold
from ekiben.artefact.forms.graph import Mark, dense
from ekiben.artefact.forms.parity import Tally
from ekiben.artefact.forms.scaling import bare
from ekiben.serving.predictor import Predictor
from ekiben.serving.predictors.linear import Linear
from ekiben.serving.predictors.onnx import feed
from ekiben.serving.schema import Schema

_LESS = {"float16": np.float16, "float32": np.float32}


@dataclass(frozen=True, slots=True)
class Cause:
    """Where a form leaves the estimator's way.

    Attributes:
        step: Path of the step in the estimator; empty for an estimator without steps.
        operator: ONNX's name of what differs, or what part of another form does.
        dtype: The type it computes or keeps.
        detail: What differs there, in words.
    """

    step: str
    operator: str
    dtype: str
    detail: str

    def document(self) -> dict[str, str]:
        """Give what `parity.json` says of it."""
        return asdict(self)


def find(
    estimator: Any, schema: Schema, attempt: Attempt | None, predictor: Predictor, tally: Tally
) -> dict[str, str]:
    """Name the cause of a difference.

    Args:
        estimator: The estimator that was trained.
        schema: What it takes and gives.
        attempt: The form; None for the estimator that was read back.
        predictor: What answered otherwise.
        tally: The differences; its worst rows are asked again.
    """
    if tally.raised is not None:
        return _of_error(tally.raised).document()
    rows = _rows(tally, schema)
    if attempt is None:
        return _of_reloaded(estimator, getattr(predictor, "estimator", None), rows).document()
    if attempt.converted is None:
        return _of_folded(estimator, schema, attempt.content or b"").document()
    return _of_graph(attempt.converted, attempt.content or b"", rows, schema).document()


def told(found: Mapping[str, str]) -> str:
    """Say a cause in words."""
    where = f"step {found['step']}, " if found["step"] else ""
    return f"{where}{found['operator']} of {found['dtype']}: {found['detail']}"


def _of_error(said: str) -> Cause:
    """An error says where it was raised; ONNX Runtime names the operator.

    Source: onnxruntime, core/framework/sequential_executor.cc ("while running <operator> node").
    """
    named = re.search(r"while running (\w+) node", said)
    return Cause("", named[1] if named else "the form", "any type", said)


def _rows(tally: Tally, schema: Schema) -> npt.NDArray[Any]:
    """The worst rows as the estimator gets them."""
    given = [[np.nan if value is None else value for value in each.row] for each in tally.worst]
    return np.array(given, dtype=np.float64 if schema.numeric else object)


def _of_reloaded(estimator: Any, other: Any, rows: npt.NDArray[Any]) -> Cause:
    """The first step whose output is not that of the trained one."""
    one, second = bare(estimator), bare(other)
    pairs = zip(getattr(one, "steps", ()), getattr(second, "steps", ()), strict=False)
    left = right = rows
    for (name, step), (_, copy) in pairs:
        if not hasattr(step, "transform"):
            return Cause(name, type(step).__name__, "float64", "its stored form answers otherwise")
        left, right = step.transform(left), copy.transform(right)
        if not np.array_equal(dense(left), dense(right), equal_nan=True):
            return Cause(name, type(step).__name__, str(dense(right).dtype), "its stored form differs")
    return Cause("", type(one).__name__, "float64", "its stored form answers otherwise")


def _of_folded(estimator: Any, schema: Schema, content: bytes) -> Cause:
    """The coefficient that differs most from one folded anew, or another fault of all of them."""
    found, expected = Linear.parse(content), fold(estimator, schema)
    matrix, other = found.coefficients, expected.coefficients
    if found.link != expected.link:
        return Cause("", "link", "float64", f"the link is {found.link} where {expected.link} is right")
    if matrix.shape == other.shape:
        order = causes.order(matrix.T, other.T)
        if order:
            return Cause("", "coefficients", "float64", order)
    single = np.array_equal(matrix, matrix.astype(np.float32)) and not np.array_equal(matrix, other)
    if single:
        return Cause("", "coefficients", "float32", "coefficients were rounded to float32")
    score, place = np.unravel_index(np.argmax(np.abs(matrix - other)), matrix.shape)
    name, right = schema.inputs[place].name, other[score, place]
    detail = f"the coefficient of {name} is {matrix[score, place]!r} where {right!r} is right"
    if matrix[score, place] == right:
        detail = (
            f"the intercepts are {found.intercepts.tolist()} where {expected.intercepts.tolist()} are right"
        )
    return Cause("", "coefficients", "float64", detail)


def _of_graph(made: Converted, content: bytes, rows: npt.NDArray[Any], schema: Schema) -> Cause:
    model = onnx.load_from_string(content)
    values = _tensors(content, rows, schema)
    before: set[str] = set()
    for mark in made.marks:
        if mark.tensor not in values:
            continue
        expected = np.asarray(mark.reference(rows))
        if not _same(values[mark.tensor], expected, mark.tolerance):
            return _of_mark(made, model, mark, before, values, expected)
        before.add(mark.tensor)
    last = made.marks[-1] if made.marks else None
    path = last.path if last else ""
    if last is not None and not _same(values["scores"], values[last.tensor], 0.0):
        detail = causes.order(values["scores"], values[last.tensor]) or "scores differ from the last step's"
        return Cause(path, model.graph.node[-1].op_type, str(values["scores"].dtype), detail)
    return Cause(path, "link", "float64", "scores agree; what is made of them does not")


def _tensors(content: bytes, rows: npt.NDArray[Any], schema: Schema) -> dict[str, Any]:
    """Run a graph once and give every tensor that it computes, by name; nothing is fused then."""
    model = onnx.load_from_string(content)
    given = {each.name for each in model.graph.output}
    names = [name for node in model.graph.node for name in node.output]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in given)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    fed = feed(schema, session.get_inputs())(rows)
    return {**fed, **dict(zip(names, session.run(names, fed), strict=True))}


def _of_mark(
    made: Converted,
    model: onnx.ModelProto,
    mark: Mark,
    before: set[str],
    values: Mapping[str, Any],
    expected: npt.NDArray[Any],
) -> Cause:
    """Name the operator among those between the last tensor that agrees and the first that does not."""
    found = values[mark.tensor]
    nodes = causes.between(model, mark.tensor, before)
    for node in nodes:
        kind = str(values[node.output[0]].dtype)
        if kind in _LESS:
            detail = f"{mark.kind} computes float64; {node.op_type} gives {kind}"
            return Cause(mark.path, node.op_type, kind, f"{detail} ({causes.distance(found, expected)})")
    if order := causes.order(found, expected):
        return Cause(mark.path, nodes[-1].op_type, "float64", order)
    trees = next((node for node in nodes if node.op_type == "TreeEnsemble"), None)
    if trees is not None and made.ensemble is not None:
        detail = causes.of_trees(trees, made.last, values[trees.input[0]])
        kind = "float32" if causes.rounded(trees) else "float64"
        return Cause(mark.path, "TreeEnsemble", kind, detail)
    names = ", ".join(node.op_type for node in nodes)
    other = (
        f"{mark.kind} makes {mark.operator}; " if mark.operator and mark.operator != nodes[-1].op_type else ""
    )
    detail = f"{other}the graph makes {names} ({causes.distance(found, expected)})"
    return Cause(mark.path, nodes[-1].op_type, str(found.dtype), detail)


def _same(found: Any, expected: Any, tolerance: float) -> bool:
    if found.shape != expected.shape:
        return False
    if tolerance == 0:
        return np.array_equal(found, expected, equal_nan=True)
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    return bool(np.allclose(found, expected, rtol=0, atol=tolerance * scale, equal_nan=True))
