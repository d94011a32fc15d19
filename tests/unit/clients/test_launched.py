"""Jobs through the door to Kubernetes: owned objects, a log that is still written, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from tests.unit.clients.conftest import ApiServer, kubeconfig, status

from ekiben.clients import cluster
from ekiben.clients.cluster import Cluster
from ekiben.errors import ClusterError

JOBS = "/apis/batch/v1/namespaces/m/jobs"
CORE = "/api/v1/namespaces/m"
LOG = f"GET {CORE}/pods/p/log?follow=true&tailLines=5"
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "j"},
    "spec": {"backoffLimit": 0, "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
}
OWNED = (
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "j"}, "binaryData": {"z": "AP8="}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "j"}, "data": {"k": "czNjcmV0"}},
)


def _takes_jobs(server: ApiServer) -> None:
    server.answers[f"POST {JOBS}"] = (201, {**JOB, "metadata": {"name": "j", "uid": "u-1"}})


def test_a_job_is_made_first_and_owns_the_rest(opened: Cluster, server: ApiServer) -> None:
    """Each object is sent whole, with the Job's uid as its owner's."""
    _takes_jobs(server)
    server.answers[f"POST {CORE}/configmaps"] = server.answers[f"POST {CORE}/secrets"] = (201, {})
    opened.launch("m", JOB, OWNED)
    asked = [request for request, _, _ in server.asked]
    assert asked == [f"POST {JOBS}", f"POST {CORE}/configmaps", f"POST {CORE}/secrets"]
    assert server.asked[0][1] == JOB
    for (_, body, _), sent in zip(server.asked[1:], OWNED, strict=True):
        owner = body["metadata"].pop("ownerReferences")
        assert owner == [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u-1"}]
        assert body == sent


def test_what_is_refused_is_named(opened: Cluster, server: ApiServer) -> None:
    """Without the right to make Jobs nothing else is made; the status is the API server's."""
    server.answers[f"POST {JOBS}"] = (403, status(403, 'cannot create resource "jobs"'))
    with pytest.raises(ClusterError, match=r"making job m/j.*cannot create") as error:
        opened.launch("m", JOB, OWNED)
    assert (error.value.status, len(server.asked)) == (403, 1)
    _takes_jobs(server)
    server.answers[f"POST {CORE}/configmaps"] = (403, status(403, "exceeded quota"))
    with pytest.raises(ClusterError, match=r"ConfigMap of job m/j.*exceeded quota"):
        opened.launch("m", JOB, OWNED)


def test_a_job_is_removed_with_what_it_owns(opened: Cluster, server: ApiServer) -> None:
    """In the background; one that is gone already is no error, a refusal is."""
    request = f"DELETE {JOBS}/j?propagationPolicy=Background"
    server.answers[request] = (200, {})
    opened.remove_job("m", "j")
    assert [one for one, _, _ in server.asked] == [request]
    del server.answers[request]
    opened.remove_job("m", "j")
    server.answers[request] = (403, status(403, "no"))
    with pytest.raises(ClusterError, match="removing job m/j"):
        opened.remove_job("m", "j")


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\n\nunfinished", ["one", "", "unfinished"]),
        (b"\xff\n", ["\ufffd"]),
        (b"x" * 3_000_000 + b"\nend\n", ["x" * 3_000_000, "end"]),
    ],
)
def test_a_log_is_read_by_lines(opened: Cluster, server: ApiServer, body: bytes, lines: list[str]) -> None:
    """To its last one, however long they are."""
    server.answers[LOG] = (200, body)
    assert list(opened.log_lines("m", "p", tail=5)) == lines


def test_a_log_that_is_refused(opened: Cluster, server: ApiServer) -> None:
    """In the API server's words."""
    server.answers[LOG] = (400, status(400, "container is waiting to start"))
    with pytest.raises(ClusterError, match="waiting to start") as error:
        list(opened.log_lines("m", "p", tail=5))
    assert error.value.status == 400


class Slow(BaseHTTPRequestHandler):
    """Writes a chunk, waits to be told, writes more, and breaks the connection without the last chunk."""

    protocol_version = "HTTP/1.1"
    go_on = Event()

    def do_GET(self) -> None:  # http.server's name
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for chunk in (b"first\nse", b"co", b"nd\n"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
            self.go_on.wait(5)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose logs are written slowly."""
    Slow.go_on.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with cluster.connect(kubeconfig(tmp_path, found.server_port), "mine") as opened:
            yield opened
        Slow.go_on.set()
        found.shutdown()
        thread.join()


def test_lines_come_as_they_are_written_and_a_broken_log_is_an_error(slow: Cluster) -> None:
    """The first line is there while the second is still to be written; the end without an end is told."""
    said = slow.log_lines("m", "p", tail=5)
    assert next(said) == "first"
    Slow.go_on.set()
    assert next(said) == "second"
    with pytest.raises(ClusterError, match="the log of m/p"):
        next(said)


def test_a_deployment_is_given_as_it_is(opened: Cluster, server: ApiServer) -> None:
    """Whole; None where there is none."""
    document = {"metadata": {"name": "iris"}, "spec": {"template": {"spec": {"tolerations": [{"key": "a"}]}}}}
    server.answers["GET /apis/apps/v1/namespaces/m/deployments/iris"] = (200, document)
    assert opened.raw_deployment("m", "iris") == document
    assert opened.raw_deployment("m", "other") is None
