"""One question that waits for its answer, and the work on a batch of them (pure; on any thread)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Dialect, Headers, Question
from ekiben.serving.predictor import Answers, Predictor
from ekiben.serving.problem import RefusedError
from ekiben.serving.validation import Rows

_LOG = logging.getLogger(__name__)
clock = time.monotonic
NO_ROWS: Rows = np.empty((0, 0))


class Ticket:
    """A question about rows.

    Attributes:
        rows: What the predictor gets.
        asked: Monotonic seconds.
        deadline: Monotonic seconds after which nobody waits.
        cancelled: Whether the caller went away.
        queue_seconds: How long it waited for the predictor; None before.
        predict_seconds: The predictor's call, shared with the rest of its batch; None before.
        out_of_range: Rows accepted although a value lies outside of its declared range.
    """

    __slots__ = ("asked", "cancelled", "deadline", "out_of_range", "predict_seconds", "queue_seconds", "rows")

    def __init__(self, rows: Rows, deadline: float) -> None:
        self.rows = rows
        self.asked = 0.0
        self.deadline = deadline
        self.cancelled = False
        self.queue_seconds: float | None = None
        self.predict_seconds: float | None = None
        self.out_of_range = 0

    def cancel(self) -> None:
        """Drop the work: nobody will read the answer."""
        self.cancelled = True

    def compose(self, answers: Answers) -> Any:
        """Make the result from what the predictor gave; on any thread."""
        return answers

    def refuse(self, error: RefusedError) -> Any:
        """Make the result from what went wrong; on any thread."""
        return error

    def settle(self, result: Any) -> None:
        """Take the result; called once on the loop, unless cancelled."""
        raise NotImplementedError


class Asked(Ticket):
    """A question in the words of a protocol.

    Attributes:
        dialect: Of the protocol.
        headers: The request's.
        request_id: The request's.
        question: After `read`.
    """

    __slots__ = ("dialect", "headers", "question", "request_id")
    question: Question

    def __init__(self, dialect: Dialect, headers: Headers, request_id: str, deadline: float) -> None:
        super().__init__(NO_ROWS, deadline)
        self.dialect = dialect
        self.headers = headers
        self.request_id = request_id

    def read(self, body: bytes) -> RefusedError | None:
        """Decode the body, and say why it is refused."""
        try:
            self.question = question = self.dialect.read(body, self.headers)
        except RefusedError as error:
            return error.bare()
        except Exception:  # noqa: BLE001 - whatever a decoder does, its caller gets an answer
            _LOG.exception("request %s could not be read", self.request_id)
            return RefusedError(500, "failed", "the server failed on this request")
        self.rows, self.out_of_range = question.rows, question.out_of_range
        return None

    def compose(self, answers: Answers) -> Answer:
        """Encode the answer."""
        return self.dialect.write(self.question, answers, self.request_id)

    def refuse(self, error: RefusedError) -> Answer:
        """Encode the refusal."""
        return self.dialect.refuse(error, self.request_id)


class Called(Asked):
    """A question whose answer goes to a function."""

    __slots__ = ("done",)

    def __init__(
        self,
        dialect: Dialect,
        headers: Headers,
        request_id: str,
        deadline: float,
        done: Callable[[Answer], None],
    ) -> None:
        super().__init__(dialect, headers, request_id, deadline)
        self.done = done

    def settle(self, result: Answer) -> None:
        """Hand it on."""
        self.done(result)


@dataclass(slots=True)  # not frozen: made for every batch, and freezing costs three times the making
class Done:
    """Tickets that were worked on together.

    Attributes:
        tickets: Which.
        results: One per ticket, for `ticket.settle`.
        errors: Why a ticket was refused, by its place.
        rows: Rows that the predictor answered, 0 if it was not called or failed.
        started: Monotonic seconds of the predictor's call.
        seconds: It took.
        cpu_seconds: CPU time of the calling thread in it.
    """

    tickets: Sequence[Ticket]
    results: Sequence[Any]
    errors: Mapping[int, RefusedError]
    rows: int = 0
    started: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def refused(ticket: Ticket, error: RefusedError) -> Done:
    """A ticket that got no prediction."""
    return Done((ticket,), (ticket.refuse(error),), {0: error})


def work(predictor: Predictor, tickets: Sequence[Ticket]) -> list[Done]:
    """Predict for several tickets in one call; if that fails, each for itself.

    Returns:
        One batch, or one per ticket after a failure.
    """
    rows = tickets[0].rows if len(tickets) == 1 else np.concatenate([each.rows for each in tickets])
    started, cpu_started = clock(), time.thread_time()
    try:
        answers = predictor.predict(rows)
    except Exception:  # noqa: BLE001 - an estimator may raise anything; its caller gets a 500
        if len(tickets) > 1:
            return [done for each in tickets for done in work(predictor, [each])]
        _LOG.exception("the predictor failed on %d row(s)", len(rows))
        return [refused(tickets[0], RefusedError(500, "failed", "the model failed on this request"))]
    seconds, cpu_seconds = clock() - started, time.thread_time() - cpu_started
    results, errors = _composed(tickets, answers)
    return [Done(tickets, results, errors, len(rows), started, seconds, cpu_seconds)]


def _composed(tickets: Sequence[Ticket], answers: Answers) -> tuple[list[Any], dict[int, RefusedError]]:
    """Write the answer of each ticket from its part of the predictor's."""
    predictions, probabilities = answers.predictions, answers.probabilities
    results: list[Any] = []
    errors: dict[int, RefusedError] = {}
    first = 0
    for ticket in tickets:
        last = first + len(ticket.rows)
        part = Answers(predictions[first:last], None if probabilities is None else probabilities[first:last])
        first = last
        try:
            results.append(ticket.compose(part))
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception("an answer of %d row(s) could not be written", len(ticket.rows))
            error = RefusedError(500, "failed", "the model's answer cannot be written in this protocol")
            errors[len(results)] = error
            results.append(ticket.refuse(error))
    return results, errors
