"""The cluster's section says what the raw results say, and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.torture.cluster import aged, attempts, report, seeded, soak, suite, updates
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Check

PASSED = Result(
    target="cluster", scenario="evict", part=0, parts=7, scale="full", seed=7, code="release 1", commit="c",
    machine="m", started="2026-01-01T00:00:00+00:00", seconds=60.0, verdict="passed", number=3_000,
    checks=(Check("no request failed", passed=True, found="none"),),
)  # fmt: skip
FAILED = replace(
    PASSED,
    part=1,
    verdict="failed",
    checks=(
        Check(
            "no request failed", passed=False, found="3 x status 503 (new) from 1.0 s, 1 x time-out (kept)"
        ),
    ),
)


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| {name} |"))


def test_what_was_not_run_or_not_finished_has_not_passed() -> None:
    """Nothing, one part of seven, a part that could not be tested: none of them reads as passed."""
    assert row(report.text([]), "evict").endswith("| not run |")
    assert "passed so far (1 of 7 parts); 3,000 requests, 0 failed, 1.0 min" in row(
        report.text([PASSED]), "evict"
    )
    reason = Check("can be tested here", passed=False, found="nobody enforces it")
    untested = replace(PASSED, scenario="network-policy", parts=1, verdict="not tested", checks=(reason,))
    assert "not tested: nobody enforces it" in row(report.text([untested]), "network-policy")
    every = [replace(PASSED, part=part) for part in range(7)]
    assert "| passed; 21,000 requests, 0 failed, 7.0 min |" in row(report.text(every), "evict")


def test_failed_requests_are_summed_over_all_causes() -> None:
    """Of both parts; a part that was run again does not hide its failure."""
    text = report.text([PASSED, FAILED])
    assert "**4 of 6,000 requests failed**" in text
    assert "**a criterion was not met in 1 of 2 parts** (of 7); 6,000 requests, 4 failed" in row(
        text, "evict"
    )
    again = report.text([FAILED, replace(PASSED, part=1)])
    assert "1 earlier runs of parts failed" in row(again, "evict")
    assert "**4 of 6,000 requests failed**" in again


def test_results_of_older_code_and_of_seeded_faults_do_not_count() -> None:
    """Only the newest code's, and only of the release as it is."""
    fault = replace(FAILED, target=f"{seeded.PREFIX}no-budget")
    text = report.text([replace(FAILED, code="release 0"), PASSED, fault])
    assert "**0 of 3,000 requests failed**" in text


def test_a_fault_is_seen_by_the_check_that_is_about_it() -> None:
    """Another check that is not met is not the one."""
    fault = next(each for each in seeded.FAULTS if each.name == "no-drain-evicted")
    result = replace(FAILED, target=f"{seeded.PREFIX}{fault.name}")
    assert "3 x status 503" in row(report.text([result]), fault.guarantee)
    other = replace(result, checks=(Check("something else", passed=False, found="x"),))
    assert "**nothing**" in row(report.text([other]), fault.guarantee)
    assert "not run" in row(report.text([replace(other, number=0)]), fault.guarantee)


def test_names_are_their_own() -> None:
    """A result is found again by its scenario's name, a fault by its own; its scenario exists."""
    assert len(suite.BY_NAME) == len(suite.SCENARIOS)
    assert {each.scenario for each in seeded.FAULTS} <= set(suite.BY_NAME)
    assert len({each.name for each in seeded.FAULTS}) == len(seeded.FAULTS)
    assert all(each.part < suite.BY_NAME[each.scenario].parts for each in seeded.FAULTS)


def soaked(part: int, memory_mib: float, p99_ms: float, pods: str = "iris-a, iris-b") -> Result:
    """Ten minutes of a soak, in its place in a row of them."""
    began = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=10 * part)
    return replace(
        PASSED,
        scenario="soak",
        part=part,
        parts=12,
        started=began.isoformat(timespec="seconds"),
        seconds=600.0,
        checks=(Check("the same pods served all the time", passed=True, found=pods),),
        notes={
            "latency": f"p50 1.0 ms, p99 {p99_ms} ms, longest 50.0 ms",
            "process_resident_memory_bytes": f"{100 << 20}, {round(memory_mib * (1 << 20))}",
        },
    )


def test_a_soak_is_judged_as_a_whole() -> None:
    """A tenth of a MiB in each slice is 0.6 an hour, whatever came before it was warm; p99 by both ends."""
    first = [soaked(part, 20.0 * part, 5.0) for part in range(3)]
    steady = [*first, *(soaked(part, 100 + part / 10, 5.4) for part in range(3, 12))]
    steady[2] = soaked(2, 100.2, 5.0)
    said = soak.overall(steady)
    assert "2.0 h on the same pods" in said
    assert "+0.60 MiB an hour (goal" in said
    assert "5.0 ms in the first three parts and 5.4 ms in the last three, +8% (goal" in said
    worse = soak.overall([replace(soaked(part, 100 + part / 5, 5.0 + part / 10)) for part in range(12)])
    assert "**+1.20 MiB an hour, not met**" in worse
    assert "5.1 ms in the first three parts and 6.0 ms in the last three, **+18%, not met**" in worse
    assert said in report.text(steady)


