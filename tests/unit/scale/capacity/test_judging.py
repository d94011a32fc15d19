"""From a load to a step: which requests are judged, and how."""

from __future__ import annotations

import math

import pytest

from ekiben.scale.capacity.judging import judged
from ekiben.scale.capacity.step import Objective
from ekiben.scale.load.records import Outcome, Sent

OBJECTIVE = Objective(0.1, 0.01)


def _sent(*requests: tuple[float, float, Outcome], lag: float = 0.0) -> Sent:
    """Requests (intended, ended, outcome); the integral of those under way is counted exactly."""
    found = Sent(seconds=10.0)
    for intended, ended, outcome in requests:
        index = found.records.begin(intended, intended + lag)
        if outcome is not Outcome.PENDING:
            found.records.end(index, ended, outcome)
            found.outstanding_seconds += ended - intended - lag
        else:
            found.outstanding_seconds += 10.0 - intended - lag
    return found


def _judged(sent: Sent, now: float = 10.0, cpu_cores: float | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return judged(sent, 2.0, OBJECTIVE, warm_up_seconds=1.0, now=now, cpu_cores=cpu_cores)


def test_slow_and_failed_requests_are_bad() -> None:
    """Of six: one slow, one refused quickly, one wrong answer, one timed out; the two good ones are not."""
    sent = _sent(
        (2, 2.05, Outcome.OK), (2.5, 2.599, Outcome.OK), (3, 3.2, Outcome.OK),
        (4, 4.001, Outcome.CONNECTION_ERROR), (5, 5.01, Outcome.WRONG_ANSWER), (6, 7, Outcome.TIMEOUT),
    )  # fmt: skip
    step = _judged(sent)
    assert (step.requests, step.bad) == (6, 4)
    assert step.seconds == 9.0


def test_the_warm_up_and_the_last_moment_are_left_out() -> None:
    """A request of the first second, and one whose latency may still become 0.1 s, are not judged."""
    sent = _sent((0.5, 0.9, Outcome.OK), (5, 5.01, Outcome.OK), (9.95, 9.96, Outcome.OK))
    assert (_judged(sent).requests, _judged(sent).bad) == (1, 0)


def test_a_request_that_has_waited_too_long_is_bad_before_it_ends() -> None:
    """Under way since 8 s at 10 s: bad; under way since 9.95 s: nobody knows yet."""
    step = _judged(_sent((8, 0, Outcome.PENDING), (9.95, 0, Outcome.PENDING), (5, 5.01, Outcome.OK)))
    assert (step.requests, step.bad) == (2, 1)
    assert step.p99_seconds == pytest.approx(2.0, abs=0.05)


def test_the_books_are_those_of_the_whole_load() -> None:
    """Rate times time under way equals the integral, whatever was judged; the lag is no time under way."""
    sent = _sent((0.5, 0.9, Outcome.OK), (5, 5.2, Outcome.OK), (9.95, 0, Outcome.PENDING), lag=0.002)
    step = _judged(sent)
    assert step.answered_rate * step.mean_seconds == pytest.approx(step.mean_outstanding)
    assert step.mean_outstanding == pytest.approx((0.398 + 0.198 + 0.048) / 10)
    assert step.lag_p99_seconds == pytest.approx(0.002)


def test_requests_that_were_not_sent_make_a_step_invalid() -> None:
    """The sender's own limits are no property of the service."""
    step = _judged(_sent((5, 5, Outcome.NOT_SENT), (6, 6.01, Outcome.OK)))
    assert "1 requests were not sent" in step.faults[0]
    assert step.verdict(OBJECTIVE, 0.05) == "invalid"


def test_nothing_sent_is_no_step() -> None:
    """An empty load is invalid, and divides by nothing."""
    step = _judged(Sent(), now=0.0)
    assert step.verdict(OBJECTIVE, 0.05) == "invalid"
    assert not math.isnan(step.mean_outstanding)


def test_many_requests_are_decided() -> None:
    """9,000 requests of 10 ms meet; the same of 200 ms miss; CPU time is handed through."""
    for seconds, verdict in ((0.01, "meets"), (0.2, "misses")):
        sent = _sent(*((i / 1_000, i / 1_000 + seconds, Outcome.OK) for i in range(10_000)))
        step = _judged(sent, cpu_cores=0.5)
        assert step.verdict(OBJECTIVE, 0.05) == verdict
        assert step.cpu_cores == 0.5
