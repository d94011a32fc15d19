"""The pod as a process of this machine: the fourth rung, and the first prediction of all."""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from ekiben.artefact.seal import configured
from ekiben.clients import command, pod
from ekiben.errors import ConfigError
from ekiben.road.stations import Traveller, golden_instances


def settings(traveller: Traveller, *, host: str, port: int) -> dict[str, str]:
    """Environment of the pod: artefact, address and ports (HTTP `port`, gRPC +1, metrics +2).

    Raises:
        ConfigError: One of the three ports is taken.
    """
    for number, what in ((port, "http"), (port + 1, "grpc"), (port + 2, "metrics")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError as error:
                raise ConfigError(
                    f"port {number} ({what}) on {host} cannot be used: {error.strerror}",
                    remedy="choose another with --port, or end what holds it (ss -ltnp)",
                ) from error
    found = {
        "EKIBEN_ARTEFACT": str(traveller.left("train")["folder"]),
        "EKIBEN_HOST": host,
        "EKIBEN_HTTP_PORT": str(port),
        "EKIBEN_GRPC_PORT": str(port + 1),
        "EKIBEN_METRICS_PORT": str(port + 2),
        "EKIBEN_RECHECK_SECONDS": f"{traveller.config.observe.recheck_seconds:g}",
        **configured.pod_environment(traveller.config),
    }
    bento = traveller.journey.last("bento")
    if bento is not None and (Path(bento.output["folder"]) / "bento.yaml").is_file():
        found["EKIBEN_BENTO"] = str(bento.output["folder"])
    return found


def become(environment: dict[str, str]) -> None:
    """Replace this process by the pod's, so that signals reach it directly."""
    command.replace([sys.executable, "-m", "ekiben.serving"], env=environment)


def first_prediction(traveller: Traveller) -> dict[str, Any]:
    """Serve the trained model on a free port of the loopback, ask for one golden row, stop.

    Returns:
        `{"url", "request", "answer", "seconds"}`; seconds is the time from start to the answer.
    """
    began = time.monotonic()
    row = golden_instances(traveller)[0]
    with pod.running(settings(traveller, host=pod.HOST, port=pod.free_port())) as url:
        body = json.dumps({"instances": [row]}).encode()
        request = urllib.request.Request(  # noqa: S310  # our own loopback address
            f"{url}/predict", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # same
            answer = json.load(response)
    return {"url": url, "request": row, "answer": answer, "seconds": time.monotonic() - began}
