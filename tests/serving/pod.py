"""A pod's process on the loopback, and clients that owe the product nothing.

Requests go through the standard library's http.client or raw sockets; counters
are read from the text of /metrics with regular expressions.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """What a client saw."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded by the standard library."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Pod:
    """A running pod."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, content, dict(JSON if headers is None else headers))
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()

    def predict(self, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """POST to /predict."""
        return self.request("POST", "/predict", body, headers)

    def connect(self) -> socket.socket:
        """Open a bare connection."""
        return socket.create_connection((HOST, self.port), timeout=10)

    def scrape(self) -> str:
        """Raw text of /metrics."""
        with closing(http.client.HTTPConnection(HOST, self.port + 2, timeout=10)) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def count(self, name: str, **labels: str) -> float:
        """Sum of the samples of a metric that carry these labels."""
        return count(self.scrape(), name, **labels)

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until /readyz says so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.request("GET", "/readyz").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready in {seconds:g} s: {self.log.read_text()}")


def count(text: str, name: str, **labels: str) -> float:
    """Sum of the samples of a metric in a scrape that carry these labels."""
    total = 0.0
    for line in text.splitlines():
        match = re.fullmatch(rf"{re.escape(name)}(?:\{{(.*)\}})? (\S+)", line)
        if match and all(f'{key}="{value}"' in (match[1] or "") for key, value in labels.items()):
            total += float(match[2])
    return total


def free_port() -> int:
    """A port that is free, as its two successors are.

    Below those that clients get (ip_local_port_range begins at 32768): one of a test's own connections could
    take a port that the pod opens later.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        try:
            for offset in range(3):
                with closing(socket.socket()) as probe:
                    probe.bind((HOST, port + offset))
        except OSError:
            continue
        return port


def environment(artefact: Path, port: int, folder: Path, **more: str) -> dict[str, str]:
    """What a pod is told; bytecode is kept between the starts of one session."""
    return {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX") or str(folder.parent / "bytecode"),
        "EKIBEN_ARTEFACT": str(artefact),
        "EKIBEN_HOST": HOST,
        "EKIBEN_HTTP_PORT": str(port),
        "EKIBEN_GRPC_PORT": str(port + 1),
        "EKIBEN_METRICS_PORT": str(port + 2),
        "EKIBEN_DRAIN_SECONDS": "0",
        "EKIBEN_TERMINATION_LOG": str(folder / "termination-log"),
        **more,
    }


@contextmanager
def starting(artefact: Path, folder: Path, **more: str) -> Iterator[Pod]:
    """Start a pod and end it with the block; it may still be loading."""
    port = free_port()
    log = folder / f"pod-{port}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "ekiben.serving"],
            env=environment(artefact, port, folder, **more),
            stdout=sink,
            stderr=sink,
        )
        try:
            yield Pod(process, port, log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


@contextmanager
def running(artefact: Path, folder: Path, **more: str) -> Iterator[Pod]:
    """Run a ready pod until the block ends."""
    with starting(artefact, folder, **more) as pod:
        pod.wait_ready()
        yield pod
