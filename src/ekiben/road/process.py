"""The pod as a process of this machine: the fourth rung, and the first prediction of all."""

from __future__ import annotations

import contextlib
import http
import json
import os
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ekiben.artefact.seal import configured
from ekiben.clients import command
from ekiben.errors import ConfigError, ToolError
from ekiben.road.stations import Traveller, golden_instances

_READY_SECONDS = 30.0  # measured 2-4 s on two busy cores; generous on purpose
_LOCAL = "127.0.0.1"


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


@contextlib.contextmanager
def running(environment: dict[str, str]) -> Iterator[str]:
    """Run the pod beside us until the block ends; yields its base URL once it is ready.

    Raises:
        ToolError: It ended, or was not ready in time.
    """
    url = f"http://{environment['EKIBEN_HOST']}:{environment['EKIBEN_HTTP_PORT']}"
    with tempfile.NamedTemporaryFile(prefix="ekiben-pod-", suffix=".log") as log:
        child = {**environment, "EKIBEN_DRAIN_SECONDS": "0"}
        pid = command.start([sys.executable, "-m", "ekiben.serving"], log=Path(log.name), env=child)
        try:
            _wait_ready(url, pid, Path(log.name))
            yield url
        finally:
            _end(pid)


def first_prediction(traveller: Traveller) -> dict[str, Any]:
    """Serve the trained model on a free port of the loopback, ask for one golden row, stop.

    Returns:
        `{"url", "request", "answer", "seconds"}`; seconds is the time from start to the answer.
    """
    began = time.monotonic()
    row = golden_instances(traveller)[0]
    with running(settings(traveller, host=_LOCAL, port=_free_port())) as url:
        body = json.dumps({"instances": [row]}).encode()
        request = urllib.request.Request(  # noqa: S310  # our own loopback address
            f"{url}/predict", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # same
            answer = json.load(response)
    return {"url": url, "request": row, "answer": answer, "seconds": time.monotonic() - began}


def _wait_ready(url: str, pid: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if _answers(f"{url}/readyz"):
            return
        if _ended(pid):
            break
        time.sleep(0.1)
    last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise ToolError("expected the pod's process to become ready, it did not", last_lines=last)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  # our own loopback address
            return int(response.status) == http.HTTPStatus.OK
    except OSError:  # refused, or 503 while starting
        return False


def _ended(pid: int) -> bool:
    done, _ = os.waitpid(pid, os.WNOHANG)
    return done == pid


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _free_port() -> int:
    """Three neighbouring free ports; the first of them."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((_LOCAL, 0))
            port: int = first.getsockname()[1]
            try:
                for more in (1, 2):
                    stack.enter_context(socket.socket()).bind((_LOCAL, port + more))
            except OSError:
                continue
            return port
