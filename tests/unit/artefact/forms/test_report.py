"""What people read of a comparison: exact figures, verdicts and causes, as text and as a page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from ekiben.artefact.forms import attempts, report
from ekiben.artefact.forms.folded import fold
from ekiben.artefact.forms.proof import prove
from ekiben.serving.predictors.linear import Linear
from ekiben.serving.schema import Input, Output, Schema

ROWS, LABELS = load_iris(return_X_y=True)
SCHEMA = Schema(
    tuple(Input(f"<x{number}>", "float64") for number in range(4)),
    Output("classification", (0, 1, 2), probabilities=True),
)
LINE = LogisticRegression(max_iter=500).fit(ROWS, LABELS)


class Cells(HTMLParser):
    """Text of all cells; fails on a tag that loads something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag not in ("script", "link", "img"), attrs
        if tag in ("td", "th"):
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1] += data


def test_a_form_that_is_kept() -> None:
    """Its figures are the tally's to the last digit, and the lines say that it has no flips."""
    proven = prove(LINE, SCHEMA, ROWS, ROWS[:20], count=1_000, seed=0)
    found = report.summary(proven)
    assert found["forms"]["folded"]["largest_difference"]["absolute"] == proven.tallies["folded"].absolute
    text = "\n".join(report.lines(found))
    assert "parity   1000 rows" in text
    assert "folded: 0 flips" in text


def test_a_form_that_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines and page name the cause; names of columns are text on the page, whatever they hold."""
    right = fold(LINE, SCHEMA)
    wrong = Linear(right.coefficients + np.eye(3, 4), right.intercepts, right.link)
    monkeypatch.setattr(attempts, "fold", lambda *_: wrong)
    found = report.summary(prove(LINE, SCHEMA, ROWS, ROWS[:20], count=1_000, seed=0))
    assert "dropped: " in (text := "\n".join(report.lines(found)))
    assert "the coefficient of <x0> is" in text
    cells = Cells()
    cells.feed(report.page("iris", found, [each.name for each in SCHEMA.inputs]))
    assert "<x3>" in cells.found
    worst = found["forms"]["folded"]["worst"][0]
    assert str(worst["row"][0]) in cells.found
    assert any(each.startswith(f"{worst['expected']['label']} (") for each in cells.found)
