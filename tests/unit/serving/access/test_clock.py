"""A clock that is set: nobody who was let in before is refused for it."""

from __future__ import annotations

import itertools

import pytest

from ekiben.serving.access.clock import BELIEVED_SECONDS, Clock

HOUR = 3_600.0


class Time:
    """A wall clock that can be set, and a steady one."""

    def __init__(self, wall: float = 1e9) -> None:
        self.wall, self.steady = wall, 50.0
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def passes(self, seconds: float, step: float = 5.0) -> None:
        """Let time pass, looking at the clocks as the pod does."""
        for _ in range(int(seconds / step)):
            self.wall += step
            self.steady += step
            self.clock.follow()


@pytest.mark.parametrize(
    ("begins", "ends", "within"), [(0, 1, True), (0, 0, False), (1, 2, False), (-1, 0, False)]
)
def test_the_end_is_outside(begins: float, ends: float, within: bool) -> None:
    """A credential is valid from its beginning until just before its end."""
    time = Time()
    assert time.clock.within(time.wall + begins, time.wall + ends) is within


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_by_mistake_refuses_nobody(step: float) -> None:
    """A token of ten minutes stays valid when the wall clock is set an hour forward or back."""
    time = Time()
    begins, ends = time.wall - 60, time.wall + 600
    time.wall += step
    time.clock.follow()
    assert time.clock.within(begins, ends)
    time.passes(300)
    assert time.clock.within(begins, ends)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_step_that_corrects_a_wrong_start_counts_at_once(step: float) -> None:
    """A token issued by the right time is valid as soon as the clock shows that time."""
    time = Time()
    right = time.wall + step
    assert not time.clock.within(right - 1, right + 600)
    time.wall = right
    assert time.clock.within(right - 1, right + 600)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_after_a_while_the_wall_clock_is_believed(step: float) -> None:
    """What is in time by the old clock only is refused again once the step is old."""
    time = Time()
    old_wall = time.wall
    time.wall += step
    time.clock.follow()
    time.passes(BELIEVED_SECONDS - 10)
    assert time.clock.within(old_wall, old_wall + BELIEVED_SECONDS + 60)
    time.passes(20)
    assert not time.clock.within(old_wall, old_wall + BELIEVED_SECONDS + 60)


def test_what_has_ended_stays_refused_however_the_clock_steps() -> None:
    """An end that lies further back than the step is one by both clocks."""
    for first, second in itertools.product((-HOUR, 0.0, HOUR), repeat=2):
        time = Time()
        ended = time.wall - 3 * HOUR
        for step in (first, second):
            time.wall += step
            time.clock.follow()
            time.passes(60)
        assert not time.clock.within(0, ended)


def test_a_clock_that_is_slewed_is_followed() -> None:
    """Half a second a minute is no step: after ten minutes there is one time only."""
    time = Time()
    for _ in range(10):
        time.wall += 0.5
        time.passes(60)
    assert not time.clock.within(time.wall - 5, time.wall - 0.1)
    assert not time.clock.within(time.wall + 0.1, time.wall + 5)
