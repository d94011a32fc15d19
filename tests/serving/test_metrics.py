from __future__ import annotations

import http.client
import random
import re
import time
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from tests.serving.pod import HOST, Pod, count, running

from ekiben.serving import metrics

ROW = [5.1, 3.5, 1.4, 0.2]
COUNT = "http_server_request_duration_seconds_count"


def test_the_scrape_keeps_the_contract(pod: Pod) -> None:
    """Every declared metric is there with its type, help, labels and buckets, and no other of ours."""
    families = {family.name: family for family in text_string_to_metric_families(pod.scrape())}
    for metric in metrics.CONTRACT:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert {label for sample in family.samples for label in sample.labels} - {"le"} == set(metric.labels)
        edges = {sample.labels["le"] for sample in family.samples if "le" in sample.labels}
        assert {float(edge) for edge in edges} - {float("inf")} == set(metric.buckets)
    ours = {name for name in families if not name.startswith(("process_", "python_"))}
    assert ours == {metric.name.removesuffix("_total") for metric in metrics.CONTRACT}
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "python_gc_collections"} <= set(families)


def test_series_exist_before_their_first_event(artefact: Path, tmp_path: Path) -> None:
    """What will be counted is there as 0 before anybody asked, and warm-up is not counted."""
    with running(artefact, tmp_path) as pod:
        text = pod.scrape()
    for status in ("200", "400", "413", "415", "422", "500", "503"):
        assert re.search(rf'^{COUNT}{{[^}}]*="{status}",http_route="/predict"}} 0.0$', text, re.MULTILINE)
    assert re.search(
        r'^model_predictions_total{model="iris",version="[0-9a-f]{16}"} 0.0$', text, re.MULTILINE
    )
    assert re.search(r'^model_rejected_requests_total{.*reason="type".*} 0.0$', text, re.MULTILINE)
    assert "model_predict_duration_seconds_count" in text
    assert count(text, "model_predict_duration_seconds_count") == 0


def test_model_info_names_the_artefact(pod: Pod) -> None:
    """The hash in the metrics is the one that /readyz gives."""
    ready = pod.request("GET", "/readyz").json
    assert pod.count("model_info", artefact_sha256=ready["artefact"], version=ready["model"]["version"]) == 1


def test_counters_equal_the_clients_own_count(artefact: Path, tmp_path: Path) -> None:
    """After a mixed load every counter is exactly what the client counted, probes apart."""
    choices = [
        ("POST", "/predict", ROW, 200, 1),
        ("POST", "/predict", {"instances": [ROW] * 3}, 200, 3),
        ("POST", "/predict", b"{", 400, 0),
        ("POST", "/predict", [1], 422, 0),
        ("GET", "/predict", None, 405, 0),
        ("GET", "/livez", None, 200, 0),
        ("GET", "/nowhere", None, 404, 0),
        ("DELETE", "/elsewhere", None, 404, 0),
    ]
    draw = random.Random(0)  # noqa: S311 - a seeded load
    sent: Counter[tuple[str, str, int]] = Counter()
    rows = 0
    with running(artefact, tmp_path) as pod:
        before = pod.scrape()
        for _ in range(300):
            method, path, body, status, predicted = draw.choice(choices)
            assert pod.request(method, path, body).status == status
            sent[method if method in {"GET", "POST"} else "_OTHER", path, status] += 1
            rows += predicted
        after = pod.scrape()
    for (method, path, status), number in sent.items():
        route = path if path in {"/predict", "/livez"} else "<unmatched>"
        labels = {"http_request_method": method, "http_route": route}
        found = count(after, COUNT, http_response_status_code=str(status), **labels)
        assert found - count(before, COUNT, http_response_status_code=str(status), **labels) == number
        arrived = sum(n for (m, p, _), n in sent.items() if (m, p) == (method, path))
        assert (
            count(after, "http_server_arrivals_total", **labels)
            - count(before, "http_server_arrivals_total", **labels)
            == arrived
        )
    assert count(after, "model_predictions_total") == rows
    assert count(after, "model_rejected_requests_total", reason="not_json") == sent["POST", "/predict", 400]
    assert count(after, "model_rejected_requests_total", reason="fields") == sent["POST", "/predict", 422]
    assert count(after, "model_predict_duration_seconds_count") == sent["POST", "/predict", 200]
    assert count(after, "http_server_active_requests") == 0


def test_scanners_add_no_series(pod: Pod) -> None:
    """A thousand paths, and every method, leave the scrape as long as a first few made it."""
    methods = ["GET", "PUT", "PATCH", "PROPFIND", "LOCK"]

    def scan(number: int) -> None:
        connection = http.client.HTTPConnection(HOST, pod.port, timeout=10)
        for i in range(number):
            connection.request(methods[i % len(methods)], f"/{i}?q={i}", headers={"User-Agent": str(i)})
            connection.getresponse().read()
        connection.close()

    scan(len(methods))
    first = pod.scrape().count("\n")
    scan(1_000)
    assert pod.scrape().count("\n") == first


def test_clients_that_go_away_are_counted_as_such(artefact: Path, tmp_path: Path) -> None:
    """Half a request is counted once, with status 499, and is no longer in progress."""
    half = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    half += b"Content-Length: 20\r\n\r\n[1,"
    labels = {"http_route": "/predict", "http_response_status_code": "499"}
    with running(artefact, tmp_path) as pod:
        connections = [pod.connect() for _ in range(10)]
        for connection in connections:
            connection.sendall(half)
        end = time.monotonic() + 5
        while pod.count("http_server_active_requests", http_route="/predict") < 10:
            assert time.monotonic() < end
        for connection in connections:
            connection.close()
        while pod.count(COUNT, **labels) < 10:
            assert time.monotonic() < end
        assert pod.count("http_server_active_requests") == 0
        assert pod.count("http_server_arrivals_total", http_route="/predict") == 10
        assert pod.predict(ROW).status == 200


def test_other_paths_of_the_metrics_port(pod: Pod) -> None:
    """The metrics port knows one path, and predictions are not there."""
    connection = http.client.HTTPConnection(HOST, pod.port + 2, timeout=10)
    connection.request("POST", "/predict", b"[]")
    assert connection.getresponse().status == 404
    connection.close()
