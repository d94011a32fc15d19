"""Pages: what comes from data is text, in HTML and in Markdown."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ekiben.page import html, markdown
from ekiben.page.parts import Code, Figure, Figures, Heading, Paragraph, Part, table

HOSTILE = "<i>&|`*_[x](y)\n# z"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0" style="stroke: var(--a)"/></svg>'
PARTS: list[Part] = [
    Heading(HOSTILE),
    Paragraph(HOSTILE, "note"),
    Code(HOSTILE),
    table([HOSTILE], [[HOSTILE]]),
    Figures((Figure("A <plot>", SVG, HOSTILE),)),
]


def test_text_is_no_markup_of_html() -> None:
    """No part lets an element of the data into the page."""
    assert "<i>" not in html.page(HOSTILE, PARTS)


def test_text_is_no_markup_of_markdown() -> None:
    """Outside code each sign of Markdown is escaped, and a table's row stays one line with its columns."""
    text, plots = markdown.page(HOSTILE, PARTS, "x")
    escaped = r"\<i\>\&\|\`\*\_\[x\](y) \# z"
    without_code = text.replace(f"```\n{HOSTILE}\n```", "")
    assert without_code.count(escaped) == 6
    assert "<i>" not in without_code
    assert f"| {escaped} |\n| --- |\n| {escaped} |" in text
    assert list(plots) == ["a-plot.svg"]
    assert 'src="x/a-plot.svg"' in text


def test_a_fence_is_longer_than_what_is_in_it() -> None:
    """Code that holds a fence does not end its block."""
    text, _ = markdown.page("x", [Code("````\n<b>")], "x")
    assert text == "# x\n\n`````\n````\n<b>\n`````\n"


@pytest.mark.parametrize("text", ["1. first", "- item", "+ item", "2) second"])
def test_a_paragraph_begins_no_list(text: str) -> None:
    """A sentence that looks like an item of a list stays a sentence."""
    found, _ = markdown.page("x", [Paragraph(text)], "x")
    assert found.splitlines()[2].startswith("\\")


def test_a_plot_as_a_file_brings_its_colours_and_its_ground() -> None:
    """It is XML; every colour that it names is set for light and for dark; a ground lies below it."""
    root = ET.fromstring(markdown.standalone(SVG))  # noqa: S314  # made here
    style, ground, path = list(root)
    assert style.text is not None
    light, dark = style.text.split("@media")
    assert "--a:" in light
    assert "prefers-color-scheme: dark" in dark
    assert "--a:" in dark
    assert ground.attrib == {"width": "100%", "height": "100%", "style": "fill: var(--paper)"}
    assert path.attrib["d"] == "M0 0"


def test_a_table_without_rows_is_not_shown() -> None:
    """Neither page has a table of nothing."""
    empty: list[Part] = [table(["a"], [])]
    assert "<table>" not in html.page("x", empty)
    assert "|" not in markdown.page("x", empty, "x")[0]
