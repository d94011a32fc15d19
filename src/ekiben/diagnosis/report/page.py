"""A report as one HTML page that needs nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources

from ekiben.diagnosis.report import findings, lines, timeplot, units
from ekiben.diagnosis.report.answers import BoardAnswers, Moment, PanelAnswers, Report
from ekiben.diagnosis.report.lines import Drawn
from ekiben.diagnosis.report.span import Span
from ekiben.observe.boards.board import Panel
from ekiben.page import html
from ekiben.version import VERSION


def text(report: Report, made_at: float) -> str:
    """Give the whole page.

    Args:
        report: What is shown.
        made_at: When it was asked, seconds since the epoch.
    """
    chosen, span = report.chosen, report.chosen.span
    title = f"{chosen.namespace}/{chosen.release}"
    step, window = (units.text(each, "seconds") for each in (span.step_seconds, span.window_seconds))
    about = (
        f"{_day(span.begin)} to {_day(span.end)} UTC. A point every {step}, rates over {window}. "
        f"From Prometheus at {report.prometheus_url}, made {_day(made_at)} UTC by ekiben {VERSION}. "
        "Traces, dots on the boards, are not drawn here."
    )
    drawn: dict[tuple[str, Panel], str] = {}
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="sub">{escape(about)}</p>',
        *_findings(report),
        *(part for board in report.boards for part in _board(board, report, drawn)),
    ]
    style = resources.files("ekiben.diagnosis.report").joinpath("page.css").read_text(encoding="utf-8")
    return html.framed(f"{title}: report", "\n".join(body), style)


def _findings(report: Report) -> Iterator[str]:
    found = findings.found(report)
    panels = [panel for board in report.boards for panel in board.panels()]
    silent = len({panel.panel.title for panel in panels if not panel.has_data and not panel.errors})
    yield "<h2>What stands out</h2>"
    if not report.has_data and not report.failed:
        yield '<p class="note">There is no data of this release in this time: each panel says why.</p>'
        return
    rows = [
        f'<li{" class=bad" if each.bad else ""}><a href="#{each.anchor}">{escape(each.panel)}</a>: '
        f"{escape(each.text)}.</li>"
        for each in found
    ]
    yield f"<ul>{''.join(rows)}</ul>" if rows else "<p>Nothing reached a limit.</p>"
    if silent:
        said = (
            "1 panel has no data; it says why."
            if silent == 1
            else f"{silent} panels have no data; each says why."
        )
        yield f'<p class="sub">{said}</p>'


def _board(found: BoardAnswers, report: Report, drawn: dict[tuple[str, Panel], str]) -> Iterator[str]:
    yield f"<h2>{escape(found.board.title)}</h2>"
    yield f'<p class="sub">{escape(found.board.description)}</p>'
    for error in found.mark_errors:
        yield f'<p class="note failed">{escape(error)}</p>'
    yield _moments(found.moments, report.chosen.span)
    for row, panels in found.rows:
        yield f"<h3>{escape(row.title)}</h3>"
        figures, elsewhere = [], []
        for panel in panels:
            place = findings.anchor(found.board.uid, panel.panel.title)
            same = drawn.setdefault((found.board.matchers, panel.panel), place)
            if same != place:
                elsewhere.append(f'<a href="#{same}">{escape(panel.panel.title)}</a>')
                continue
            figures.append(_panel(panel, place, found.moments, report))
        yield f'<div class="plots">{"".join(figures)}</div>' if figures else ""
        yield f'<p class="sub">Drawn above: {", ".join(elsewhere)}.</p>' if elsewhere else ""


def _moments(found: Sequence[Moment], span: Span) -> str:
    rows = (f"<li><b>{span.clock(each.time)}</b> {escape(each.text)}</li>" for each in found)
    return f'<ol class="moments">{"".join(rows)}</ol>' if found else ""


def _panel(found: PanelAnswers, place: str, moments: Sequence[Moment], report: Report) -> str:
    panel = found.panel
    parts = [f"<h4>{escape(panel.title)}</h4>"]
    parts += [f'<p class="failed"><b>Not known.</b> {escape(error)}</p>' for error in found.errors]
    shown, left_out = lines.drawn(found) if found.has_data else ((), 0)
    if shown:
        parts.append(
            timeplot.svg(
                panel.title,
                panel.unit,
                [each.line for each in shown],
                report.chosen.span,
                bounds=lines.limits(found),
                moments=moments,
            )
        )
        parts.append(_legend(shown, panel.unit, left_out, report.chosen.span))
        parts += [f'<p class="absent">{escape(text)}</p>' for text in _partly(found)]
    elif not found.errors:
        why = " ".join(found.absences) or "Why is not known."
        parts.append(f'<p class="none"><b>No data.</b> {escape(why)}</p>')
    parts.append(f"<figcaption>{escape(panel.description)}</figcaption>")
    return f'<figure id="{place}">{"".join(parts)}</figure>'


def _partly(found: PanelAnswers) -> Iterator[str]:
    """What is missing beside lines that are there."""
    for answer in found.answers:
        if not answer.series and not answer.error:
            yield f"No data for “{answer.query.legend}”. {answer.absence}"


def _legend(shown: Sequence[Drawn], unit: str, left_out: int, span: Span) -> str:
    rows = "".join(
        f'<tr><td><i class="{each.line.style}"></i>{escape(each.line.label)}</td>'
        f"<td>{escape(units.text(each.last, unit))}</td>"
        f'<td title="at {span.clock(each.most_at)}">{escape(units.text(each.most, unit))}</td></tr>'
        for each in shown
    )
    more = f'<tr><td colspan="3">and {left_out} lower ones that are not drawn</td></tr>' if left_out else ""
    head = "<thead><tr><th></th><th>last</th><th>most</th></tr></thead>"
    return f'<table class="legend">{head}<tbody>{rows}{more}</tbody></table>'


def _day(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S}"
