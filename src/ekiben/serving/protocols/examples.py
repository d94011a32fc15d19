"""Requests for each protocol from golden rows, and the answers that they must give."""

from __future__ import annotations

from typing import Any

from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import DATATYPES, Signature

Example = dict[str, Any]


def predict(served: Served) -> Example:
    """`POST /predict`."""
    return {"instances": [dict(served.golden.instances[0])]}


def predicted(served: Served) -> Example:
    """What `/predict` answers to that."""
    golden = served.golden
    answer: Example = {"predictions": [golden.predictions[0]]}
    if golden.probabilities is not None:
        answer["probabilities"] = [list(golden.probabilities[0])]
    return {**answer, "model": {"name": served.name, "version": served.version}, "id": "example"}


def predictions(served: Served) -> Example:
    """What KServe v1 and MLflow answer."""
    return {"predictions": [served.golden.predictions[0]]}


def split(served: Served) -> Example:
    """`POST /invocations`, a data frame."""
    row = served.golden.instances[0]
    names = [each.name for each in served.schema.inputs]
    return {"dataframe_split": {"columns": names, "data": [[row[name] for name in names]]}}


def infer(served: Served, signature: Signature) -> Example:
    """`POST /v2/models/{model}/infer`, with the tensors that the metadata declare."""
    row = served.golden.instances[0]
    if signature.whole:
        declared = signature.inputs[0]
        data = [row[name] for name in signature.columns]
        shape = [1, len(data)]
        return {
            "inputs": [{"name": declared.name, "shape": shape, "datatype": declared.datatype, "data": data}]
        }
    return {
        "inputs": [
            {"name": each.name, "shape": [1], "datatype": DATATYPES[each.type], "data": [row[each.name]]}
            for each in served.schema.inputs
        ]
    }


def inferred(served: Served, signature: Signature) -> Example:
    """What inference answers to that."""
    golden = served.golden
    data: list[list[Any]] = [[golden.predictions[0]], list((golden.probabilities or ((),))[0])]
    outputs = [
        {
            "name": each.name,
            "shape": [1, *each.shape[1:]],
            "datatype": each.datatype,
            "data": [str(value) for value in values] if each.datatype == "BYTES" else values,
        }
        for each, values in zip(signature.outputs, data, strict=False)
    ]
    return {
        "model_name": served.name,
        "model_version": served.version,
        "id": "example",
        "outputs": outputs,
    }
