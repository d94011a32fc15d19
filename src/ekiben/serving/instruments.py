"""The metrics contract as live objects, every usual series from the start.

A series that appears with its first event hides that event from `rate()`, so
those of ordinary life exist before it. Labels take values from fixed sets.
"""

from __future__ import annotations

from typing import Any

import prometheus_client as prometheus
from prometheus_client.exposition import choose_encoder

from ekiben.serving import metrics
from ekiben.serving.answer import Answer
from ekiben.serving.artefact import Artefact
from ekiben.serving.problem import REASONS, Reason

PREDICT, LIVE, READY, UNMATCHED = "/predict", "/livez", "/readyz", "<unmatched>"
OTHER_METHOD = "_OTHER"
_METHODS = frozenset({"GET", "HEAD", "POST"})
_USUAL = {
    (PREDICT, "POST"): (200, 400, 413, 415, 422, 499, 500, 503),
    (LIVE, "GET"): (200,),
    (READY, "GET"): (200, 503),
    (UNMATCHED, "GET"): (404,),
}
_USUAL_OF_SERVICE = (200, 400, 500, 503)  # what BentoML answers to a POST
_KINDS: dict[str, Any] = {"counter": prometheus.Counter, "gauge": prometheus.Gauge}


class Instruments:
    """Counts what one pod does.

    Args:
        artefact: Whose name and version the labels carry.
        predictor: Name of the predictor, for `model_info`.
        custom: Routes that the BentoML service answers itself.
    """

    def __init__(self, artefact: Artefact, predictor: str, custom: tuple[str, ...] = ()) -> None:
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        prometheus.PlatformCollector(registry=self._registry)
        prometheus.GCCollector(registry=self._registry)
        built = {metric.name: _build(metric, self._registry) for metric in metrics.CONTRACT}
        self._duration = built[metrics.REQUEST_DURATION.name]
        self._arrivals = built[metrics.ARRIVALS.name]
        self._in_progress = built[metrics.IN_PROGRESS.name]
        model = {"model": artefact.name, "version": artefact.version}
        self._predictions = built[metrics.PREDICTIONS.name].labels(**model)
        self._predict_duration = built[metrics.PREDICT_DURATION.name].labels(**model)
        self._rejected = {
            reason: built[metrics.REJECTED_REQUESTS.name].labels(**model, reason=reason) for reason in REASONS
        }
        built[metrics.MODEL_INFO.name].labels(
            **model, artefact_sha256=artefact.sha256, predictor=predictor
        ).set(1)
        self._visits: dict[tuple[str, str], Visits] = {}
        usual = {**{(route, "POST"): _USUAL_OF_SERVICE for route in custom}, **_USUAL}
        for (route, method), statuses in usual.items():
            self.visits(route, method).expect(*statuses)

    def visits(self, route: str, method: str) -> Visits:
        """Counters of one route and method.

        Args:
            route: A template, or `<unmatched>`.
            method: As the client wrote it; unknown ones are counted as `_OTHER`.
        """
        key = (route, method if method in _METHODS else OTHER_METHOD)
        found = self._visits.get(key)
        if found is None:
            labels = {metrics.ROUTE: key[0], metrics.METHOD: key[1]}
            found = self._visits[key] = Visits(
                self._arrivals.labels(**labels), self._in_progress.labels(**labels), self._duration, labels
            )
        return found

    def answered(self, answer: Answer) -> None:
        """Count what an answer of the lane says about the model."""
        if answer.predict_seconds is not None:
            self._predict_duration.observe(answer.predict_seconds)
        if answer.rows:
            self._predictions.inc(answer.rows)
        if answer.reason is not None:
            self._rejected[answer.reason].inc()

    def batch(self, requests: int, rows: int, predict_seconds: float) -> None:
        """Count a call of the predictor."""
        del requests
        self._predict_duration.observe(predict_seconds)
        self._predictions.inc(rows)

    def queued(self, seconds: float) -> None:
        """Count a wait for the predictor."""

    def refused(self, reason: Reason) -> None:
        """Count a refusal."""
        self._rejected[reason].inc()

    def connection_opened(self) -> None:
        """Count a connection."""

    def connection_closed(self) -> None:
        """Count the end of a connection."""

    def connection_refused(self) -> None:
        """Count a connection beyond the limit."""

    def exposition(self, accept: str) -> tuple[bytes, bytes]:
        """Text for a scrape and its content type, in the format that `Accept` asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type.encode()


class Visits:
    """Counters of one route and method."""

    __slots__ = ("_arrivals", "_by_status", "_duration", "_in_progress", "_labels")

    def __init__(self, arrivals: Any, in_progress: Any, duration: Any, labels: dict[str, str]) -> None:
        self._arrivals = arrivals
        self._in_progress = in_progress
        self._duration = duration
        self._labels = labels
        self._by_status: dict[int, Any] = {}

    def expect(self, *statuses: int) -> None:
        """Create the series of these statuses."""
        for status in statuses:
            self._of(status)

    def arrived(self) -> None:
        """Count a request at its receipt."""
        self._arrivals.inc()
        self._in_progress.inc()

    def left(self, status: int, seconds: float) -> None:
        """Count the end of its answer."""
        self._in_progress.dec()
        self._of(status).observe(seconds)

    def _of(self, status: int) -> Any:
        found = self._by_status.get(status)
        if found is None:
            found = self._by_status[status] = self._duration.labels(
                **self._labels, **{metrics.STATUS: str(status)}
            )
        return found


def _build(metric: metrics.Metric, registry: prometheus.CollectorRegistry) -> Any:
    if metric.kind == "histogram":
        return prometheus.Histogram(
            metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets
        )
    return _KINDS[metric.kind](metric.name, metric.help, metric.labels, registry=registry)


async def scrape(instruments: Instruments, scope: Any, receive: Any, send: Any) -> None:
    """ASGI application of the `metrics` port."""
    del receive
    if scope["path"] != "/metrics":
        status, body, content_type = 404, b"no such route\n", b"text/plain; charset=utf-8"
    else:
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        status, (body, content_type) = 200, instruments.exposition(accept)
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
