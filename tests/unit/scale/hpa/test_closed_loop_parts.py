"""The parts of the closed loop that need no control plane: traces, answers, matching, comparison, journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.oracles.closed_loop import answers, audit, journal, plane, record, replay
from tests.oracles.closed_loop.answers import Moment, Running
from tests.oracles.closed_loop.trace import FLAGS, SECONDS, Trace
from tests.oracles.closed_loop.traces import TRACES

from ekiben.scale.hpa.autoscaler import Autoscaler

_CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
}
_DEMAND = {
    "type": "External",
    "external": {"metric": {"name": "demand"}, "target": {"type": "AverageValue", "averageValue": "10"}},
}
_HOUR = "2026-01-01T10:00:"
_RUNNING: dict[str, Any] = {
    "startTime": f"{_HOUR}00Z",
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": f"{_HOUR}02Z"}],
}


def _event(second: float, verb: str, resource: str, **more: Any) -> dict[str, Any]:
    """An event of the audit log; it takes 10 ms."""
    kind, _, subresource = resource.partition("/")
    target = {
        "resource": kind,
        "namespace": "one",
        "subresource": subresource,
        "apiGroup": more.pop("group", ""),
    }
    return {
        "auditID": f"{second}",
        "verb": verb,
        "user": {"username": more.pop("user", audit.ACCOUNT)},
        "objectRef": target,
        "requestReceivedTimestamp": f"{_HOUR}{second:09.6f}Z",
        "stageTimestamp": f"{_HOUR}{second + 0.01:09.6f}Z",
        "responseStatus": {"code": more.pop("code", 200)},
        **more,
    }


def _scale(second: float, spec: int, **more: Any) -> dict[str, Any]:
    found = {"spec": {"replicas": spec}, "status": {"replicas": spec}}
    return _event(second, "get", "deployments/scale", responseObject=found, **more)


def _rescale(second: float, replicas: int, code: int = 200) -> dict[str, Any]:
    asked = {"spec": {"replicas": replicas}}
    return _event(second, "update", "deployments/scale", code=code, requestObject=asked)


def _pod(second: float, verb: str, name: str, grace: int | None = None, **status: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if grace is not None:
        metadata |= {"deletionTimestamp": f"{_HOUR}59Z", "deletionGracePeriodSeconds": grace}
    requests = {"cpu": "200m", "memory": "64M"}
    spec = {"containers": [{"name": "app", "resources": {"requests": requests}}]}
    found = {"kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    return _event(second, verb, "pods", user="someone", responseObject=found)


def _created() -> dict[str, Any]:
    spec = {"minReplicas": 1, "maxReplicas": 9, "metrics": [_DEMAND], "scaleTargetRef": {}}
    return _event(1.0, "create", "horizontalpodautoscalers", user="someone", responseObject={"spec": spec})


def _read(second: float, *values: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A request for a metric, and its answer by audit ID."""
    event = _event(second, "list", "demand", group=answers.EXTERNAL)
    body = {"items": [{"value": each} for each in values]}
    return event, {f"{second}": {"status": 200, "body": body}}


def test_a_read_of_the_scale_begins_a_sync() -> None:
    """What follows a read of the scale is that sync's, whatever the order of the log."""
    first, one = _read(2.1, "15", "500m")
    second, two = _read(3.1)
    events = [_rescale(2.2, 2), _scale(3.0, 2), _created(), _scale(2.0, 1), second, first]
    spec, steps, done = record.recording(events, one | two, "one")
    assert spec["maxReplicas"] == 9
    assert [each["read"] for each in steps] == [[{"values": [15_000, 500]}], [{"error": True}]]
    assert [each["spec"] for each in steps] == [1, 2]
    assert [each["r"] for each in done] == [2, 2]
    assert steps[1]["now"] - steps[0]["now"] == pytest.approx(1.0)


def test_a_refused_write_is_tried_again_within_the_sync() -> None:
    """A second read of the scale after a conflict begins no sync; the last write says if it was kept."""
    read, found = _read(2.1, "30")
    events = [_created(), _scale(2.0, 1), read, _rescale(2.2, 3, code=409), _scale(2.3, 1)]
    _, steps, done = record.recording([*events, _rescale(2.4, 3)], found, "one")
    assert (len(steps), done[0]["r"], done[0].get("kept")) == (1, 3, None)
    _, _, refused = record.recording(events, found, "one")
    assert (len(refused), refused[0]["r"], refused[0]["kept"]) == (1, 3, False)


