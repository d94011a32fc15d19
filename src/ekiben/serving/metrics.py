"""The metrics contract: every metric of the pod, declared once as data.

Dashboards, alerts, HPA queries, the status page and the reference read these
declarations; a live scrape is compared with them in the tests. Standard
library only, so that the operator's side reads it without loading a server.

Source: names of HTTP metrics from OpenTelemetry's semantic conventions,
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/, in Prometheus' spelling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

# Edges from half a millisecond (a linear model) to 10 s (the longest time-out), seconds.
DURATION_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Full name as scraped (a counter's with `_total`, a histogram's without suffix).
        kind: Prometheus type.
        help: One sentence.
        unit: Base unit, empty for counts.
        labels: Label names; each has a bounded set of values.
        buckets: Upper edges of a histogram, in `unit`.
    """

    name: str
    kind: Kind
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# `http_route` is the template (`/predict`, ...), or `<unmatched>`: a scanner adds no series.
ROUTE, METHOD, STATUS = "http_route", "http_request_method", "http_response_status_code"

REQUEST_DURATION = Metric(
    "http_server_request_duration_seconds", "histogram",
    "Time from the receipt of a request to the end of its answer.", "seconds",
    (METHOD, ROUTE, STATUS), DURATION_BUCKETS,
)  # fmt: skip
ARRIVALS = Metric(
    "http_server_arrivals_total", "counter",
    "Requests counted at receipt, before anything can refuse them.", "", (METHOD, ROUTE),
)  # fmt: skip
IN_PROGRESS = Metric(
    "http_server_active_requests", "gauge", "Requests being handled now.", "", (METHOD, ROUTE),
)  # fmt: skip
PREDICTIONS = Metric(
    "model_predictions_total", "counter", "Rows predicted and answered.", "", ("model", "version"),
)  # fmt: skip
PREDICT_DURATION = Metric(
    "model_predict_duration_seconds", "histogram", "Time in the predictor, per call.", "seconds",
    ("model", "version"), DURATION_BUCKETS,
)  # fmt: skip
REJECTED_REQUESTS = Metric(
    "model_rejected_requests_total", "counter", "Requests refused by validation, by first reason.", "",
    ("model", "version", "reason"),
)  # fmt: skip
MODEL_INFO = Metric(
    "model_info", "gauge", "1; the labels say what this pod serves.", "",
    ("model", "version", "artefact_sha256", "predictor"),
)  # fmt: skip

CONTRACT: tuple[Metric, ...] = (
    REQUEST_DURATION, ARRIVALS, IN_PROGRESS, PREDICTIONS, PREDICT_DURATION, REJECTED_REQUESTS, MODEL_INFO,
)  # fmt: skip
