"""The metrics contract as live counters, every usual series from the start.

A series that appears with its first event hides that event from `rate()`, so
those of ordinary life exist before it. Labels take values from fixed sets.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from ekiben.serving import exposition, metrics
from ekiben.serving.counters import OTHER, Histogram, Series, Visits
from ekiben.serving.metrics import ACCESS_OUTCOMES, DROP_REASONS, AccessOutcome, DropReason
from ekiben.serving.problem import REASONS, Reason

PREDICT, LIVE, READY, UNMATCHED = "/predict", "/livez", "/readyz", "<unmatched>"
_METHODS = frozenset({"GET", "HEAD", "POST"})
_MOST_VISITS = 256  # routes and methods; a caller that passes paths instead of templates gets no further
_USUAL = {(LIVE, "GET"): (200,), (READY, "GET"): (200, 503), (UNMATCHED, "GET"): (404,)}
_USUAL_OF_PREDICTIONS = (200, 400, 401, 403, 413, 415, 422, 429, 499, 500, 503, 504)
_USUAL_OF_SERVICE = (200, 400, 500, 503)  # what BentoML answers to a POST


class Model(Protocol):
    """What is served; an `Artefact` is one."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def version(self) -> str:
        """Of the model."""

    @property
    def sha256(self) -> str:
        """Hash of the artefact."""


