"""Asks a released model for predictions, through the API server: no port has to be open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from ekiben.clients.cluster import connect
from ekiben.clients.connection import Answer
from ekiben.config import ModelConfig
from ekiben.errors import ClusterError, ConfigError
from ekiben.identifiers import ClusterAddress
from ekiben.release.credential import VARIABLE, headers, known, secret_name

_OK, _BAD_REQUEST, _UNAUTHENTICATED, _FORBIDDEN, _SERVER_ERROR = 200, 400, 401, 403, 500
_SHED = 429


def predict(
    config: ModelConfig,
    rows: list[Any],
    address: ClusterAddress,
    *,
    namespace: str,
    credential: str = "",
) -> dict[str, Any]:
    """Send rows to the release's Service.

    Args:
        config: The model's `ekiben.yaml`.
        rows: Each a list of values in the order of the schema, or a mapping of names to values.
        address: The cluster.
        namespace: Namespace of the release.
        credential: The operator's own; without one, the release's own key is used where one is needed.

    Returns:
        The answer of `/predict`.

    Raises:
        ConfigError: The model refuses the rows; names the places.
        ClusterError: No such release, no ready replica, or no answer in time.
    """
    name = config.release_name
    with connect(address.kubeconfig, address.context) as cluster:
        ask = partial(
            cluster.service_request,
            namespace,
            name,
            "/predict",
            {"instances": rows},
            timeout_seconds=config.traffic.timeout_seconds,
        )
        answer = ask(headers=headers(credential))
        if answer.status == _UNAUTHENTICATED and not answer.from_api_server and not credential:
            own = known(cluster, namespace, secret_name(config.release.values, name))
            answer = ask(headers=headers(own)) if own else answer
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
    if answer.status in (_UNAUTHENTICATED, _FORBIDDEN):
        raise ConfigError(
            f"{release} does not let this caller predict: {said}",
            remedy=f"give a key in {VARIABLE} or --key-file; make one with `ekiben key create`",
        )
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
