"""The metrics contract: every metric of the pod, declared once as data.

Dashboards, alerts, HPA queries, the status page and the reference read these
declarations; a live scrape is compared with them in the tests. Standard
library only, so that the operator's side reads it without loading a server.

Source: names of HTTP metrics from OpenTelemetry's semantic conventions,
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/, in Prometheus' spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal, get_args

Kind = Literal["counter", "gauge", "histogram"]
AccessOutcome = Literal["allowed", "unauthenticated", "forbidden", "rate", "undecided"]
Outcome = Literal["ok", "refused", "rate", "gone", "busy", "late", "failed"]
RecheckOutcome = Literal["ok", "failed"]
DropReason = Literal["queue", "rate", "output"]
ACCESS_OUTCOMES: tuple[AccessOutcome, ...] = get_args(AccessOutcome)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
RECHECK_OUTCOMES: tuple[RecheckOutcome, ...] = get_args(RecheckOutcome)
DROP_REASONS: tuple[DropReason, ...] = get_args(DropReason)

# Edges from half a millisecond (a linear model) to 10 s (the longest time-out), seconds.
DURATION_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
ROWS_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0, 16384.0)
REQUESTS_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

# Templates of the routes that predict, and the protocol that each speaks.
PROTOCOLS: Mapping[str, str] = {
    "/predict": "ekiben",
    "/v1/models/{model}:predict": "kserve_v1",
    "/v2/models/{model}/infer": "open_inference_rest",
    "/v2/models/{model}/versions/{version}/infer": "open_inference_rest",
    "/inference.GRPCInferenceService/ModelInfer": "open_inference_grpc",
    "/invocations": "invocations",
}
# Templates of the routes that explain. They are not among the requests of the objective: an explanation of a
# forest takes many times as long as its prediction.
EXPLAINING = frozenset({"/explain", "/v1/models/{model}:explain"})
CUSTOM_PROTOCOL = "bentoml"  # routes that the BentoML service answers itself

CLIENT_GONE = 499  # nginx' number for a client that closed its request; no answer is sent
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_OUTCOME_OF_STATUS: Mapping[int, Outcome] = {
    HTTPStatus.TOO_MANY_REQUESTS: "rate",
    CLIENT_GONE: "gone",
    HTTPStatus.SERVICE_UNAVAILABLE: "busy",
    HTTPStatus.GATEWAY_TIMEOUT: "late",
}


def outcome(status: int) -> Outcome:
    """What became of a request, from its HTTP status (gRPC's are mapped to it by its room)."""
    if status < _CLIENT_ERROR:
        return "ok"
    return _OUTCOME_OF_STATUS.get(status) or ("refused" if status < _SERVER_ERROR else "failed")


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
_MODEL = ("model", "version")

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
BODY_BYTES = Metric(
    "http_server_request_body_bytes_total", "counter", "Bytes of request bodies, as received.", "bytes",
)  # fmt: skip
CONNECTIONS_OPEN = Metric(
    "http_server_open_connections", "gauge", "Connections open now on the port for predictions.",
)  # fmt: skip
CONNECTIONS = Metric(
    "http_server_connections_total", "counter", "Connections accepted.",
)  # fmt: skip
CONNECTIONS_REFUSED = Metric(
    "http_server_refused_connections_total", "counter", "Connections closed at once: too many were open.",
)  # fmt: skip
ACCESS = Metric(
    "access_decisions_total", "counter",
    "Decisions of access control, by outcome; undecided: an issuer's keys are still being fetched (503).", "",
    ("outcome",),
)  # fmt: skip
NEXT_KEY_EXPIRY = Metric(
    "access_next_key_expiry_timestamp_seconds", "gauge",
    "Unix time at which a caller is the next to be without a valid API key; +Inf if no key ends.", "seconds",
)  # fmt: skip
REQUESTS = Metric(
    "model_requests_total", "counter", "Requests that ended on routes for predictions.", "",
    (*_MODEL, "protocol", "outcome"),
)  # fmt: skip
PREDICTIONS = Metric(
    "model_predictions_total", "counter", "Rows predicted and answered.", "", _MODEL,
)  # fmt: skip
EXPLANATIONS = Metric(
    "model_explanations_total", "counter", "Rows explained and answered.", "", _MODEL,
)  # fmt: skip
QUEUE_DURATION = Metric(
    "model_queue_duration_seconds", "histogram", "Time a request waited for the predictor.", "seconds",
    _MODEL, DURATION_BUCKETS,
)  # fmt: skip
PREDICT_DURATION = Metric(
    "model_predict_duration_seconds", "histogram", "Time in the predictor, per call.", "seconds",
    _MODEL, DURATION_BUCKETS,
)  # fmt: skip
BATCH_ROWS = Metric(
    "model_batch_rows", "histogram", "Rows per call of the predictor.", "", _MODEL, ROWS_BUCKETS,
)  # fmt: skip
BATCH_REQUESTS = Metric(
    "model_batch_requests", "histogram", "Requests per call of the predictor.", "",
    _MODEL, REQUESTS_BUCKETS,
)  # fmt: skip
CPU = Metric(
    "model_cpu_seconds_total", "counter", "CPU time of the calling thread in the predictor.", "seconds",
    _MODEL,
)  # fmt: skip
REJECTED_REQUESTS = Metric(
    "model_rejected_requests_total", "counter", "Requests refused, by first reason.", "",
    (*_MODEL, "reason"),
)  # fmt: skip
REJECTED_ROWS = Metric(
    "model_rejected_rows_total", "counter",
    "Rows of refused requests, by first reason; a body that was not decoded has none.", "",
    (*_MODEL, "reason"),
)  # fmt: skip
OUT_OF_RANGE = Metric(
    "model_out_of_range_rows_total", "counter",
    "Rows accepted although a value lies outside of its declared range.", "", _MODEL,
)  # fmt: skip
MODEL_INFO = Metric(
    "model_info", "gauge", "1; the labels say what this pod serves.", "",
    (*_MODEL, "artefact_sha256", "predictor"),
)  # fmt: skip
LOG_DROPPED = Metric(
    "log_lines_dropped_total", "counter",
    "Lines of the access log that were not written: queue full, too many per second, output failed.", "",
    ("reason",),
)  # fmt: skip

RECHECK_SCORE = Metric(
    "model_recheck_score", "gauge",
    "Score of this pod's answers to its labelled rows at the last check; absent if that check failed.", "",
    (*_MODEL, "metric"),
)  # fmt: skip
RECHECK_EXPECTED_SCORE = Metric(
    "model_recheck_expected_score", "gauge", "Score of the trained estimator on the same rows.", "",
    (*_MODEL, "metric"),
)  # fmt: skip
RECHECK_ROWS = Metric(
    "model_recheck_rows", "gauge", "Labelled rows that a check predicts.", "", _MODEL,
)  # fmt: skip
RECHECKS = Metric(
    "model_rechecks_total", "counter", "Checks on the labelled rows that ended, by outcome.", "",
    (*_MODEL, "outcome"),
)  # fmt: skip
RECHECK_TIME = Metric(
    "model_last_recheck_timestamp_seconds", "gauge",
    "Unix time at which the last check that gave a score ended.", "seconds", _MODEL,
)  # fmt: skip
RECHECK_CPU = Metric(
    "model_recheck_cpu_seconds_total", "counter", "CPU time of the predictor in checks.", "seconds", _MODEL,
)  # fmt: skip

# What only a pod has that scores itself again.
RECHECK: tuple[Metric, ...] = (
    RECHECK_SCORE, RECHECK_EXPECTED_SCORE, RECHECK_ROWS, RECHECKS, RECHECK_TIME, RECHECK_CPU,
)  # fmt: skip
CONTRACT: tuple[Metric, ...] = (
    REQUEST_DURATION, ARRIVALS, IN_PROGRESS, BODY_BYTES, CONNECTIONS_OPEN, CONNECTIONS, CONNECTIONS_REFUSED,
    ACCESS, NEXT_KEY_EXPIRY, REQUESTS, PREDICTIONS, EXPLANATIONS, QUEUE_DURATION, PREDICT_DURATION,
    BATCH_ROWS, BATCH_REQUESTS, CPU, REJECTED_REQUESTS, REJECTED_ROWS, OUT_OF_RANGE, MODEL_INFO, LOG_DROPPED,
    *RECHECK,
)  # fmt: skip


def duration_buckets(objectives: Iterable[float] = ()) -> tuple[float, ...]:
    """Edges of durations, with one on each objective: only there is the share of good requests exact.

    Args:
        objectives: Latency objectives, seconds, above 0.
    """
    return tuple(sorted({*DURATION_BUCKETS, *objectives}))


def contract(objectives: Iterable[float] = (), *, recheck: bool = False) -> tuple[Metric, ...]:
    """Give the contract of one pod.

    Args:
        objectives: Its latency objectives, seconds.
        recheck: Whether it scores itself on labelled rows.
    """
    edges = duration_buckets(objectives)
    return tuple(
        replace(each, buckets=edges) if each.buckets == DURATION_BUCKETS else each
        for each in CONTRACT
        if recheck or each not in RECHECK
    )
