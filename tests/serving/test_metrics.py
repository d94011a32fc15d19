from __future__ import annotations

import http.client
import json
import random
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families
from tests.serving.pod import HOST, Pod, count, running

from ekiben.serving import metrics

ROW = [5.1, 3.5, 1.4, 0.2]
COUNT = "http_server_request_duration_seconds_count"
openmetrics: Any = parser.text_string_to_metric_families  # untyped


def test_the_scrape_keeps_the_contract(pod: Pod) -> None:
    """Every declared metric is there with its type, help, labels and buckets, and no other of ours."""
    check_contract(pod.scrape())


def test_objectives_are_edges(artefact: Path, tmp_path: Path) -> None:
    """A pod that is told its objectives has a bucket that ends on each, in all durations."""
    with running(artefact, tmp_path, EKIBEN_OBJECTIVE_SECONDS="0.02,0.3,0.25") as pod:
        check_contract(pod.scrape(), (0.02, 0.3, 0.25))


def check_contract(text: str, objectives: tuple[float, ...] = (), *, recheck: bool = False) -> None:
    families = {family.name: family for family in text_string_to_metric_families(text)}
    declared = metrics.contract(objectives, recheck=recheck)
    for metric in declared:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert {label for sample in family.samples for label in sample.labels} - {"le"} == set(metric.labels)
        edges = {sample.labels["le"] for sample in family.samples if "le" in sample.labels}
        assert {float(edge) for edge in edges} - {float("inf")} == set(metric.buckets)
    ours = {name for name in families if not name.startswith(("process_", "python_"))}
    assert ours == {metric.name.removesuffix("_total") for metric in declared}
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
    """After a mixed load from several threads every counter is what the clients counted, probes apart."""
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

    def client(seed: int) -> list[Any]:
        draw = random.Random(seed)  # noqa: S311 - a seeded load
        chosen = draw.choices(choices, k=200)
        connection = http.client.HTTPConnection(HOST, pod.port, timeout=10)
        for method, path, body, status, _ in chosen:
            content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.close()
        return chosen

    with running(artefact, tmp_path) as pod, ThreadPoolExecutor(6) as threads:
        before = pod.scrape()
        requests = [request for found in threads.map(client, range(6)) for request in found]
        after = pod.scrape()
    sent = Counter(
        (method if method in {"GET", "POST"} else "_OTHER", path, status)
        for method, path, _, status, _ in requests
    )
    rows = sum(predicted for *_, predicted in requests)
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
    assert 0 < count(after, "model_predict_duration_seconds_count") <= sent["POST", "/predict", 200]
    assert count(after, "http_server_active_requests") == 0
    ok = sent["POST", "/predict", 200]
    refused = sum(
        number for (_, path, status), number in sent.items() if path == "/predict" and status != 200
    )
    assert count(after, "model_requests_total", outcome="ok") == ok
    assert count(after, "model_requests_total", outcome="refused") == refused
    assert count(after, "model_requests_total") == ok + refused
    assert count(after, "model_batch_rows_sum") == rows
    assert count(after, "model_batch_requests_sum") == ok
    assert count(after, "model_queue_duration_seconds_count") == ok
    assert 0 < count(after, "model_cpu_seconds_total") < count(after, "process_cpu_seconds_total")
    sizes = [
        len(body if isinstance(body, bytes) else json.dumps(body))
        for method, _, body, *_ in requests
        if method == "POST"
    ]
    assert count(after, "http_server_request_body_bytes_total") == sum(sizes)


def test_rows_of_refused_requests_are_counted(artefact: Path, tmp_path: Path) -> None:
    """One wrong cell refuses three rows; a body that cannot be decoded has none."""
    with running(artefact, tmp_path) as pod:
        assert pod.predict({"instances": [ROW, ["x", 1, 1, 1], ROW]}).status == 422
        assert pod.predict(b"{").status == 400
        assert pod.count("model_rejected_rows_total", reason="type") == 3
        assert pod.count("model_rejected_rows_total") == 3
        assert pod.count("model_rejected_requests_total") == 2


def series(text: str) -> set[str]:
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def test_scanners_add_no_series(pod: Pod) -> None:
    """2,000 odd paths and methods leave the scrape with the series that a first few made."""
    methods = ["GET", "PUT", "PATCH", "PROPFIND", "LOCK"]

    def scan(number: int) -> None:
        connection = http.client.HTTPConnection(HOST, pod.port, timeout=10)
        for i in range(number):
            path = f"/{i}?q={i}" if i % 2 else f"/predict/{i}%0a"
            connection.request(methods[i % len(methods)], path, headers={"User-Agent": str(i)})
            connection.getresponse().read()
        connection.close()

    scan(2 * len(methods))
    first = series(pod.scrape())
    scan(2_000)
    assert series(pod.scrape()) == first


def test_traces_of_callers_become_exemplars(artefact: Path, tmp_path: Path) -> None:
    """A scrape in OpenMetrics has the id of the trace that a request was part of; a wrong header has none."""
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    with running(artefact, tmp_path) as pod:
        for number, wrong in enumerate(("", "0")):
            parent = f"00-{trace_id[:-1]}{number}-00f067aa0ba902b7-01{wrong}"
            headers = {"Content-Type": "application/json", "traceparent": parent}
            assert pod.predict(ROW, headers).status == 200
        connection = http.client.HTTPConnection(HOST, pod.port + 2, timeout=10)
        connection.request(
            "GET", "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
        )
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
    assert (response.getheader("Content-Type") or "").startswith("application/openmetrics-text")
    found = [
        (each.labels["http_route"], each.exemplar.labels["trace_id"])
        for family in openmetrics(text)
        for each in family.samples
        if each.exemplar
    ]
    assert found == [("/predict", trace_id[:-1] + "0")]


def test_the_access_log_tells_of_requests_and_no_input(artefact: Path, tmp_path: Path) -> None:
    """Every request has its line when all are sampled, errors also when none is; no path, header or value."""
    headers = {"Content-Type": "application/json", "X-Request-Id": "one", "Authorization": "Bearer secret"}
    for ratio, expected in (("1", ["one", "two", "three"]), ("0", ["two", "three"])):
        with running(artefact, tmp_path, EKIBEN_LOG_SAMPLE_RATIO=ratio) as pod:
            pod.predict({"instances": [[7.777777777, 3.5, 1.4, 0.2]] * 2}, headers)
            pod.predict([6.666666666], {**headers, "X-Request-Id": "two"})
            pod.request("GET", "/hidden/path?q=5.555555555", headers={**headers, "X-Request-Id": "three"})
            end = time.monotonic() + 10
            while '"three"' not in pod.log.read_text():
                assert time.monotonic() < end
                time.sleep(0.05)
        text = pod.log.read_text()
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        told = {line["request_id"]: line for line in lines if line["request_id"] in {"one", "two", "three"}}
        assert list(told) == expected
        for hidden in ("7.777777777", "6.666666666", "5.555555555", "hidden", "secret"):
            assert hidden not in text
        if ratio == "1":
            assert [(each["route"], each["status"], each["rows"]) for each in told.values()] == [
                ("/predict", 200, 2), ("/predict", 422, 0), ("<unmatched>", 404, 0),
            ]  # fmt: skip
            assert all(0 < each["duration_seconds"] < 5 for each in told.values())


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
