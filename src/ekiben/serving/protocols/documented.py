"""JSON Schemas (2020-12) of what each protocol takes and gives for one model: the components of OpenAPI."""

from __future__ import annotations

from ekiben.serving.cells import limits
from ekiben.serving.problem import REASONS
from ekiben.serving.protocols import tensors
from ekiben.serving.protocols.explain import meaning
from ekiben.serving.protocols.pieces import Document, array, closed, column, reference
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature
from ekiben.serving.schema import Output, Schema

_STRING: Document = {"type": "string"}
_BOOLEAN: Document = {"type": "boolean"}


def components(served: Served, signature: Signature) -> Document:
    """Schemas by name.

    Args:
        served: The model.
        signature: Its tensors.
    """
    return {
        **_rows(served.schema),
        **_predict(served),
        **_kserve(served),
        **_explanations(served),
        **_open_inference(served, signature),
        **_invocations(served),
        "Problem": _problem(),
        "Error": closed({"error": _STRING}),
    }


def _rows(schema: Schema) -> Document:
    common = limits(schema)
    columns = {each.name: column(each, common) for each in schema.inputs}
    width = len(columns)
    return {
        "Instance": {
            "description": "One row, by the names of the columns.",
            **closed(columns),
        },
        "InstanceArray": {
            "description": "One row, in the order of the columns.",
            "type": "array",
            "prefixItems": [{"title": name, **found} for name, found in columns.items()],
            "items": False,
            "minItems": width,
            "maxItems": width,
        },
        "Instances": array(
            {"oneOf": [reference("Instance"), reference("InstanceArray")]},
            least=1,
        ),
    }


def _label(output: Output) -> Document:
    return {"type": "number"} if output.classes is None else {"enum": list(output.classes)}


def _predict(served: Served) -> Document:
    many, one, rest = _answered(served)
    return {
        "Prediction": _label(served.schema.output),
        "PredictRequest": {
            "oneOf": [
                closed({"instances": reference("Instances")}),
                closed({"features": {"oneOf": [reference("Instance"), reference("InstanceArray")]}}),
                reference("InstanceArray"),
            ]
        },
        "PredictAnswer": {"oneOf": [closed({**many, **rest}), closed({**one, **rest})]},
    }


def _answered(served: Served) -> tuple[Document, Document, Document]:
    """Members of an answer: for several rows, for one, and for both."""
    output = served.schema.output
    row = array({"type": "number", "minimum": 0, "maximum": 1}, least=len(output.classes or ()))
    row["maxItems"] = row.get("minItems", 0)
    rest = {
        "model": closed({"name": {"const": served.name}, "version": {"const": served.version}}),
        "id": _STRING,
    }
    many, one = {"predictions": array(reference("Prediction"))}, {"prediction": reference("Prediction")}
    if output.probabilities:
        many["probabilities"], one["probabilities"] = array(row), row
    return many, one, rest


def _explanations(served: Served) -> Document:
    """Nothing where nothing explains."""
    if served.explanation is None:
        return {}
    scores, number = served.explanation.scores, {"type": "number"}
    value = number if scores == 1 else array(number, least=scores, most=scores)
    of_columns = closed({each.name: value for each in served.schema.inputs})
    many, one, rest = _answered(served)
    rest |= {"explained": {"const": meaning(served.explanation, served.schema)}}
    explanations = array(reference("Explanation"))
    return {
        "Explanation": {
            "description": "`base` plus all contributions is `output`, the model's score on the scale that "
            "`explained` names; with several classes in their order.",
            **closed({"base": value, "contributions": of_columns, "output": value}),
        },
        "ExplainAnswer": {
            "oneOf": [
                closed({"explanations": explanations, **many, **rest}),
                closed({"explanation": reference("Explanation"), **one, **rest}),
            ]
        },
        "Explanations": closed({"predictions": array(reference("Prediction")), "explanations": explanations}),
    }


