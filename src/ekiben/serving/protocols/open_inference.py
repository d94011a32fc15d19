"""What the Open Inference Protocol answers from memory: metadata of the server and the model, and health.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md and
open_inference_rest.yaml
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson

from ekiben.serving.answer import Answer
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature

SERVER = "ekiben"
EXTENSIONS = ("binary_tensor_data",)
# The protocol's list has no name for scikit-learn; this one has the form that it asks for.
PLATFORM = "sklearn_skops"

Reply = Callable[[str], Answer]


def server(version: str) -> Reply:
    """`GET /v2`.

    Args:
        version: Of ekiben.
    """
    return _always({"name": SERVER, "version": version, "extensions": list(EXTENSIONS)})


def model(served: Served, signature: Signature) -> Reply:
    """`GET /v2/models/{model}[/versions/{version}]`."""
    return _always(metadata(served, signature))


def metadata(served: Served, signature: Signature) -> dict[str, Any]:
    """The protocol's `$metadata_model_response`; the order of the probabilities is in its `properties`."""
    properties = {"artefact_sha256": served.sha256}
    if served.schema.output.classes is not None:
        properties["classes"] = orjson.dumps(served.schema.output.classes).decode()
    return {
        "name": served.name,
        "versions": [served.version],
        "platform": PLATFORM,
        "inputs": [each.document() for each in signature.inputs],
        "outputs": [each.document() for each in signature.outputs],
        "properties": properties,
    }


def live(pod: Reply) -> Reply:
    """`GET /v2/health/live`.

    Args:
        pod: The pod's own liveness.
    """
    return _as_the_pod(pod, lambda state: {"live": state})


def ready(pod: Reply) -> Reply:
    """`GET /v2/health/ready`: the specification's text says `live` where KServe's server says `ready`.

    Args:
        pod: The pod's own readiness.
    """
    return _as_the_pod(pod, lambda state: {"ready": state, "live": state})


def model_ready(name: str, pod: Reply) -> Reply:
    """`GET /v2/models/{model}[/versions/{version}]/ready`.

    Args:
        name: The model's.
        pod: The pod's own readiness.
    """
    return _as_the_pod(pod, lambda state: {"name": name, "ready": state})


def _always(document: dict[str, Any]) -> Reply:
    answer = Answer(200, orjson.dumps(document))
    return lambda _: answer


def _as_the_pod(pod: Reply, document: Callable[[bool], dict[str, Any]]) -> Reply:
    bodies = {state: orjson.dumps(document(state)) for state in (True, False)}

    def reply(request_id: str) -> Answer:
        answer = pod(request_id)
        return Answer(answer.status, bodies[answer.status == HTTPStatus.OK], headers=answer.headers)

    return reply
