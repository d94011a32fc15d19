"""Metric faults: recorded before a real kube-controller-manager, judged again; and the pure parts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.oracles.metric_faults import adapter, faults, journal, live, verdict
from tests.oracles.metric_faults.autoscalers import NET, Subject
from tests.oracles.metric_faults.faults import Fault, Life

from ekiben.scale.hpa import controller, several

_RECORDINGS = {(each["batch"], each["lane"]): each for each in journal.recordings()}
Patch = pytest.MonkeyPatch


def _subject(name: str, spec: dict[str, Any]) -> Subject:
    """As `autoscalers.subjects` has it, from a recorded spec: no Helm is asked."""
    made = Subject(name, spec, name == "stock", 0.0, 1.6)
    return replace(made, cpu_percent=made.target_percent / (1 if name == "cpu" else NET))


_SUBJECTS = {each["subject"]: _subject(each["subject"], each["spec"]) for each in _RECORDINGS.values()}


def _life(batch: int, lane: str) -> Life:
    found = next(each for each in live.BATCHES if each.number == batch)
    return live.lives(journal.SEED, found, _SUBJECTS)[lane][1]


def _judged(key: tuple[int, str], **changed: Any) -> list[dict[str, Any]]:
    recording = _RECORDINGS[key] | changed
    return verdict.faults(recording, _SUBJECTS[recording["subject"]], _life(*key))


def test_recorded_faults_take_no_replica_that_is_needed() -> None:
    """But for lies no fault made the real controller leave ekiben's HPAs fewer replicas than needed."""
    found = [
        (key, each)
        for key in _RECORDINGS
        if _RECORDINGS[key]["subject"] != "stock"
        for each in _judged(key)
        if not faults.is_lie(_RECORDINGS[key]["subject"], each["kind"])
    ]
    assert len(found) > 100
    assert [each for each in found if each[1]["below"]] == []
    assert [each for each in found if each[1]["blind_downs"]] == []
    assert sum(each["blind"] for _, each in found) > 300


def test_faults_that_take_a_metric_away_are_felt() -> None:
    """Each such kind made syncs of the real controller fail: no fault was injected in vain."""
    lines = journal.valid(journal.SEED, journal.read()).values()
    felt = {
        (each["subject"], each["kind"])
        for each in journal.entries(lines)
        if each["blind"] and each["kind"] != "none"
    }
    cpu = {"cpu-500", "cpu-hangs", "cpu-none", *faults.BOTH, "cpu-api-deleted", "adapter-restart"}
    away = {*faults.ERRORS, "external-api-deleted", "external-api-dead"}
    assert {("cpu", kind) for kind in cpu} <= felt
    assert {("demand", kind) for kind in cpu | away} <= felt
    assert all(each["restarts"] for key, each in _RECORDINGS.items() if key[0] == 3)


def test_cpu_asks_for_more_while_the_demand_is_away() -> None:
    """Loads outgrew the replicas while no demand could be read; the real controller scaled up within 45 s."""
    found = [
        each["up_seconds"]
        for key in _RECORDINGS
        if key[1].startswith("rises")
        for each in _judged(key)
        if "up_seconds" in each and each["kind"] != journal.HANGS
    ]
    assert len(found) >= 5
    assert all(0 <= each <= verdict.UP_GOAL_SECONDS for each in found), found


def test_kedas_defaults_take_replicas_that_are_needed() -> None:
    """The same judge, over KEDA's defaults: empty answers are taken for no demand."""
    found = [each for key in _RECORDINGS if _RECORDINGS[key]["subject"] == "stock" for each in _judged(key)]
    assert {each["kind"] for each in found if each["below"]} & {"demand-empty", "demand-nan", "demand-inf"}


def test_ekibens_controller_decides_the_same() -> None:
    """Through faults and restarts at least 99.5 % of the recorded decisions are ekiben's too."""
    found = [verdict.comparison(each) for each in _RECORDINGS.values()]
    differing = [one for each in found for one in each["differing"]]
    assert len(differing) <= 0.005 * sum(each["compared"] for each in found), differing


def _down_in_the_dark(patch: Patch) -> None:
    def together(*given: Any) -> several.Outcome:
        found = several.together(*given)
        asked = [each.replicas for each in found.proposals if each is not None]
        return replace(found, replicas=max(asked)) if asked else found

    patch.setattr(controller, "together", together)


def _no_window(patch: Patch) -> None:
    patch.setattr(controller, "stabilized", lambda history, wanted, *_: (wanted, history))


