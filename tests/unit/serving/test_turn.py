"""The body of a request, however it comes."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace
from typing import Any

from ekiben.serving.http.turn import Turn


def test_a_body_of_single_bytes_takes_about_its_own_size() -> None:
    """A hundred thousand chunks of a byte come out whole, and were not kept as a list of chunks."""
    nothing: Any = None
    visit: Any = SimpleNamespace(deadline=0.0)
    turn = Turn(nothing, visit, "1", nothing, {})
    tracemalloc.start()
    try:
        for number in range(100_000):
            turn.add(b"ab"[number % 2 : number % 2 + 1])
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert turn.body() == b"ab" * 50_000
    assert now < 200_000
