"""Callbacks beside a load."""

from __future__ import annotations

import threading
import time

import pytest

from ekiben.scale.load.aside import Aside, EverySecond


def test_a_slow_callback_delays_nobody_and_gets_the_latest() -> None:
    """While the callback is busy, later values replace each other; the last one arrives."""
    seen: list[int] = []
    busy = threading.Event()

    def slow(value: int) -> None:
        seen.append(value)
        busy.wait(5)

    with Aside(slow) as aside:
        aside.give(0)
        while not seen:
            time.sleep(0.001)
        began = time.perf_counter()
        for value in range(1, 1000):
            aside.give(value)
        assert time.perf_counter() - began < 1
        busy.set()
    assert seen == [0, 999]


def test_an_error_of_the_callback_is_raised_at_the_end() -> None:
    """What the callback raised comes out of the `with` block."""

    def broken(_value: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Aside(broken) as aside:  # noqa: PT012
        aside.give(1)
        while not aside.failed:
            time.sleep(0.001)


def test_an_error_of_the_block_is_not_replaced() -> None:
    """When the block itself fails, its error is the one that is raised."""

    def broken(_value: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(KeyError), Aside(broken) as aside:  # noqa: PT012
        aside.give(1)
        raise KeyError


def test_samples_keep_to_the_seconds() -> None:
    """Whole seconds are sampled, also when the first call comes late."""
    clock = [0.0]
    seen: list[float] = []

    def sample(at: float) -> None:
        seen.append(at)
        clock[0] = {1: 2.5, 2: 3.0}.get(len(seen), 4.0)  # the first call took 2.5 s

    with EverySecond(sample, lambda: clock[0]):
        deadline = time.monotonic() + 5
        while len(seen) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert seen[:3] == [0.0, 2.5, 3.0]
