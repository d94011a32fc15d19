"""A page as Markdown, for whoever reads a repository; each plot is a file beside it.

Source: https://github.github.com/gfm/ (escapes: section 6.1, tables: section 4.10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import resources

from ekiben.page.parts import Code, Figure, Figures, Heading, Paragraph, Part, Table

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_WIDTH = 400  # pixels of a plot; two stand beside each other


def escaped(text: str) -> str:
    """Give text that no reader of Markdown takes for markup."""
    return " ".join(_MARKUP.sub(r"\\\1", text).split())


def page(title: str, parts: Iterable[Part], folder: str) -> tuple[str, dict[str, str]]:
    """Give a whole page and its plots.

    Args:
        title: Without markup.
        parts: In their order.
        folder: Where the plots are, relative to the page.

    Returns:
        The Markdown, and the text of each SVG file by its name.
    """
    known = list(parts)
    plots = {name_of(each.title): standalone(each.svg) for each in _figures(known)}
    blocks = [f"# {escaped(title)}", *filter(None, (_markdown(part, folder) for part in known))]
    return "\n\n".join(blocks) + "\n", plots


def name_of(title: str) -> str:
    """Name of a plot's file."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") + ".svg"


def standalone(svg: str) -> str:
    """Give an `svg` element as a file: with the colours of the pages, light or dark as its reader asks.

    It has a ground of its own, so that it is readable where only the plot or only the page is dark.
    """
    sheet = resources.files("ekiben.page").joinpath("page.css").read_text(encoding="utf-8")
    colours = sheet[: sheet.index("* {")]
    style = f'<style>\n{colours}</style>\n<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    end = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:end]}\n{style}{svg[end:]}"


def _figures(parts: Iterable[Part]) -> Iterator[Figure]:
    for part in parts:
        if isinstance(part, Figures):
            yield from part.figures


def _markdown(part: Part, folder: str) -> str:
    match part:
        case Heading(text):
            return f"## {escaped(text)}"
        case Paragraph(text, style):
            return f"> {escaped(text)}" if style == "note" else _line(text)
        case Code(text, language):
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
            return f"{fence}{language}\n{text}\n{fence}"
        case Table():
            return _table(part)
        case Figures(figures):
            return "\n\n".join(_figure(each, folder) for each in figures)


def _line(text: str) -> str:
    """A paragraph; what begins one must not begin a list or a heading."""
    return re.sub(r"^([-+]|\d+[.)])(?=\s)", r"\\\1", escaped(text))


def _table(found: Table) -> str:
    if not found.rows:
        return ""
    lines = [found.header, ("---",) * len(found.header), *found.rows]
    cells = ([text if at == 1 else escaped(text) for text in row] for at, row in enumerate(lines))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _figure(each: Figure, folder: str) -> str:
    alternative = re.sub(r'["<>&]', " ", each.title)
    image = f'<img src="{folder}/{name_of(each.title)}" alt="{alternative}" width="{_WIDTH}">'
    return f"{image}\n\n{escaped(each.caption)}"
