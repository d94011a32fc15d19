"""Boards as Grafana's classic JSON, by Grafana's own builders.

Source: https://grafana.github.io/grafana-foundation-sdk/; the JSON is that of Grafana 11.6.
"""

from __future__ import annotations

import json

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard

from ekiben.observe import objectives
from ekiben.observe.boards import fleet, release, scaling
from ekiben.observe.boards.board import UNITS, Board, Panel, Query, Row

BOARDS: tuple[Board, ...] = (fleet.BOARD, release.BOARD, scaling.BOARD)
_SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
_COLUMNS, _HEIGHT = 24, 8  # of Grafana's grid
_COLOURS = ("orange", "red")
_REFRESH = "30s"


def text(board: Board) -> str:
    """Write a board as JSON that Grafana imports without edits."""
    document = json.loads(json.dumps(_built(board).build(), cls=JSONEncoder))
    # Prometheus' own members of an annotation, which the builders do not have.
    for mark, found in zip(board.marks, document.get("annotations", {}).get("list", []), strict=True):
        found |= {"step": "60s", "titleFormat": mark.text}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _built(board: Board) -> builders.Dashboard:
    found = (
        builders.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["ekiben"])
        .readonly()
        .timezone("browser")
        .refresh(_REFRESH)
        .time("now-1h", "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("ekiben")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags(["ekiben"])
            .keep_time(keep_time=True)
            .include_vars(include_vars=True)
        )
        .with_variable(builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for variable in _variables(board):
        found = found.with_variable(variable)
    for mark in board.marks:
        found = found.annotation(
            builders.AnnotationQuery()
            .name(mark.title)
            .datasource(_SOURCE)
            .enable(enable=True)
            .icon_color("blue")
            .expr(board.narrowed(mark.expression))
        )
    number = 0
    for row in board.rows:
        found = found.with_row(builders.Row(row.title))
        for panel in row.panels:
            number += 1
            found = found.with_panel(_panel(board, row, panel, number))
    return found


def _variables(board: Board) -> list[builders.QueryVariable]:
    """The namespace and, for one release, its name; whatever has an objective or pods is listed."""
    name = objectives.AVAILABILITY_RATIO
    namespace = _variable("namespace", f"label_values({name}, namespace)")
    if not board.one_release:
        return [namespace.multi(multi=True).include_all(include_all=True).all_value(".+")]
    return [
        namespace,
        _variable("release", f'label_values({name}{{namespace="$namespace"}}, release)'),
    ]


def _variable(name: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(name.capitalize())
        .datasource(_SOURCE)
        .query(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )


def _panel(board: Board, row: Row, panel: Panel, number: int) -> timeseries.Panel:
    steps = [dashboard.Threshold(value=None, color="green")]
    colours = _COLOURS[-len(panel.limits) :] if panel.limits else ()
    steps += [
        dashboard.Threshold(value=value, color=colour)
        for value, colour in zip(panel.limits, colours, strict=True)
    ]
    found = (
        timeseries.Panel()
        .id(number)
        .title(panel.title)
        .description(panel.description)
        .datasource(_SOURCE)
        .unit(UNITS[panel.unit])
        .min(0)
        .span(_COLUMNS // len(row.panels))
        .height(_HEIGHT)
        .thresholds(builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps))
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
    )
    if panel.limits:
        line = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        found = found.thresholds_style(line)
    for place, query in enumerate(panel.queries):
        reference = chr(ord("A") + place)
        found = found.with_target(_target(board, query, reference))
        if query.limit:
            found = found.override_by_query(reference, _dashed())
    return found


def _target(board: Board, query: Query, reference: str) -> prometheus.Dataquery:
    found = (
        prometheus.Dataquery()
        .expr(board.narrowed(query.expression))
        .legend_format(query.legend)
        .ref_id(reference)
        .range()
    )
    return found.exemplar(exemplar=True) if query.exemplars else found


def _dashed() -> list[dashboard.DynamicConfigValue]:
    """How a bound is drawn."""
    return [
        dashboard.DynamicConfigValue("custom.lineStyle", {"dash": [8, 8], "fill": "dash"}),
        dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "red"}),
        dashboard.DynamicConfigValue("custom.fillOpacity", 0),
    ]
