"""Recorded syncs of a real kube-controller-manager; `make oracle-live` records them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.oracles.closed_loop import journal, replay
from tests.oracles.closed_loop.traces import TRACES

from ekiben.scale.hpa import controller, per_pod, several, total, usage
from ekiben.scale.hpa.limits import Limited
from ekiben.scale.hpa.pods import grouped

_RECORDINGS = {each["trace"]: each for each in journal.recordings()}
Patch = pytest.MonkeyPatch


def _differing(*names: str) -> int:
    """Decisions that differ from the real controller's, in some traces."""
    return sum(
        one["decision"] for name in names for one in replay.comparison(_RECORDINGS[name])["mismatches"]
    )


def test_every_trace_is_recorded() -> None:
    """There is a recording of each trace, of at least a hundred syncs."""
    assert sorted(_RECORDINGS) == sorted(each.name for each in TRACES)
    assert len(_RECORDINGS) >= 20
    assert min(len(each["done"]) for each in _RECORDINGS.values()) >= 100


def test_decisions_are_the_real_controllers() -> None:
    """At least 99.5 % of all decisions are the real controller's, the others are within one sync."""
    found = [replay.comparison(each) for each in _RECORDINGS.values()]
    sums = journal.totals(found)
    assert sums["met"], [one for each in found for one in each["mismatches"]]


def test_the_recordings_reach_what_they_are_about() -> None:
    """Rescales, every limit, failures and every kind of stabilisation happened to the real controller."""
    done = [each for recording in _RECORDINGS.values() for each in recording["done"]]
    counts = {key: Counter(each[key] for each in done) for key in "alc"}
    expected = {
        "a": "SucceededRescale ReadyForNewScale ScaleUpStabilized ScaleDownStabilized SucceededGetScale",
        "l": "DesiredWithinRange TooFewReplicas TooManyReplicas ScaleUpLimit ScaleDownLimit",
        "c": "ValidMetricFound ScalingDisabled FailedGetResourceMetric FailedGetExternalMetric",
    }
    assert [name for key, names in expected.items() for name in names.split() if not counts[key][name]] == []
    assert counts["a"]["SucceededRescale"] > 300


def _narrow_tolerance(_: Patch) -> None:
    for name in ("cpu-edges", "pods-edges", "external-edges"):
        flags = _RECORDINGS[name]["flags"]
        _RECORDINGS[name] = _RECORDINGS[name] | {"flags": flags | {"tolerance": 0.09}}


def _no_window(patch: Patch) -> None:
    patch.setattr(controller, "stabilized", lambda history, wanted, *_: (wanted, history))
    patch.setattr(controller, "stabilized_by_flag", lambda history, wanted, *_: (wanted, history))


def _no_policy(patch: Patch) -> None:
    def limited(wanted: int, _current: int, low: int, high: int, *_: Any) -> Limited:
        return Limited(min(max(wanted, low), high), "DesiredWithinRange")

    patch.setattr(controller, "limited", limited)


def _believing(patch: Patch) -> None:
    patch.setattr(per_pod, "grouped", lambda pods, readings, _, now: grouped(pods, readings, None, now))


def _no_missing(patch: Patch) -> None:
    patch.setattr(per_pod, "grouped", lambda *given: replace(grouped(*given), missing=frozenset()))


def _rounded(patch: Patch) -> None:
    patch.setattr(usage, "quotient", lambda dividend, divisor: round(dividend / divisor))


def _spec_for_status(patch: Patch) -> None:
    whole = total.replicas_for
    patch.setattr(
        total,
        "replicas_for",
        lambda metric, values, pods, spec, _, tolerances: whole(metric, values, pods, spec, spec, tolerances),
    )


def _down_in_the_dark(patch: Patch) -> None:
    def together(*given: Any) -> several.Outcome:
        found = several.together(*given)
        asked = [each.replicas for each in found.proposals if each is not None]
        return replace(found, replicas=max(asked)) if asked else found

    patch.setattr(controller, "together", together)


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (_narrow_tolerance, ("cpu-edges", "pods-edges", "external-edges")),
        (_no_window, ("cpu-step", "windows")),
        (_no_policy, ("cpu-bursty-policies", "never-down")),
        (_believing, ("cpu-slow-start", "cpu-rollouts")),
        (_no_missing, ("cpu-quiet-pods", "pods-quiet")),
        (_rounded, ("cpu-step", "cpu-edges", "cpu-average", "memory")),
        (_spec_for_status, ("rollouts",)),
        (_down_in_the_dark, ("three-one-fails",)),
    ],
)
def test_a_fault_shows(
    fault: Callable[[Patch], None], names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison reports decisions that differ for each fault put into ekiben's arithmetic."""
    monkeypatch.setattr(f"{__name__}._RECORDINGS", dict(_RECORDINGS))
    before = _differing(*names)
    fault(monkeypatch)
    assert _differing(*names) > before
