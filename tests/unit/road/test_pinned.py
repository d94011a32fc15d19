"""The pod's process on cores of its own: who gets which, and what is read of them."""

from __future__ import annotations

import logging
import os
import time

import pytest

from ekiben.errors import ConfigError, NoDataError
from ekiben.road import pinned


def test_the_server_and_the_sender_get_cores_of_their_own() -> None:
    """Children begin on the first core; this process moves to the last one, and back afterwards."""
    before = os.sched_getaffinity(0)
    with pinned._apart() as move:
        assert os.sched_getaffinity(0) == {min(before)}
        cores = move()
        assert os.sched_getaffinity(0) == {max(before)}
        assert list(cores) == ([min(before)] if len(before) > 1 else [])
    assert os.sched_getaffinity(0) == before


def test_a_replica_of_several_cores_begins_on_all_of_them(caplog: pytest.LogCaptureFixture) -> None:
    """Of all that there are none is left for the sender, which is said; one more is refused."""
    before = os.sched_getaffinity(0)
    with caplog.at_level(logging.WARNING), pinned._apart(len(before)) as move:
        assert os.sched_getaffinity(0) == before
        assert list(move()) == (sorted(before) if len(before) > 1 else [])
        assert os.sched_getaffinity(0) == {max(before)}
    assert "no core is left for the sender" in caplog.text
    refused = pytest.raises(ConfigError, match=f"expected {len(before) + 1} cores .*found {len(before)}")
    with refused, pinned._apart(len(before) + 1):
        pass
    assert os.sched_getaffinity(0) == before


def test_the_time_of_cores_is_that_of_their_work() -> None:
    """0.3 s of work on a core add 0.3 s or more (others may work on it too) to its time, and no hour."""
    before = os.sched_getaffinity(0)
    core = min(before)
    os.sched_setaffinity(0, {core})
    try:
        began, own = pinned._used([core]), time.process_time()
        while time.process_time() - own < 0.3:
            pass
        ended = pinned._used([core])
    finally:
        os.sched_setaffinity(0, before)
    assert began is not None
    assert ended is not None
    assert 0.25 <= ended - began < 20
    assert pinned._used([]) is None
    assert pinned._used([core, 99_999]) is None
    together = pinned._used(sorted(before))
    assert together is not None
    assert together >= ended


def test_samples_are_summed_over_labels_and_must_be_there() -> None:
    """A gauge with labels is the sum of its series; another name with the same beginning is none of them."""
    text = (
        "# HELP http_server_active_requests Requests.\n"
        'http_server_active_requests{http_route="/predict"} 2.0\n'
        'http_server_active_requests{http_route="/livez"} 1.0\n'
        "http_server_active_requests_created 9.0\n"
    )
    assert pinned._sum(text, "http_server_active_requests") == 3
    with pytest.raises(NoDataError, match="process_cpu_seconds_total"):
        pinned._sum(text, "process_cpu_seconds_total")
