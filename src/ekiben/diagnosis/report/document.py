"""A report for machines: which panels have data, and why others have none. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ekiben.diagnosis.report import findings
from ekiben.diagnosis.report.answers import Report


def document(report: Report) -> dict[str, Any]:
    """Give it as JSON types."""
    return {
        "namespace": report.chosen.namespace,
        "release": report.chosen.release,
        "begin": _moment(report.chosen.span.begin),
        "end": _moment(report.chosen.span.end),
        "step_seconds": report.chosen.span.step_seconds,
        "window_seconds": report.chosen.span.window_seconds,
        "panels": [
            {
                "board": board.board.uid,
                "panel": panel.panel.title,
                "has_data": panel.has_data,
                "series": sum(len(each.series) for each in panel.answers),
                "empty": [each.query.legend for each in panel.answers if not each.series and not each.error],
                "absent": list(panel.absences),
                "errors": list(panel.errors),
            }
            for board in report.boards
            for panel in board.panels()
        ],
        "moments": [
            {"board": board.board.uid, "time": each.time, "text": each.text}
            for board in report.boards
            for each in board.moments
        ],
        "findings": [f"{each.panel}: {each.text}" for each in findings.found(report)],
    }


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