@pytest.mark.parametrize("broken", [_down_in_the_dark, _no_window])
def test_a_controller_that_trusts_what_is_left_is_seen(
    broken: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    """One that scales down while a metric fails, or at once, differs from the recorded decisions."""
    before = sum(verdict.comparison(each)["identical"] for each in _RECORDINGS.values())
    broken(monkeypatch)
    after = sum(verdict.comparison(each)["identical"] for each in _RECORDINGS.values())
    assert after < 0.99 * before


def test_a_decision_below_the_demand_is_seen() -> None:
    """In a recording in which a sync wants one replica fewer than are needed, that sync is reported."""
    key = next(each for each in _RECORDINGS if _RECORDINGS[each]["subject"] == "demand")
    recording, life, subject = _RECORDINGS[key], _life(*key), _SUBJECTS["demand"]
    for place, step in enumerate(recording["steps"]):
        second = step["now"] - recording["zero"]
        needed = faults.needed(subject, life.least(second - 0.3, step["by"] - recording["zero"]), 0)
        fault = life.since(second)
        if fault and step["spec"] == needed > subject.low and recording["done"][place]["r"] == needed:
            done = list(recording["done"])
            done[place] = done[place] | {"r": needed - 1}
            before, after = (
                [one for each in found for one in each["below"]]
                for found in (_judged(key), _judged(key, done=done))
            )
            assert [one[1:4] for one in after if one not in before] == [[needed, needed - 1, needed]]
            return
    pytest.fail("expected a sync with as many replicas as are needed, found none")


def test_what_the_journal_says_is_what_the_recordings_show() -> None:
    """A recording that is judged again gives the line that is published."""
    lines = journal.valid(journal.SEED, journal.read())
    for key in _RECORDINGS:
        assert _judged(key) == lines[key]["faults"]


@pytest.mark.parametrize(
    ("series", "kept", "ignored"),
    [
        ([4.2], 4.2, 4.2),
        ([], None, 0.0),
        ([math.nan], None, 0.0),
        ([math.inf], None, 0.0),
        ([1.0, 2.0], None, None),
    ],
)
def test_the_scaler_holds_back_what_is_no_number(
    series: list[float], kept: float | None, ignored: float | None
) -> None:
    """As KEDA's Prometheus scaler: an error with `ignoreNullValues: false`, 0 with its default."""
    assert adapter.scaled(series, ignores_null=False) == kept
    assert adapter.scaled(series, ignores_null=True) == ignored
    assert adapter.in_millis(-3.0) == 0


def test_a_thousand_faults_of_every_kind_are_planned() -> None:
    """Ekiben's HPAs meet at least 1,000, of each kind, around every shape of load; none overlap."""
    lanes = [
        (subject.name, life)
        for batch in live.BATCHES
        for subject, life in live.lives(journal.SEED, batch, _SUBJECTS).values()
    ]
    found = [(name, each) for name, life in lanes for each in life.faults if name != "stock"]
    assert len(found) >= 1000
    for name in ("demand", "cpu"):
        kinds = {each.kind for owner, each in found if owner == name}
        assert kinds == {*faults.OWN[name], *faults.PLANE}
        assert {each.shape for owner, each in found if owner == name} == {"flat", "rising", "falling"}
    lengths = {round(each.end - each.begin) for _, each in found}
    assert min(lengths) == 1
    assert max(lengths) > 9
    for _, life in lanes:
        assert all(a.end < b.begin for a, b in zip(life.faults, life.faults[1:], strict=False))


def test_a_load_is_known_at_any_time() -> None:
    """Straight lines between bends; the least of a time is at its ends or at a bend in it."""
    life = Life((Fault("demand-zero", 4, 6, "falling", 2),), (0.0, 2.0, 4.0, 5.0), (8.0, 8.0, 4.0, 6.0))
    assert [life.load(each) for each in (-1, 1, 3, 4.5, 9)] == [8, 8, 6, 5, 6]
    assert life.least(3, 4.5) == 4
    assert life.least(0, 1) == 8
    assert life.fault(3.9) is None
    assert life.since(7) == life.faults[0]


def test_the_same_seed_plans_the_same() -> None:
    """Another chance plans otherwise."""
    again = [faults.spans(faults.PLANE, 60, random.Random(seed), 3) for seed in (1, 1, 2)]  # noqa: S311
    assert again[0] == again[1] != again[2]
