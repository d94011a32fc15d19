"""The report says what the results say, and a stale figure is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.drawing import drawings
from benchmarks.results import Journal

SERIES = {
    "experiment": "series", "series": "s", "seed": 1, "commit": "abc", "at": "2026-03-03T08:00:00Z",
    "settings": {"repeats": 2, "seconds": 3, "warm_seconds": 1},
    "machine": {
        "cpu": "A processor", "cores": 2, "memory_gib": 24, "kernel": "6.1", "system": "Debian",
        "python": "3.11",
    },
}  # fmt: skip


def load(arm: str, repeat: int, value: float) -> dict[str, Any]:
    cell = {"experiment": "matrix", "model": "iris", "rows": 1, "connections": 16}
    about = {name: SERIES[name] for name in ("series", "seed", "commit", "at")}
    return {
        **about, **cell, "arm": arm, "repeat": repeat, "requests_per_second": value,
        "p50_seconds": 0.001, "p99_seconds": 0.002,
    }  # fmt: skip


def journal(folder: Path, *records: dict[str, Any]) -> Journal:
    found = Journal(folder / "r.jsonl")
    found.append([SERIES, *records])
    return found


def test_a_table_has_median_spread_and_ratio(tmp_path: Path) -> None:
    """Two repeats of 1,000 and 1,200 against 10 and 10: 1,100 with 18 % spread, 110 times as fast."""
    text = report.text(
        journal(
            tmp_path, load("ekiben", 0, 1000), load("ekiben", 1, 1200),
            load("flask", 0, 10), load("flask", 1, 10),
        )
    )  # fmt: skip
    assert "| ekiben | 1,100 (18%) |" in text
    assert "| Flask + gunicorn | 110.0x | 110.00x |" in text
    assert "| ekiben | 1.00 / 2.00 |" in text
    assert "A processor" in text


def test_what_failed_is_listed(tmp_path: Path) -> None:
    """A peer without a figure is not left out silently."""
    failed = {**load("mlflow", 0, 0), "failure": "mlflow ended with 1"}
    text = report.text(journal(tmp_path, load("ekiben", 0, 5), failed))
    assert "- matrix: mlflow: mlflow ended with 1" in text


def test_figures_from_other_results_are_stale(tmp_path: Path) -> None:
    """Each carries the mark of what it was drawn from; missing and superfluous ones are named too."""
    before = journal(tmp_path, load("ekiben", 0, 5))
    folder = tmp_path / "figures"
    folder.mkdir()
    names = ["iris-latency.svg", "iris-throughput.svg"]
    assert report.stale_figures(before, folder) == names
    for drawing in drawings(before.read()):
        (folder / f"{drawing.name}.svg").write_text(f"<svg>drawn from {drawing.mark}</svg>")
    assert report.stale_figures(before, folder) == []
    (folder / "old.svg").write_text("<svg/>")
    before.append([load("ekiben", 1, 9)])  # of the same latency
    assert report.stale_figures(before, folder) == ["iris-throughput.svg", "old.svg"]


def test_the_figures_beside_the_report_are_drawn_from_its_results() -> None:
    """`make bench` writes both; whoever commits one commits the other."""
    assert report.stale_figures(report.FULL) == []
