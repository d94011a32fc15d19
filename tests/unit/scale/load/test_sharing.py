"""One load by several senders, against the same load by one: pure."""

from __future__ import annotations

import dataclasses
import math
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.scale.load.measurement import measure
from ekiben.scale.load.progress import Glimpse, summed
from ekiben.scale.load.records import Outcome, Records, Sent
from ekiben.scale.load.schedule import Arrivals, Load, Segment, intended_times
from ekiben.scale.load.sharing import WHOLE, Share, merged

# How a request ends: lag, time until its end, outcome, status, pod. Times are exact in binary, so that sums
# of them do not depend on their order.
_FATES = st.tuples(
    st.integers(0, 10).map(lambda ticks: ticks / 1024),
    st.integers(0, 500).map(lambda ticks: ticks / 1024),
    st.sampled_from(list(Outcome)),
    st.sampled_from([200, 429, 503]),
    st.sampled_from(["", "iris-1", "iris-2", "iris-3"]),
)
Fate = tuple[float, float, Outcome, int, str]


def _books(requests: Sequence[tuple[float, Fate]], ended: float) -> Sent:
    """What one sender writes down of these requests (intended time, fate), until `ended`."""
    records, area = Records(), 0.0
    for intended, (lag, took, outcome, status, pod) in requests:
        sent = intended + lag
        index = records.begin(intended, sent)
        if outcome is Outcome.PENDING:
            area += ended - sent
            continue
        area += took
        known = status if outcome in (Outcome.OK, Outcome.HTTP_STATUS, Outcome.WRONG_ANSWER) else 0
        records.end(index, sent + took, outcome, known, pod if known else "")
    return Sent(records, 10.0, ended, area, 0.25 * len(requests), len(requests))


def _rows(records: Records) -> list[tuple[object, ...]]:
    return [(*record[:5], records.pods[record.pod]) for record in records]


@given(
    st.sampled_from([1, 2, 3, 7, 16]),
    st.sampled_from(["poisson", "constant"]),
    st.floats(0.5, 60),
    st.integers(0, 9),
)
def test_shares_are_the_schedule_of_one_sender(of: int, arrivals: Arrivals, rate: float, seed: int) -> None:
    """Every time is in one share, at its place; a share's times ascend, and none is in two."""
    load = Load((Segment(rate, 3), Segment(0, 2, rate)), arrivals)
    whole = intended_times(load, seed)
    found: dict[int, float] = {}
    for number in range(of):
        share = Share(number, of)
        times = share.times(whole)
        places = [share.place(index) for index in range(len(times))]
        assert not found.keys() & set(places)
        found |= zip(places, times, strict=True)
        assert list(times) == sorted(times)
    assert [found[place] for place in range(len(whole))] == list(whole)


@given(st.integers(1, 16), st.integers(0, 2000))
def test_parts_of_a_bound_add_up_to_it(of: int, bound: int) -> None:
    """No part is more than one larger than another."""
    parts = [Share(number, of).part(bound) for number in range(of)]
    assert sum(parts) == bound
    assert max(parts) - min(parts) <= 1


@given(st.integers(1, 16), st.lists(_FATES, max_size=60))
def test_books_of_all_senders_are_those_of_one(of: int, fates: list[Fate]) -> None:
    """The same requests with the same fates, by one sender or shared out: equal rows and measurements."""
    requests = [(0.125 * number, fate) for number, fate in enumerate(fates)]
    ended = 10.0
    one = _books(requests, ended)
    found = merged([_books(requests[number::of], ended) for number in range(of)])
    assert _rows(found.records) == _rows(one.records)
    assert (found.ended, found.seconds, found.connections) == (one.ended, one.seconds, one.connections)
    ours, theirs = (measure(sent, started_at=0, planned=len(fates), seed=1) for sent in (found, one))
    assert ours == theirs


@given(st.lists(st.integers(0, 12), min_size=2, max_size=5), st.data())
def test_stopped_senders_may_be_differently_far(lengths: list[int], data: st.DataObject) -> None:
    """Requests come in the schedule's order, and Little's law holds over senders that ended apart."""
    fates = st.tuples(
        st.floats(0, 0.01), st.floats(0, 0.5), st.just(Outcome.PENDING), st.just(0), st.just("")
    )
    parts, expected = [], []
    for number, length in enumerate(lengths):
        times = [0.01 * Share(number, len(lengths)).place(index) for index in range(length)]
        ended = 5 + data.draw(st.floats(0, 1))
        parts.append(dataclasses.replace(_books([(time, data.draw(fates)) for time in times], ended)))
        parts[-1].interrupted = bool(number)
        expected += times
    found = merged(parts)
    assert list(found.records.intended) == sorted(expected)
    assert found.interrupted
    under_way = sum(found.ended - record.sent for record in found.records)
    assert found.outstanding_seconds == pytest.approx(under_way)


def test_pods_are_named_as_their_senders_did() -> None:
    """Senders that met pods in another order number them differently; names stay with their requests."""
    first = _books([(0.0, (0, 0.1, Outcome.OK, 200, "a")), (0.2, (0, 0.1, Outcome.OK, 200, "b"))], 1)
    second = _books([(0.1, (0, 0.1, Outcome.OK, 200, "b")), (0.3, (0, 0.1, Outcome.TIMEOUT, 0, ""))], 1)
    found = merged([first, second])
    assert [found.records.pods[place] for place in found.records.pod] == ["a", "b", "b", ""]


@given(st.integers(1, 6), st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=40))
def test_progress_is_of_all_senders(of: int, ended: list[tuple[float, bool]]) -> None:
    """Rates and quantiles over shares are those of one who sent all."""

    def glimpse(part: Sequence[tuple[float, bool]]) -> Glimpse:
        right = sum(ok for _, ok in part)
        recent = array("d", (latency for latency, _ in part))
        return Glimpse(4.0, len(part) + 1, right, len(part) - right, 1, recent, right)

    one = summed([glimpse(ended)], 99, 10)
    shared = summed([glimpse(ended[number::of]) for number in range(of)], 99, 10)
    assert (shared.ok, shared.failed, shared.rate) == (one.ok, one.failed, one.rate)
    assert (shared.p50_seconds, shared.p99_seconds) == (one.p50_seconds, one.p99_seconds)
    assert (shared.sent, shared.outstanding) == (len(ended) + of, of)


def test_no_progress_yet_is_none() -> None:
    """Before a sender has told anything there is nothing, and no division by it."""
    found = summed([], 5, 10)
    assert (found.sent, found.rate, found.p50_seconds, found.planned) == (0, 0, None, 5)
    assert math.isclose(found.total_seconds, 10)


def test_one_sender_has_everything() -> None:
    """The share of one is the whole."""
    assert list(WHOLE.times(array("d", [1, 2, 3]))) == [1, 2, 3]
    assert (WHOLE.place(7), WHOLE.part(9)) == (7, 9)