def test_a_soak_says_how_much_slower_its_machine_became() -> None:
    """Its own programs took 50, then 60 thousandths of a core: a fifth more; else nothing is said."""
    parts = [soaked(part, 100, 5.0) for part in range(12)]
    assert "API server and kubelet" not in soak.overall(parts)
    told = [
        replace(each, notes={**each.notes, "CPU of API server and kubelet": "60.0" if part >= 9 else "50.0"})
        for part, each in enumerate(parts)
    ]
    assert "whose work was the same, took +20% CPU in the last three" in soak.overall(told)


def test_of_equally_long_soaks_the_newest_is_judged_and_the_other_told() -> None:
    """The first went from 5 to 6 ms, the second stayed at 5."""
    before = [soaked(part, 100, 5.0 if part < 3 else 6.0) for part in range(12)]
    after = [soaked(part, 100, 5.0, "iris-c, iris-d") for part in range(12, 24)]
    said = soak.overall([*before, *after])
    assert "5.0 ms in the first three parts and 5.0 ms in the last three, +0% (goal" in said
    assert said.endswith(" Other soaks: 2026-01-01T00:00 5.0 to 6.0 ms (+20%).")


def test_a_soak_that_changed_its_pods_is_judged_by_its_longest_row() -> None:
    """Of five slices on some pods and six on others, the six; less than an hour judges nothing."""
    some = [soaked(part, 100, 5.0, "iris-a, iris-b") for part in range(5)]
    others = [soaked(part, 100, 7.0, "iris-c, iris-d") for part in range(5, 11)]
    assert "1.0 h on the same pods" in soak.overall([*some, *others])
    assert "7.0 ms in the first" in soak.overall([*others, *some])
    assert soak.overall(some) == ""


def test_attempts_are_summed_and_what_was_not_tried_says_so() -> None:
    """6 kills lost 60 and 30 of 9,000 requests: 15 for each, 99 % answered; older code is out."""
    notes = {"kills": "3", "lost for each kill": "20.0", "containers restarted": "0"}
    first = replace(PASSED, target=f"{attempts.PREFIX}supervised", number=4_500, notes=notes)
    second = replace(first, notes={**notes, "lost for each kill": "10.0", "containers restarted": "1"})
    older = replace(first, code="release 0", notes={**notes, "kills": "1000"})
    text = report.text([older, first, second])
    way = next(each for each in attempts.ATTEMPTS if each.name == "supervised").how
    assert f"| supervised | {way} | 6 | 15.0 | 99.00% | 1 |" in text
    assert "| forked |" in text
    assert "not run | | |" in text


def test_pods_that_were_loaded_are_judged_against_new_ones() -> None:
    """The newest run is told, with its age and both p99; a ratio above the goal is marked."""
    check = Check("p99 is at most a tenth above that of new pods", passed=True, found="1.020", figure=True)
    notes = {"age": "2.0 h", "p99": "loaded 3.06 ms, new 3.00 ms"}
    part = replace(PASSED, scenario="aged", parts=1, checks=(check,), notes=notes)
    said = aged.overall([part])
    assert "once they were 2.0 h old: p99 loaded 3.06 ms, new 3.00 ms, a ratio of 1.020 (goal" in said
    assert said in report.text([part])
    slower = replace(part, checks=(replace(check, passed=False, found="1.300"),))
    assert "**1.300, not met**" in aged.overall([part, slower])
    assert aged.overall([]) == ""


def test_ways_to_roll_out_are_told_by_their_ratio() -> None:
    """8 against 4 ms and 6 against 5: 2.00 and 1.20, median 1.60; what was not tried says so."""
    checks = [
        Check("p99 is at most twice that of calm", passed=True, found=found, figure=True)
        for found in ("8.0 ms, calm 4.0 ms", "6.0 ms, calm 5.0 ms")
    ]
    parts = [replace(PASSED, target=f"{updates.PREFIX}three-at-once", checks=(each,)) for each in checks]
    rows = {line.split(" | ")[0]: line for line in updates.table(parts)}
    assert rows["| three-at-once"].endswith("| 2 | 2.00 1.20 | 1.60 | 0 of 6,000 |")
    assert rows["| further-apart"].endswith("| not run | | | |")
    lost = replace(parts[0], checks=(checks[0], FAILED.checks[0]))
    [row] = [line for line in updates.table([lost]) if line.startswith("| three-at-once")]
    assert "3 x status 503" in row
