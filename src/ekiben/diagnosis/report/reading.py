"""Ask Prometheus what the boards ask: each query once, and what is missing is traced to its series."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ekiben.clients.prometheus import PrometheusError, Series, Value
from ekiben.diagnosis.report import absence
from ekiben.diagnosis.report.answers import (
    Answer,
    BoardAnswers,
    Chosen,
    Moment,
    PanelAnswers,
    Report,
    legend,
)
from ekiben.diagnosis.report.span import Span
from ekiben.errors import ClusterError, NoDataError
from ekiben.observe import queries
from ekiben.observe.boards.board import Board, Mark, Query
from ekiben.observe.windows import MINUTE

DEFAULT_SCRAPE_SECONDS = 15  # Grafana's, where its data source says nothing
_LOOK_SECONDS = 300
_MOST_MARKS = 10_000  # Prometheus refuses 11,000 points


class Metrics(Protocol):
    """What is asked of Prometheus (`clients.prometheus.Prometheus` is one)."""

    @property
    def url(self) -> str:
        """Where it is."""

    def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
        """Evaluate at one time; raises NoDataError without data."""

    def series(self, query: str, *, begin: float, end: float, step_seconds: float) -> tuple[Series, ...]:
        """Evaluate over time; raises NoDataError without data."""

    def samples(self, selector: str, *, at: float | None = None) -> tuple[Series, ...]:
        """Give samples as they were scraped; raises NoDataError without data."""


def scrape_seconds(metrics: Metrics, namespace: str, release: str, at: float) -> int:
    """Measure how often the release's pods are scraped, seconds; 15 if none of them was.

    Raises:
        ClusterError: Prometheus is not there.
    """
    up = queries.selector("up", namespace=namespace, release=release)
    try:
        found = metrics.samples(f"{up}[{_LOOK_SECONDS}s]", at=at)
    except PrometheusError as error:
        raise ClusterError(
            str(error),
            remedy=error.remedy or "give its address with --prometheus, or `observe.prometheus_url`",
        ) from error
    except NoDataError:
        return DEFAULT_SCRAPE_SECONDS
    gaps = sorted(
        after - before
        for series in found
        for (before, _), (after, _) in zip(series.points, series.points[1:], strict=False)
    )
    return max(1, round(gaps[len(gaps) // 2])) if gaps else DEFAULT_SCRAPE_SECONDS


def read(
    metrics: Metrics, chosen: Chosen, boards: Sequence[Board], say: Callable[[str], None] = lambda _: None
) -> Report:
    """Ask everything that the boards show.

    Args:
        metrics: Whom.
        chosen: Of which release, and when.
        boards: In reading order.
        say: Told of each board before it is asked.
    """
    asker = _Asker(metrics, chosen)
    found = []
    for board in boards:
        say(f"asking {board.title}: {len(list(board.panels()))} panels")
        rows = tuple(
            (
                row,
                tuple(
                    PanelAnswers(panel, tuple(asker.answer(board, each) for each in panel.queries))
                    for panel in row.panels
                ),
            )
            for row in board.rows
        )
        moments, errors = asker.moments(board)
        found.append(BoardAnswers(board, rows, moments, errors))
    return Report(chosen, metrics.url, tuple(_explained(metrics, chosen, board) for board in found))


class _Asker:
    """Asks each expression once: boards share panels."""

    def __init__(self, metrics: Metrics, chosen: Chosen) -> None:
        self._metrics, self._chosen = metrics, chosen
        self._known: dict[tuple[str, float], tuple[tuple[Series, ...], str]] = {}

    def answer(self, board: Board, query: Query) -> Answer:
        span = self._chosen.span
        series, error = self._asked(self._chosen.expression(board, query.expression), span.step_seconds)
        return Answer(query, series, error)

    def moments(self, board: Board) -> tuple[tuple[Moment, ...], tuple[str, ...]]:
        found: list[Moment] = []
        errors: list[str] = []
        for mark in board.marks:
            step, expression = _mark_query(self._chosen.expression(board, mark.expression), self._chosen.span)
            series, error = self._asked(expression, step)
            found += _begun(mark, series, step)
            errors += [f"{mark.title}: {error}"] if error else []
        return tuple(sorted(found, key=lambda each: each.time)), tuple(errors)

    def _asked(self, expression: str, step: float) -> tuple[tuple[Series, ...], str]:
        key = (expression, step)
        if key not in self._known:
            self._known[key] = self._ask(expression, step)
        return self._known[key]

    def _ask(self, expression: str, step: float) -> tuple[tuple[Series, ...], str]:
        span = self._chosen.span
        begin = span.first if step == span.step_seconds else span.begin
        try:
            return self._metrics.series(expression, begin=begin, end=span.end, step_seconds=step), ""
        except PrometheusError as error:
            return (), str(error)
        except NoDataError:
            return (), ""


def _mark_query(expression: str, span: Span) -> tuple[float, str]:
    """Look at every minute: a mark is there for one. In a long time, minutes are counted within steps."""
    if (span.end - span.begin) / MINUTE <= _MOST_MARKS:
        return MINUTE, expression
    step = span.step_seconds
    return step, f"count_over_time(({expression})[{step}s:{MINUTE}s])"


def _begun(mark: Mark, series: Iterable[Series], step: float) -> Iterable[Moment]:
    """The first of each run of points is when it happened."""
    for each in series:
        before = None
        for time, _ in each.points:
            if before is None or time - before > 1.5 * step:
                yield Moment(time, legend(mark.text, each.labels))
            before = time


def _explained(metrics: Metrics, chosen: Chosen, found: BoardAnswers) -> BoardAnswers:
    """Say of each query without data which of its series were missing."""
    empty = [each for panel in found.panels() for each in panel.answers if not each.series and not each.error]
    if not empty:
        return found
    there = _there(metrics, chosen, {name for each in empty for name in absence.read_by(each.query)})

    def told(panel: PanelAnswers) -> PanelAnswers:
        answers = (
            each
            if each.series or each.error or there is None
            else dataclasses.replace(each, absence=absence.reason(each.query, there))
            for each in panel.answers
        )
        return PanelAnswers(panel.panel, tuple(answers))

    rows = tuple((row, tuple(told(panel) for panel in panels)) for row, panels in found.rows)
    return dataclasses.replace(found, rows=rows)


def _there(metrics: Metrics, chosen: Chosen, names: set[str]) -> set[str] | None:
    """Which of these series there were in the time; None if that cannot be asked."""
    length = max(1, round(chosen.span.end - chosen.span.begin))
    there: set[str] = set()
    ours = queries.selector("", namespace=chosen.namespace, release=chosen.release)[1:-1]
    for some, narrowed in (
        (names & absence.OURS, f",{ours}"),
        (names - absence.OURS, ""),
    ):
        if not some:
            continue
        matched = f"{{__name__=~{queries.quoted('|'.join(sorted(some)))}{narrowed}}}"
        query = f"group by (__name__) (last_over_time({matched}[{length}s]))"
        try:
            there |= {each.labels["__name__"] for each in metrics.values(query, at=chosen.span.end)}
        except PrometheusError:
            return None
        except NoDataError:
            continue
    return there
