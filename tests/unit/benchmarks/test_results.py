"""Raw results: appended, read back, resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results import Journal, done, identity, series


def record(repeat: int, series_name: str = "a", **more: Any) -> dict[str, Any]:
    of = {"experiment": "matrix", "arm": "x", "model": "iris", "rows": 1, "connections": 16}
    return {**of, "series": series_name, "repeat": repeat, **more}


def test_a_line_that_was_torn_is_no_result_and_harms_no_other(tmp_path: Path) -> None:
    """A run killed in the middle of a line loses that line alone, also after the next run appended."""
    journal = Journal(tmp_path / "results" / "r.jsonl")
    journal.append([record(0), record(1)])
    whole = journal.path.read_text()
    journal.path.write_text(whole[:-20])
    journal.append([record(2)])
    assert [each["repeat"] for each in journal.read()] == [0, 2]


def test_what_failed_is_measured_again_and_what_succeeded_is_not() -> None:
    """Resuming skips done cells; a failure is none."""
    found = done([record(0), record(1, failure="ended with 1")], "a")
    assert identity(record(0)) in found
    assert identity(record(1)) not in found


def test_a_later_result_of_the_same_thing_wins() -> None:
    """A cell that failed and was measured again counts as measured."""
    records = [record(0, failure="ended with 1"), record(1), record(0, requests_per_second=5.0)]
    assert {each["repeat"]: each.get("requests_per_second") for each in series(records)} == {0: 5.0, 1: None}


def test_other_series_are_left_out() -> None:
    """Figures of another machine, product or method are not mixed; the last series is reported."""
    records = [record(0, "old"), record(0, "new", requests_per_second=2.0), record(1, "new")]
    assert {each["series"] for each in series(records)} == {"new"}
    assert len(series(records)) == 2
    assert {each["series"] for each in series(records, "old")} == {"old"}
    assert done(records, "absent") == set()
    assert series([]) == []
