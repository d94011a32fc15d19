"""Counting and its text, in one process: prometheus_client's own metrics and parsers are the referees."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import prometheus_client
import pytest
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as plain

from ekiben.serving import exposition, metrics
from ekiben.serving.instruments import UNMATCHED, Instruments, scrape
from ekiben.serving.problem import REASONS

openmetrics: Any = parser.text_string_to_metric_families  # untyped
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
DURATION = "http_server_request_duration_seconds"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass(frozen=True)
class Model:
    name: str = "iris"
    version: str = "7"
    sha256: str = "ab"


def instruments(**more: Any) -> Instruments:
    return Instruments(Model(), "onnxruntime", **more)


def samples(found: Instruments, accept: str = "") -> Iterator[Any]:
    text = b"".join(found.parts(accept)).decode()
    for family in (openmetrics if accept else plain)(text):
        yield from family.samples


def value(found: Instruments, name: str, **labels: str) -> float:
    """Sum of the samples that carry these labels; at least one must."""
    numbers = [
        each.value
        for each in samples(found)
        if each.name == name and labels.items() <= {**each.labels}.items()
    ]
    assert numbers, name
    return float(sum(numbers))


def names(found: Instruments) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {(each.name, frozenset(each.labels.items())) for each in samples(found)}


def test_a_histogram_is_what_prometheus_own_would_be() -> None:
    """The same 5,000 durations, edges among them, give the same buckets, count and sum."""
    draw = random.Random(1)  # noqa: S311 - seeded data
    registry = prometheus_client.CollectorRegistry()
    edges = (*metrics.DURATION_BUCKETS[:10], 0.2, *metrics.DURATION_BUCKETS[10:])
    referee = prometheus_client.Histogram("referee", "", registry=registry, buckets=edges)
    found = instruments(objectives=(0.2, 0.005))
    visits = found.visits("/predict", "POST")
    for seconds in [*edges, 0.0, *(draw.expovariate(3) for _ in range(5_000))]:
        referee.observe(seconds)
        visits.arrived()
        visits.left(200, seconds)
    for suffix in ("bucket", "count", "sum"):
        expected = {
            each.labels.get("le"): each.value
            for family in registry.collect()
            for each in family.samples
            if each.name == f"referee_{suffix}"
        }
        ours = {
            each.labels.get("le"): each.value
            for each in samples(found)
            if each.name == f"{DURATION}_{suffix}"
            and (each.labels["http_route"], each.labels["http_response_status_code"]) == ("/predict", "200")
        }
        assert ours == pytest.approx(expected, rel=1e-12)  # the sum, by another order of additions


@pytest.mark.parametrize("accept", ["", OPENMETRICS, "text/plain;version=1.0.0;escaping=allow-utf-8"])
def test_every_metric_is_as_declared_in_every_format(accept: str) -> None:
    """Type, help, labels and edges of the contract, nothing undeclared, each metric and series once."""
    found = instruments(objectives=(0.3,))
    for route in metrics.PROTOCOLS:
        found.visits(route, "POST")
    text = b"".join(found.parts(accept)).decode()
    assert text.endswith("# EOF\n") == (accept == OPENMETRICS)
    parsed = list((openmetrics if accept == OPENMETRICS else plain)(text))
    families = {family.name: family for family in parsed}
    assert len(families) == len(parsed)
    for metric in metrics.contract((0.3,)):
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert {label for each in family.samples for label in each.labels} - {"le"} == set(metric.labels)
        edges = {float(each.labels["le"]) for each in family.samples if "le" in each.labels}
        assert edges - {float("inf")} == set(metric.buckets)
    ours = {name for name in families if not name.startswith(("process_", "python_"))}
    assert ours == {metric.name.removesuffix("_total") for metric in metrics.contract()}
    series = [(each.name, *sorted(each.labels.items())) for each in samples(found)]
    assert len(series) == len(set(series))


def test_an_unknown_version_of_a_format_is_answered_in_text() -> None:
    """A scrape that asks for nonsense gets Prometheus' text, and is told so."""
    accept = "application/openmetrics-text;version=x"
    assert not b"".join(instruments().parts(accept)).endswith(b"# EOF\n")
    assert exposition.content_type(accept) == b"text/plain; version=0.0.4; charset=utf-8"


