"""Rows of a trace's CSV: what is read, and what is refused rather than read wrongly."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median_low

from ekiben.errors import ConfigError

REMEDY = (
    "give a CSV of two columns, time (seconds or ISO 8601) and count, one row per interval, evenly spaced"
)
_EVEN_RATIO = 0.02  # of an interval: each of its ends may lie a hundredth off
_MOST_SECONDS = 1e11  # the year 5138 in seconds, 1973 in milliseconds
_MOST_SHOWN = 60  # characters of a row that cannot be read
_DATE = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TIME_NAME = re.compile(r"(^|[^a-z])(time|timestamp|date|datetime|seconds?)($|[^a-z])", re.IGNORECASE)
_RATE_NAME = re.compile(
    r"(^|[^a-z])(i?rate|rps|qps|reqps|per[ _]?s(ec|econds?)?)($|[^a-z])|/ ?s(ec|econds?)?($|[^a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    shown: str  # the time as it is written
    time: float
    count: float


def parsed(lines: Iterable[str], name: str) -> tuple[list[float], list[float]]:
    """Times (seconds) and counts of a CSV, checked row by row.

    Commas are between them, or semicolons or tabs where the first line has no comma. Empty lines are
    skipped, and so is a first row of names. Times without a zone are UTC.

    Args:
        lines: Of the file.
        name: Of the file, for messages.

    Returns:
        At least two of each: times ascending and evenly spaced, counts of 0 or more.

    Raises:
        ConfigError: A row that is not a time and a count, names that say something else, times that are
            unsorted, uneven or in another unit; with its line.
    """
    rows = list(_rows(list(lines), name))
    if len(rows) < 2:  # noqa: PLR2004  # one gives no interval
        raise ConfigError(
            f"expected a trace of at least two rows in {name}, found {len(rows)}", remedy=REMEDY
        )
    for row in rows:
        _check(row, name)
    _check_unit(rows[0], name)
    _check_order(rows, name)
    _check_steps(rows, name)
    return [row.time for row in rows], [row.count for row in rows]


def _rows(lines: Sequence[str], name: str) -> Iterator[_Row]:
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith(("{", "[")):
        raise ConfigError(
            f"expected a CSV in {name}, found JSON",
            remedy="of an answer of Prometheus about counts (increase, not rate): "
            "jq -r '.data.result[0].values[] | @csv' FILE > trace.csv",
        )
    delimiter = next((each for each in ",;\t" if each in first), ",")
    reader, begun = csv.reader(lines, delimiter=delimiter), False
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if begun or not _are_names(cells):
                yield _row(cells, delimiter.join(cells), reader.line_num, name)
            else:
                _check_names(cells, f"line {reader.line_num} of {name}")
            begun = True
    except csv.Error as error:
        raise ConfigError(
            f"expected a CSV, found in line {reader.line_num} of {name}: {error}", remedy=REMEDY
        ) from error


def _row(cells: Sequence[str], shown: str, line: int, name: str) -> _Row:
    try:
        time, count = cells
        return _Row(line, time.strip(), _time(time), float(count))
    except ValueError as error:
        shown = shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
        raise ConfigError(
            f"expected a time and a count in line {line} of {name}, found {shown!r}", remedy=REMEDY
        ) from error


def _time(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        found = datetime.fromisoformat(text.strip())
    # The machine's own zone would make the same file another trace elsewhere.
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _are_names(cells: Sequence[str]) -> bool:
    """Whether neither of two cells is a value; where one is, the row is to be mended, not skipped."""
    if len(cells) != 2:  # noqa: PLR2004  # the two columns
        return False
    readings: tuple[Callable[[str], float], ...] = (_time, float)
    for cell, reading in zip(cells, readings, strict=True):
        try:
            reading(cell)
        except ValueError:
            continue
        return False
    return True


def _check_names(cells: Sequence[str], place: str) -> None:
    time, count = cells
    if _RATE_NAME.search(count):
        raise ConfigError(
            f"expected counts, found a column of rates, {count!r}, in {place}",
            remedy="multiply by the seconds between two rows (of Prometheus: increase of that time, not "
            "rate), and name the column count",
        )
    if _TIME_NAME.search(count) and not _TIME_NAME.search(time):
        raise ConfigError(
            f"expected the time before the count, found {time!r} before {count!r} in {place}", remedy=REMEDY
        )


def _check(row: _Row, name: str) -> None:
    for what, value in (("times", row.time), ("counts", row.count)):
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(
                f"expected {what} of 0 or more, found {value!r} in line {row.line} of {name}", remedy=REMEDY
            )


def _check_unit(first: _Row, name: str) -> None:
    """Refuse numbers that are no seconds: an hour of milliseconds would be a trace of six weeks."""
    if first.time >= _MOST_SECONDS or _DATE.fullmatch(first.shown):
        raise ConfigError(
            f"expected times in seconds or ISO 8601, found {first.shown} in line {first.line} of {name}: "
            "milliseconds, or a date without hyphens?",
            remedy="divide milliseconds by 1000; write a date as 2026-03-01 or 2026-03-01T00:00:00Z",
        )


def _check_order(rows: Sequence[_Row], name: str) -> None:
    for before, after in pairwise(rows):
        if after.time <= before.time:
            raise ConfigError(
                f"expected ascending times, found {after.shown} after {before.shown} in line {after.line} "
                f"of {name}",
                remedy="sort the rows, one per interval; where clocks were put back, write times with "
                "their zone",
            )


def _check_steps(rows: Sequence[_Row], name: str) -> None:
    step = median_low(after.time - before.time for before, after in pairwise(rows))
    for before, after in pairwise(rows):
        found = after.time - before.time
        if abs(found - step) > _EVEN_RATIO * step:
            raise ConfigError(
                f"expected a row every {step:g} s, found {found:g} s from {before.shown} to {after.shown} in "
                f"line {after.line} of {name}",
                remedy="write a row with count 0 where nothing came; where clocks were put forward, write "
                "times with their zone",
            )
