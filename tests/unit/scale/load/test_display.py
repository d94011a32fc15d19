"""The load on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from ekiben.scale.load import display
from ekiben.scale.load.progress import Progress

PROGRESS = Progress(12.0, 60.0, 1200, 240, 237, 3, 5, 19.75, 0.0123, 1.5)


def _text(width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(display.render(PROGRESS))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_all_figures_are_drawn() -> None:
    """Time, counts, failures, the rate and both latencies are on the screen, with units."""
    text = _text()
    for part in (
        "12 of 60 s",
        "240 of 1200 sent",
        "3 failed",
        "5 under way",
        "19.8 right",
        "12.3 ms",
        "1.50 s",
    ):
        assert part in text


def test_missing_latencies_are_dashes() -> None:
    """Without an answer there is a dash, not a zero."""
    assert "p50 -, p99 -" in display.line(replace(PROGRESS, p50_seconds=None, p99_seconds=None))


def test_without_a_terminal_a_line_comes_every_ten_seconds() -> None:
    """A load of 60 s told twice a second gives lines at 0, 10, ... 60 s, and a second load begins anew."""
    console = Console(file=io.StringIO(), force_terminal=False, width=40)
    with display.live(console) as show:
        for half in range(123):
            show(replace(PROGRESS, elapsed_seconds=half / 2))
        show(replace(PROGRESS, elapsed_seconds=0.0))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split("/")[0] for line in lines] == [f"load {t}" for t in (0, 10, 20, 30, 40, 50, 60, 0)]


def test_a_terminal_is_redrawn_and_left_clean() -> None:
    """On a terminal the last progress is drawn, and the cursor comes back."""
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with display.live(console) as show:
        show(PROGRESS)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "240 of 1200 sent" in written
    assert written.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in written
