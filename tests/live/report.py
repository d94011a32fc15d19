"""The page and its figure, from the journal."""

from __future__ import annotations

from pathlib import Path

from tests.live import comparison, figure, journal, page

PAGE = journal.ROOT / "docs" / "scaling" / "live.md"
_AFTER = "Simulated, not measured"  # the paragraph of the other page that the differences stand behind


def files(path: Path = journal.FILE) -> dict[Path, str]:
    """Text of each file; there is a figure once there is something to draw."""
    records = journal.read(path)
    made = {PAGE: page.text(records, journal.simulator())}
    basis, runs = journal.replica(records), list(comparison.valid_runs(records))
    if basis is not None and runs:
        made[PAGE.with_suffix(".svg")] = figure.figure(runs, basis["capacity_rate"])
    return made


def beside(simulated: str, path: Path = journal.FILE) -> str:
    """The page about simulated autoscalers, with the differences from live runs behind its first claim.

    Raises:
        ValueError: It has no such paragraph.
    """
    paragraphs = simulated.split("\n\n")
    place = next((at for at, each in enumerate(paragraphs) if each.startswith(_AFTER)), None)
    if place is None:
        raise ValueError(f"expected a paragraph that begins with {_AFTER!r}, found none")
    told = page.beside(journal.read(path))
    return "\n\n".join([*paragraphs[: place + 1], told, *paragraphs[place + 1 :]])
