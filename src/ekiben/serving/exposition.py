"""A scrape's text from counted series, in pieces: no single one keeps the event loop from requests.

The formats are prometheus_client's; each piece is a collector of a few samples
for its encoder, and what repeats or ends a document is cut off between them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Sample

from ekiben.serving import metrics
from ekiben.serving.counters import Histogram, Mark, Series

_MOST_SAMPLES = 40  # of a piece: under half a millisecond
_EOF = b"# EOF\n"  # OpenMetrics ends with it
_Encode = Callable[[Collector], bytes]


class _Piece(Collector):
    """Some samples of one metric."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        """Give them."""
        return [self._family]


def content_type(accept: str) -> bytes:
    """Media type of a scrape that was asked for with this `Accept`."""
    return _format(accept)[1].encode()


def encoded(series: Iterable[Series], accept: str) -> Iterator[bytes]:
    """Encode series, and those of the process, the garbage collector and the interpreter.

    Args:
        series: In any order; each value must no longer change.
        accept: The scrape's `Accept`: OpenMetrics, which alone has exemplars, or Prometheus' text.

    Yields:
        Pieces, to be joined.
    """
    encode, _ = _format(accept)
    by_metric: dict[str, list[Series]] = {each.name: [] for each in metrics.CONTRACT}
    for each in series:
        by_metric[each.metric.name].append(each)
    for group in by_metric.values():
        for number, family in enumerate(_families(group)):
            text = encode(_Piece(family)).removesuffix(_EOF)
            yield text if number == 0 else _without_head(text)
    yield encode(_process())  # OpenMetrics' end comes with it


@functools.cache
def _process() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _format(accept: str) -> tuple[_Encode, str]:
    try:
        encode, media_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is none
        return generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    if media_type.startswith("application/openmetrics-text"):
        # Our names are plain: the same text in half the time, because none is escaped letter by letter.
        encode = functools.partial(openmetrics.generate_latest, escaping=openmetrics.ALLOWUTF8)
    return encode, media_type


def _families(group: Iterable[Series]) -> Iterator[Family]:
    """Samples of one metric in portions, each with its head."""
    family: Family | None = None
    for each in group:
        if family is None:
            metric = each.metric
            family = Family(metric.name.removesuffix("_total"), metric.help, metric.kind, metric.unit)
        family.samples.extend(_samples(each))
        if len(family.samples) >= _MOST_SAMPLES:
            yield family
            family = None
    if family is not None:
        yield family


def _samples(series: Series) -> Iterator[Sample]:
    name, value = series.metric.name, series.value
    labels = dict(zip(series.metric.labels, series.labels, strict=True))
    if not isinstance(value, Histogram):
        yield Sample(name, labels, value)
        return
    total = 0
    for bucket, (edge, count) in enumerate(zip((*value.edges, math.inf), value.counts, strict=True)):
        total += count
        mark = value.marks.get(bucket)
        exemplar = None if mark is None else _exemplar(mark)
        yield Sample(f"{name}_bucket", {**labels, "le": _edge(edge)}, total, None, exemplar)
    yield Sample(f"{name}_count", labels, total)
    yield Sample(f"{name}_sum", labels, value.sum)


def _exemplar(mark: Mark) -> Exemplar:
    return Exemplar({"trace_id": mark.trace_id}, mark.value, mark.time)


@functools.cache
def _edge(edge: float) -> str:
    return "+Inf" if math.isinf(edge) else repr(edge)


def _without_head(text: bytes) -> bytes:
    while text.startswith(b"#"):
        text = text[text.index(b"\n") + 1 :]
    return text
