"""OpenAPI 3.1 of one pod, from the model's schema.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ekiben.serving.protocols import documented, examples
from ekiben.serving.protocols.pieces import reference
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature

Document = dict[str, Any]
VERSION = "3.1.0"
_TAGS = {
    "ekiben": "The pod's own protocol; errors are problem documents (RFC 9457).",
    "Open Inference Protocol": "Version 2 with the binary tensor data extension.",
    "KServe": "Version 1 of KServe's protocol.",
    "MLflow and SageMaker": "The scoring server's and the container's routes.",
    "operation": "Health and documentation.",
}
# Not as a parameter of the operation: with a body of JSON alone it means nothing, and OpenAPI cannot say so.
_BINARY = (
    "With application/octet-stream the header Inference-Header-Content-Length gives the length of the JSON "
    "object, in bytes, which the bytes of tensors follow; 0 if there is none. Without the header the body is "
    "the bytes of one row, if the model has one input tensor."
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What OpenAPI says of one path.

    Attributes:
        tag: One of the protocols.
        summary: One line.
        answer: Component of a 200; empty for none.
        request: Component of the body; empty for none.
        error: Component of a refusal.
        example: A body.
        answered: What it is answered with.
        media: Further media types of the body, their content not described by a schema.
        described: More than the summary says; empty for nothing.
        answered_media: Media types of a 200 that is no JSON.
    """

    tag: str
    summary: str
    answer: str = ""
    request: str = ""
    error: str = "Problem"
    example: Any = None
    answered: Any = None
    media: tuple[str, ...] = ()
    described: str = ""
    answered_media: tuple[str, ...] = field(default=())


def operations(served: Served, signature: Signature) -> dict[str, Operation]:
    """Operations by the template of their path."""
    inference, kserve, invoked, pod, own = _tags()
    infer = Operation(
        inference, "Predict from tensors", "InferAnswer", "InferRequest", "Error",
        examples.infer(served, signature), examples.inferred(served, signature),
        media=("application/octet-stream",), answered_media=("application/octet-stream",), described=_BINARY,
    )  # fmt: skip
    metadata = Operation(inference, "Tensors of the model", "ModelMetadata", error="Error")
    model_ready = Operation(inference, "Whether the model is ready", "ModelReady", error="Error")
    model, version = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    return {
        "/predict": Operation(
            own, "Predict from rows", "PredictAnswer", "PredictRequest",
            example=examples.predict(served), answered=examples.predicted(served),
        ),
        "/v2": Operation(inference, "Name, version and extensions", "ServerMetadata", error="Error"),
        "/v2/health/live": Operation(inference, "Whether the server runs", "ServerLive", error="Error"),
        "/v2/health/ready": Operation(inference, "Whether the model is ready", "ServerReady", error="Error"),
        **dict.fromkeys((model, version), metadata),
        **{f"{path}/ready": model_ready for path in (model, version)},
        **{f"{path}/infer": infer for path in (model, version)},
        "/v1/models": Operation(kserve, "Names of the models", "ModelList", error="Error"),
        "/v1/models/{model}": Operation(kserve, "Whether the model is ready", "ModelReady", error="Error"),
        "/v1/models/{model}:predict": Operation(
            kserve, "Predict from rows", "Predictions", "KServeRequest", "Error",
            examples.predict(served), examples.predictions(served),
        ),
        "/invocations": Operation(
            invoked, "Predict from a data frame, an array or CSV", "InvocationsAnswer", "InvocationsRequest",
            "MlflowError", examples.split(served), examples.predictions(served),
            media=("text/csv",), answered_media=("text/csv",),
        ),
        **_explaining(served, own, kserve),
        "/ping": Operation(invoked, "Whether the model is ready"),
        "/livez": Operation(pod, "Whether the process runs"),
        "/readyz": Operation(pod, "Whether the model is ready"),
        "/openapi.json": Operation(pod, "This document"),
        "/docs": Operation(pod, "This document for people", answered_media=("text/html",)),
    }  # fmt: skip


def _explaining(served: Served, own: str, kserve: str) -> dict[str, Operation]:
    """Operations that explain, where something does."""
    if served.explanation is None:
        return {}
    example = examples.predict(served)
    return {
        "/explain": Operation(
            own, "Explain predictions of rows", "ExplainAnswer", "PredictRequest", example=example
        ),
        "/v1/models/{model}:explain": Operation(
            kserve, "Explain predictions of rows", "Explanations", "KServeRequest", "Error", example
        ),
    }


def document(
    served: Served, signature: Signature, paths: dict[str, tuple[str, str]], version: str
) -> Document:
    """The whole document.

    Args:
        served: The model.
        signature: Its tensors.
        paths: Template and method of each path.
        version: Of ekiben.
    """
    described = operations(served, signature)
    return {
        "openapi": VERSION,
        "info": {
            "title": f"Model {served.name}",
            "version": served.version,
            "description": f"Artefact {served.sha256}, served by ekiben {version}.",
        },
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": {
            path: {method.lower(): _operation(described[template], path, method)}
            for path, (template, method) in paths.items()
        },
        "components": {"schemas": documented.components(served, signature)},
    }


def _tags() -> tuple[str, str, str, str, str]:
    own, inference, kserve, invoked, pod = _TAGS
    return inference, kserve, invoked, pod, own


def _operation(operation: Operation, path: str, method: str) -> Document:
    found: Document = {
        "operationId": f"{method.lower()}{path}",
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": {"200": _answer(operation), **_failures(operation)},
    }
    if operation.request:
        found["requestBody"] = {
            "required": True,
            "content": {
                "application/json": _content(operation.request, operation.example),
                **{media: {} for media in operation.media},
            },
        }
    if operation.described:
        found["description"] = operation.described
    return found


def _answer(operation: Operation) -> Document:
    content: Document = {media: {} for media in operation.answered_media}
    if operation.answer:
        content["application/json"] = _content(operation.answer, operation.answered)
    return {"description": "The answer", "content": content or {"application/json": {}}}


def _failures(operation: Operation) -> Document:
    own = {"Problem": "application/problem+json"}.get(operation.error, "application/json")
    content = {own: _content(operation.error, None)}
    if operation.error == "MlflowError":
        content["text/plain"] = {"schema": {"type": "string"}}  # a wrong content type
    return {
        "4XX": {"description": "The request was refused", "content": content},
        "5XX": {"description": "The pod is not ready, too busy or failed", "content": content},
    }


def _content(component: str, example: Any) -> Document:
    found: Document = {"schema": reference(component)}
    if example is not None:
        found["example"] = example
    return found
