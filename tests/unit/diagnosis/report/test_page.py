"""The page of a report, and the same for machines."""

from __future__ import annotations

import json
import re

import pytest
from tests.unit.diagnosis.reader import Reader
from tests.unit.diagnosis.report.metrics import BEGIN, HOUR, Table, board, line, panel, report

from ekiben.diagnosis.report import document, findings, page
from ekiben.diagnosis.report.answers import Report
from ekiben.observe.boards import fleet, release, scaling
from ekiben.observe.boards.board import Mark, Query

LATENCY = 'latency{release!=""}'


def _read(found: Report) -> Reader:
    reader = Reader()
    reader.feed(page.text(found, BEGIN + 3600))
    reader.close()
    assert reader.open == []
    return reader


def _said(found: Report) -> str:
    return " ".join(_read(found).text)


def test_a_panel_is_drawn_with_its_legend() -> None:
    """Title, description, each line's name, its last and its highest value, in the unit's own scale."""
    bound = Query("objective", "objective", limit=True)
    shown = panel(LATENCY, title="Latency", unit="seconds", legend="p99 of {{pod}}", more=(bound,))
    metrics = Table({"latency": (line(0.01, 0.08, 0.02, pod="a<b>"),), "objective": (line(0.25, 0.25),)})
    reader = _read(report(metrics, board(shown)))
    text = " ".join(reader.text)
    for part in (
        "Latency",
        "What it means.",
        "p99 of a<b>",
        "20 ms",
        "80 ms",
        "objective",
        "250 ms",
        "A row",
    ):
        assert part in text, part
    assert reader.count["svg"] == 1


def test_no_data_is_said_and_not_drawn() -> None:
    """With its reason, and no plot; a part that is missing is said below the plot of the others."""
    more = (Query('model_out_of_range_rows_total{release!=""}', "out of range"),)
    metrics = Table({"predictions": (line(1, 2),)})
    partly = report(metrics, board(panel(more=more)))
    assert "No data for “out of range”. Nothing of the kind happened" in _said(partly)
    empty = _read(report(Table(), board(panel())))
    assert "svg" not in empty.count
    assert "No data." in empty.text
    assert "There is no data of this release in this time: each panel says why." in empty.text


def test_what_could_not_be_asked_is_said_twice() -> None:
    """In its panel and at the top; it is not taken for no data."""
    found = report(Table({"predictions": "status 422: too many samples"}), board(panel()))
    text = _said(found)
    assert text.count("status 422: too many samples") == 2
    assert "No data." not in text


def test_a_panel_of_two_boards_is_drawn_once() -> None:
    """The second board points at the first."""
    found = report(Table({"predictions": (line(1, 2),)}), board(panel()), board(panel(), uid="another"))
    reader = _read(found)
    assert reader.count["svg"] == 1
    assert ("href", "#x-board-panel") in reader.attributes
    assert "Drawn above: " in reader.text


@pytest.mark.parametrize(
    ("values", "said", "bad"),
    [
        ((0.1, 0.2), None, None),
        ((0.1, 0.3, 0.3, 0.1), "came to 30 % at 00:00:15; the limit is 25 %", False),
        ((0.9, 0.3), "came to 90 % at 00:00:00; the limit is 50 %", True),
    ],
)
def test_limits_that_were_reached_stand_out(
    values: tuple[float, ...], said: str | None, bad: bool | None
) -> None:
    """When and how far, and whether it was the highest of them; two points of 15 s are half a minute."""
    shown = panel(LATENCY, unit="ratio", limits=(0.25, 0.5))
    found = findings.found(report(Table({"latency": (line(*values),)}), board(shown)))
    assert [each.bad for each in found] == ([] if bad is None else [bad])
    assert all(said is not None and said in each.text for each in found)
    if bad is False:
        assert found[0].text.endswith("there or above for 30 s")


def test_one_panel_stands_out_once() -> None:
    """By its highest series; how many others there are is said."""
    shown = panel(LATENCY, unit="ratio", limits=(0.25,), legend="{{pod}}")
    pods = tuple(line(0.3 + number / 10, pod=f"pod-{number}") for number in range(3))
    [found] = findings.found(report(Table({"latency": pods}), board(shown)))
    assert found.text.startswith("pod-2 came to 50 %")
    assert found.text.endswith("(2 more reached one)")


def test_a_hundred_pods_are_not_a_hundred_lines() -> None:
    """The sixteen highest are drawn, and how many are not is said."""
    pods = tuple(line(float(number), pod=f"pod-{number}") for number in range(100))
    reader = _read(report(Table({"latency": pods}), board(panel(LATENCY, legend="{{pod}}"))))
    shown = {text for text in reader.text if text.startswith("pod-")}
    assert shown == {f"pod-{number}" for number in range(84, 100)}
    assert "and 84 lower ones that are not drawn" in reader.text


def test_moments_are_listed_with_their_time() -> None:
    """In the order in which they are numbered on the plots."""
    marks = (Mark("Versions", "new", "version {{version}}"),)
    metrics = Table({"latency": (line(1, 2),), "new": (line(1, begin=BEGIN + 600, version="77"),)})
    text = _said(report(metrics, board(panel(LATENCY), marks=marks)))
    assert "00:10:00" in text
    assert "version 77" in text


def test_the_page_needs_nothing_else() -> None:
    """No script, no source, no import, links only within: its policy forbids loading."""
    found = report(Table({"http_server": (line(1, 2),)}), release.BOARD, scaling.BOARD, fleet.BOARD)
    reader = _read(found)
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.count)
    assert not {name for name, _ in reader.attributes} & {"src", "srcset", "onload"}
    assert all(value.startswith("#") for name, value in reader.attributes if name == "href")
    assert not re.search(r"@import|url\(", page.text(found, BEGIN))
    places = {value for name, value in reader.attributes if name == "id"}
    assert {value[1:] for name, value in reader.attributes if name == "href"} <= places
    light, dark = ["".join(re.findall(r"--\w+(?=:)", part)) for part in _schemes(page.text(found, BEGIN))]
    assert light == dark


def _schemes(text: str) -> tuple[str, str]:
    parts = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    return parts[0] + parts[2], parts[1] + parts[3]


def test_every_panel_of_the_boards_is_on_the_page() -> None:
    """Each title as a heading once, and each description."""
    boards = (release.BOARD, scaling.BOARD, fleet.BOARD)
    text = _said(report(Table(), *boards))
    for each in (shown for found in boards for shown in found.panels()):
        assert each.title in text
        assert each.description in text


def test_machines_get_what_people_see() -> None:
    """Which panel has data, which query none and why, what could not be asked; it is JSON."""
    more = (Query("model_out_of_range_rows_total", "out of range"),)
    metrics = Table({"predictions": (line(1, 2), line(3)), "broken": "refused"})
    found = document.document(
        report(metrics, board(panel(more=more), panel("broken", title="Other")), chosen=HOUR)
    )
    assert json.loads(json.dumps(found)) == found
    assert (found["begin"], found["end"]) == ("2026-01-01T00:00:00+00:00", "2026-01-01T01:00:00+00:00")
    first, second = found["panels"]
    assert (first["has_data"], first["series"], first["empty"]) == (True, 2, ["out of range"])
    assert "no pod counted any" in first["absent"][0]
    assert (second["has_data"], second["errors"]) == (False, ["refused"])