def test_pods_are_what_the_writes_before_left() -> None:
    """A pod is seen from its creation to its end, with a grace period until it is gone; never too early."""
    reads = [_read(second, "10") for second in (2.1, 3.1, 4.1, 5.1)]
    events = [
        _created(),
        *(_scale(second, 1) for second in (2.0, 3.0, 4.0, 5.0)),
        *(event for event, _ in reads),
        _pod(2.5, "create", "a", phase="Pending"),
        _pod(3.5, "patch", "a", **_RUNNING),
        _pod(4.4, "delete", "a", grace=30, **_RUNNING),
        _pod(4.5, "create", "b", phase="Pending"),
        _pod(4.6, "delete", "b", grace=0, phase="Pending"),
    ]
    _, steps, _ = record.recording(
        events, {key: one for _, found in reads for key, one in found.items()}, "one"
    )
    seen = [[(each["n"], each["p"], each.get("d", False)) for each in step["pods"]] for step in steps]
    assert seen == [[], [("a", "Pending", False)], [("a", "Running", False)], [("a", "Running", True)]]
    assert steps[2]["pods"][0]["r"] == {"app": {"cpu": 200, "memory": 64 * 10**9}}
    assert steps[2]["pods"][0]["c"]["t"] - steps[2]["pods"][0]["s"] == 2.0


@pytest.mark.parametrize(("second", "racing"), [(2.05, False), (2.09, True), (2.105, True), (2.115, False)])
def test_a_write_near_a_sync_is_a_race(second: float, racing: bool) -> None:
    """A pod that changes within 30 ms of a read races, but not once the controller has acted."""
    read, found = _read(2.1, "30")
    events = [
        _created(),
        _scale(2.0, 1),
        read,
        _rescale(2.12, 3),
        _pod(second, "create", "a", phase="Pending"),
    ]
    _, _, done = record.recording(events, found, "one")
    assert done[0].get("racing", False) is racing


def _recording(*done: tuple[int, int]) -> dict[str, Any]:
    """A recording of an external metric: (what it reads in whole targets, what the controller decided)."""
    steps, replicas = [], 4
    for number, (level, decided) in enumerate(done):
        read = [{"values": [level * 10_000]}]
        now = 20.0 * (1 + number)
        steps.append({"now": now, "by": now, "spec": replicas, "status": replicas, "read": read, "pods": []})
        replicas = decided
    spec = {"maxReplicas": 9, "metrics": [_DEMAND]}
    told = {"a": "", "l": "", "c": "", "m": []}
    return {"flags": FLAGS, "spec": spec, "steps": steps, "done": [{"r": one} | told for _, one in done]}


def _decided(recording: dict[str, Any]) -> tuple[int, int, int]:
    found = replay.comparison(recording)
    return found["syncs"], found["identical"], found["within_one"]


def test_a_difference_is_counted_and_kept_with_both_sides() -> None:
    """A decision that differs is within one sync only where the real one passes it in the sync beside."""
    assert _decided(_recording((4, 4), (6, 6), (3, 3))) == (3, 3, 0)
    late = _recording((4, 4), (6, 4), (6, 6))
    assert _decided(late) == (3, 2, 1)
    never = _recording((4, 4), (6, 4), (6, 4))
    assert _decided(never) == (3, 1, 0)
    mismatch = next(each for each in replay.comparison(never)["mismatches"] if each["decision"])
    assert (mismatch["sync"], mismatch["controller"]["r"], mismatch["ekiben"]["r"]) == (1, 4, 6)


def test_the_goal_needs_both_halves() -> None:
    """99.5 % identical is not enough where one of the others is further off than a sync."""
    one = replay.comparison(_recording(*[(4, 4)] * 299, (6, 4), (6, 6)))
    assert journal.totals([one])["met"]
    two = replay.comparison(_recording(*[(4, 4)] * 299, (6, 4)))
    assert journal.totals([two])["identical_ratio"] > journal.GOAL
    assert not journal.totals([two])["met"]
    assert not journal.totals([replay.comparison(_recording(*[(4, 4)] * 100, (6, 4), (6, 6)))])["met"]


