"""The boards, as data and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.observe.promql import labels, names

from ekiben.errors import ConfigError
from ekiben.observe import demand, rules
from ekiben.observe.boards import grafana
from ekiben.observe.boards.board import MOST_PANELS, Board, Panel, Query, Row
from ekiben.observe.foreign import FOREIGN
from ekiben.observe.objectives import RECORDED
from ekiben.serving import metrics

FILES = Path(__file__).resolve().parents[3] / "helm" / "model-server" / "files" / "dashboards"
BOARDS = pytest.mark.parametrize("board", grafana.BOARDS, ids=lambda board: board.uid)


def _document(board: Board) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(grafana.text(board))
    return found


def _panels(board: Board) -> list[dict[str, Any]]:
    return [each for each in _document(board)["panels"] if each["type"] != "row"]


def _expressions(board: Board) -> list[str]:
    return [target["expr"] for each in _panels(board) for target in each["targets"]] + [
        each["expr"] for each in _document(board)["annotations"].get("list", [])
    ]


def test_the_boards_are_these() -> None:
    """Alerts and bookmarks name them: a uid never changes."""
    assert [board.uid for board in grafana.BOARDS] == ["ekiben-fleet", "ekiben-release", "ekiben-autoscaling"]
    assert [_document(board)["uid"] for board in grafana.BOARDS] == [board.uid for board in grafana.BOARDS]


def test_every_alert_leads_to_a_board() -> None:
    """Its link names one of them, with the variables that the page has."""
    pages = {
        board.uid: {each["name"] for each in _document(board)["templating"]["list"]}
        for board in grafana.BOARDS
    }
    for rule in (rule for group in rules.groups() for rule in group["rules"] if "alert" in rule):
        uid, _, rest = rule["annotations"]["dashboard_url"].removeprefix("/d/").partition("?")
        assert {each.split("=")[0].removeprefix("var-") for each in rest.split("&")} <= pages[uid]


@BOARDS
def test_every_panel_can_be_read(board: Board) -> None:
    """At most 14, each with a unit, a description of sentences, a lower end of its axis, an id of its own."""
    panels = _panels(board)
    assert len(panels) <= MOST_PANELS
    for each in panels:
        assert each["fieldConfig"]["defaults"]["unit"]
        assert each["fieldConfig"]["defaults"]["min"] == 0
        assert re.fullmatch(r"[A-Z].+[.]", each["description"])
        assert all(target["legendFormat"] for target in each["targets"])
    assert len({each["id"] for each in panels}) == len(panels)
    assert len({each["title"] for each in panels}) == len(panels)


@BOARDS
def test_panels_do_not_overlap(board: Board) -> None:
    """Each cell of the grid belongs to one, and none lies outside of its 24 columns."""
    taken: set[tuple[int, int]] = set()
    for each in _document(board)["panels"]:
        place = each["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


@BOARDS
def test_the_data_source_is_a_variable(board: Board) -> None:
    """Whatever asks, asks the chosen Prometheus."""
    document = _document(board)
    assert [each["name"] for each in document["templating"]["list"]][:2] == ["datasource", "namespace"]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asking = [*_panels(board), *document["annotations"].get("list", []), *document["templating"]["list"][1:]]
    assert all(each["datasource"] == chosen for each in asking)


@BOARDS
def test_every_name_is_declared(board: Board) -> None:
    """Series and labels of every expression: in the contract, recorded by a rule, or foreign and known."""
    suffixes = ("", "_count", "_bucket", "_sum")
    known = {each.name + suffix for each in metrics.CONTRACT for suffix in suffixes}
    known |= {rule["record"] for group in rules.groups() for rule in group["rules"] if "record" in rule}
    known |= set(RECORDED) | {demand.DEMAND} | {each.name for each in FOREIGN}
    known_labels = {label for each in metrics.CONTRACT for label in each.labels}
    known_labels |= {label for each in FOREIGN for label in each.labels} | {"le", "replicaset"}
    for expression in _expressions(board):
        assert names(expression)
        assert names(expression) <= known
        assert labels(expression) <= known_labels


@BOARDS
def test_every_expression_is_about_what_the_page_shows(board: Board) -> None:
    """The page's variables are in it; none is left that asks for every release; the window is Grafana's."""
    for expression in _expressions(board):
        assert "$namespace" in expression or "metric_computation" in expression  # its errors name no release
        assert ("$release" in expression) == (board.one_release and "metric_computation" not in expression)
        for series in re.findall(r"(?<![\w:])(?:rate|increase)\(([^()]+)\)", expression):
            # What a query of conditions asks over 15 minutes says so in its panel.
            assert re.search(r"\[(\$__rate_interval|15m)\]$", series), series


@BOARDS
def test_latency_shows_traces(board: Board) -> None:
    """Quantiles of durations carry exemplars, and nothing else does."""
    for each in _panels(board):
        for target in each["targets"]:
            assert target.get("exemplar", False) == ("histogram_quantile" in target["expr"])


def test_bounds_are_drawn_dashed() -> None:
    """The objective of latency and the bounds of the autoscaler, by the query that gives them."""
    release = grafana.BOARDS[1]
    for title, references in (("Latency", ["D"]), ("Replicas", ["C", "D"]), ("Memory by pod", ["B"])):
        [panel] = [each for each in _panels(release) if each["title"] == title]
        overrides = panel["fieldConfig"]["overrides"]
        assert [each["matcher"] for each in overrides] == [
            {"id": "byFrameRefID", "options": reference} for reference in references
        ]


def test_the_error_budget_has_the_limits_of_the_alerts() -> None:
    """Orange where the budget will not last, red where somebody is paged."""
    for board in grafana.BOARDS[:2]:
        [panel] = [each for each in _panels(board) if each["title"].startswith("Burn of the availability")]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [(step["value"], step["color"]) for step in steps] == [
            (None, "green"), (1, "orange"), (14.4, "red"),
        ]  # fmt: skip


def test_versions_and_rollouts_are_marked() -> None:
    """With their names, on the pages of one release."""
    for board in grafana.BOARDS[1:]:
        marks = _document(board)["annotations"]["list"]
        assert [(each["name"], each["titleFormat"]) for each in marks] == [
            ("Versions", "version {{version}}"),
            ("Rollouts", "rollout {{replicaset}}"),
        ]


@BOARDS
def test_the_file_is_what_the_room_makes(board: Board) -> None:
    """And reading it again gives the same text: no dates, no random ids."""
    assert (FILES / f"{board.uid}.json").read_text(encoding="utf-8") == grafana.text(board)


def test_wrong_panels_are_refused() -> None:
    """A unit that is none, and more panels than a page can hold."""
    with pytest.raises(ConfigError):
        Panel("x", "X.", "parsecs", ())
    panel = Panel("x", "X.", "count", (Query("up", "x"),))
    with pytest.raises(ConfigError):
        Board("x", "x", "x", "", True, (Row("x", (panel,) * 15),))
