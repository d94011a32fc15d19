"""Goals are judged by raw results alone."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.arms import PEERS
from benchmarks.goals import Finding, judged

MODELS, ROWS, CONNECTIONS = ("iris", "cancer", "diabetes"), (1, 256), (1, 16, 64)


def load(arm: str, model: str, rows: int, connections: int, value: float, **more: Any) -> dict[str, Any]:
    of = {"experiment": "matrix", "repeat": 0, "p50_seconds": 0.0005, "p99_seconds": 0.0009}
    cell = {"model": model, "rows": rows, "connections": connections}
    return {**of, **cell, "arm": arm, "requests_per_second": value, **more}


def found(records: list[dict[str, Any]], text: str) -> Finding:
    (finding,) = [each for each in judged(records) if text in each.goal]
    return finding


def whole(product: float, peer: float) -> list[dict[str, Any]]:
    """Every cell of the product and of each peer that computes with scikit-learn."""
    arms = ["ekiben", *(each.name for each in PEERS if each.engine == "scikit-learn")]
    return [
        load(arm, model, rows, each, product if arm == "ekiben" else peer)
        for arm in arms
        for model in MODELS
        for rows in ROWS
        for each in CONNECTIONS
    ]


def test_nothing_measured_is_neither_met_nor_missed() -> None:
    """Every goal says so."""
    assert {each.verdict for each in judged([])} == {"not measured"}


@pytest.mark.parametrize(("product", "verdict"), [(60.0, "met"), (59.9, "missed")])
def test_a_ratio_is_met_from_its_bound_on(product: float, verdict: str) -> None:
    """Sixty times as fast is met, a little less is missed."""
    records = [load("ekiben", "cancer", 1, 16, product), load("bentoml-quickstart", "cancer", 1, 16, 1.0)]
    assert found(records, "at least 60x").verdict == verdict


def test_one_slow_cell_of_one_peer_misses_the_goal_of_all() -> None:
    """The least of all ratios is judged and named."""
    records = [*whole(200, 100)]
    assert found(records, "every peer").verdict == "met"
    slow = next(each for each in records if each["arm"] == "flask" and each["rows"] == 256)
    slow["requests_per_second"] = 101
    assert found(records, "every peer").verdict == "missed"
    assert "flask" in found(records, "every peer").found


def test_one_missing_cell_leaves_the_goal_of_all_open() -> None:
    """A goal over 18 cells is not met by 17."""
    records = whole(200, 100)[:-1]
    assert found(records, "every peer").verdict == "not measured"


@pytest.mark.parametrize(("seconds", "verdict"), [(0.001, "met"), (0.00101, "missed")])
def test_the_slowest_model_decides_on_latency(seconds: float, verdict: str) -> None:
    """p99 at one connection is at most a millisecond for every model."""
    records = [load("ekiben", model, 1, 1, 1.0) for model in ("iris", "cancer")]
    records.append(load("ekiben", "diabetes", 1, 1, 1.0, p99_seconds=seconds))
    assert found(records, "p99 of 1 row at c1:").verdict == verdict


@pytest.mark.parametrize(
    ("server", "client", "verdict"),
    [({"200": 9}, {"200": 9}, "met"), ({"200": 8}, {"200": 9}, "missed"), ({"500": 9}, {"500": 9}, "missed")],
)
def test_counters_must_be_equal_and_free_of_errors(
    server: dict[str, int], client: dict[str, int], verdict: str
) -> None:
    """One request more or less is a miss, and so is an error that both saw."""
    record = {
        "experiment": "counters",
        "client": {**client, "arrivals": 9},
        "server": {**server, "arrivals": 9},
    }
    assert found([record], "counters").verdict == verdict


@pytest.mark.parametrize(("cost", "verdict"), [(50e-6, "met"), (52e-6, "missed")])
def test_authentication_is_judged_by_what_it_adds(cost: float, verdict: str) -> None:
    """The median latency with a key less that without, in the same block."""
    records = [
        load("ekiben-none", "cancer", 1, 1, 1.0, experiment="authentication", p50_seconds=1e-4),
        load("ekiben-key", "cancer", 1, 1, 1.0, experiment="authentication", p50_seconds=1e-4 + cost),
    ]
    assert found(records, "authentication (API key)").verdict == verdict


@pytest.mark.parametrize(("grown", "verdict"), [(10 << 20, "met"), ((10 << 20) + 1, "missed")])
def test_memory_may_grow_by_ten_mebibytes(grown: int, verdict: str) -> None:
    """Not one byte more; and eight minutes are not ten."""
    samples = [100 << 20] * 20 + [(100 << 20) + grown] * 10
    record = {
        "experiment": "memory", "arm": "ekiben", "load_seconds": 600.0, "sample_seconds": 20,
        "memory_bytes": samples,
    }  # fmt: skip
    assert found([record], "memory").verdict == verdict
    assert found([{**record, "load_seconds": 480.0}], "memory").verdict == "not measured"


def test_ragged_rows_must_be_refused_for_the_goal_of_json() -> None:
    """Speed alone does not meet it."""
    speed = [
        load("ekiben", "cancer", 256, 16, 120.0, experiment="forms"),
        load("bentoml-quickstart", "cancer", 256, 16, 10.0, experiment="forms"),
    ]
    held = {"experiment": "guarantees", "held": {"rows of different lengths are refused": True}}
    accepted = {"experiment": "guarantees", "held": {"rows of different lengths are refused": False}}
    assert found([*speed, held], "256 rows x 30 features, JSON").verdict == "met"
    assert found([*speed, accepted], "256 rows x 30 features, JSON").verdict == "missed"
    assert found(speed, "256 rows x 30 features, JSON").verdict == "missed"


def test_a_guarantee_that_does_not_hold_is_named() -> None:
    """Figures of a build that checks no key do not pass for figures of the product."""
    record = {"experiment": "guarantees", "held": {"a wrong key is refused": False, "NaN is refused": True}}
    finding = found([record], "every guarantee")
    assert finding.verdict == "missed"
    assert "a wrong key is refused" in finding.found


@pytest.mark.parametrize(("seconds", "verdict"), [(0.5, "met"), (0.51, "missed")])
def test_the_first_start_warms_and_does_not_count(seconds: float, verdict: str) -> None:
    """The median of counted starts is judged."""
    of = {"experiment": "start", "arm": "ekiben", "model": "cancer", "predictor": "folded"}
    records = [{**of, "repeat": -1, "ready_seconds": 9.0}, {**of, "repeat": 0, "ready_seconds": seconds}]
    assert found(records, "exec to Ready, ekiben on cancer").verdict == verdict
