"""What is written down of a load, of the API and of the node, and what is left to be done."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from tests.live import __main__ as command
from tests.live import journal, one, policies, running, sent, watch
from tests.live.sizes import FULL, SHORT
from tests.unit.live import recorded

from ekiben.scale.load.records import Outcome, Records, Sent


def made() -> Sent:
    """Four requests in two seconds: quick, slow, refused, quick."""
    records = Records()
    for intended, latency, outcome, status in (
        (0.1, 0.02, Outcome.OK, 200),
        (0.2, 0.30, Outcome.OK, 200),
        (1.5, 0.01, Outcome.HTTP_STATUS, 503),
        (1.6, 0.04, Outcome.OK, 200),
    ):
        records.end(records.begin(intended, intended), intended + latency, outcome, status)
    return Sent(records, seconds=2.0, ended=2.0, outstanding_seconds=0.37)


def test_a_load_in_figures() -> None:
    """Bad is late or refused; latencies are of right answers alone; each second has its own."""
    found = sent.figures(made(), objective_seconds=0.1, started_at=0.0, planned=4, seed=1)
    assert (found["requests"], found["bad"], found["reasons"]) == (4, 2, [])
    assert (found["arrivals"], found["bad_by_second"]) == ([2, 2], [1, 1])
    assert found["latency"]["0.5"] == pytest.approx(0.04)
    assert found["latency"]["1"] == pytest.approx(0.3)
    assert {name for name, count in found["histogram"].items() if count} == {"30", "50", "500"}
    assert sum(found["histogram"].values()) == 3
    json.dumps(found)


def test_a_load_that_was_stopped_does_not_count() -> None:
    """It says so."""
    stopped = made()
    stopped.interrupted = True
    found = sent.figures(stopped, objective_seconds=0.1, started_at=0.0, planned=4, seed=1)
    assert "it was stopped before its end" in found["reasons"]


def test_service_times_are_quantiles_of_right_answers() -> None:
    """Ascending, between the shortest and the longest."""
    found = sent.services(made(), points=5)
    assert found == sorted(found)
    assert found[0] >= 0.02
    assert found[-1] <= 0.3


def pod(name: str, *, ready: bool, ending: bool = False) -> dict[str, Any]:
    meta = {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
    condition = {
        "type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": "2026-01-01T00:00:08Z"
    }  # fmt: skip
    return {
        "metadata": meta | ({"deletionTimestamp": "2026-01-01T00:01:00Z"} if ending else {}),
        "status": {
            "conditions": [condition],
            "containerStatuses": [{"state": {"running": {"startedAt": "2026-01-01T00:00:02Z"}}}],
        },
    }


def test_a_look_is_what_was_patched_and_what_is_ready() -> None:
    """`spec.replicas` of the Deployment, ready pods that stay, and the CPU that the HPA saw."""
    pods = [pod("a", ready=True), pod("b", ready=False), pod("c", ready=True, ending=True)]
    resource = {"resource": {"name": "cpu", "current": {"averageUtilization": 71}}}
    hpa = {"status": {"currentMetrics": [{"external": {}}, resource]}}
    found = watch.look(3.0, {"spec": {"replicas": 4}}, pods, [hpa])
    assert found == watch.Look(3.0, 4, 1, 71)
    assert watch.look(3.0, {"spec": {"replicas": 4}}, [], [{"status": {}}]).percent is None
    assert watch.starts(pods) == {"a": (8.0, 6.0), "c": (8.0, 6.0)}


def test_busy_ticks_are_all_but_idle_and_waiting() -> None:
    """`/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal."""
    assert watch.ticks("cpu 10 1 5 70 4 2 3 5 0 0\ncpu0 1 1") == (26, 100)


def test_looks_are_counted_from_the_start_of_the_load() -> None:
    """The last look before it says what there was at the start; none after its end."""
    every = ((8, 2), (9.5, 3), (11, 3), (99, 7))
    looks = [watch.Look(at, replicas, replicas, None) for at, replicas in every]
    seen = watch.Watch(looks, [(9.0, 0.9), (11.0, 0.4)], {"a": (6.0, 4.0)}, 1)
    found = running.seen_since(seen, 10.0, 60.0)
    assert found["looks"] == [[-0.5, 3, 3, None], [1, 3, 3, None]]
    assert (found["busy"], found["starts"], found["blind"]) == ([0.4], [6.0], 1)


def test_each_second_has_what_the_last_look_said() -> None:
    """At its end; a look in the middle of a second is that second's."""
    looks = [[-0.5, 2], [1.5, 4], [1.9, 5], [4.0, 3]]
    assert running.each_second(looks, 1, 5) == [2, 5, 5, 3, 3]


def test_a_journal_keeps_lines_without_this_machines_places(tmp_path: Path) -> None:
    """What is read is what was written, but for folders and addresses."""
    path = tmp_path / "deep" / "live.jsonl"
    assert journal.read(path) == []
    journal.append({"kind": "run", "reasons": [f"no answer of 10.1.2.3:80 in {journal.ROOT}/x"]}, path)
    journal.append(recorded.basis(), path)
    first, second = journal.read(path)
    assert first["reasons"] == ["no answer of <address> in ./x"]
    assert second == recorded.basis()


def test_replicas_are_those_of_this_code_that_count() -> None:
    """The newest valid ones."""
    old, bad = recorded.basis(code="method 0"), recorded.basis(busy=[0.9])
    records = [old, recorded.basis(), bad]
    assert journal.replica(records, "method 1, abc") == records[1]
    assert journal.replica(records[2:], "method 1, abc") is None
    assert journal.replica([old], "method 1, abc") is None


def test_a_load_that_is_stopped_stops_all(tmp_path: Path) -> None:
    """What was measured until then is kept, as what does not count, and nothing else is begun."""
    path = tmp_path / "live.jsonl"
    record = recorded.run(reasons=[sent.STOPPED])
    task = command.Task("it", 1.0, lambda _record: False, lambda _stage, _basis: record)
    with pytest.raises(KeyboardInterrupt):
        command._measure(task, None, recorded.basis(), path)  # type: ignore[arg-type]  # no stage is used
    assert journal.read(path) == [record]


def names(tasks: list[command.Task]) -> list[str]:
    return [each.name for each in tasks]


def test_what_is_recorded_and_counts_is_not_done_again() -> None:
    """One that does not count is, and so is one under other numbers or another seed."""
    chosen = [policies.BY_NAME["ekiben, CPU"], policies.BY_NAME["HPA CPU 80 %"]]
    every = list(command.tasks(FULL, command.PARTS, chosen, 1))
    assert len(every) == 2 * 4 + 10
    records = [
        recorded.run(), recorded.run(shape="ramp", busy=[0.9] * 300), recorded.run(shape="surge", basis="x"),
        recorded.run("HPA CPU 80 %", "bursty", seed=2), recorded.steps(3),
    ]  # fmt: skip
    left = names(command.left(records, recorded.basis(), every))
    assert set(names(every)) - set(left) == {"ekiben, CPU, step", "ekiben, CPU, steps 4/10"}


def test_policies_run_in_turn_on_one_load_and_then_on_the_next() -> None:
    """Twelve runs without KEDA, all policies of a load before the next load; steps are of ekiben's alone."""
    chosen = [each for each in policies.POLICIES if not each.by_keda]
    every = names(list(command.tasks(FULL, ("runs",), chosen, 1)))
    assert len(every) == 12
    assert every[:3] == ["ekiben, CPU, step", "HPA CPU 80 %, step", "HPA CPU 50 %, step"]
    short = list(command.tasks(SHORT, command.PARTS, chosen, 1))
    assert len(short) == 4
    assert all(each.seconds < 200 for each in short)
    assert {each.rpartition(",")[0] for each in names(list(command.tasks(FULL, ("steps",), chosen, 1)))} == {
        "ekiben, CPU"
    }


def test_short_measurements_are_kept_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They go to another file, and nothing of them is judged."""
    monkeypatch.setattr(journal, "SHORT", tmp_path / "short.jsonl")
    monkeypatch.setattr(command, "_stage", lambda _name: argparse.Namespace(keda=lambda: False))
    monkeypatch.setattr(journal, "code", lambda: "method 1, abc")
    monkeypatch.setattr(one, "measured", lambda *_: recorded.basis(busy=[0.9]))
    asked: list[str] = []

    def measure(_stage: object, _basis: object, policy: policies.Policy, *_: object) -> dict[str, Any]:
        asked.append(policy.name)
        return recorded.run(policy.name, segments=[[50.0, 10.0, 50.0]], arrivals=[50] * 10)

    monkeypatch.setattr(running, "run", measure)
    assert command.main(["run", "--short", "--only", "runs", "--policies", "ekiben, CPU;HPA CPU 80 %"]) == 0
    assert asked == ["ekiben, CPU", "HPA CPU 80 %"]
    kinds = [each["kind"] for each in journal.read(tmp_path / "short.jsonl")]
    assert kinds == ["replica", "run", "run", "replay", "replay"]
