"""How far something long is, on stderr, where a person looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a count while the block lasts; nothing until it is told one, or where nobody looks.

    Args:
        what: What is counted.

    Yields:
        Takes how many are done, and how many there are.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(what), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Progress(*columns, console=Console(stderr=True), transient=True)
    task = shown.add_task(what, total=None)
    started = False

    def told(done: int, total: int | None) -> None:
        nonlocal started
        if not started and shown.console.is_terminal:
            shown.start()
            started = True
        shown.update(task, completed=done, total=total)

    try:
        yield told
    finally:
        if started:  # else it would end a line that was never begun
            shown.stop()
