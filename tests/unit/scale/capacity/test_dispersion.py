"""How much less correlated requests say."""

from __future__ import annotations

import numpy as np
import pytest

from ekiben.scale.capacity.dispersion import dispersion


def _independent(requests: int, share: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    late = np.random.default_rng(seed).random(requests)
    return late, late > 1 - share


def test_independent_requests_count_for_themselves() -> None:
    """The effect is 1, within the caution and the spread of a variance of 32 blocks (50 %)."""
    found = dispersion(*_independent(100_000, 0.02), 0.02)
    assert found.resolved
    assert 1.0 < found.effect < 1.9


@pytest.mark.parametrize("copies", [4, 20])
def test_requests_that_come_in_copies_count_once(copies: int) -> None:
    """Each request repeated k times has a design effect of k: the mean of ten is within 40 % of k x 1.25."""
    effects = []
    for seed in range(10):
        late, bad = _independent(20_000, 0.05, seed)
        effects.append(dispersion(np.repeat(late, copies), np.repeat(bad, copies), 0.05).effect)
    assert 0.75 * copies < np.mean(effects) < 1.75 * copies


def test_clusters_are_seen_where_no_request_is_bad() -> None:
    """With none bad, the slowest requests stand for them: copies of 20 still count about once."""
    late = np.repeat(_independent(20_000, 0.05)[0], 20)
    found = dispersion(late, np.zeros(len(late), dtype=bool), 0.05)
    assert 10 < found.effect < 40


def test_few_requests_leave_it_open() -> None:
    """With blocks shorter than the correlation the effect is not resolved; with none at all neither."""
    late, bad = _independent(400, 0.05)
    assert not dispersion(np.repeat(late, 20), np.repeat(bad, 20), 0.05).resolved
    assert not dispersion(late[:40], bad[:40], 0.05).resolved
