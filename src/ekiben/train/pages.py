"""The data report as parts of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ekiben.page import html
from ekiben.page.parts import Figure, Figures, Heading, Paragraph, Part, Table, table
from ekiben.train import plots

_MOST_COLUMNS = 60  # plotted


def data_page(report: Mapping[str, Any]) -> str:
    """Give the data report as a page."""
    return html.page(f"{report['model']}: the data", _parts(report))


def _parts(report: Mapping[str, Any]) -> Iterator[Part]:
    yield origin(report)
    yield Heading("What was found")
    yield from findings(report)
    yield Heading("Columns")
    yield columns(report)
    if report["parts"] is not None:
        yield Heading("Parts")
        yield parts(report["parts"])
    yield Heading("Distributions")
    shown = [{"name": "target", **report["target"]}, *report["columns"][:_MOST_COLUMNS]]
    yield Figures(tuple(map(distribution, shown)))


def origin(report: Mapping[str, Any]) -> Paragraph:
    """Say where the data are from and how many they are."""
    rows, count = report["rows"], len(report["columns"])
    return Paragraph(f"{rows:,} rows, {count} columns from {report['source']}", "sub")


def findings(report: Mapping[str, Any]) -> Iterator[Paragraph]:
    """Say what needs a look."""
    if not report["findings"]:
        yield Paragraph("No missing value, outlier, duplicate, constant column, imbalance or leakage.")
    for sentence in report["findings"]:
        yield Paragraph(sentence, "note")


def columns(report: Mapping[str, Any]) -> Table:
    """Give a line about each column."""
    header = ("column", "type", "missing", "distinct", "lowest", "median", "highest", "outliers")
    return table(header, map(_column_row, report["columns"]))


def parts(found: Mapping[str, Any]) -> Table:
    """Give the sizes of the parts, and what they share."""
    seen = found["seen_in_train"]
    rows = ((name, f"{count:,}", seen.get(name, "")) for name, count in found["rows"].items())
    return table(("part", "rows", "seen among the rows to fit on"), rows)


def distribution(column: Mapping[str, Any]) -> Figure:
    """Plot how often a column has which value."""
    name = f"Distribution of {column['name']}"
    if "histogram" in column:
        fences = (column["outliers"]["low"], column["outliers"]["high"])
        return Figure(
            name, plots.histogram(column["name"], **column["histogram"], marks=fences), _caption(column)
        )
    return Figure(name, plots.bars(column["name"], column["values"]), _caption(column))


def _column_row(column: Mapping[str, Any]) -> tuple[object, ...]:
    places = column.get("quantiles", {})
    numbers = (f"{places[key]:.4g}" if key in places else "" for key in ("min", "median", "max"))
    beyond = column["outliers"]["count"] if "outliers" in column else ""
    return (column["name"], column["type"], column["missing"], column["distinct"], *numbers, beyond)


def _caption(column: Mapping[str, Any]) -> str:
    missing = f"{column['missing']} missing" if column["missing"] else "none missing"
    return f"{column['type']}, {missing}" + ("; dashed: fences of outliers" if "outliers" in column else "")
