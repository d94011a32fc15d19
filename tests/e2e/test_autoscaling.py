"""Load makes it scale, and nobody notices: a step up, a step down, every answer checked."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import load
from tests.e2e.rig import CPU_REQUEST, TARGET_PERCENT, Project, Rig, counter, node_busy, wait

from ekiben.scale import loadtest
from ekiben.scale.schedule import Load, Segment

UP_SECONDS, DOWN_SECONDS, REQUESTS = 90, 360, 5000
BUSIEST_NODE = 0.70
BEFORE_SECONDS = 40  # of the step: two windows of the metrics API and more


def _cpu_seconds(project: Project) -> float:
    return sum(counter(text, "process_cpu_seconds_total") for text in project.scrape().values())


def _pinned(project: Project, replicas: int, folder: Path) -> None:
    """Release with as many replicas, no fewer and no more, and wait until they are ready and alone."""
    pinned = project.beside(
        folder, EKIBEN_SCALE__MIN_REPLICAS=str(replicas), EKIBEN_SCALE__MAX_REPLICAS=str(replicas)
    )
    for station in ("train", "bento", "image", "release"):
        pinned.ekiben(station, "iris")
    wait(lambda: project.ready() == replicas == len(project.pods()), 120, f"{replicas} replicas")


def _saturated(project: Project, model: dict[str, Any], replicas: int) -> tuple[float, float]:
    """Rate at which this many replicas saturate, and how busy the node was, 0-1."""
    where = load.target(project, Path(model["folder"]), connection_seconds=0.5)
    with node_busy() as busy:
        rate = loadtest.saturate(where, concurrency=8 * replicas, seconds=15)
    Rig.figures.append(
        {"replicas": replicas, "saturated_rate": round(rate, 1), "node_busy": round(busy(), 2)}
    )
    return rate, busy()


def test_two_replicas_carry_nearly_twice_the_rate_of_one(
    project: Project, model: dict[str, Any], revision: dict[str, Any], tmp_path: Path
) -> None:
    """Two replicas saturate at 1.8x the rate of one, the node at most 70 % busy.

    A busier node makes a measurement invalid, whatever it says: it is taken again, at most twice.
    """
    assert revision["revision"]
    rates = {}
    for replicas in (2, 1):
        _pinned(project, replicas, tmp_path / str(replicas))
        for _ in range(3):
            rates[replicas], busy = _saturated(project, model, replicas)
            if busy <= BUSIEST_NODE:
                break
        assert busy <= BUSIEST_NODE, f"invalid run: the node was {busy:.0%} busy"
    assert rates[2] >= 1.8 * rates[1]


@pytest.fixture(scope="module")
def target_rate(project: Project, model: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> float:
    """The rate at which one replica's CPU is at the HPA's target, from raw CPU counters."""
    # With two: calibrated on one replica, 0.95 targets took 1.03 to 1.07 targets of CPU on two (seen; why
    # is not known), and on the way down that load must fit below one target while two carry it.
    _pinned(project, 2, tmp_path_factory.mktemp("two") / "project")
    where = load.target(project, Path(model["folder"]))
    begin, idle_from = time.monotonic(), _cpu_seconds(project)
    time.sleep(15)
    idle = (_cpu_seconds(project) - idle_from) / (time.monotonic() - begin)
    begin, busy_from = time.monotonic(), _cpu_seconds(project)
    measured = loadtest.run(where, load.steady(10, 30), seed=4)
    used = _cpu_seconds(project) - busy_from
    per_request = (used - idle * (time.monotonic() - begin)) / measured.sent
    rate = (CPU_REQUEST * TARGET_PERCENT / 100 - idle) / per_request
    Rig.figures.append(
        {
            "idle_cores": round(idle, 4),
            "cpu_ms_per_request": round(per_request * 1e3, 2),
            "target_rate": round(rate, 2),
        }
    )
    project.ekiben("release", "iris")  # back to the range of the fixtures
    wait(lambda: project.ready() == 1, 120, "one replica")
    return rate


def test_a_step_is_followed_up_and_down_without_a_loss(
    project: Project, rig: Rig, model: dict[str, Any], target_rate: float
) -> None:
    """From 0.95x to 4x one replica's target rate: 4 ready in 90 s, back in 6 minutes, 0 failed."""
    high = max(UP_SECONDS + 20, math.ceil(REQUESTS / (4 * target_rate)))
    low = 0.95 * target_rate
    shape = Load(
        (Segment(low, BEFORE_SECONDS), Segment(4 * target_rate, high), Segment(low, DOWN_SECONDS)), "constant"
    )
    where = load.target(project, Path(model["folder"]))
    seen: list[tuple[float, int, int]] = []
    stop = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        while not stop.wait(1.0):
            status = rig.get("hpa", "iris", "-n", project.namespace)["status"]
            seen.append((time.monotonic() - began, project.ready(), status.get("desiredReplicas", 0)))
            if seen[-1][0] > BEFORE_SECONDS + high + 5 and seen[-1][1:] == (1, 1):
                stop.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    measured = loadtest.run(where, shape, seed=5, stop=stop)
    stop.set()
    watcher.join()
    ended = BEFORE_SECONDS + high
    up = next((t - BEFORE_SECONDS for t, ready, _ in seen if t > BEFORE_SECONDS and ready >= 4), None)
    down = next((t - ended for t, ready, desired in seen if t > ended and (ready, desired) == (1, 1)), None)
    Rig.figures.append(
        {"requests": measured.sent, "failed": measured.failed, "up_seconds": up, "down_seconds": down,
         "most_ready": max(ready for _, ready, _ in seen), "latency": str(measured.latency)}
    )  # fmt: skip
    assert {ready for t, ready, _ in seen if t < BEFORE_SECONDS} == {1}, (
        "the minimum did not hold before the step"
    )
    assert up is not None
    assert up <= UP_SECONDS
    assert down is not None
    assert down <= DOWN_SECONDS
    assert measured.sent >= REQUESTS
    assert measured.failed == 0, measured.outcomes
