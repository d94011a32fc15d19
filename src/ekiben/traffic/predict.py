"""Asks a released model for predictions, through the API server: no port has to be open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ekiben.clients.cluster import connect
from ekiben.clients.connection import Answer
from ekiben.config import ModelConfig
from ekiben.errors import ClusterError, ConfigError
from ekiben.identifiers import ClusterAddress

_OK, _BAD_REQUEST, _SERVER_ERROR = 200, 400, 500
_SHED = 429


def predict(
    config: ModelConfig, rows: list[Any], address: ClusterAddress, *, namespace: str
) -> dict[str, Any]:
    """Send rows to the release's Service.

    Args:
        config: The model's `ekiben.yaml`.
        rows: Each a list of values in the order of the schema, or a mapping of names to values.
        address: The cluster.
        namespace: Namespace of the release.

    Returns:
        The answer of `/predict`.

    Raises:
        ConfigError: The model refuses the rows; names the places.
        ClusterError: No such release, no ready replica, or no answer in time.
    """
    name = config.release_name
    with connect(address.kubeconfig, address.context) as cluster:
        answer = cluster.service_request(
            namespace, name, "/predict", {"instances": rows}, timeout_seconds=config.traffic.timeout_seconds
        )
    return interpreted(answer, f"{namespace}/{name}")


def interpreted(answer: Answer, release: str) -> dict[str, Any]:
    """Turn an answer into its predictions, or into the error that it is.

    Raises:
        ConfigError: The rows were refused.
        ClusterError: Nobody could answer.
    """
    if answer.status == _OK:
        found: dict[str, Any] = answer.json()
        return found
    if answer.from_api_server:
        raise ClusterError(
            f"expected an answer of {release}, found {answer.status}: {answer.json().get('message', '')}",
            status=answer.status,
            remedy="is it released, and is a replica ready? `ekiben status` tells",
        )
    said = _problem(answer)
    if _BAD_REQUEST <= answer.status < _SERVER_ERROR and answer.status != _SHED:
        raise ConfigError(f"{release} refuses these rows: {said}", remedy="its schema: GET /openapi.json")
    raise ClusterError(
        f"expected an answer of {release}, found {answer.status}: {said}",
        status=answer.status,
        remedy="`ekiben status` tells how it is; try again",
    )


def _problem(answer: Answer) -> str:
    """Word a problem document (RFC 9457); anything else as it is, cut."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, Mapping):
        return answer.body[:200].decode(errors="replace")
    words = str(document.get("detail") or document.get("title") or f"status {answer.status}")
    errors = document.get("errors")
    lines = [
        f"\n  {error.get('pointer', '')}: {error.get('detail', '')}"
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, Mapping)
    ]
    return words + "".join(lines)