def test_requests_are_counted_by_protocol_and_outcome() -> None:
    """Each status has one outcome; probes and unknown paths are no requests for predictions."""
    outcomes = {
        200: "ok", 400: "refused", 401: "refused", 408: "refused", 422: "refused", 429: "rate", 499: "gone",
        500: "failed", 503: "busy", 504: "late",
    }  # fmt: skip
    found = instruments(custom=("/greet",))
    expected: Counter[tuple[str, str]] = Counter()
    routes = {**metrics.PROTOCOLS, "/greet": "bentoml", "/livez": "", UNMATCHED: ""}
    for number, (route, protocol) in enumerate(routes.items(), 1):
        visits = found.visits(route, "POST")
        for status, outcome in outcomes.items():
            for _ in range(number):
                visits.arrived()
                visits.left(status, 0.001)
            if protocol:
                expected[protocol, outcome] += number
    counted = {
        (each.labels["protocol"], each.labels["outcome"]): each.value
        for each in samples(found)
        if each.name == "model_requests_total"
    }
    assert counted == dict(expected)


def test_requests_in_progress_are_arrivals_less_departures() -> None:
    """Three arrive, one is answered, one goes away."""
    found = instruments()
    visits = found.visits("/predict", "POST")
    for _ in range(3):
        visits.arrived()
    visits.left(200, 0.1)
    visits.left(499, 0.1)
    assert value(found, "http_server_active_requests", http_route="/predict") == 1
    assert value(found, "http_server_arrivals_total", http_route="/predict") == 3


def test_each_call_reaches_its_metric() -> None:
    """What is counted once reads as it was counted, and nothing else moves."""
    found = instruments()
    found.batch(3, 40, 0.5, 0.25)
    found.queued(0.125)
    found.received(1_000)
    found.out_of_range(2)
    for _ in range(5):
        found.connection_opened()
    found.connection_closed()
    found.connection_refused()
    found.access("forbidden")
    found.log_dropped("queue")
    found.predicted(7)
    found.refused("range", rows=9)
    found.refused("rate")
    moved = {
        (each.name, each.labels.get("reason") or each.labels.get("outcome")): each.value
        for each in samples(found)
        if each.value not in (0, math.inf)
        and not each.name.startswith(("process_", "python_"))
        and "le" not in each.labels
    }
    assert moved == {
        ("model_batch_requests_count", None): 1, ("model_batch_requests_sum", None): 3,
        ("model_batch_rows_count", None): 1, ("model_batch_rows_sum", None): 40,
        ("model_predict_duration_seconds_count", None): 1, ("model_predict_duration_seconds_sum", None): 0.5,
        ("model_cpu_seconds_total", None): 0.25, ("model_queue_duration_seconds_count", None): 1,
        ("model_queue_duration_seconds_sum", None): 0.125,
        ("http_server_request_body_bytes_total", None): 1_000,
        ("model_out_of_range_rows_total", None): 2, ("http_server_connections_total", None): 5,
        ("http_server_open_connections", None): 4, ("http_server_refused_connections_total", None): 1,
        ("access_decisions_total", "forbidden"): 1, ("log_lines_dropped_total", "queue"): 1,
        ("model_predictions_total", None): 7, ("model_info", None): 1,
        ("model_rejected_requests_total", "range"): 1, ("model_rejected_rows_total", "range"): 9,
        ("model_rejected_requests_total", "rate"): 1,
    }  # fmt: skip


def test_the_usual_series_are_there_from_the_start() -> None:
    """All reasons, outcomes and statuses of predictions read 0 before the first request."""
    found = instruments()
    for status in ("200", "400", "401", "403", "413", "415", "422", "429", "499", "500", "503", "504"):
        assert value(found, f"{DURATION}_count", http_route="/predict", http_response_status_code=status) == 0
    for reason in REASONS:
        assert value(found, "model_rejected_rows_total", reason=reason) == 0
    for outcome in ("ok", "refused", "rate", "gone", "busy", "late", "failed"):
        for protocol in {*metrics.PROTOCOLS.values()}:
            assert value(found, "model_requests_total", protocol=protocol, outcome=outcome) == 0
    for decision in ("allowed", "unauthenticated", "forbidden", "rate"):
        assert value(found, "access_decisions_total", outcome=decision) == 0


