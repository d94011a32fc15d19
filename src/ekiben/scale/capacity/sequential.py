"""Is the share of bad requests above or below a bound? Decided while requests come, at any time.

For a bound q, the likelihood of a share p against that of q, averaged over p on one side of q by a Beta
density, is a supermartingale while the true share lies on the other side; by Ville's inequality it ever
reaches 1/alpha with a probability of at most alpha, whenever and however often one looks.

Sources: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of
Mathematical Statistics 41(5), 1970 (mixtures, Ville's inequality); S. Howard, A. Ramdas, J. McAuliffe,
J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49(2),
2021, https://arxiv.org/abs/1810.08240 (section 3.2, one-sided beta-binomial mixtures).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

_HALVINGS = 60  # of an interval of shares: below the precision of a float


def evidence_below(bad: float, requests: float, bound_ratio: float, prior_ratio: float) -> float:
    """Evidence that the share of bad requests is below a bound: the natural logarithm of an e-value.

    Args:
        bad: Bad requests, at least 0; fractions are fine (effective counts).
        requests: All requests, at least `bad`.
        bound_ratio: The bound, 0 to 1, both excluded.
        prior_ratio: Where shares are expected, 0-1: the mean of the Beta density. It decides how soon the
            evidence grows, never whether it is valid.

    Returns:
        Above ln(1/alpha), the share is below the bound with an error of at most alpha.
    """
    return _evidence(bad, requests, bound_ratio, prior_ratio, _log_below)


def evidence_above(bad: float, requests: float, bound_ratio: float, prior_ratio: float) -> float:
    """Evidence that the share of bad requests is above a bound; as `evidence_below`."""
    return _evidence(bad, requests, bound_ratio, prior_ratio, _log_above)


def upper_bound(bad: float, requests: float, alpha: float, prior_ratio: float) -> float:
    """Give a share that the true one exceeds, at any time of looking, with a probability of at most alpha.

    Args:
        bad: Bad requests, at least 0; fractions are fine.
        requests: All requests, at least `bad`.
        alpha: Probability of an error, 0-1.
        prior_ratio: As for `evidence_below`.

    Returns:
        0-1; 1 without requests.
    """
    least = bad / requests if requests else 1.0
    return _crossing(
        least, 1.0, lambda bound: evidence_below(bad, requests, bound, prior_ratio) < -math.log(alpha)
    )


def lower_bound(bad: float, requests: float, alpha: float, prior_ratio: float) -> float:
    """Give a share that the true one undercuts with a probability of at most alpha; as `upper_bound`.

    Returns:
        0-1; 0 without requests.
    """
    most = bad / requests if requests else 0.0
    return _crossing(
        most, 0.0, lambda bound: evidence_above(bad, requests, bound, prior_ratio) < -math.log(alpha)
    )


def _evidence(
    bad: float, requests: float, bound: float, prior: float, tail: Callable[[float, float, float], float]
) -> float:
    """Logarithm of the mixture over one side of the bound, against the bound itself."""
    # A density worth 1/prior requests with one bad one among them: broad on the scale of the share.
    a, b = 1.0, 1.0 / prior - 1.0
    good = requests - bad
    mixed = special.betaln(a + bad, b + good) - special.betaln(a, b)
    side = tail(a + bad, b + good, bound) - tail(a, b, bound)
    return float(mixed + side - bad * math.log(bound) - good * math.log1p(-bound))


def _log_below(a: float, b: float, bound: float) -> float:
    share = float(special.betainc(a, b, bound))
    return math.log(share) if share > 0 else -math.inf


def _log_above(a: float, b: float, bound: float) -> float:
    share = float(special.betaincc(a, b, bound))
    return math.log(share) if share > 0 else -math.inf


def _crossing(inside: float, outside: float, possible: Callable[[float], bool]) -> float:
    """Go from a share that is possible towards one that may not be; the last possible one."""
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if not 0 < middle < 1:
            break
        if possible(middle):
            inside = middle
        else:
            outside = middle
    return outside
