"""Reading counters, and what the load generator printed."""

from __future__ import annotations

import pytest
from benchmarks import counts, load

SCRAPE = """\
# TYPE http_server_arrivals_total counter
http_server_arrivals_total{http_request_method="POST",http_route="/predict"} 7.0
http_server_arrivals_total{http_request_method="GET",http_route="/readyz"} 3.0
http_server_request_duration_seconds_bucket{http_route="/predict",http_response_status_code="200",le="1"} 5.0
http_server_request_duration_seconds_count{http_route="/predict",http_response_status_code="200"} 5.0
http_server_request_duration_seconds_count{http_route="/predict",http_response_status_code="422"} 2.0
model_predictions_total{model="iris",version="1"} 10.0
"""


def test_only_the_asked_route_is_counted() -> None:
    """Probes and buckets are no requests of the client."""
    assert counts.scraped(SCRAPE, "/predict") == {"arrivals": 7, "200": 5, "422": 2, "rows": 10}


def test_what_wrk_measured_is_read_in_seconds() -> None:
    """Its last line is ours; every kind of failure counts."""
    printed = (
        "Running 3s test @ http://127.0.0.1:1/predict\n  1 threads and 16 connections\n"
        "Requests/sec: 500.00\n\n"
        '{"requests":1500,"microseconds":3000000,"p50":1800,"p99":4200,'
        '"connect":1,"read":2,"write":3,"status":4,"timeout":5}\n'
    )
    found = load.parse(printed, 0.25)
    assert (found.rate, found.p50_seconds, found.p99_seconds) == pytest.approx((500.0, 0.0018, 0.0042))
    assert (found.failed, found.generator_ratio) == (15, 0.25)
