"""Explanations of one pod: a thread, a queue and limits of their own, so that predictions do not wait.

The library of an explainer is loaded on that thread once the pod is ready: neither the start of a pod nor
its predictions pay for explanations.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ekiben.errors import EkibenError
from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Explaining, Question
from ekiben.serving.explanation.explained import Explained, Explainer
from ekiben.serving.instruments import Instruments
from ekiben.serving.predictor import Predictor
from ekiben.serving.problem import Place, RefusedError, busy
from ekiben.serving.ticket import Asked, clock
from ekiben.serving.unpack import unpack

if TYPE_CHECKING:
    from ekiben.serving.artefact import Artefact
    from ekiben.serving.explanation.additivity import Additivity

_LOG = logging.getLogger(__name__)
# Between looks at the deadline, as the library cannot be interrupted: one row, then twice as many each time
# that it took less.
_CHUNK_SECONDS, _CHUNK_ROWS = 0.05, 64
_ABSENT = "explanations are not served: they did not add up, or could not be loaded, when this pod started"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one pod explains.

    Attributes:
        in_progress: Most requests between their receipt and their answer.
        seconds: Time that one request may take in all.
        body_bytes: Longest body, unpacked.
    """

    in_progress: int
    seconds: float
    body_bytes: int


@dataclass(frozen=True, slots=True)
class _Ready:
    explainer: Explainer
    additivity: Additivity


class Explanations:
    """Explains predictions of one model; its methods belong to the event loop.

    Args:
        predictor: What answers in this pod.
        limits: Of explanations alone.
        instruments: Counters.
    """

    def __init__(self, predictor: Predictor, limits: Limits, instruments: Instruments) -> None:
        self._predictor = predictor
        self._limits = limits
        self._instruments = instruments
        self._in_progress = 0
        self._found: _Ready | None = None
        self._worker = ThreadPoolExecutor(1, "explanations")
        self._loop: asyncio.AbstractEventLoop

    def open(self, artefact: Artefact) -> None:
        """Begin to load, on the thread; requests wait behind that."""
        self._loop = asyncio.get_running_loop()
        self._worker.submit(self._load, artefact)

    def close(self) -> None:
        """Let the thread end once it is idle."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def take(self, ticket: Asked, dialect: Explaining, body: bytes) -> None:
        """Answer a request; `ticket.settle` is called once, on the loop, unless it is cancelled.

        Args:
            ticket: The request.
            dialect: Of its protocol.
            body: Whole; may be packed.
        """
        ticket.asked = clock()
        ticket.deadline = min(ticket.deadline, ticket.asked + self._limits.seconds)
        if self._in_progress >= self._limits.in_progress:
            self._settle(ticket, busy(self._limits.seconds))
        else:
            self._in_progress += 1
            self._worker.submit(self._work, ticket, dialect, body)

    def _load(self, artefact: Artefact) -> None:
        from ekiben.serving.explanation.loaded import load

        started = time.perf_counter()
        try:
            explainer, additivity = load(artefact, self._predictor)
        except Exception as error:  # noqa: BLE001 - predictions go on, explanations are refused
            _LOG.exception("explanations are not served")
            remedy = error.remedy if isinstance(error, EkibenError) else ""
            if remedy:
                _LOG.error("explanations: %s", remedy)
            return
        self._found = _Ready(explainer, additivity)
        _LOG.info("explanations are ready after %.2f s", time.perf_counter() - started)

    def _work(self, ticket: Asked, dialect: Explaining, body: bytes) -> None:
        """One request, on the thread."""
        result: Answer | RefusedError
        try:
            result = self._answered(ticket, dialect, body)
        except RefusedError as error:
            result = error
        except Exception:  # noqa: BLE001 - whatever a model does, its caller gets an answer
            _LOG.exception("request %s could not be explained", ticket.request_id)
            failed = "the server failed on this request"
            result = RefusedError(500, "failed", failed, rows=len(ticket.rows))
        # The loop is closed when the pod left without waiting for what nobody waited for.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._came_back, ticket, result)

    def _answered(self, ticket: Asked, dialect: Explaining, body: bytes) -> Answer:
        if self._found is None:
            raise RefusedError(503, "not_ready", _ABSENT)
        _require_time(ticket)
        explainer, additivity = self._found.explainer, self._found.additivity
        question = dialect.read(unpack(body, ticket.headers, self._limits.body_bytes), ticket.headers)
        rows, started = question.rows, clock()
        ticket.rows = rows
        answers = self._predictor.predict(rows)
        explained = _explained(explainer, rows.astype(np.float64), lambda: _require_time(ticket))
        ticket.queue_seconds, ticket.predict_seconds = started - ticket.asked, clock() - started
        wrong = np.flatnonzero(~additivity.right(explained, answers))
        if len(wrong):
            raise _not_additive(dialect, question, wrong.tolist())
        return dialect.write(question, answers, explainer.base, explained, ticket.request_id)

    def _came_back(self, ticket: Asked, result: Answer | RefusedError) -> None:
        self._in_progress -= 1
        self._settle(ticket, result)

    def _settle(self, ticket: Asked, result: Answer | RefusedError) -> None:
        if ticket.cancelled:
            return
        if isinstance(result, RefusedError):
            self._instruments.refused(result.reason, result.rows)
            result = ticket.refuse(result)
        else:
            self._instruments.explained(len(ticket.rows))
        ticket.settle(result)


def _explained(explainer: Explainer, rows: np.ndarray, on_time: Callable[[], None]) -> Explained:
    parts, first, size = [], 0, 1
    while first < len(rows):
        on_time()
        started = clock()
        parts.append(explainer.explain(rows[first : first + size]))
        first += size
        if clock() - started < _CHUNK_SECONDS:
            size = min(2 * size, _CHUNK_ROWS)
    return Explained(
        np.concatenate([each.contributions for each in parts]),
        np.concatenate([each.outputs for each in parts]),
    )


def _require_time(ticket: Asked) -> None:
    if ticket.cancelled or clock() > ticket.deadline:
        raise _late()


def _late() -> RefusedError:
    return RefusedError(504, "late", "the explanation was not there in time: ask for fewer rows at once")


def _not_additive(dialect: Explaining, question: Question, wrong: list[int]) -> RefusedError:
    detail = "expected contributions that add up to the model's output; for this row they do not"
    places = tuple(Place(dialect.place(question, row), detail) for row in wrong)
    return RefusedError(422, "not_additive", detail, places, rows=len(question.rows))