def test_traces_are_seeded_and_valid() -> None:
    """Names are unique, specs are valid, a seed gives one load and another seed another."""
    assert len({each.name for each in TRACES}) == len(TRACES) >= 20
    for each in TRACES:
        Autoscaler.of(each.spec)
    trace = next(each for each in TRACES if each.name == "cpu-step")
    assert trace.levels(1, 0) == trace.levels(1, 0) != trace.levels(2, 0)
    assert len(trace.levels(1, 0, 90)) == 90
    assert max(trace.levels(1, 0)) == pytest.approx(trace.peak, rel=0.08)


def _moment(metric: dict[str, Any], *pods: Running, second: float = 0.0, **more: Any) -> Moment:
    trace = Trace("one", (metric,), "constant", **more)
    return Moment(trace, ((6.0,) * 10,), 1, second, 10, 1_000_000_001.5, pods)


def test_answers_share_the_load_among_pods_that_are_ready() -> None:
    """Six replicas' load at 50 % of 200m is 600m in all; a starting pod burns, a new one is not there."""
    pods = [Running(f"p{number}", number, ready=True, since_seconds=9.0) for number in range(3)]
    starting, new = (
        Running("s", 3, ready=False, since_seconds=2.0),
        Running("n", 4, ready=False, since_seconds=0.2),
    )
    status, body = answers.answer(_moment(_CPU, *pods, starting, new), answers.RESOURCE, "pods")
    used = {one["metadata"]["name"]: one["containers"][0]["usage"]["cpu"] for one in body["items"]}
    assert status == 200
    assert sum(int(used[f"p{number}"].removesuffix("m")) for number in range(3)) == pytest.approx(
        600, rel=0.1
    )
    assert used["s"] == "300m"
    assert "n" not in used
    assert body["items"][0]["timestamp"] == "2001-09-09T01:46:40Z"


def test_an_external_metric_is_the_load_itself() -> None:
    """Six replicas' load at 10 each is 60, in two series."""
    _, body = answers.answer(_moment(_DEMAND), answers.EXTERNAL, "demand")
    assert [each["value"] for each in body["items"]] == ["30000m", "30000m"]


def test_flags_are_replaced_in_their_places() -> None:
    """A flag is never given twice, because a list would keep both values; what is new comes last."""
    argv = ("etcd", "--name=node", "--servers=a", "--plain")
    assert plane.with_flags(argv, {"--servers": "b", "--new": "c"}) == [
        "etcd",
        "--name=node",
        "--servers=b",
        "--plain",
        "--new=c",
    ]


def test_a_recording_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    """Recordings are kept by trace, and read back as they were."""
    path = tmp_path / "recordings.gz"
    journal.keep([{"trace": "b", "seed": 1}, {"trace": "a", "seed": 1}], path)
    journal.keep([{"trace": "b", "seed": 2}], path)
    assert journal.recordings(path) == [{"trace": "a", "seed": 1}, {"trace": "b", "seed": 2}]


def test_another_code_makes_lines_void() -> None:
    """A line of the journal counts only for the code, version, seed and length that it was made with."""
    line = {
        "trace": "a",
        "seed": 1,
        "seconds": 9,
        "code": journal.code(),
        "kubernetes": plane.kubernetes(),
    }
    others = [line | change for change in ({"code": "x"}, {"seed": 2}, {"seconds": 8}, {"kubernetes": "v0"})]
    assert journal.valid(1, 9, [line, *others]) == {"a": line}
    assert journal.valid(1, 9, others) == {}


def test_the_page_sums_whole_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeds add up; a seed without all traces does not count; without a whole run the page says so."""
    compared = replay.comparison(_recording((4, 4), (6, 6)))
    key = {"seconds": SECONDS, "code": journal.code(), "kubernetes": plane.kubernetes()}
    lines = [key | compared | {"trace": each.name, "seed": seed} for seed in (1, 2) for each in TRACES]
    partial = key | compared | {"trace": TRACES[0].name, "seed": 3}
    monkeypatch.setattr(journal, "read", lambda: [*lines, partial])
    text = journal.figure()
    assert f"100.00 % of {4 * len(TRACES)} decisions are identical" in text
    assert "seeds 1, 2, code" in text
    assert f"| {TRACES[0].name} | 4 | 2 | 4 | 0 | 0 |" in text
    monkeypatch.setattr(journal, "read", lambda: [partial])
    assert "0 of" in journal.figure()
