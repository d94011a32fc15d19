"""Faults for the alerts are judged by the clock, by the right alert, and by no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.torture.alerts import faults, pace, report, trial
from tests.torture.alerts.release import Seen
from tests.torture.alerts.trial import Look, Watched
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Check

from ekiben.observe import alerts

FAULT = faults.BY_NAME["rejected"]  # a window of 15 min and 5 min more: 2 x (60 + 60) s at this pace
RIGHT, WRONG = Seen("EkibenRowsRejected", "ticket"), Seen("EkibenCPUThrottled", "ticket")
IN_TIME = "EkibenRowsRejected (ticket) within 240 s of it"
GOOD = Watched(frozenset(), 3.0, (Look(0, frozenset()), Look(242.9, frozenset({RIGHT}))), 100)


def unmet(found: Watched) -> list[str]:
    return [each.what for each in trial.judged(FAULT, found) if not each.passed]


def test_an_alert_in_time_and_alone_passes() -> None:
    """240 s after the fault was there, not after it was asked for."""
    assert unmet(GOOD) == []


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (replace(GOOD, looks=(Look(243.1, frozenset({RIGHT})),)), IN_TIME),
        (replace(GOOD, looks=(Look(9, frozenset({Seen(RIGHT.name, "page")})),)), IN_TIME),
        (replace(GOOD, looks=(*GOOD.looks, Look(250, frozenset({RIGHT, WRONG})))), "no other alert"),
        (replace(GOOD, before=frozenset({WRONG})), "no alert before it"),
        (replace(GOOD, there=None, looks=()), "the fault was there"),
    ],
)  # fmt: skip
def test_a_late_a_wrong_and_an_early_one_do_not(found: Watched, what: str) -> None:
    """Too late, of another severity, beside another, before the fault, without one."""
    assert what in unmet(found)


def test_where_none_may_fire_none_may() -> None:
    """A fault below the alerts' guard has no right alert."""
    fault = faults.BY_NAME["few"]
    quiet = Watched(frozenset(), 1.0, (Look(0, frozenset()),), 15)
    assert all(each.passed for each in trial.judged(fault, quiet))
    loud = replace(quiet, looks=(Look(30, frozenset({Seen("EkibenAvailabilityBudgetBurn", "page")})),))
    assert [each.what for each in trial.judged(fault, loud) if not each.passed] == ["no other alert"]


def test_every_alert_has_a_fault_of_its_severity_and_time() -> None:
    """The bound is reckoned from `for` and the short window that the rule itself has."""
    declared: dict[tuple[str, str], alerts.Alert] = {
        (each.name, each.severity): each for each in alerts.alerts(pace.PACE)
    }
    assert {each.alert for each in faults.FAULTS} - {""} == {name for name, _ in declared}
    for fault in (each for each in faults.FAULTS if each.alert):
        alert = declared[fault.alert, fault.severity]
        assert alert.hold_seconds == fault.hold, fault.name


def test_the_charts_rules_are_a_sixtieth_as_long(tmp_path: Path) -> None:
    """An hour is a minute, and nothing is below four times 15 s."""
    chart = pace.chart(tmp_path / "chart")
    found = yaml.safe_load((chart / "files" / "rules.yaml").read_text())["groups"]
    [first, *_] = [rule for rule in found[1]["rules"] if rule["labels"].get("severity") == "page"]
    assert (first["labels"]["long_window"], first["labels"]["short_window"]) == ("1m", "1m")
    assert {rule["for"] for rule in found[1]["rules"] if "for" in rule} == {"1m"}
    assert (chart / "templates" / "prometheusrule.yaml").is_file()


RESULT = Result(
    target="ekiben", scenario="rejected", part=0, parts=1, scale="full", seed=7, code="alerts 1",
    commit="c", machine="m", started="2026-01-01T00:00:00+00:00", seconds=300.0, verdict="passed", number=9,
    checks=(Check("no other alert", passed=True, found="none"),
            Check(IN_TIME, passed=True, found="after 80 s")),
)  # fmt: skip


def test_the_page_counts_what_passed_last() -> None:
    """A failure after a pass is a failure, and what was not run is no pass."""
    whole = f"of {len(faults.FAULTS)}** passed"
    assert f"**0 {whole}" in report.text([])
    assert "not run" in report.text([])
    passed = report.text([RESULT])
    assert f"**1 {whole}" in passed
    assert "| 240 s | after 80 s | none | passed |" in passed
    other = Check("no other alert", passed=False, found="EkibenCPUThrottled")
    failed = report.text([RESULT, replace(RESULT, verdict="failed", checks=(other,))])
    assert f"**0 {whole}" in failed
    assert "- rejected: no other alert: EkibenCPUThrottled (seed 7)" in failed
