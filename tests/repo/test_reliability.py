"""The page about reliability says what the raw results say, and the seeded faults fit the code."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.torture import page as whole
from tests.torture.operator import seeded as operator
from tests.torture.pod import faults, report, results, seeded, suite
from tests.torture.pod.faults import Fault, Outcome, StaleFaultError
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Check

PASSED = Result(
    target="ekiben",
    scenario="overload",
    part=0,
    parts=1,
    scale="full",
    seed=7,
    code="serving abc",
    commit="1234567",
    machine="a machine",
    started="2026-11-20T00:00:00+00:00",
    seconds=60,
    verdict="passed",
    number=4_000,
    checks=(Check("no answer was wrong", passed=True, found="none"),),
)
FAILED = dataclasses.replace(
    PASSED, target="bentoml", verdict="failed", checks=(Check("Retry-After", passed=False, found="0 of 36"),)
)


def row(page: str, name: str) -> list[str]:
    """Cells of a scenario's row."""
    found = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_the_page_is_made_of_the_raw_results() -> None:
    """docs/reliability.md is what the generator writes now."""
    for path, text in whole.files().items():
        assert path.read_text(encoding="utf-8") == text, "stale; next: make generate"


def test_both_servers_stand_in_one_row_with_their_numbers() -> None:
    """Verdict, N and minutes of each; an unmet criterion is listed with its seed."""
    page = report.text([PASSED, FAILED], [])
    assert row(page, "overload")[-2:] == [
        "passed; 4,000 requests, 1.0 min",
        "**failed**; 4,000 requests, 1.0 min",
    ]
    assert "overload: Retry-After: 0 of 36 (part 1, seed 7; 1 of 1 parts)" in page
    assert row(page, "kill")[-2:] == ["not run", "not run"]


def test_what_was_not_tested_or_not_finished_has_not_passed() -> None:
    """Neither a missing control group, nor a missing part, nor a short run, reads as passed."""
    missing = Check("can be tested here", passed=False, found="no control group")
    untested = dataclasses.replace(PASSED, scenario="starvation", verdict="not tested", checks=(missing,))
    unfinished = dataclasses.replace(PASSED, scenario="drain", parts=20)
    short = dataclasses.replace(PASSED, scenario="kill", scale="short")
    page = report.text([untested, unfinished, short], [])
    assert row(page, "starvation")[-2] == "not tested: no control group"
    assert row(page, "drain")[-2].startswith("passed so far (1 of 20 parts)")
    assert row(page, "kill")[-2] == "not run"


def test_results_of_other_code_are_not_mixed() -> None:
    """Only parts of the newest code count; the last of two runs of a part does."""
    old = dataclasses.replace(FAILED, target="ekiben", code="serving old")
    again = dataclasses.replace(PASSED, number=5_000)
    page = report.text([old, PASSED, again], [])
    assert row(page, "overload")[-2] == "passed; 5,000 requests, 1.0 min"
    assert "Retry-After" not in page.partition("## Criteria")[2]


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    """A file of results is a line each, and the key of a part is known again."""
    path = tmp_path / "results.jsonl"
    for each in (PASSED, FAILED):
        results.append(each, path)
    assert results.read(path) == [PASSED, FAILED]
    assert results.read(tmp_path / "none") == []


def test_seeds_of_parts_differ() -> None:
    """Every part of every scenario draws its own chance from the one seed."""
    seeds = {results.seed_of(1, each.name, part) for each in suite.SCENARIOS for part in range(each.parts)}
    assert len(seeds) == sum(each.parts for each in suite.SCENARIOS)


@pytest.mark.parametrize("fault", [*seeded.FAULTS, *operator.FAULTS], ids=lambda fault: fault.name)
def test_each_seeded_fault_fits_the_code(fault: Fault) -> None:
    """Its old text is there exactly once, its new text compiles, and its tests exist."""
    text = (results.ROOT / fault.path).read_text(encoding="utf-8")
    compile(faults.patched(fault, text), fault.file, "exec")
    assert all((results.ROOT / test.partition("::")[0]).exists() for test in fault.tests)


def test_a_stale_fault_is_an_error() -> None:
    """Old text that is gone, or there twice, or not changed, ends the check."""
    fault = Fault("name", "guarantee", "life.py", "old", "new", ())
    assert faults.patched(fault, "an old text") == "an new text"
    for text in ("nothing", "old and old"):
        with pytest.raises(StaleFaultError, match="name"):
            faults.patched(fault, text)
    with pytest.raises(StaleFaultError):
        faults.patched(dataclasses.replace(fault, new="old"), "an old text")


def test_seeded_faults_have_names_of_their_own() -> None:
    """An outcome is found again by its fault's name."""
    names = [each.name for each in (*seeded.FAULTS, *operator.FAULTS)]
    assert len(set(names)) == len(names)


def test_seeded_faults_are_counted() -> None:
    """Caught and surviving ones are listed; those never tried are not counted."""
    names = [each.name for each in seeded.FAULTS]
    caught = Outcome(
        names[0],
        "",
        "",
        caught=True,
        by="tests/x.py::y",
        code="c",
        tests="t",
        commit="",
        started="",
        seconds=1,
    )
    before = dataclasses.replace(caught, name=names[3], code="b")
    assert "earlier" not in report.text([], [caught])
    page = report.text([], [before, caught, dataclasses.replace(caught, name=names[1], caught=False)])
    assert "2 of 3 that were tried turned a test red (67%)" in page
    assert row(page, names[0])[-1] == "`tests/x.py::y`"
    assert row(page, names[1])[-1] == "**nothing**"
    assert row(page, names[2])[-1] == "not run"
    assert row(page, names[3])[-1] == "`tests/x.py::y` (earlier)"
    assert "\n1 of them, marked so, were tried on an earlier state" in page
    assert len(set(names)) == len(names)
