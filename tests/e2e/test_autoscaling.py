"""Load makes it scale, and nobody notices: a step up, a step down, every answer checked."""

from __future__ import annotations

import math
import statistics
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import load
from tests.e2e.rig import (
    CPU_REQUEST,
    SELECTOR,
    TARGET_PERCENT,
    Project,
    Rig,
    counter,
    node_busy,
    ready_of,
    wait,
)

from ekiben.scale.load import generator
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import LoadTarget

pytestmark = pytest.mark.alone
UP_SECONDS, DOWN_SECONDS, REQUESTS = 90, 360, 5000
BUSIEST_NODE = 0.70
TURNS, SATURATED_SECONDS = 8, 4
# Of a request. One row is answered in microseconds: its replicas would need more load than the machine that
# serves them can send. So many take a few milliseconds, the same alone and in a crowd, as a request with
# more than 512 rows has the predictor for itself; what a replica uses at rest is little of its target.
ROWS = 1000
BEFORE_SECONDS = 40  # of the step: two windows of the metrics API and more
CALIBRATION_RATE, CALIBRATION_WINDOWS, WINDOW_SECONDS = 10, 6, 15


@dataclass(frozen=True)
class Seen:
    """What the API said at one moment of the step."""

    seconds: float
    ready: int
    desired: int
    percent: int | None  # of the CPU request, as the HPA saw it


def _watch(
    project: Project, rig: Rig, seen: list[Seen], stop: threading.Event, enough: Callable[[], bool]
) -> None:
    """Append what the API says each second until told to stop, or until it is enough."""
    began, labels = time.monotonic(), urllib.parse.quote(SELECTOR)
    hpa = f"/apis/autoscaling/v2/namespaces/{project.namespace}/horizontalpodautoscalers/iris"
    with rig.reading() as read:
        while not stop.wait(1.0):
            status = read(hpa)["status"]
            pods = read(f"/api/v1/namespaces/{project.namespace}/pods?labelSelector={labels}")["items"]
            metrics = [
                m["resource"]["current"] for m in status.get("currentMetrics") or () if "resource" in m
            ]
            percent = metrics[0].get("averageUtilization") if metrics else None
            desired = status.get("desiredReplicas", 0)
            seen.append(Seen(time.monotonic() - began, ready_of(pods), desired, percent))
            if enough():
                stop.set()


def _changes(seen: list[Seen]) -> list[tuple[int, int, int, int | None]]:
    """Seconds since the step, ready, desired, percent: each time that one of the latter changed."""
    return [
        (round(now.seconds - BEFORE_SECONDS), now.ready, now.desired, now.percent)
        for before, now in zip([None, *seen], seen, strict=False)
        if before is None
        or (before.ready, before.desired, before.percent) != (now.ready, now.desired, now.percent)
    ]


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
    address = f"http://{project.pods()[0]['status']['podIP']}:3000/predict" if replicas == 1 else None
    where = load.target(project, Path(model["folder"]), rows=ROWS, connection_seconds=0.5, url=address or "")
    with node_busy() as busy:
        rate = generator.saturate(where, concurrency=8 * replicas, seconds=SATURATED_SECONDS)
    Rig.figures.append(
        {"replicas": replicas, "saturated_rate": round(rate, 1), "node_busy": round(busy(), 2)}
    )
    return rate, busy()


def test_two_replicas_carry_nearly_twice_the_rate_of_one(
    project: Project, model: dict[str, Any], revision: dict[str, Any], tmp_path: Path
) -> None:
    """Two replicas saturate at 1.8x the rate of one of them, the node at most 70 % busy.

    Both are measured in turns, and their means compared: the machine's own speed drifts by more than the
    difference. A busier node makes a measurement invalid, whatever it says; then one more turn is taken.
    """
    assert revision["revision"]
    _pinned(project, 2, tmp_path / "two")
    rates: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(2 * TURNS):
        for replicas, found in rates.items():
            rate, busy = _saturated(project, model, replicas)
            if busy <= BUSIEST_NODE:
                found.append(rate)
        if min(map(len, rates.values())) >= TURNS:
            break
    assert min(map(len, rates.values())) >= TURNS, f"invalid run: the node was over {BUSIEST_NODE:.0%} busy"
    assert statistics.mean(rates[2]) >= 1.8 * statistics.mean(rates[1]), rates


