"""The objects of a load test in the cluster: a Job, and the ConfigMap and Secret that it owns. Pure."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ekiben.errors import ConfigError
from ekiben.scale.job import description, pod
from ekiben.scale.job.place import Place

START_SECONDS = 240.0  # until the pod runs: a node may have to pull the image, or to be added
KEPT_SECONDS = 300  # after its end, where nobody is left who takes it away
_CLOSING_SECONDS = 120.0  # after the last time-out: a core sums up 300,000 requests in 1.1 s (measured)
_LONGEST_RELEASE = 50  # with `-load-` and six digits 62: the name is a label's value too, 63 at most
# The API server's limit of all data of a ConfigMap, in bytes.
# Source: https://kubernetes.io/docs/concepts/configuration/configmap/
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Objects:
    """What is made.

    Attributes:
        job: The Job.
        owned: What it owns: ConfigMap and, where there are headers, Secret; without their owner yet.
    """

    job: dict[str, Any]
    owned: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """Name of them all."""
        return str(self.job["metadata"]["name"])


def objects(
    place: Place,
    told: description.Description,
    archive: bytes,
    program: pod.Program,
    *,
    digits: str,
    authority: str = "",
) -> Objects:
    """Write the objects.

    Args:
        place: Where.
        told: The load.
        archive: The program's code.
        program: How the image runs it.
        digits: Hexadecimal, what tells this load test from any other.
        authority: Certificates (PEM) that the replicas' are checked against; empty takes the image's own.

    Raises:
        ConfigError: It is more than a ConfigMap holds.
    """
    name = f"{place.release[:_LONGEST_RELEASE].rstrip('-')}-load-{digits}"
    metadata = {"name": name, "namespace": place.namespace, "labels": pod.labels(place.release)}
    texts = {description.FILE: description.write(told)}
    if authority:
        texts[description.AUTHORITY] = authority
    _fits(archive, texts)
    owned = [_config_map(metadata, archive, texts)]
    headers = description.headers(told)
    if headers:
        owned.append(_secret(metadata, headers))
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,  # a load that was broken off is no load that was asked for
            "activeDeadlineSeconds": deadline_seconds(told),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": pod.template(place, told, program, objects=name, headers=bool(headers)),
        },
    }
    return Objects(job, tuple(owned))


def deadline_seconds(told: description.Description) -> int:
    """How long the Job may take in all, with its start and the last time-out, seconds.

    Args:
        told: The load.
    """
    return math.ceil(START_SECONDS + told.load.seconds + told.target.timeout_seconds + _CLOSING_SECONDS)


def _config_map(metadata: Mapping[str, Any], archive: bytes, texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": dict(metadata),
        "immutable": True,
        "data": dict(texts),
        "binaryData": {pod.ARCHIVE: base64.b64encode(archive).decode()},
    }


def _secret(metadata: Mapping[str, Any], headers: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": dict(metadata),
        "immutable": True,
        "data": {pod.HEADERS: base64.b64encode(headers.encode()).decode()},
    }


def _fits(archive: bytes, texts: Mapping[str, str]) -> None:
    size = len(archive) + sum(len(text.encode()) for text in texts.values())
    if size > _MOST_BYTES:
        raise ConfigError(
            f"expected a load that a ConfigMap holds ({_MOST_BYTES} bytes), found {size} bytes",
            remedy="fewer golden rows (train.golden_rows) make fewer bodies; or send it from this machine",
        )
