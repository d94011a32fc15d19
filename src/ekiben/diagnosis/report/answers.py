"""What a report is drawn from: boards, and what Prometheus answered to each of their queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ekiben.clients.prometheus import Series
from ekiben.diagnosis.report.span import Span
from ekiben.observe.boards import asked
from ekiben.observe.boards.board import Board, Panel, Query, Row

_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a page's variables stand for.

    Attributes:
        namespace: Of the release.
        release: Its name.
        span: When.
    """

    namespace: str
    release: str
    span: Span

    def expression(self, board: Board, expression: str) -> str:
        """Give an expression as Grafana would ask it with these variables."""
        text = board.narrowed(expression)
        for variable, value in (
            (asked.WINDOW, f"{self.span.window_seconds}s"),
            ("$namespace", self.namespace),
            ("$release", self.release),
        ):
            text = text.replace(variable, value)
        return text


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one query.

    Attributes:
        query: Of the panel.
        series: What Prometheus gave; empty without data.
        error: Why it could not be asked; empty if it could.
        absence: Why there is no data, in a sentence; empty if there is.
    """

    query: Query
    series: tuple[Series, ...] = ()
    error: str = ""
    absence: str = ""


@dataclass(frozen=True, slots=True)
class PanelAnswers:
    """One panel with its answers.

    Attributes:
        panel: What is drawn.
        answers: One for each of its queries.
    """

    panel: Panel
    answers: tuple[Answer, ...]

    @property
    def has_data(self) -> bool:
        """Whether there is anything to draw beside its bounds."""
        return any(each.series for each in self.answers if not each.query.limit)

    @property
    def errors(self) -> tuple[str, ...]:
        """Why queries could not be asked, each reason once."""
        return tuple(dict.fromkeys(each.error for each in self.answers if each.error))

    @property
    def absences(self) -> tuple[str, ...]:
        """Why queries have no data, each reason once."""
        return tuple(dict.fromkeys(each.absence for each in self.answers if each.absence))


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened.

    Attributes:
        time: Seconds since the epoch.
        text: What.
    """

    time: float
    text: str


@dataclass(frozen=True, slots=True)
class BoardAnswers:
    """One board with its answers.

    Attributes:
        board: What is drawn.
        rows: Its rows with their panels' answers.
        moments: Its marks, ascending.
        mark_errors: Why marks could not be asked.
    """

    board: Board
    rows: tuple[tuple[Row, tuple[PanelAnswers, ...]], ...]
    moments: tuple[Moment, ...] = ()
    mark_errors: tuple[str, ...] = ()

    def panels(self) -> Iterator[PanelAnswers]:
        """Every panel, in reading order."""
        for _, panels in self.rows:
            yield from panels


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page shows.

    Attributes:
        chosen: Of whom, and when.
        prometheus_url: Who answered.
        boards: In reading order.
    """

    chosen: Chosen
    prometheus_url: str
    boards: tuple[BoardAnswers, ...]

    @property
    def failed(self) -> int:
        """Number of panels and marks that could not be asked."""
        panels = sum(bool(panel.errors) for board in self.boards for panel in board.panels())
        return panels + sum(len(board.mark_errors) for board in self.boards)

    @property
    def has_data(self) -> bool:
        """Whether any panel has data."""
        return any(panel.has_data for board in self.boards for panel in board.panels())


def legend(template: str, labels: Mapping[str, str]) -> str:
    """Put labels in the place of `{{label}}`."""
    return _LABEL.sub(lambda found: labels.get(found[1], ""), template)