def _cpu_of_requests(project: Project, where: LoadTarget, idle: float) -> list[float]:
    """CPU-seconds of one request beyond what replicas use at rest, in each of some windows in a row."""
    windows = []
    for turn in range(CALIBRATION_WINDOWS):
        began, used_before = time.monotonic(), _cpu_seconds(project)
        measured = generator.run(where, load.steady(CALIBRATION_RATE, WINDOW_SECONDS), seed=4 + turn)
        used = _cpu_seconds(project) - used_before
        windows.append((used - idle * (time.monotonic() - began)) / measured.sent)
    return windows


@pytest.fixture(scope="module")
def target_rate(
    project: Project,
    model: dict[str, Any],
    revision: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> float:
    """The rate at which one replica's CPU is at the HPA's target, from raw CPU counters.

    Of several windows as long as those of the metrics API the one in which a request cost most: the HPA
    judges each window by itself, and on a machine with neighbours their cost differs by a tenth.
    """
    assert revision["revision"]
    # With two: calibrated on one replica, 0.95 targets took 1.03 to 1.07 targets of CPU on two (seen; why
    # is not known), and on the way down that load must fit below one target while two carry it.
    _pinned(project, 2, tmp_path_factory.mktemp("two") / "project")
    began, idle_from = time.monotonic(), _cpu_seconds(project)
    time.sleep(WINDOW_SECONDS)
    idle = (_cpu_seconds(project) - idle_from) / (time.monotonic() - began)
    windows = _cpu_of_requests(project, load.target(project, Path(model["folder"]), rows=ROWS), idle)
    rate = (CPU_REQUEST * TARGET_PERCENT / 100 - idle) / max(windows)
    Rig.figures.append(
        {
            "idle_cores": round(idle, 4),
            "cpu_ms_per_request": [round(window * 1e3, 2) for window in windows],
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
    where = load.target(project, Path(model["folder"]), rows=ROWS)
    seen: list[Seen] = []
    stop = threading.Event()

    def enough() -> bool:
        last = seen[-1]
        return last.seconds > BEFORE_SECONDS + high + 5 and (last.ready, last.desired) == (1, 1)

    watcher = threading.Thread(target=_watch, args=(project, rig, seen, stop, enough))
    watcher.start()
    measured = generator.run(where, shape, seed=5, stop=stop)
    stop.set()
    watcher.join()
    ended = BEFORE_SECONDS + high
    up = next((s.seconds - BEFORE_SECONDS for s in seen if s.seconds > BEFORE_SECONDS and s.ready >= 4), None)
    after = [s for s in seen if s.seconds > ended]
    down = next((s.seconds - ended for s in after if (s.ready, s.desired) == (1, 1)), None)
    at_two = {s.percent for s in after if s.seconds > ended + 30 and s.ready == 2 and s.percent is not None}
    Rig.figures.append(
        {"requests": measured.sent, "failed": measured.failed, "up_seconds": up, "down_seconds": down,
         "most_ready": max(s.ready for s in seen), "latency": str(measured.latency),
         "percent_of_request_at_two": sorted(at_two), "changes": _changes(seen)}
    )  # fmt: skip
    assert {s.ready for s in seen if s.seconds < BEFORE_SECONDS} == {1}, (
        "the minimum did not hold before the step"
    )
    assert up is not None, _changes(seen)
    assert up <= UP_SECONDS, _changes(seen)
    assert down is not None, _changes(seen)
    assert down <= DOWN_SECONDS, _changes(seen)
    assert measured.sent >= REQUESTS
    assert measured.failed == 0, measured.outcomes
