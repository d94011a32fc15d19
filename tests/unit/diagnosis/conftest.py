"""One walk down the road, with figures set by hand."""

from __future__ import annotations

import pytest

from ekiben.diagnosis.run import NextCommand, RoadRun, StationTime
from ekiben.scale.load.measurement import LoadMeasurement, measure
from ekiben.scale.load.records import Outcome, Records, Sent
from ekiben.scale.load.replicas import ReplicaSample


def load(
    seconds: int = 60, *, rate: int = 10, slow: range = range(10, 20), failing: range = range(0)
) -> LoadMeasurement:
    """Make a load of `rate` requests each second: 10 ms each, 400 ms in `slow`, 503 in `failing`."""
    records = Records()
    for second in range(seconds):
        for number in range(rate):
            time = second + number / rate
            index = records.begin(time, time)
            wrong = second in failing
            latency = 0.4 if second in slow else 0.01
            outcome = Outcome.HTTP_STATUS if wrong else Outcome.OK
            records.end(index, time + latency, outcome, 503 if wrong else 200)
    area = sum(records.latency)
    sent = Sent(records, seconds=seconds, ended=seconds, outstanding_seconds=area)
    return measure(sent, started_at=0.0, planned=len(records), seed=1)


def samples(seconds: int = 60) -> tuple[ReplicaSample, ...]:
    """Make replicas that are wanted at 12 s and ready at 20 s: 1, then 3."""
    return tuple(
        ReplicaSample(
            float(t), current=1 if t < 14 else 3, ready=1 if t < 20 else 3, desired=1 if t < 12 else 3
        )
        for t in range(seconds)
    )


@pytest.fixture
def run() -> RoadRun:
    """The walk."""
    return RoadRun(
        model="iris:0123456789abcdef",
        image="127.0.0.1:5000/ekiben/iris@sha256:" + "ab" * 32,
        url="http://10.43.0.7:80/predict",
        revision="models/iris revision 3",
        context="ekiben-local",
        finished_at="2026-01-02T03:04:05+00:00",
        stations=(StationTime("train", 2.0, "accuracy 0.96"), StationTime("image", 8.0, kept=True)),
        request={"instances": [{"sepal <width>": 3.5}]},
        answer={"predictions": [0]},
        samples=samples(),
        load=load(),
        next_commands=(NextCommand("ekiben status iris --watch", "watch it"),),
        notes=("a <b>note</b>",),
    )
