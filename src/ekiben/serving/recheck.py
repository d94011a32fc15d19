"""A pod scores itself again and again while it serves, on labelled rows of its artefact.

Golden rows prove a pod at its start; this shows what happens to it afterwards:
memory that was damaged, an estimator that changes by being asked. Rows go to
the predictor that answers requests, on the worker thread of large requests, in
portions of a millisecond (of twice the time of one row, if that is more) with a
pause after each: requests hardly wait, and a check takes a tenth of the thread
at most.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from ekiben.serving import metrics
from ekiben.serving.counters import Series
from ekiben.serving.labelled import Labelled
from ekiben.serving.metrics import RECHECK_OUTCOMES, RecheckOutcome
from ekiben.serving.predictor import Answers, Predictor
from ekiben.serving.validation import Rows

_LOG = logging.getLogger(__name__)
_PORTION_SECONDS = 0.001  # a request on the worker waits so long for a portion
_SINGLES = 2  # or for so many times what one row takes: most of a call may not depend on its rows
_GROWTH = 4  # a portion has at most so many times the rows of the one before
_REST = 9  # times as long as the portion took
_TOLERANCE = 1e-9  # as golden rows have it
_T = TypeVar("_T")


class Aside(Protocol):
    """Runs a job with the predictor, off the event loop."""

    def __call__(self, job: Callable[[Predictor], _T]) -> asyncio.Future[_T]:
        """Begin; the result comes to the event loop."""


class Model(Protocol):
    """Whose name and version the labels carry; an `Artefact` is one."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def version(self) -> str:
        """Of the model."""


class _Portion(NamedTuple):
    answers: Answers
    seconds: float
    cpu_seconds: float


class Recheck:
    """The checks of one pod; its methods belong to the event loop.

    Args:
        labelled: Rows, labels, and the score that the trained estimator reached.
        model: What is served.
        aside: Gets rows to the predictor.
        seconds: From the start of one check to the start of the next, above 0.
    """

    def __init__(self, labelled: Labelled, model: Model, aside: Aside, seconds: float) -> None:
        self._labelled = labelled
        self._model = (model.name, model.version)
        self._aside = aside
        self._seconds = seconds
        self._scores: dict[str, float] = {}
        self._ended: dict[RecheckOutcome, int] = dict.fromkeys(RECHECK_OUTCOMES, 0)
        self._time = 0.0
        self._cpu_seconds = 0.0
        self._right = True

    async def run(self) -> None:
        """Check for ever, at once for the first time."""
        while True:
            started = time.monotonic()
            await self.check()
            await asyncio.sleep(max(0.0, started + self._seconds - time.monotonic()))

    async def check(self) -> None:
        """Score the predictor once."""
        try:
            scores = self._labelled.score(await self._answers())
        except Exception:  # noqa: BLE001 - an estimator may raise anything; its caller is a metric
            _LOG.exception("recheck: the predictor failed on labelled rows")
            self._scores = {}
            self._ended["failed"] += 1
            return
        self._scores, self._time = scores, time.time()
        self._ended["ok"] += 1
        self._tell()

    def series(self) -> Iterator[Series]:
        """What a scrape shows; a score is there only if the last check gave one."""
        model = self._model
        for metric, value in self._labelled.scores.items():
            yield Series(metrics.RECHECK_EXPECTED_SCORE, (*model, metric), value)
        for metric, value in self._scores.items():
            yield Series(metrics.RECHECK_SCORE, (*model, metric), value)
        yield Series(metrics.RECHECK_ROWS, model, len(self._labelled.rows))
        for outcome, number in self._ended.items():
            yield Series(metrics.RECHECKS, (*model, outcome), number)
        if self._time:
            yield Series(metrics.RECHECK_TIME, model, self._time)
        yield Series(metrics.RECHECK_CPU, model, self._cpu_seconds)

    async def _answers(self) -> Answers:
        rows, found, first, size, budget = self._labelled.rows, [], 0, 1, _PORTION_SECONDS
        while first < len(rows):
            part = rows[first : first + size]
            done = await self._aside(lambda predictor, part=part: _predicted(predictor, part))  # type: ignore[misc]
            found.append(done.answers)
            self._cpu_seconds += done.cpu_seconds
            if first == 0:
                budget = max(budget, _SINGLES * done.seconds)
            first += size
            size = _next_size(size, done.seconds, budget)
            if first < len(rows):
                await asyncio.sleep(_REST * done.seconds)
        return _joined(found)

    def _tell(self) -> None:
        """Say once in the log that the scores are not what they were, and once that they are again."""
        expected = self._labelled.scores
        right = self._scores.keys() == expected.keys() and all(
            math.isclose(value, expected[metric], rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
            for metric, value in self._scores.items()
        )
        if right != self._right:
            _LOG.log(
                logging.INFO if right else logging.ERROR,
                "recheck: %d labelled rows score %s, expected %s",
                len(self._labelled.rows), _written(self._scores), _written(expected),
            )  # fmt: skip
        self._right = right


def _predicted(predictor: Predictor, rows: Rows) -> _Portion:
    started, cpu_started = time.monotonic(), time.thread_time()
    answers = predictor.predict(rows)
    return _Portion(answers, time.monotonic() - started, time.thread_time() - cpu_started)


def _next_size(size: int, seconds: float, budget: float) -> int:
    """Rows of the next portion, so that it takes about the time that it may, seconds."""
    wanted = size * budget / seconds if seconds > 0 else math.inf
    return max(1, int(min(wanted, size * _GROWTH)))


def _joined(parts: list[Answers]) -> Answers:
    given: list[Any] = [each.probabilities for each in parts]
    probabilities = None if given[0] is None else np.concatenate(given)
    return Answers(np.concatenate([each.predictions for each in parts]), probabilities)


def _written(scores: Any) -> str:
    return ", ".join(f"{metric} {value:.6g}" for metric, value in scores.items())
