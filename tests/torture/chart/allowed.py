"""Which random values exclude each other, said once more and otherwise than the chart does.

A set that the chart refuses all the same, or an object that no Kubernetes takes, is an error of one of
the two.
"""

from __future__ import annotations

import random
import re
from typing import Any

from kubernetes.utils.quantity import parse_quantity

_RESOURCES = {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "256Mi"}  # of the chart's values.yaml
# What an Ingress's path must not have.
# Source: kubernetes, pkg/apis/networking/validation, validateHTTPIngressPath
_KEPT_APART = re.compile(r"//|/[.]/|/[.][.]/|/[.]$|/[.][.]$|%2f|%2F")


def _below(values: dict[str, Any], section: str) -> dict[str, Any]:
    found = values.setdefault(section, {})
    assert isinstance(found, dict)
    return found


def allowed(values: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Take out what excludes each other, and put in what belongs together."""
    _image(values, chance)
    _scaling(values, chance)
    _server(values, chance)
    _resources(values)
    _times(values)
    _ports(values)
    _ways_in(values, chance)
    _mounts(values)
    return values


def _image(values: dict[str, Any], chance: random.Random) -> None:
    image = _below(values, "image")
    image["repository"] = image.get("repository") or "r.example.com:5000/a/b"
    if image.get("requireDigest") or not image.get("tag"):
        image["digest"] = image.get("digest") or "sha256:" + "".join(chance.choices("0123456789abcdef", k=64))


def _scaling(values: dict[str, Any], chance: random.Random) -> None:
    scaling, keda = _below(values, "autoscaling"), _below(values, "keda")
    if keda.get("enabled"):
        scaling["enabled"] = False
        _demand(values, keda)
    elif scaling.get("targetCPUUtilizationPercentage"):
        scaling["targetCPUUtilizationPercentage"] = min(100, scaling["targetCPUUtilizationPercentage"])
    low, high = sorted((scaling.get("minReplicas", 2), scaling.get("maxReplicas", 10)))
    scaling |= {"minReplicas": low, "maxReplicas": high}
    if keda.get("enabled") or scaling.get("enabled", True):
        values["replicaCount"] = None
    if chance.random() < 0.5 and values.get("replicaCount") is None:
        values.pop("replicaCount", None)


def _demand(values: dict[str, Any], keda: dict[str, Any]) -> None:
    keda["serverAddress"] = keda.get("serverAddress") or "http://p:9090"
    if not keda.get("demand", {}).get("targetRate"):
        keda["query"] = keda.get("query") or "sum(a)"
        return
    keda["query"] = ""
    _below(values, "prometheusRule")["enabled"] = True
    for monitor in ("serviceMonitor", "podMonitor"):
        _below(values, monitor)["intervalSeconds"] = 5


def _server(values: dict[str, Any], chance: random.Random) -> None:
    seal, access = _below(values, "seal"), _below(values, "access")
    if not _below(values, "server").get("enabled", True):
        for name in ("seal", "access", "tls"):
            values.pop(name, None)
        return
    if not seal.get("signers"):
        seal["allowPickle"] = False
    if access.get("tokens", {}).get("issuers"):
        access["mode"] = "required"
    tls = _below(values, "tls")
    if tls.get("enabled"):
        tls["secretName"] = tls.get("secretName") or chance.choice(("web", "123"))


def _resources(values: dict[str, Any]) -> None:
    given = values.get("resources", {})
    both = {kind: {**_RESOURCES, **given.get(kind, {})} for kind in ("requests", "limits")}
    for name in _RESOURCES:
        pair = (both["requests"][name], both["limits"][name])
        low, high = sorted(pair, key=_size)
        both["requests"][name], both["limits"][name] = low, high
    values["resources"] = both


def _size(quantity: Any) -> Any:
    return parse_quantity(str(quantity))  # type: ignore[no-untyped-call]


def _times(values: dict[str, Any]) -> None:
    least = 2 * values.get("drainSeconds", 10) + values.get("requestTimeoutSeconds", 30) + 10
    grace = values.get("terminationGracePeriodSeconds", 0)
    values["terminationGracePeriodSeconds"] = max(grace, least) if grace else 0
    probe = {"periodSeconds": 1, "failureThreshold": 120} | values.get("startupProbe", {})
    start = probe.get("initialDelaySeconds", 0) + probe["periodSeconds"] * probe["failureThreshold"]
    least = start + values.get("minReadySeconds", 5) + 1
    values["progressDeadlineSeconds"] = max(values.get("progressDeadlineSeconds", 300), least)


def _ports(values: dict[str, Any]) -> None:
    ports, service = _below(values, "ports"), _below(values, "service")
    taken: list[int] = []
    for name, default in (("http", 3000), ("grpc", 3001), ("metrics", 3002)):
        ports[name] = _free(ports.get(name, default), taken)
    taken = []
    for name, default in (("port", 80), ("grpcPort", 3001), ("metricsPort", 3002)):
        service[name] = _free(service.get(name, default), taken)


def _free(port: int, taken: list[int]) -> int:
    while port in taken:
        port = port - 1 if port > 2_000 else port + 1
    taken.append(port)
    return port


def _ways_in(values: dict[str, Any], chance: random.Random) -> None:
    ingress, route = _below(values, "ingress"), _below(values, "httpRoute")
    if not ingress.get("hosts"):
        ingress["enabled"] = False
    for path in (path for host in ingress.get("hosts", ()) for path in host["paths"]):
        if path["pathType"] != "ImplementationSpecific" and _KEPT_APART.search(path["path"]):
            path["path"] = chance.choice(("/", "/a", "/a/", "/..a", "/%2e"))
    if route.get("enabled"):
        route["parentRefs"] = route.get("parentRefs") or [{"name": "edge"}]
    if _below(values, "serviceMonitor").get("enabled") and _below(values, "podMonitor").get("enabled"):
        values[chance.choice(("serviceMonitor", "podMonitor"))]["enabled"] = False


def _mounts(values: dict[str, Any]) -> None:
    names = {"tmp", *(one["name"] for one in values.get("volumes", ()))}
    values["volumeMounts"] = [one for one in values.get("volumeMounts", ()) if one["name"] in names]