class Instruments:
    """Counts what one pod does; on the event loop's thread only, see `counters`.

    Args:
        model: Whose name and version the labels carry.
        predictor: Name of the predictor, for `model_info`.
        custom: Routes that the BentoML service answers itself.
        objectives: Latency objectives, seconds; each becomes an edge of the durations' buckets.

    Attributes:
        predictor: As given; may be set once it is known.
        sources: Whatever else has series to tell; each is called for every scrape.
        next_key_expiry: Gives the Unix time of that metric; called for every scrape.
    """

    def __init__(
        self, model: Model, predictor: str, custom: Sequence[str] = (), objectives: Sequence[float] = ()
    ) -> None:
        self.predictor = predictor
        self.sources: list[Callable[[], Iterable[Series]]] = []
        self.next_key_expiry: Callable[[], float] = lambda: math.inf
        self._model = model
        self._custom = frozenset(custom)
        self._protocols = {**metrics.PROTOCOLS, **dict.fromkeys(custom, metrics.CUSTOM_PROTOCOL)}
        self._edges = metrics.duration_buckets(objectives)
        self._visits: dict[tuple[str, str], Visits] = {}
        self._predictions = self._explained = self._body_bytes = self._out_of_range = 0
        self._opened = self._closed = self._connections_refused = 0
        self._cpu_seconds = 0.0
        self._queue, self._predict = Histogram(self._edges), Histogram(self._edges)
        self._batch_rows = Histogram(metrics.ROWS_BUCKETS)
        self._batch_requests = Histogram(metrics.REQUESTS_BUCKETS)
        self._rejected_requests: dict[Reason, int] = dict.fromkeys(REASONS, 0)
        self._rejected_rows: dict[Reason, int] = dict.fromkeys(REASONS, 0)
        self._access: dict[AccessOutcome, int] = dict.fromkeys(ACCESS_OUTCOMES, 0)
        self._dropped: dict[DropReason, int] = dict.fromkeys(DROP_REASONS, 0)
        for route, method in (*_USUAL, (PREDICT, "POST"), *((route, "POST") for route in custom)):
            self.visits(route, method)

    def visits(self, route: str, method: str) -> Visits:
        """Counters of one route and method; the same object each time, so that a caller may keep it.

        The usual series of a route and method are there from its first request on, those of `/predict` and
        the probes from the start; requests by protocol and outcome are there from the start for all.

        Args:
            route: A template, or `<unmatched>`.
            method: As the client wrote it; unknown ones are counted as `_OTHER`. `POST` for gRPC.
        """
        found = self._visits.get((route, method))
        return self._known(route, method) if found is None else found

    def predicted(self, rows: int) -> None:
        """Count rows that were predicted and answered; once per request."""
        self._predictions += rows

    def explained(self, rows: int) -> None:
        """Count rows that were explained and answered; once per request."""
        self._explained += rows

    def refused(self, reason: Reason, rows: int = 0) -> None:
        """Count a refusal; once per request.

        Args:
            reason: First reason.
            rows: Rows of the request, if they were decoded.
        """
        self._rejected_requests[reason] += 1
        self._rejected_rows[reason] += rows

    def batch(self, requests: int, rows: int, predict_seconds: float, cpu_seconds: float = 0.0) -> None:
        """Count a call of the predictor.

        Args:
            requests: Requests in it.
            rows: Rows of all of them.
            predict_seconds: Time that it took.
            cpu_seconds: CPU time of the thread that called (`time.thread_time`).
        """
        self._batch_requests.observe(requests)
        self._batch_rows.observe(rows)
        self._predict.observe(predict_seconds)
        self._cpu_seconds += cpu_seconds

    def queued(self, seconds: float) -> None:
        """Count the time that one request waited for the predictor."""
        self._queue.observe(seconds)

    def received(self, body_bytes: int) -> None:
        """Count bytes of a request's body, before any content encoding is undone."""
        self._body_bytes += body_bytes

    def out_of_range(self, rows: int) -> None:
        """Count rows accepted although a value lies outside of its declared range."""
        self._out_of_range += rows

    def connection_opened(self) -> None:
        """Count a connection that is kept."""
        self._opened += 1

    def connection_closed(self) -> None:
        """Count the end of one that was opened."""
        self._closed += 1

    def connection_refused(self) -> None:
        """Count one that is closed at once; it is neither opened nor closed."""
        self._connections_refused += 1

    def access(self, outcome: AccessOutcome) -> None:
        """Count a decision of access control."""
        self._access[outcome] += 1

    def log_dropped(self, reason: DropReason) -> None:
        """Count a line of the access log that is not written; `output` is counted on the log's thread."""
        self._dropped[reason] += 1

    def fold(self) -> None:
        """Sort into buckets what was observed since the last time; to be called every second or so."""
        for visits in self._visits.values():
            for durations in visits.by_status.values():
                durations.fold()
        for each in (self._queue, self._predict, self._batch_rows, self._batch_requests):
            each.fold()

    def series(self) -> Iterator[Series]:
        """Everything counted so far; each value is a copy."""
        for visits in self._visits.values():
            yield from _of_visits(visits)
        model = (self._model.name, self._model.version)
        yield Series(metrics.MODEL_INFO, (*model, self._model.sha256, self.predictor), 1)
        for (protocol, outcome), number in self._ended().items():
            yield Series(metrics.REQUESTS, (*model, protocol, outcome), number)
        for reason in REASONS:
            yield Series(metrics.REJECTED_REQUESTS, (*model, reason), self._rejected_requests[reason])
            yield Series(metrics.REJECTED_ROWS, (*model, reason), self._rejected_rows[reason])
        yield Series(metrics.PREDICTIONS, model, self._predictions)
        yield Series(metrics.EXPLANATIONS, model, self._explained)
        yield Series(metrics.OUT_OF_RANGE, model, self._out_of_range)
        yield Series(metrics.CPU, model, self._cpu_seconds)
        yield Series(metrics.QUEUE_DURATION, model, self._queue.copy())
        yield Series(metrics.PREDICT_DURATION, model, self._predict.copy())
        yield Series(metrics.BATCH_ROWS, model, self._batch_rows.copy())
        yield Series(metrics.BATCH_REQUESTS, model, self._batch_requests.copy())
        yield from self._of_port()
        for source in self.sources:
            yield from source()

    def parts(self, accept: str) -> Iterator[bytes]:
        """Text for a scrape in short pieces, all of one instant, in the format that `Accept` asks for."""
        return exposition.encoded(list(self.series()), accept)

    def _known(self, route: str, method: str) -> Visits:
        key = (route, method if method in _METHODS else OTHER)
        if key not in self._visits:
            if len(self._visits) >= _MOST_VISITS:
                key = (UNMATCHED, OTHER)
            found = self._visits.setdefault(key, Visits(*key, self._edges))
            found.expect(*self._usual(*key))
        return self._visits[key]

    def _usual(self, route: str, method: str) -> tuple[int, ...]:
        if method == "POST" and route in self._custom:
            return _USUAL_OF_SERVICE
        if method == "POST" and (route in metrics.PROTOCOLS or route in metrics.EXPLAINING):
            return _USUAL_OF_PREDICTIONS
        return _USUAL.get((route, method), ())

    def _ended(self) -> dict[tuple[str, str], int]:
        """Requests for predictions that ended, by protocol and outcome; all outcomes of each protocol."""
        found: Counter[tuple[str, str]] = Counter()
        for protocol in self._protocols.values():
            found.update(dict.fromkeys(((protocol, each) for each in metrics.OUTCOMES), 0))
        for visits in self._visits.values():
            ended_as = self._protocols.get(visits.route)
            if ended_as is not None:
                for status, durations in visits.by_status.items():
                    found[ended_as, metrics.outcome(status)] += durations.count
        return found

    def _of_port(self) -> Iterator[Series]:
        yield Series(metrics.BODY_BYTES, (), self._body_bytes)
        yield Series(metrics.CONNECTIONS, (), self._opened)
        yield Series(metrics.CONNECTIONS_OPEN, (), self._opened - self._closed)
        yield Series(metrics.CONNECTIONS_REFUSED, (), self._connections_refused)
        # Whoever is over a rate was known first: counted in both as it happens, told of once.
        decisions = {**self._access, "allowed": self._access["allowed"] - self._access["rate"]}
        for decision, number in decisions.items():
            yield Series(metrics.ACCESS, (decision,), number)
        yield Series(metrics.NEXT_KEY_EXPIRY, (), self.next_key_expiry())
        for reason, number in self._dropped.items():
            yield Series(metrics.LOG_DROPPED, (reason,), number)


def _of_visits(visits: Visits) -> Iterator[Series]:
    labels = (visits.method, visits.route)
    yield Series(metrics.ARRIVALS, labels, visits.arrivals)
    yield Series(metrics.IN_PROGRESS, labels, visits.in_progress)
    for status, durations in visits.by_status.items():
        yield Series(metrics.REQUEST_DURATION, (*labels, str(status) if status else OTHER), durations.copy())


async def scrape(instruments: Instruments, scope: Any, receive: Any, send: Any) -> None:
    """ASGI application of the `metrics` port; requests go on being answered between its pieces."""
    del receive
    if scope["path"] != "/metrics":
        status, body, content_type = 404, b"no such route\n", b"text/plain; charset=utf-8"
    else:
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        status, content_type = 200, exposition.content_type(accept)
        pieces = []
        for piece in instruments.parts(accept):
            pieces.append(piece)
            await asyncio.sleep(0)
        body = b"".join(pieces)
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
