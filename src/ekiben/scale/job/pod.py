"""The pod of a load test: restricted, as large as its load asks for, and nobody's replica. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ekiben.scale.job.archive import ENTRY
from ekiben.scale.job.description import Description
from ekiben.scale.job.place import Place

# Another name than the chart's: neither Service nor HPA nor policy of the release selects the pod.
NAME = "ekiben-loadtest"
CALLER = ("ekiben.dev/caller", "true")  # as the chart's namespaces of callers are labelled
ARCHIVE, HEADERS = "code.zip", "headers"  # entries of ConfigMap and Secret
_FOLDER, _HEADERS_FOLDER = "/etc/ekiben/load", "/etc/ekiben/headers"
_GRACE_SECONDS = 2  # what it has to do when it is told to end takes microseconds
# CPU of one request: 71 us at 5,000/s, 160 us at 500/s (`schedule.MAX_RATE`, `alarm`); over gRPC 940 us at
# 200/s (measured). The limit is a core per sender, all that an event loop can use: who is throttled is late.
_CPU_SECONDS = {"http": 200e-6, "grpc": 1000e-6}
_LEAST_CORES = 0.1
# Memory, about twice what was measured: 24 MiB of program (58 over gRPC), 274 bytes per request with its copy
# at the end, 650 bytes per second of the series.
_MEBIBYTE = 1024 * 1024
_BASE_BYTES, _REQUEST_BYTES, _SECOND_BYTES = 96 * _MEBIBYTE, 512, 1536
_STORAGE = "32Mi"
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True, slots=True)
class Program:
    """How the image runs the archive.

    Attributes:
        python: Program of the image.
        site: Folder of the image with its libraries, without a slash at its beginning.
    """

    python: str
    site: str


def labels(release: str) -> dict[str, str]:
    """Labels of the pod, and of all objects around it.

    Args:
        release: Name of the release.
    """
    key, value = CALLER
    return {
        "app.kubernetes.io/name": NAME,
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/part-of": "ekiben",
        "app.kubernetes.io/managed-by": "ekiben",
        key: value,
    }


def resources(told: Description) -> dict[str, dict[str, str]]:
    """Requests and limits of the pod.

    Args:
        told: What it sends.

    Returns:
        CPU by protocol and highest rate, at most a core per sender; memory by the number of requests, the
        length, and the processes.
    """
    load = told.load
    highest = max(max(one.rate, one.end_rate or 0.0) for one in load.segments)
    cores = min(float(told.senders), max(_LEAST_CORES, _CPU_SECONDS[told.target.protocol] * highest))
    processes = 1 if told.senders == 1 else 1 + told.senders  # theirs, and the one that begins them together
    needed = _BASE_BYTES * processes + _REQUEST_BYTES * load.requests + _SECOND_BYTES * load.seconds
    memory = f"{math.ceil(needed / _MEBIBYTE)}Mi"
    return {
        "requests": {"cpu": f"{math.ceil(cores * 1000)}m", "memory": memory, "ephemeral-storage": _STORAGE},
        "limits": {"cpu": f"{told.senders}", "memory": memory, "ephemeral-storage": _STORAGE},
    }


def template(
    place: Place, told: Description, program: Program, *, objects: str, headers: bool
) -> dict[str, Any]:
    """Write the template of the Job's pod.

    Args:
        place: Where.
        told: What it sends.
        program: How the archive is run.
        objects: Name of ConfigMap and Secret.
        headers: Whether there is a Secret.
    """
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": place.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
            **place.identities,
        },
        "affinity": _elsewhere(place),
        "containers": [_container(place, told, program, headers=headers)],
        "volumes": _volumes(objects, headers=headers),
        "imagePullSecrets": [dict(one) for one in place.pull_secrets],
        "nodeSelector": dict(place.node_selector),
        "tolerations": [dict(one) for one in place.tolerations],
    }
    # An autoscaler of nodes that moves the generator ends the measurement.
    annotations = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    return {"metadata": {"labels": labels(place.release), "annotations": annotations}, "spec": spec}


def _container(place: Place, told: Description, program: Program, *, headers: bool) -> dict[str, Any]:
    mounts = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # the pod's own
        {"name": "load", "mountPath": _FOLDER, "readOnly": True},
    ]
    command = [program.python, "-m", ENTRY, _FOLDER]
    if headers:
        mounts.append({"name": "headers", "mountPath": _HEADERS_FOLDER, "readOnly": True})
        command.append(f"{_HEADERS_FOLDER}/{HEADERS}")
    return {
        "name": "load",
        "image": place.image,
        "imagePullPolicy": "IfNotPresent",  # by digest: it cannot change
        "command": command,
        # The archive first: the image's own `ekiben` is only its half for serving, and may be older.
        "env": [{"name": "PYTHONPATH", "value": f"{_FOLDER}/{ARCHIVE}:/{program.site}"}],
        "securityContext": dict(_RESTRICTED),
        "resources": resources(told),
        "volumeMounts": mounts,
    }


def _volumes(objects: str, *, headers: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
        {"name": "load", "configMap": {"name": objects}},
    ]
    if headers:
        # Readable for every user: the pod has one, and without an fsGroup a file of mode 0440 is root's.
        found.append({"name": "headers", "secret": {"secretName": objects, "defaultMode": 0o444}})
    return found


def _elsewhere(place: Place) -> dict[str, Any]:
    """Away from the replicas, where there is another node: their CPU is what is measured."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": dict(place.selector)}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
