"""`doctor` for people: each link with a mark, the broken one with its remedy, what nobody looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ekiben.diagnosis.doctor.link import Checkup, Health, counted

if TYPE_CHECKING:
    from rich.console import RenderableType

_MARKS = {Health.SOUND: "ok", Health.WARNING: "warn", Health.BROKEN: "BROKEN", Health.UNKNOWN: "-"}
_STYLES = {"ok": "green", "warn": "yellow", "BROKEN": "bold red", "-": "dim"}


def rows(checkup: Checkup) -> Iterator[tuple[str, str, str]]:
    """Give mark, name and text of each line, in the order of the chain."""
    for one in checkup.findings:
        text = one.found if one.health is not Health.UNKNOWN else f"not looked at: {one.found}"
        yield _MARKS[one.health], one.link, text
        if one.remedy:
            yield "", "next", one.remedy
    if checkup.behind:
        yield "-", "behind it", f"not looked at: {', '.join(checkup.behind)}"


def verdict(checkup: Checkup) -> str:
    """Give the one line that says it all."""
    what = f"{checkup.namespace}/{checkup.release}" if checkup.release else "the cluster"
    where = f"{what} in {checkup.context}"
    broken = checkup.broken
    before = sum(one.health is Health.SOUND for one in checkup.findings)
    if broken is not None:
        return (
            f"{where} is broken at {broken.link}; {counted(before, 'link')} before it sound, "
            f"{len(checkup.behind)} after it not looked at"
        )
    warned = ", ".join(one.link for one in checkup.warnings)
    skipped = sum(one.health is Health.UNKNOWN for one in checkup.findings)
    words = [f"{where} is sound: {counted(before, 'link')}"]
    words += [f"warnings: {warned}"] if warned else []
    words += [f"{skipped} not looked at"] if skipped else []
    return "; ".join(words)


def lines(checkup: Checkup) -> list[str]:
    """Give the table as plain text, the verdict last."""
    found = [f"{mark:<7} {name:<14} {text}".rstrip() for mark, name, text in rows(checkup)]
    return [*found, verdict(checkup)]


def render(checkup: Checkup) -> RenderableType:
    """Give the table for a terminal, the verdict last."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for mark, name, text in rows(checkup):
        dim = "dim" if mark == "-" else ""
        table.add_row(Text(mark, style=_STYLES.get(mark, "")), Text(name, style=dim), Text(text, style=dim))
    bad = checkup.broken is not None
    style = "bold red" if bad else "bold yellow" if checkup.warnings else "bold green"
    return Group(table, Text(verdict(checkup), style=style))
