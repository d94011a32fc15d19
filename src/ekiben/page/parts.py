"""Parts of a page, before anyone decided how it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Heading:
    """The start of a part.

    Attributes:
        text: Without markup.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences.

    Attributes:
        text: Without markup.
        style: `sub` is said beside the title, `note` wants to be seen.
    """

    text: str
    style: Literal["", "sub", "note"] = ""


@dataclass(frozen=True, slots=True)
class Code:
    """Text whose lines and spaces stay.

    Attributes:
        text: Without markup.
        language: What it is written in, for whoever colours it.
    """

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below names.

    Attributes:
        header: Names of the columns.
        rows: Each as long as the header; a table without rows is not shown.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot.

    Attributes:
        title: Names its file, where it has one.
        svg: An `svg` element in the colours of the style sheet.
        caption: A sentence below it.
    """

    title: str
    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Plots beside each other."""

    figures: tuple[Figure, ...]


Part = Heading | Paragraph | Code | Table | Figures


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Give a table of anything that has a text."""
    return Table(tuple(header), tuple(tuple(map(str, row)) for row in rows))
