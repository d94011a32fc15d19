"""What a plan asks of this machine."""

from __future__ import annotations

import os
import time

import pytest

from ekiben.errors import NoDataError
from ekiben.road import planning


def test_the_server_and_the_sender_get_cores_of_their_own() -> None:
    """Children begin on the first core; this process moves to the last one, and back afterwards."""
    before = os.sched_getaffinity(0)
    with planning._apart() as move:
        assert os.sched_getaffinity(0) == {min(before)}
        core = move()
        assert os.sched_getaffinity(0) == {max(before)}
        assert core == (min(before) if len(before) > 1 else None)
    assert os.sched_getaffinity(0) == before


def test_the_time_of_a_core_is_that_of_its_work() -> None:
    """0.3 s of work on a core add 0.3 s or more (others may work on it too) to its time, and no hour."""
    before = os.sched_getaffinity(0)
    core = min(before)
    os.sched_setaffinity(0, {core})
    try:
        began, own = planning._core(core), time.process_time()
        while time.process_time() - own < 0.3:
            pass
        ended = planning._core(core)
    finally:
        os.sched_setaffinity(0, before)
    assert began is not None
    assert ended is not None
    assert 0.25 <= ended - began < 20
    assert planning._core(None) is None
    assert planning._core(99_999) is None


def test_samples_are_summed_over_labels_and_must_be_there() -> None:
    """A gauge with labels is the sum of its series; another name with the same beginning is none of them."""
    text = (
        "# HELP http_server_active_requests Requests.\n"
        'http_server_active_requests{http_route="/predict"} 2.0\n'
        'http_server_active_requests{http_route="/livez"} 1.0\n'
        "http_server_active_requests_created 9.0\n"
    )
    assert planning._sum(text, "http_server_active_requests") == 3
    with pytest.raises(NoDataError, match="process_cpu_seconds_total"):
        planning._sum(text, "process_cpu_seconds_total")
