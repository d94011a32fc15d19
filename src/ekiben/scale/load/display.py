"""A load under way, on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ekiben.scale.load.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_BAR_WIDTH = 28
_LINE_SECONDS = 10.0


def milliseconds(seconds: float | None) -> str:
    """Write a latency; a dash for none."""
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def line(progress: Progress) -> str:
    """One line of plain text, for logs and terminals that cannot redraw."""
    return (
        f"load {progress.elapsed_seconds:.0f}/{progress.total_seconds:.0f} s: {progress.sent} sent, "
        f"{progress.failed} failed, {progress.rate:.1f} right answers/s, "
        f"p50 {milliseconds(progress.p50_seconds)}, p99 {milliseconds(progress.p99_seconds)}, "
        f"{progress.outstanding} under way"
    )


def render(progress: Progress) -> RenderableType:
    """Draw a load: a bar of time, counts, the rate and latencies of the last 3 s.

    Args:
        progress: What the load told last.
    """
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    elapsed = min(progress.elapsed_seconds, progress.total_seconds)
    failed = Text(f"{progress.failed} failed", style="bold red" if progress.failed else "green")
    top = Table.grid(padding=(0, 2))
    top.add_row(
        "load",
        ProgressBar(total=progress.total_seconds, completed=elapsed, width=_BAR_WIDTH),
        f"{elapsed:.0f} of {progress.total_seconds:.0f} s",
        f"{progress.sent} of {progress.planned} sent",
        failed,
        f"{progress.outstanding} under way",
    )
    low = Table.grid(padding=(0, 2))
    low.add_row(
        "last 3 s",
        f"{progress.rate:.1f} right answers/s",
        f"p50 {milliseconds(progress.p50_seconds)}",
        f"p99 {milliseconds(progress.p99_seconds)}",
    )
    both = Table.grid()
    both.add_row(top)
    both.add_row(low)
    return both


@contextlib.contextmanager
def live(console: Console | None = None) -> Iterator[Callable[[Progress], None]]:
    """Show loads on stderr while the block runs; hand each progress to what this yields.

    Without a terminal it writes a line every 10 s. Nothing is drawn before the first progress.
    """
    from rich.console import Console as RichConsole
    from rich.live import Live

    console = console or RichConsole(stderr=True)
    if not console.is_terminal:
        yield _Lines(console).show
        return
    screen = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    def draw(progress: Progress) -> None:
        screen.start()  # does nothing from the second time on
        screen.update(render(progress), refresh=True)

    try:
        yield draw
    finally:
        screen.stop()


class _Lines:
    """Writes a line every 10 s of a load, and one at its end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due = 0.0

    def show(self, progress: Progress) -> None:
        now = progress.elapsed_seconds
        if now < self._due - _LINE_SECONDS:  # another load has begun
            self._due = 0.0
        if now >= min(self._due, progress.total_seconds) and self._due <= progress.total_seconds:
            self._due = now + _LINE_SECONDS
            self._console.print(line(progress), highlight=False, soft_wrap=True)
