"""`status --watch`: the table, redrawn, with what the last minutes looked like."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ekiben.diagnosis import table
from ekiben.diagnosis.sparkline import sparkline
from ekiben.diagnosis.status import Status
from ekiben.errors import EkibenError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

REFRESH_SECONDS = 2.0
_KEPT = 600  # 20 minutes at 2 s
_WIDTH = 60


@dataclass(slots=True)
class Recent:
    """What was seen while watching, oldest first; None where it was not known."""

    ready: deque[float | None] = field(default_factory=lambda: deque(maxlen=_KEPT))
    rate: deque[float | None] = field(default_factory=lambda: deque(maxlen=_KEPT))
    p99: deque[float | None] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def add(self, status: Status | None) -> None:
        """Remember one look; None is a look that failed."""
        replicas = status.replicas if status else None
        self.ready.append(float(replicas.ready) if replicas else None)
        self.rate.append(status.request_rate if status else None)
        self.p99.append(status.latency_p99_seconds if status else None)


def render(
    status: Status | None, recent: Recent, *, problem: str = "", interval_seconds: float = REFRESH_SECONDS
) -> RenderableType:
    """Draw one screen.

    Args:
        status: The last status that could be read; None if none could yet.
        recent: What was seen so far.
        problem: Why the newest look failed; empty if it did not.
        interval_seconds: Time between looks, seconds.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    trends = Table.grid(padding=(0, 2))
    for label, values, unit in (
        ("ready", recent.ready, "replicas"),
        ("rate", recent.rate, "requests/s"),
        ("p99", recent.p99, "ms"),
    ):
        trends.add_row(Text(label, style="bold"), *_trend(list(values), unit))
    shown: list[RenderableType] = [] if status is None else [table.render(status), Text()]
    shown.append(trends)
    if problem:
        shown.append(Text(f"not read just now: {problem}", style="red"))
    span = min(_WIDTH, len(recent.ready)) * interval_seconds
    shown.append(
        Text(f"the last {span:.0f} s, a look every {interval_seconds:g} s; Ctrl-C ends", style="dim")
    )
    return Group(*shown)


def _trend(values: list[float | None], unit: str) -> tuple[str, str]:
    shown = values[-_WIDTH:]
    known = [value for value in shown if value is not None]
    last = shown[-1] if shown else None
    factor, digits = (1e3, 1) if unit == "ms" else (1.0, 0 if unit == "replicas" else 1)
    now = "not known" if last is None else f"{last * factor:.{digits}f} {unit}"
    top = f", at most {max(known) * factor:.{digits}f}" if known else ""
    return sparkline(shown, width=_WIDTH), now + top


def watch(
    read: Callable[[], Status],
    *,
    console: Console | None = None,
    interval_seconds: float = REFRESH_SECONDS,
    stop: threading.Event | None = None,
) -> Status | None:
    """Look again and again, and draw each look, until Ctrl-C or `stop`.

    A look that fails is said on the screen; the next one may succeed.

    Args:
        read: Gives the status now.
        console: Where to draw; None is the terminal.
        interval_seconds: Time between looks, seconds.
        stop: Set it to end.

    Returns:
        The last status that could be read.
    """
    from rich.live import Live

    stop = stop or threading.Event()
    recent, last = Recent(), None
    with Live(console=console, auto_refresh=False, screen=False) as screen:
        while True:
            began, problem = time.monotonic(), ""
            try:
                last = read()
                recent.add(last)
            except EkibenError as error:
                recent.add(None)
                problem = str(error)
            except KeyboardInterrupt:
                return last
            screen.update(
                render(last, recent, problem=problem, interval_seconds=interval_seconds), refresh=True
            )
            try:
                if stop.wait(max(0.0, interval_seconds - (time.monotonic() - began))):
                    return last
            except KeyboardInterrupt:
                return last
