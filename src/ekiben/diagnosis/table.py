"""`status` for people: a table of rich, and the same as plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekiben.diagnosis.status import Status

if TYPE_CHECKING:
    from rich.console import RenderableType

_UNKNOWN = "not known"


def rows(status: Status) -> list[tuple[str, str]]:
    """Give label and text of each line, in the order of the screen."""
    found = [
        ("release", f"{status.namespace}/{status.release} in {status.context}"),
        ("revision", _revision(status)),
        ("model", _text(status.model)),
        ("image", _text(status.image)),
        ("verified", _verified(status)),
        ("replicas", _replicas(status)),
        *(("", sentence) for sentence in status.autoscaling),
        (f"last {status.window_seconds} s", _traffic(status)),
        ("errors", "not known" if status.error_ratio is None else f"{status.error_ratio:.2%} of requests"),
        ("latency", _latency(status)),
        ("CPU", _cpu(status)),
        *(("note", note) for note in status.notes),
    ]
    return [(label, text) for label, text in found if text]


def lines(status: Status) -> list[str]:
    """Give the table as plain text."""
    return [f"{label:<10} {text}" for label, text in rows(status)]


def render(status: Status) -> RenderableType:
    """Give the table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in rows(status):
        style = "yellow" if label == "note" else "red" if label == "errors" and status.error_ratio else ""
        table.add_row(label, Text(text, style=style))
    return table


def milliseconds(seconds: float | None) -> str:
    """Write a duration of milliseconds to seconds; says when it is not known."""
    if seconds is None:
        return _UNKNOWN
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _text(value: object) -> str:
    return _UNKNOWN if value is None else str(value)


def _revision(status: Status) -> str:
    if status.revision is None:
        return _UNKNOWN
    return f"{status.revision.number} ({status.helm_status})"


def _verified(status: Status) -> str:
    if status.verified_at is None:
        return "never, as far as is known"
    return f"{status.verified_at} by {status.verified_by}"


def _replicas(status: Status) -> str:
    found = status.replicas
    if found is None:
        return _UNKNOWN
    span = f" (between {found.minimum} and {found.maximum})" if found.minimum is not None else ""
    return f"{found.current} current, {found.ready} ready, {found.desired} desired{span}"


def _traffic(status: Status) -> str:
    parts = [
        f"{value:.1f} {what}"
        for value, what in (
            (status.request_rate, "requests/s answered"),
            (status.arrivals_rate, "arrived"),
            (status.predictions_rate, "rows/s predicted"),
        )
        if value is not None
    ]
    if status.in_progress is not None:
        parts.append(f"{status.in_progress:.0f} in progress")
    return ", ".join(parts) or _UNKNOWN


def _latency(status: Status) -> str:
    if status.latency_p99_seconds is None:
        return _UNKNOWN
    return (
        f"p50 {milliseconds(status.latency_p50_seconds)}, p95 {milliseconds(status.latency_p95_seconds)}, "
        f"p99 {milliseconds(status.latency_p99_seconds)} (in the pods)"
    )


def _cpu(status: Status) -> str:
    if not status.cpu_cores:
        return _UNKNOWN
    return ", ".join(f"{pod} {cores * 1e3:.0f}m" for pod, cores in status.cpu_cores.items())
