"""The pod's own score: of the predictor that answers, without counting as a request, in small portions."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests.unit.serving.conftest import training_rows

from ekiben.serving.instruments import Instruments
from ekiben.serving.labelled import Labelled, score
from ekiben.serving.lane import Lane
from ekiben.serving.predictor import Answers
from ekiben.serving.predictors.linear import Linear, LinearPredictor
from ekiben.serving.recheck import Recheck
from ekiben.serving.schema import Schema

MODEL = SimpleNamespace(name="small", version="1", sha256="sha256:0")
ROWS, LABELS = training_rows()
REGRESSION = LogisticRegression().fit(ROWS, LABELS)
EXPECTED = float(REGRESSION.score(ROWS, LABELS))
TRAINED = score(LABELS, Answers(REGRESSION.predict(ROWS), REGRESSION.predict_proba(ROWS)), (0, 1))
KNOWN = Labelled(ROWS, LABELS, TRAINED, (0, 1))


def linear(schema: Schema) -> LinearPredictor:
    """The regression as a pod has it."""
    return LinearPredictor(Linear(REGRESSION.coef_.copy(), REGRESSION.intercept_.copy(), "sigmoid"), schema)


def run(
    predictor: Any, scene: Callable[[Recheck], Awaitable[Any]], seconds: float = 60
) -> tuple[dict[str, float], Instruments]:
    """Play a scene with a recheck on a lane; give its series by name and last label, and the counters."""
    instruments = Instruments(MODEL, "folded")
    lane = Lane(predictor, inline_rows=8, most_bytes=1_000, instruments=instruments)
    recheck = Recheck(KNOWN, MODEL, lane.aside, seconds)

    async def play() -> None:
        lane.open()
        await asyncio.wait_for(scene(recheck), 5)

    try:
        asyncio.run(play())
    finally:
        lane.close()
    found = {" ".join([each.metric.name, *each.labels[2:]]): each.value for each in recheck.series()}
    return found, instruments  # type: ignore[return-value]  # no histogram among them


def test_coefficients_that_change_in_memory_show(schema: Schema, caplog: pytest.LogCaptureFixture) -> None:
    """The score falls from the trained estimator's to that of its opposite, and the log says so once."""
    predictor = linear(schema)
    scores: list[Any] = []

    async def scene(recheck: Recheck) -> None:
        for factor in (1, -1, -1, 1):
            scaled = Linear(factor * REGRESSION.coef_, factor * REGRESSION.intercept_, "sigmoid")
            predictor.__init__(scaled, schema)  # type: ignore[misc]  # the same object, other numbers
            await recheck.check()
            scores.append(
                {each.metric.name: each.value for each in recheck.series() if "accuracy" in each.labels}
            )

    with caplog.at_level(logging.INFO):
        run(predictor, scene)
    names = ("model_recheck_score", "model_recheck_expected_score")
    assert [tuple(each[name] for name in names) for each in scores] == [
        (pytest.approx(found), EXPECTED) for found in (EXPECTED, 1 - EXPECTED, 1 - EXPECTED, EXPECTED)
    ]
    told = [(each.levelname, each.getMessage()) for each in caplog.records if "recheck" in each.getMessage()]
    assert [level for level, _ in told] == ["ERROR", "INFO"]
    assert f"60 labelled rows score accuracy {1 - EXPECTED:.6g}" in told[0][1]


class Slow:
    """Answers 0 on the thread that it notes, and takes a while for each row."""

    name = "slow"

    def __init__(self, row_seconds: float = 0.0, fails: bool = False) -> None:
        self.row_seconds, self.fails = row_seconds, fails
        self.calls: list[tuple[int, str]] = []

    def predict(self, rows: Any) -> Answers:
        self.calls.append((len(rows), threading.current_thread().name))
        time.sleep(self.row_seconds * len(rows))
        if self.fails:
            raise ValueError("the estimator cannot")
        return Answers(np.zeros(len(rows), dtype=int), None)


@pytest.mark.parametrize(("row_seconds", "most_rows"), [(0.0, 60), (0.004, 12)])
def test_rows_go_to_the_worker_in_portions(row_seconds: float, most_rows: int) -> None:
    """Each row once, off the event loop; a slow predictor gets few at a time, a quick one ever more."""
    slow = Slow(row_seconds)
    found, _ = run(slow, lambda recheck: recheck.check())
    assert sum(rows for rows, _ in slow.calls) == 60
    assert {thread for _, thread in slow.calls} == {"large-requests_0"}
    assert max(rows for rows, _ in slow.calls) <= most_rows
    if not row_seconds:
        assert len(slow.calls) < 30
    assert found["model_recheck_score accuracy"] == float((LABELS == 0).mean())


def test_a_check_rests_between_its_portions() -> None:
    """At most a tenth of the worker's time, so that large requests get through."""
    slow = Slow(0.002)
    started = time.monotonic()
    run(slow, lambda recheck: recheck.check())
    assert time.monotonic() - started > 59 * 0.002 * 10


def test_a_check_is_no_request(schema: Schema) -> None:
    """Counters of predictions, batches and CPU time of requests stay as they were."""
    found, instruments = run(linear(schema), lambda recheck: recheck.check())
    counted = {each.metric.name: each.value for each in instruments.series()}
    assert (counted["model_predictions_total"], counted["model_cpu_seconds_total"]) == (0, 0)
    assert counted["model_predict_duration_seconds"].count == 0  # type: ignore[union-attr]  # a histogram
    assert found["model_recheck_cpu_seconds_total"] > 0
    assert found["model_recheck_rows"] == 60


def test_a_predictor_that_fails_has_no_score() -> None:
    """The failure is counted, the score before is not shown any more, the time of the last one stays."""
    slow = Slow()
    before = time.time()

    async def scene(recheck: Recheck) -> None:
        await recheck.check()
        slow.fails = True
        await recheck.check()

    found, _ = run(slow, scene)
    assert "model_recheck_score accuracy" not in found
    assert (found["model_rechecks_total ok"], found["model_rechecks_total failed"]) == (1, 1)
    assert before <= found["model_last_recheck_timestamp_seconds"] <= time.time()


def test_checks_go_on_in_their_interval() -> None:
    """The first at once, then one after the other, also after a failure."""
    slow = Slow(fails=True)

    async def scene(recheck: Recheck) -> None:
        task = asyncio.create_task(recheck.run())
        await asyncio.sleep(0.45)
        slow.fails = False
        await asyncio.sleep(0.4)
        task.cancel()

    found, _ = run(slow, scene, seconds=0.2)
    assert 2 <= found["model_rechecks_total failed"] <= 3
    assert 1 <= found["model_rechecks_total ok"] <= 3
