"""Write the report and its figures, and find out whether they are stale."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import page
from benchmarks.arms import PROGRAMS
from benchmarks.drawing import Drawing, drawings
from benchmarks.environments import Environment
from benchmarks.models import ROOT
from benchmarks.results import Journal, series
from ekiben.clients import command

FULL = Journal(ROOT / "benchmarks" / "results" / "full.jsonl")  # of `make bench`
PAGE = ROOT / "docs" / "benchmarks.md"
FIGURES_FOLDER = ROOT / "docs" / "benchmarks"
FIGURES = "figures"  # the environment that draws


def text(journal: Journal) -> str:
    """Give the page for the last series of a journal."""
    records = series(journal.read())
    return page.text(records, drawings(records))


def write(journal: Journal) -> None:
    """Write the page and its figures.

    Raises:
        ToolError: The environment that draws cannot be made.
    """
    PAGE.write_text(text(journal), encoding="utf-8")
    found = drawings(series(journal.read()))
    for path in FIGURES_FOLDER.glob("*.svg"):
        path.unlink()
    if found:
        draw(found, FIGURES_FOLDER)


def draw(found: Sequence[Drawing], folder: Path) -> None:
    """Draw figures into a folder, which is made.

    Raises:
        ToolError: The environment that draws cannot be made.
    """
    environment = Environment(FIGURES)
    environment.make()
    folder.mkdir(parents=True, exist_ok=True)
    told = json.dumps([{"drawing": each.document(), "mark": each.mark} for each in found])
    command.run([str(environment.python), str(PROGRAMS / "draw.py"), str(folder)], stdin=told)


def stale_figures(journal: Journal, folder: Path = FIGURES_FOLDER) -> list[str]:
    """Name the figures that are missing, superfluous, or drawn from other results."""
    wanted = {f"{each.name}.svg": each.mark for each in drawings(series(journal.read()))}
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.svg")}
    differ = {name for name, mark in wanted.items() if f"drawn from {mark}" not in there.get(name, "")}
    return sorted(differ | (there.keys() - wanted.keys()))
