"""One self-contained HTML page: no script, no network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from ekiben.page.parts import Code, Figures, Heading, Paragraph, Part, Table


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


def framed(title: str, body: str, style: str = "") -> str:
    """Give a whole page around HTML text.

    Args:
        title: Without markup.
        body: HTML.
        style: Rules that come to those of all pages.
    """
    room = resources.files("ekiben.page")
    frame, own = (room.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "page.css"))
    return Template(frame).substitute(title=escape(title), style=own + style, body=body)


def page(title: str, parts: Iterable[Part]) -> str:
    """Give a whole page."""
    return framed(title, "\n".join([f"<h1>{escape(title)}</h1>", *filter(None, map(_html, parts))]))


def _html(part: Part) -> str:
    match part:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text, style):
            return f'<p class="{style}">{escape(text)}</p>' if style else f"<p>{escape(text)}</p>"
        case Code(text):
            return f"<pre>{escape(text)}</pre>"
        case Table():
            return _table(part)
        case Figures(figures):
            inner = (f"<figure>{each.svg}{_caption(each.caption)}</figure>" for each in figures)
            return f'<div class="plots">{"".join(inner)}</div>' if figures else ""


def _caption(text: str) -> str:
    return f"<figcaption>{escape(text)}</figcaption>"


def _table(found: Table) -> str:
    if not found.rows:
        return ""
    top = "".join(f"<th>{escape(name)}</th>" for name in found.header)
    rows = ("".join(f"<td>{escape(value)}</td>" for value in row) for row in found.rows)
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'