def _kserve(served: Served) -> Document:
    instances = reference("Instances")
    return {
        "KServeRequest": {"oneOf": [closed({"instances": instances}), closed({"inputs": instances})]},
        "Predictions": closed({"predictions": array(reference("Prediction"))}),
        "ModelList": closed({"models": {"const": [served.name]}}),
        "ModelReady": closed({"name": {"const": served.name}, "ready": _BOOLEAN}),
    }


def _open_inference(served: Served, signature: Signature) -> Document:
    parameters = {
        "type": ["object", "null"],
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    }
    scalar: Document = {"type": ["number", "string", "boolean"]}
    data = array({"anyOf": [scalar, array(scalar)]}, least=1)
    shape = array({"type": "integer", "minimum": 1}, least=1, most=2)
    names = {"enum": [signature.features, *signature.columns]}
    outputs = {"enum": [each.name for each in signature.outputs]}
    described = {"name": _STRING, "datatype": _STRING, "shape": array({"type": "integer"})}
    return {
        "ServerMetadata": closed({"name": _STRING, "version": _STRING, "extensions": array(_STRING)}),
        "ServerLive": closed({"live": _BOOLEAN}),
        "ServerReady": closed({"live": _BOOLEAN, "ready": _BOOLEAN}),
        "ModelMetadata": closed(
            {
                "name": {"const": served.name},
                "versions": {"const": [served.version]},
                "platform": _STRING,
                "inputs": array(closed(described)),
                "outputs": array(closed(described)),
                "properties": {"type": "object", "additionalProperties": _STRING},
            }
        ),
        "InferRequest": closed(
            {
                "inputs": array(
                    closed(
                        {"name": names, "shape": shape, "datatype": {"enum": list(tensors.DATATYPES)}},
                        {"parameters": parameters, "data": data},
                    ),
                    least=1,
                )
            },
            {
                "id": {"type": ["string", "null"]},
                "parameters": parameters,
                "outputs": {
                    "anyOf": [array(closed({"name": outputs}, {"parameters": parameters})), {"type": "null"}]
                },
                "model_name": {"enum": [served.name, "", None]},
                "model_version": {"enum": [served.version, "", None]},
            },
        ),
        "InferAnswer": closed(
            {
                "model_name": {"const": served.name},
                "model_version": {"const": served.version},
                "id": _STRING,
                "outputs": array(
                    closed(
                        {"name": outputs, "shape": shape, "datatype": _STRING},
                        {"parameters": parameters, "data": array(scalar)},
                    )
                ),
            }
        ),
    }


def _invocations(served: Served) -> Document:
    names = [each.name for each in served.schema.inputs]
    common = limits(served.schema)
    columns = closed({each.name: array(column(each, common), least=1) for each in served.schema.inputs})
    rows = array(array({}), least=1)
    split = closed(
        {"data": rows},
        {
            "columns": {
                "anyOf": [array({"enum": names}, least=len(names), most=len(names)), {"type": "null"}]
            },
            "index": {},
        },
    )
    params = {"params": {"type": ["object", "null"], "maxProperties": 0}}
    return {
        "InvocationsRequest": {
            "oneOf": [
                closed({"dataframe_split": split}, params),
                closed({"dataframe_records": array(reference("Instance"), least=1)}, params),
                closed({"instances": reference("Instances")}, params),
                closed({"inputs": {"anyOf": [columns, reference("Instances")]}}, params),
                array(reference("InstanceArray"), least=1),
                reference("InstanceArray"),
            ]
        },
        "InvocationsAnswer": {"oneOf": [reference("Predictions"), array(reference("Prediction"))]},
        "MlflowError": closed({"error_code": _STRING, "message": _STRING}),
    }


def _problem() -> Document:
    place = closed({"pointer": {"type": "string", "format": "json-pointer"}, "detail": _STRING})
    return {
        "description": "RFC 9457 problem document; pointers name wrong places of the request.",
        **closed(
            {
                "type": _STRING,
                "title": _STRING,
                "status": {"type": "integer"},
                "detail": _STRING,
                "id": _STRING,
            },
            {"reason": {"enum": list(REASONS)}, "errors": array(place, most=20)},
        ),
    }
