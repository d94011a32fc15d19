"""One self-contained HTML page: headings, tables and plots; no script, no network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template


def write(text: str, path: Path) -> Path:
    """Write a page; whoever reads meanwhile finds the old one or the new one, never half of it.

    Returns:
        Absolute path of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path.resolve()


def page(title: str, parts: Iterable[str]) -> str:
    """Give the whole page as HTML text; the parts are HTML."""
    template = resources.files("ekiben.train").joinpath("page.html").read_text(encoding="utf-8")
    body = "\n".join([f"<h1>{escape(title)}</h1>", *filter(None, parts)])
    return Template(template).substitute(title=escape(title), body=body)


def heading(text: str) -> str:
    """Give a heading of a part of the page."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, style: str = "") -> str:
    """Give a paragraph; `style` is a class of the page's style sheet."""
    return f'<p class="{style}">{escape(text)}</p>' if style else f"<p>{escape(text)}</p>"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give a table; empty text without rows."""
    cells = ["".join(f"<td>{escape(str(value))}</td>" for value in row) for row in rows]
    if not cells:
        return ""
    top = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def figures(drawn: Iterable[tuple[str, str]]) -> str:
    """Give plots beside each other: pairs of an `svg` element and its caption."""
    inner = "".join(
        f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>" for svg, caption in drawn
    )
    return f'<div class="plots">{inner}</div>' if inner else ""
