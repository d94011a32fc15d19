"""Several workers: they take from one queue, side by side, and share what is worth sharing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ekiben.serving import artefact as reader
from ekiben.serving.answer import Answer
from ekiben.serving.backlog import Backlog
from ekiben.serving.instruments import Instruments
from ekiben.serving.lane import Lane
from ekiben.serving.pace import Pace
from ekiben.serving.predictor import Answers
from ekiben.serving.protocols.predict import Predict
from ekiben.serving.validation import Validator

ROW = [0.1, 0.2, 0.3]
JSON = {b"content-type": b"application/json"}
MODEL = SimpleNamespace(name="small", version="1", sha256="sha256:0")
LARGE = {"instances": [ROW] * 9}  # one row more than stays on the loop


class Company:
    """A predictor whose calls, once it was told so, return only when as many are there at once."""

    name = "company"

    def __init__(self, calls: int, seconds: float = 0) -> None:
        self._barrier, self._seconds = threading.Barrier(calls), seconds
        self.waits = False

    def predict(self, rows: Any) -> Answers:
        time.sleep(self._seconds)
        if self.waits:
            self._barrier.wait(0.5)
        return Answers(rows.sum(axis=1), None)


class Timed:
    """A predictor that takes a fixed time and a time per row, and notes its calls."""

    name = "timed"

    def __init__(self, fixed_seconds: float, row_seconds: float) -> None:
        self._fixed, self._row = fixed_seconds, row_seconds
        self.calls: list[tuple[int, str]] = []

    def predict(self, rows: Any) -> Answers:
        self.calls.append((len(rows), threading.current_thread().name))
        time.sleep(self._fixed + self._row * len(rows))
        return Answers(rows.sum(axis=1), None)


@pytest.fixture
def dialect(artefact: Path) -> Predict:
    """`/predict` of the small model."""
    return Predict(Validator(reader.read(artefact).schema, 5_000), {"name": "small", "version": "1"})


def run(predictor: Any, workers: int, scene: Callable[[Lane], Awaitable[Any]]) -> Any:
    """Play a scene on a loop of its own."""
    instruments = Instruments(MODEL, predictor.name)
    lane = Lane(predictor, inline_rows=8, most_bytes=400_000, instruments=instruments, workers=workers)

    async def play() -> Any:
        lane.open()
        return await asyncio.wait_for(scene(lane), 5)

    try:
        return asyncio.run(play())
    finally:
        lane.close()


def send(lane: Lane, dialect: Predict, body: Any, deadline: float = 1e12) -> asyncio.Future[Answer]:
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    lane.ask(dialect, json.dumps(body).encode(), JSON, "id", deadline, future.set_result)
    return future


@pytest.mark.parametrize(("workers", "status"), [(1, 500), (2, 200), (3, 200)])
def test_large_requests_are_worked_on_side_by_side(dialect: Predict, workers: int, status: int) -> None:
    """Two that wait for each other are both answered where there are two workers, and fail with one."""
    predictor = Company(2)
    predictor.waits = True

    async def scene(lane: Lane) -> list[Answer]:
        return await asyncio.gather(*(send(lane, dialect, LARGE) for _ in range(2)))

    assert [each.status for each in run(predictor, workers, scene)] == [status] * 2


@pytest.mark.parametrize(("workers", "status"), [(1, 500), (2, 200)])
def test_what_comes_later_does_not_wait_while_a_worker_is_idle(
    dialect: Predict, workers: int, status: int
) -> None:
    """A request of one row, of a predictor known to be slow, begins beside the one before it."""
    predictor = Company(2, seconds=0.02)

    async def scene(lane: Lane) -> tuple[Answer, Answer]:
        await send(lane, dialect, ROW)
        predictor.waits = True
        first = send(lane, dialect, ROW)
        await asyncio.sleep(0.01)
        return await asyncio.gather(first, send(lane, dialect, ROW))

    assert [each.status for each in run(predictor, workers, scene)] == [status] * 2


@pytest.mark.parametrize(
    ("fixed", "row", "workers", "batches"),
    [(0.001, 0.002, 2, [5, 5]), (0.001, 0.002, 1, [10]), (0.03, 0.0, 2, [10]), (0.001, 0.002, 3, [4, 3, 3])],
)
def test_idle_workers_share_what_is_long_by_its_rows(
    dialect: Predict, fixed: float, row: float, workers: int, batches: list[int]
) -> None:
    """Ten requests at once are cut for two workers; not for one, nor where a call is long without rows."""
    predictor = Timed(fixed, row)

    async def scene(lane: Lane) -> list[Answer]:
        await send(lane, dialect, ROW)
        await send(lane, dialect, {"instances": [ROW] * 8})
        predictor.calls.clear()
        return await asyncio.gather(*(send(lane, dialect, [n, 0, 0]) for n in range(10)))

    answers = run(predictor, workers, scene)
    assert [json.loads(each.body)["prediction"] for each in answers] == list(range(10))
    assert sorted((rows for rows, _ in predictor.calls), reverse=True) == batches
    assert len({name for _, name in predictor.calls}) == len(batches)


@pytest.mark.parametrize(("workers", "aside"), [(1, False), (2, True)])
def test_what_is_worth_another_core_leaves_the_loop_earlier(
    dialect: Predict, workers: int, aside: bool
) -> None:
    """Three milliseconds are spent on the loop where there is one core, on a worker where there are two."""
    predictor = Timed(0.003, 0.0)

    async def scene(lane: Lane) -> None:
        for _ in range(3):
            await send(lane, dialect, ROW)

    run(predictor, workers, scene)
    assert predictor.calls[-1][1].startswith("large-requests") is aside


@pytest.mark.parametrize(
    ("fixed", "many", "rows", "most", "parts"),
    [
        (0.001, 0.009, 16, 4, 4),  # 1 ms a row: each of four has as much to do as there is room for
        (0.001, 0.009, 3, 4, 3),  # no more calls than rows
        (0.008, 0.016, 16, 4, 2),  # 1 ms a row: 16 rows take twice the fixed part
        (0.010, 0.010, 16, 4, 1),  # rows cost nothing
        (0.0, 0.008, 16, 4, 4),  # the fixed part is not known
        (0.0, 0.008, 0, 4, 1),
    ],
)
def test_a_call_is_cut_as_long_as_rows_outweigh_its_fixed_part(
    fixed: float, many: float, rows: int, most: int, parts: int
) -> None:
    """Learned from calls of one row and of eight."""
    pace = Pace()
    if fixed:
        pace.note(1, fixed)
    pace.note(8, many)
    assert pace.parts(rows, most) == parts


def test_jobs_of_several_workers_are_waited_for_by_their_part() -> None:
    """A millisecond a row, two workers: nobody waits beside one job; 400 rows in two jobs are 0.2 s."""
    backlog = Backlog(50, 10_000, workers=2)
    backlog.add(100)
    backlog.done(100, 100, 0.1)
    backlog.add(300)
    assert backlog.seconds() == backlog.too_long(0.001) == 0
    backlog.add(100)
    assert backlog.seconds() == pytest.approx(0.2)
    assert backlog.seconds(200) == pytest.approx(0.3)
    assert backlog.too_long(0.3) == pytest.approx(0.2)
    backlog.done(300, 300, 0.3)
    assert backlog.seconds() == 0
