"""What a board is made of: frozen values that `grafana` draws, and anything else may.

Expressions are written for every release (`indicators.every`) and narrowed by the board, in the same way in
which the chart narrows the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ekiben.errors import ConfigError
from ekiben.observe.indicators import EVERY

MOST_PANELS = 14  # more are not read
# Grafana's units; https://github.com/grafana/grafana/blob/v11.6.0/packages/grafana-data/src/valueFormats/categories.ts
UNITS = {
    "requests": "reqps",
    "per second": "cps",
    "seconds": "s",
    "ratio": "percentunit",
    "bytes": "bytes",
    "count": "short",
    "times": "none",
    "cores": "none",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel.

    Attributes:
        expression: PromQL about every release.
        legend: Name of each series; `{{label}}` stands for a label.
        limit: Whether it is a bound that the others are seen against; drawn dashed.
        exemplars: Whether traces are marked on it.
    """

    expression: str
    legend: str
    limit: bool = False
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: What it shows.
        description: What it means, and what to do with it; a sentence or more.
        unit: A key of `UNITS`.
        queries: What is drawn.
        limits: Values above which it is red, ascending; in `unit`.

    Raises:
        ConfigError: The unit is none.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    limits: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ConfigError(f"expected a unit of {', '.join(UNITS)}, found {self.unit!r}")


@dataclass(frozen=True, slots=True)
class Row:
    """Panels about one question."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Moments that are drawn over all panels.

    Attributes:
        title: Of all of them.
        expression: PromQL about every release; each series of the result marks its moment.
        text: Of one; `{{label}}` stands for a label.
    """

    title: str
    expression: str
    text: str


@dataclass(frozen=True, slots=True)
class Board:
    """One page of Grafana.

    Attributes:
        uid: Stable: alerts and links name it.
        title: Of the page.
        description: What it is for.
        matchers: What narrows every expression, with the page's variables.
        one_release: Whether the page is about one release, or all of some namespaces.
        rows: Panels.
        marks: Moments.

    Raises:
        ConfigError: More than 14 panels.
    """

    uid: str
    title: str
    description: str
    matchers: str
    one_release: bool
    rows: tuple[Row, ...]
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        number = len(list(self.panels()))
        if number > MOST_PANELS:
            raise ConfigError(f"expected at most {MOST_PANELS} panels, found {number} in {self.uid}")

    def panels(self) -> Iterator[Panel]:
        """Every panel, in reading order."""
        for row in self.rows:
            yield from row.panels

    def narrowed(self, expression: str) -> str:
        """Give an expression as the page asks it."""
        return expression.replace(EVERY, self.matchers)
