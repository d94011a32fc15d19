"""`why` for people: the sentence, then the numbers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekiben.diagnosis.why.answer import Why
from ekiben.diagnosis.why.sentence import clock

if TYPE_CHECKING:
    from rich.console import RenderableType


def rows(found: Why) -> list[tuple[str, str]]:
    """Give label and text of each line below the sentence."""
    made = [("replicas", f"{found.wanted} asked for, {found.ready} ready")]
    if found.desired is not None:
        made.append(("HPA", f"wants {found.desired}, between {found.minimum} and {found.maximum}"))
    for one in found.derivations:
        unit, factor = (" %", 1) if one.percent else ("", 1000)
        made.append(
            (one.metric, f"{one.value / factor:g}{unit} of {one.target / factor:g}{unit}: {one.formula}")
        )
    if found.change is not None:
        before = "" if found.change.before is None else f"{found.change.before} -> "
        text = f"{before}{found.change.after} at {clock(found.change.at)}: {found.change.reason}"
        made.append(("changed", text))
    return [*made, *(("note", note) for note in found.notes)]


def lines(found: Why) -> list[str]:
    """Give it as plain text."""
    return [found.sentence, *(f"{label:<10} {text}" for label, text in rows(found))]


def render(found: Why) -> RenderableType:
    """Give it for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in rows(found):
        table.add_row(label, Text(text, style="yellow" if label == "note" else "dim"))
    return Group(Text(found.sentence, style="bold"), table)