def test_odd_methods_and_statuses_share_series() -> None:
    """2,000 methods that nobody knows, and statuses that HTTP does not have, add one series each."""
    found = instruments()

    def odd(number: int) -> None:
        visits = found.visits(UNMATCHED, f"M{number}")
        visits.arrived()
        visits.left(1_000 + number, 0.001)

    odd(0)
    before = names(found)
    for number in range(1, 2_000):
        odd(number)
    assert names(found) == before
    labels = {"http_request_method": "_OTHER", "http_response_status_code": "_OTHER"}
    assert value(found, f"{DURATION}_count", **labels) == 2_000


def test_routes_have_an_end() -> None:
    """A caller that passes paths in place of templates gets 256 of them; all are counted."""
    found = instruments()
    for number in range(2_000):
        found.visits(f"/{number}", "GET").arrived()
    routes = {dict(labels)["http_route"] for name, labels in names(found) if name.endswith("arrivals_total")}
    assert len(routes) <= 256
    assert value(found, "http_server_arrivals_total") == 2_000


def test_exemplars_are_the_last_trace_of_their_bucket() -> None:
    """OpenMetrics has them on the bucket of the duration; Prometheus' text, which cannot, is still valid."""
    found = instruments()
    visits = found.visits("/predict", "POST")
    for seconds, trace_id in ((0.004, "0" * 31 + "1"), (0.003, TRACE_ID), (0.0035, None), (0.2, None)):
        visits.arrived()
        visits.left(200, seconds, trace_id)
    marked = [each for each in samples(found, OPENMETRICS) if each.exemplar]
    assert [(each.labels["le"], each.exemplar.labels, each.exemplar.value) for each in marked] == [
        ("0.005", {"trace_id": TRACE_ID}, 0.003)
    ]
    assert float(marked[0].exemplar.timestamp) == pytest.approx(time.time(), abs=60)
    assert value(found, f"{DURATION}_count", http_route="/predict") == 4


def crowded() -> Instruments:
    """Every protocol with every usual status, and a trace in a bucket of each."""
    found = instruments()
    for route in metrics.PROTOCOLS:
        for status in (200, 400, 401, 403, 413, 415, 422, 429, 499, 500, 503, 504):
            visits = found.visits(route, "POST")
            visits.arrived()
            visits.left(status, 0.001, TRACE_ID)
    return found


async def scraped(found: Instruments) -> tuple[bytes, int]:
    """Body of a scrape, and how often others got a turn meanwhile."""
    messages: list[Any] = []
    turns = 0

    async def send(message: Any) -> None:
        messages.append(message)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            found.visits("/predict", "POST").arrived()
            found.visits("/invocations", "POST").left(504, 0.001)
            await asyncio.sleep(0)

    others = asyncio.create_task(count())
    scope = {"path": "/metrics", "headers": [(b"accept", OPENMETRICS.encode())]}
    await scrape(found, scope, None, send)
    others.cancel()
    return messages[1]["body"], turns


def test_a_scrape_lets_requests_through_and_is_one_instant() -> None:
    """Its pieces are at most 58 samples, others run between them, and none of their counts is in it."""
    found = crowded()
    before = [
        value(found, "http_server_arrivals_total", http_route="/predict"),
        value(found, f"{DURATION}_count", http_route="/invocations", http_response_status_code="504"),
    ]
    longest = max(part.count(b"\n") for part in found.parts(OPENMETRICS))
    assert longest <= 3 + 39 + 19
    body, turns = asyncio.run(scraped(found))
    assert turns >= 30
    counted = {
        (each.name, each.labels.get("http_route"), each.labels.get("http_response_status_code")): each.value
        for family in openmetrics(body.decode())
        for each in family.samples
    }
    assert [
        counted["http_server_arrivals_total", "/predict", None],
        counted[f"{DURATION}_count", "/invocations", "504"],
    ] == before
