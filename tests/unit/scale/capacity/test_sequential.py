"""Decisions about a share of bad requests that hold whenever one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from ekiben.scale.capacity import sequential


@pytest.mark.parametrize("bound", [0.01, 0.2])
@pytest.mark.parametrize("side", [sequential.evidence_below, sequential.evidence_above])
def test_the_expected_evidence_is_one_at_the_bound(side: object, bound: float) -> None:
    """Summed over all outcomes of 60 requests with the share at the bound, e-values average 1, exactly."""
    mean = sum(
        stats.binom.pmf(bad, 60, bound) * math.exp(side(bad, 60, bound, 0.01))  # type: ignore[operator]
        for bad in range(61)
    )
    assert mean == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("side", "share"), [(sequential.evidence_below, 0.08), (sequential.evidence_above, 0.02)]
)
def test_on_the_other_side_of_the_bound_it_is_less(side: object, share: float) -> None:
    """With a share that contradicts what is to be shown, e-values average below 1."""
    mean = sum(
        stats.binom.pmf(bad, 60, share) * math.exp(side(bad, 60, 0.05, 0.05))  # type: ignore[operator]
        for bad in range(61)
    )
    assert 0 < mean < 0.9


def test_the_evidence_is_the_averaged_likelihood_ratio() -> None:
    """The closed form equals the integral of likelihood ratios over shares below the bound."""
    bad, requests, bound, prior = 3, 900, 0.01, 0.01
    density = stats.beta(1, 1 / prior - 1)

    def ratio(share: float) -> float:
        log = bad * math.log(share / bound) + (requests - bad) * math.log((1 - share) / (1 - bound))
        return float(math.exp(log) * density.pdf(share))

    area, _ = integrate.quad(ratio, 0, bound, epsabs=1e-12)
    found = sequential.evidence_below(bad, requests, bound, prior)
    assert math.exp(found) == pytest.approx(area / density.cdf(bound), rel=1e-6)


@pytest.mark.parametrize(
    ("side", "bound"), [(sequential.evidence_below, 0.05), (sequential.evidence_above, 0.05)]
)
def test_stopping_at_the_first_success_errs_at_most_alpha(side: object, bound: float) -> None:
    """300 repeats of 1,500 requests at the bound, a look every 25: at most 10 % + 3 sigma ever decide."""
    generator = np.random.default_rng(5)
    wrong = 0
    for _ in range(300):
        counts = np.cumsum(generator.random(1_500) < bound)
        wrong += any(
            side(int(counts[n - 1]), n, bound, bound) >= math.log(10)  # type: ignore[operator]
            for n in range(25, 1_501, 25)
        )
    assert wrong / 300 <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / 300)
    assert wrong > 3  # a decision that never falls would pass too


def test_both_bounds_hold_over_a_whole_sequence() -> None:
    """In 100 sequences looked at 12 times, at most 2 x 10 % + 3 sigma ever lie outside of their bounds."""
    generator, outside, share = np.random.default_rng(11), 0, 0.03
    for _ in range(100):
        counts = np.cumsum(generator.random(2_000) < share)
        for n in (20, 50, 100, 200, 300, 450, 600, 800, 1_000, 1_300, 1_600, 2_000):
            bad = int(counts[n - 1])
            low = sequential.lower_bound(bad, n, 0.1, 0.03)
            high = sequential.upper_bound(bad, n, 0.1, 0.03)
            if not low <= share <= high:
                outside += 1
                break
    assert outside / 100 <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / 100)


def test_bounds_meet_the_decision() -> None:
    """The upper bound lies below a share exactly where the evidence says so."""
    for requests in (200, 800, 4_000):
        high = sequential.upper_bound(2, requests, 0.05, 0.01)
        for bound in (high * 0.99, high * 1.01):
            decided = sequential.evidence_below(2, requests, bound, 0.01) >= math.log(20)
            assert decided == (bound > high)


def test_without_requests_nothing_is_known() -> None:
    """The bounds are 0 and 1."""
    assert sequential.lower_bound(0, 0, 0.05, 0.01) == 0
    assert sequential.upper_bound(0, 0, 0.05, 0.01) == 1


def test_clean_requests_lower_the_bound_as_the_rule_of_three_does() -> None:
    """Of n good requests no test can show less than -ln(alpha)/n; this one pays less than 2.5 times that."""
    for requests in (300, 3_000, 30_000):
        least = -math.log(0.05) / requests
        assert least < sequential.upper_bound(0, requests, 0.05, 0.01) < 2.5 * least
