"""A small API server on loopback that speaks Kubernetes' JSON, and the door to it, as fixtures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from kubernetes import client, config

from ekiben.clients import cluster
from ekiben.clients.cluster import Cluster

# Their import takes seconds: paid before the first test, not in it.
_ = [config, client.AppsV1Api, client.AutoscalingV2Api, client.BatchV1Api, client.CoreV1Api]

Answers = dict[str, tuple[int, Any]]


def status(code: int, message: str) -> dict[str, Any]:
    """What the API server says of a refusal."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


class ApiServer(ThreadingHTTPServer):
    """Answers `METHOD path` from a table, anything else with 404; keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: Answers = {}
        self.asked: list[tuple[str, Any, dict[str, str]]] = []


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        request = f"{self.command} {unquote(self.path)}"
        self.server.asked.append((request, body, {k.lower(): v for k, v in self.headers.items()}))
        code, document = self.server.answers.get(request, (404, status(404, "not found")))
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  # http.server's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[ApiServer]:
    """Run a server until the block ends."""
    with ApiServer() as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """The server, up."""
    with serving() as found:
        yield found


def kubeconfig(folder: Path, port: int) -> Path:
    """A file with two contexts that lead to it, the current one not the one that is asked for."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "production",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
        "contexts": [
            {"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("production", "mine")
        ],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def opened(server: ApiServer, tmp_path: Path) -> Iterator[Cluster]:
    """The door to it."""
    with cluster.connect(kubeconfig(tmp_path, server.server_port), "mine") as found:
        yield found
