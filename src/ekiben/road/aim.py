"""Where a load goes, what it says there, and what it calls itself with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ekiben.clients import cluster
from ekiben.release import credential as credentials
from ekiben.road.stations import Traveller
from ekiben.scale.load import target

_PATH = "/predict"
_CLUSTER_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")  # RFC 1918: pods and services


def service_url(api: cluster.Cluster, traveller: Traveller, protocol: target.Protocol = "http") -> str:
    """The cluster address of the release's Service, for one protocol.

    Raises:
        ClusterError: There is no such Service, or it does not speak the protocol.
    """
    found = api.service_url(traveller.namespace, traveller.config.release_name, protocol)
    return f"{found}{_PATH}" if protocol == "http" else found


def own_key(api: cluster.Cluster, traveller: Traveller) -> str:
    """The release's own key; empty if it has none.

    Raises:
        ClusterError: The cluster was not reached.
    """
    name = credentials.secret_name(traveller.config.release.values, traveller.config.release_name)
    return credentials.known(api, traveller.namespace, name)


def at(
    traveller: Traveller, url: str, credential: str, rows: int = 1, protocol: target.Protocol = "http"
) -> target.LoadTarget:
    """Make a target of golden rows.

    Args:
        traveller: The model.
        url: `http[s]://host[:port][/path]`, without a path `/predict`; of gRPC, its path is the method's,
            whatever it says.
        credential: A key or token; empty sends none.
        rows: Of each request.
        protocol: What is spoken.

    Raises:
        ConfigError: No golden row can be sent.
    """
    folder = Path(traveller.left("train")["folder"])
    document = _json(folder / "golden.json")
    if protocol == "grpc":
        from ekiben.scale.load import inference
        from ekiben.serving.schema import Schema

        schema, name = Schema.parse(_json(folder / "schema.json")), _json(folder / "manifest.json")["name"]
        bodies, checks = inference.golden(document, schema, name, rows)
        url = urlsplit(url)._replace(path=inference.PATH, query="", fragment="").geturl()
    else:
        bodies, checks = target.golden(document, rows)
        if urlsplit(url).path in ("", "/"):
            url = urlsplit(url)._replace(path=_PATH).geturl()
    loopback = (urlsplit(url).hostname or "").startswith("127.")
    return target.LoadTarget(
        url,
        bodies,
        checks,
        headers=credentials.headers(credential),
        server_name="" if loopback else f"{traveller.config.release_name}.{traveller.namespace}.svc",
        ca_file=traveller.config.traffic.ca_file,
        timeout_seconds=traveller.config.traffic.timeout_seconds,
        networks=() if loopback else _CLUSTER_NETWORKS,
        protocol=protocol,
    )


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
