"""From records to a measurement: values set by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scale.load.client_counts import ClientCounts

from ekiben.errors import ConfigError
from ekiben.scale.load.measurement import LoadMeasurement, Quantiles, counted, measure, series
from ekiben.scale.load.progress import quantile
from ekiben.scale.load.records import Outcome, Records, Sent


def _sent(rows: list[tuple[float, float, float, Outcome, int]], seconds: float) -> Sent:
    """Make books of (intended, sent, done, outcome, status); requests under way are integrated exactly."""
    records = Records()
    for intended, sent, done, outcome, status in rows:
        index = records.begin(intended, sent)
        if outcome is not Outcome.PENDING:
            records.end(index, done, outcome, status)
    ended = max([seconds, *(done for _, _, done, _, _ in rows)])
    area = sum((ended if row[3] is Outcome.PENDING else row[2]) - row[1] for row in rows)
    return Sent(
        records, seconds=seconds, ended=ended, outstanding_seconds=area, cpu_seconds=0.001 * len(rows)
    )


def _measure(sent: Sent) -> LoadMeasurement:
    return measure(sent, started_at=0.0, planned=len(sent.records), seed=1)


def test_latency_counts_from_the_intended_time() -> None:
    """A request meant for 1.0 s, sent at 1.004 s and answered at 1.1 s took 0.1 s."""
    measured = _measure(_sent([(1.0, 1.004, 1.1, Outcome.OK, 200)], 2))
    assert measured.latency is not None
    assert measured.lag is not None
    assert measured.latency.max == pytest.approx(0.1)
    assert measured.lag.max == pytest.approx(0.004)
    assert measured.valid


def test_quantiles_are_values_that_occurred() -> None:
    """Of 1 to 100 the quantiles are 50, 95 and 99; of 1 to 10 the 95th percentile is 10."""
    assert Quantiles.of(float(n) for n in range(100, 0, -1)) == Quantiles(50, 95, 99, 100)
    assert Quantiles.of([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) == Quantiles(5, 10, 10, 10)
    assert Quantiles.of([]) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.001, 1))
def test_a_quantile_splits_the_values(values: list[float], share: float) -> None:
    """At least that share of the values is not above it, and a smaller share is below it."""
    found = quantile(sorted(values), share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values) + 1e-6


def test_outcomes_are_counted_and_failures_are_all_but_right_answers() -> None:
    """One of each outcome: five failed, one ok, one still under way."""
    rows = [(0.0, 0.0, 0.1, outcome, {1: 200, 4: 503, 5: 200}.get(int(outcome), 0)) for outcome in Outcome]
    measured = _measure(_sent(rows, 1))
    assert (measured.sent, measured.ok, measured.failed, measured.outcomes["pending"]) == (7, 1, 5, 1)
    assert measured.statuses == {200: 2, 503: 1}
    assert measured.answered == 3
    assert measured.achieved_rate == 1.0
    counts = ClientCounts.of(measured)
    assert (counts.sent, counts.unanswered) == (6, 3)
    assert (counts.bounds(200), counts.bounds(404)) == ((2, 5), (0, 3))


def test_quick_refusals_do_not_flatter_the_latency() -> None:
    """Refused connections of 1 ms beside answers of 100 ms leave the median at 100 ms; time-outs count."""
    rows = [(0.0, 0.0, 0.001, Outcome.CONNECTION_ERROR, 0)] * 9 + [(0.0, 0.0, 0.1, Outcome.OK, 200)]
    measured = _measure(_sent([*rows, (0.0, 0.0, 5.0, Outcome.TIMEOUT, 0)], 1))
    assert measured.latency is not None
    assert (measured.latency.p50, measured.latency.max) == (0.1, 5.0)


def test_a_late_generator_invalidates() -> None:
    """A lag p99 of 6 ms is too much for answers of 20 ms, and fine for answers of 100 ms."""
    late = [(0.0, 0.006, 0.02, Outcome.OK, 200)] * 100
    assert "late" in "".join(_measure(_sent(late, 1)).reasons)
    slow = [(0.0, 0.006, 0.1, Outcome.OK, 200)] * 100
    assert _measure(_sent(slow, 1)).valid
    one = [(0.0, 0.0, 0.02, Outcome.OK, 200)] * 99 + late[:1]
    assert _measure(_sent(one, 1)).valid


def test_books_that_do_not_balance_invalidate() -> None:
    """A request counted out twice breaks Little's law."""
    sent = _sent([(0.0, 0.0, 0.5, Outcome.OK, 200)] * 10, 1)
    assert _measure(sent).valid
    assert _measure(sent).mean_outstanding == 5.0
    sent.outstanding_seconds *= 0.97
    assert "Little" in "".join(_measure(sent).reasons)


def test_nothing_sent_is_invalid() -> None:
    """An empty load has no latency and says so."""
    measured = _measure(_sent([], 1))
    assert (measured.latency, measured.lag, measured.reasons) == (None, None, ("nothing was sent",))


def test_seconds_are_of_the_intended_time() -> None:
    """A request meant for second 0 and answered in second 1 belongs to second 0; empty seconds are kept."""
    rows = [
        (0.9, 0.9, 1.4, Outcome.OK, 200),
        (0.95, 0.95, 1.0, Outcome.HTTP_STATUS, 500),
        (2.0, 2.0, 2.1, Outcome.OK, 200),
    ]
    cut = series(_sent(rows, 3).records, 3)
    assert [(s.time, s.offered, s.ok, s.failed) for s in cut] == [(0, 2, 1, 1), (1, 0, 0, 0), (2, 1, 1, 0)]
    assert cut[0].p99_seconds == pytest.approx(0.5)
    assert cut[1].p50_seconds is None


def test_a_measurement_survives_json() -> None:
    """What is read back from JSON text equals what was written."""
    measured = _measure(_sent([(0.0, 0.0, 0.1, Outcome.OK, 200), (0.5, 0.5, 0.6, Outcome.TIMEOUT, 0)], 1))
    text = json.dumps(measured.to_json(), allow_nan=False)
    assert LoadMeasurement.from_json(json.loads(text)) == measured
    with pytest.raises(ConfigError):
        LoadMeasurement.from_json({"seconds": 1})


def test_counts_read_as_words() -> None:
    """Outcomes that did not occur are left out."""
    assert counted({"ok": 0, "timeout": 3, "wrong_answer": 1}) == "3 timeout, 1 wrong answer"
    assert counted({}) == "none"
