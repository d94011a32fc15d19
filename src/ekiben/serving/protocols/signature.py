"""The tensors of a model in the Open Inference Protocol, from its schema: the same for REST and gRPC.

Columns of one number type (all `float64`, or all `int64`) are one input, `input-0`, of shape [-1, columns];
any others are one input per column, of shape [-1], by the column's name. Requests may use either form
whatever the metadata say, as long as the types fit. Outputs are `predict`, of shape [-1], and, where the
model has them, `probabilities`, of shape [-1, classes].
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from ekiben.serving.schema import InputType, Label, Schema

DATATYPES: dict[InputType, str] = {"float64": "FP64", "int64": "INT64", "bool": "BOOL", "string": "BYTES"}
PREDICT, PROBABILITIES = "predict", "probabilities"
_WHOLE: tuple[InputType, ...] = ("float64", "int64")  # columns of one of these types are one tensor


@dataclass(frozen=True, slots=True)
class Declared:
    """A tensor that a model takes or gives.

    Attributes:
        name: The tensor's.
        datatype: One of the protocol's.
        shape: Of the whole batch; -1 for the rows.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]

    def document(self) -> dict[str, Any]:
        """Give the protocol's `$metadata_tensor`."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives.

    Attributes:
        columns: Names of the schema's inputs, in order.
        features: Name of the tensor that holds all columns; no column has it.
        inputs: As the metadata declare them.
        outputs: In the order of an answer.
    """

    columns: tuple[str, ...]
    features: str
    inputs: tuple[Declared, ...]
    outputs: tuple[Declared, ...]

    @property
    def whole(self) -> bool:
        """Whether the metadata declare one input with all columns."""
        return self.inputs[0].name == self.features


def of(schema: Schema) -> Signature:
    """Derive the tensors from a schema."""
    columns = tuple(each.name for each in schema.inputs)
    features = next(name for name in (f"input-{i}" for i in itertools.count()) if name not in columns)
    types = {each.type for each in schema.inputs}
    inputs = tuple(Declared(each.name, DATATYPES[each.type], (-1,)) for each in schema.inputs)
    if types in [{each} for each in _WHOLE]:
        inputs = (Declared(features, inputs[0].datatype, (-1, len(columns))),)
    outputs = [Declared(PREDICT, _labels(schema.output.classes), (-1,))]
    if schema.output.probabilities:
        outputs.append(Declared(PROBABILITIES, "FP64", (-1, len(schema.output.classes or ()))))
    return Signature(columns, features, inputs, tuple(outputs))


def _labels(classes: tuple[Label, ...] | None) -> str:
    """Datatype of the predictions; a regression's are real numbers."""
    kinds = {type(each) for each in classes or (0.0,)}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds <= {int, float} else "BYTES"
