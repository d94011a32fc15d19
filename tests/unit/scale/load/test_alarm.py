"""The timer that wakes the sender."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from ekiben.scale.load.alarm import Alarm


def _rings(*waits: float, sleep: float) -> list[float]:
    """Set an alarm for each of `waits`, one right after the other; return when it rang."""
    rung: list[float] = []

    async def main() -> None:
        began = time.perf_counter()
        alarm = Alarm(asyncio.get_running_loop(), lambda: rung.append(time.perf_counter() - began))
        for wait in waits:
            alarm.ring_in(wait)
        await asyncio.sleep(sleep)
        alarm.close()
        await asyncio.sleep(0.1)

    uvloop.run(main())
    return rung


def test_it_rings_once_and_never_early() -> None:
    """An alarm in 12.3 ms rings once, not before."""
    [rung] = _rings(0.0123, sleep=0.2)
    assert rung >= 0.0123


def test_a_new_alarm_replaces_the_one_before() -> None:
    """Of two alarms only the later one rings."""
    [rung] = _rings(0.01, 0.05, sleep=0.2)
    assert rung >= 0.05


def test_a_time_that_has_passed_rings_at_once() -> None:
    """Zero and negative times ring by way of the loop."""
    assert len(_rings(0.0, sleep=0.05)) == len(_rings(-1.0, sleep=0.05)) == 1


def test_a_closed_alarm_is_silent() -> None:
    """After close nothing rings."""
    assert _rings(0.06, sleep=0.01) == []


def test_where_there_is_no_timerfd_the_loop_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system the loop's own timer does it, to a millisecond."""
    monkeypatch.setattr("sys.platform", "darwin")
    [rung] = _rings(0.02, sleep=0.2)
    assert rung >= 0.019
