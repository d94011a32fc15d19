"""A Prometheus that answers from a table, and a report on one release that is read from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ekiben.clients.prometheus import PrometheusError, Series, Value
from ekiben.diagnosis.report import reading
from ekiben.diagnosis.report.answers import Chosen, Report
from ekiben.diagnosis.report.span import Span
from ekiben.errors import NoDataError
from ekiben.observe.boards.board import Board, Mark, Panel, Query, Row

BEGIN = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC
HOUR = Chosen("models", "iris", Span(BEGIN, BEGIN + 3600, 15))


class Table:
    """Answers queries that contain a text; the others have no data.

    Attributes:
        url: Where it says it is.
        series_of: Series, or why they are refused, by a text of the expression.
        there: Names that the probe for missing series finds.
        asked: Every query over time.
        scraped: When the pods were scraped.
    """

    def __init__(
        self, series_of: Mapping[str, tuple[Series, ...] | str] | None = None, there: tuple[str, ...] = ()
    ) -> None:
        self.url = "http://prometheus.example"
        self.series_of, self.there = dict(series_of or {}), there
        self.asked: list[tuple[str, float, float, float]] = []
        self.scraped: tuple[float, ...] = ()
        self.refuses_probes = False

    def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
        del at
        if self.refuses_probes:
            raise PrometheusError("refused")
        found = tuple(Value({"__name__": name}, 1.0) for name in self.there if name in query)
        if not found:
            raise NoDataError("none")
        return found

    def series(self, query: str, *, begin: float, end: float, step_seconds: float) -> tuple[Series, ...]:
        self.asked.append((query, begin, end, step_seconds))
        for text, found in self.series_of.items():
            if text in query:
                if isinstance(found, str):
                    raise PrometheusError(found)
                return found
        raise NoDataError("none")

    def samples(self, selector: str, *, at: float | None = None) -> tuple[Series, ...]:
        del selector, at
        if not self.scraped:
            raise NoDataError("none")
        return (Series({}, tuple((time, 1.0) for time in self.scraped)),)


def line(*values: float, step: float = 15.0, begin: float = BEGIN, **labels: str) -> Series:
    """One series, a value each step."""
    return Series(labels, tuple((begin + number * step, value) for number, value in enumerate(values)))


def board(*panels: Panel, marks: tuple[Mark, ...] = (), uid: str = "x-board") -> Board:
    """A board of one row."""
    matchers = 'namespace="$namespace",release="$release"'
    return Board(uid, f"title of {uid}", "About it.", matchers, True, (Row("A row", panels),), marks)


def panel(
    expression: str = 'model_predictions_total{release!=""}',
    *,
    title: str = "Panel",
    unit: str = "count",
    legend: str = "it",
    limits: tuple[float, ...] = (),
    more: tuple[Query, ...] = (),
) -> Panel:
    """A panel of one query and more."""
    return Panel(title, "What it means.", unit, (Query(expression, legend), *more), limits)


def report(metrics: Table, *boards: Board, chosen: Chosen = HOUR) -> Report:
    """Read boards."""
    return reading.read(metrics, chosen, boards)


Ask = Callable[..., Report]
