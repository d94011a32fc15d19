"""Whether the time of a refusal tells which keys there are, and what access control costs.

    python -m tests.torture.access_timing [--samples 10000] [--seed N]

Refusals of an unknown key, of a known id with a wrong secret, and of an expired key
are timed in one process, in random order, and compared with Welch's t. The slowest
1 % of all are dropped first: they are the machine's. Prints one JSON object; ends
with 1 if two kinds can be told apart.

Source: O. Reparaz, J. Balasch, I. Verbauwhede, "Dude, is my code constant time?", DATE 2017
(fixed against random, cropping, |t| < 4.5).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.unit.serving.access import made

from ekiben.serving.access.clock import Clock
from ekiben.serving.access.door import Required
from ekiben.serving.problem import RefusedError

MOST_T = 4.5
KEPT_RATIO = 0.99
_WARM_UP = 2_000
Headers = dict[bytes, bytes]
Admit = Callable[[Headers], object]


def door(folder: Path) -> Required:
    """A pod's access control with 100 live and 100 expired keys, and the cluster's tokens."""
    live = [made.key_record(made.key_text(f"live-{n}")) for n in range(100)]
    old = [made.key_record(made.key_text(f"old-{n}"), expires=made.moment(-3_600)) for n in range(100)]
    made.write(folder, "keys.json", made.key_file(*live, *old))
    made.write(folder, "jwks-0.json", {"keys": [made.jwk(made.rsa_key("cluster"), "cluster")]})
    made.write(folder, "policy.json", made.policy(made.issuer()))
    return Required(folder, Clock(lambda: float(made.NOW), time.monotonic))


def kinds(chance: random.Random) -> dict[str, Callable[[], str]]:
    """Makers of what is sent, all of one length and with the same work; the first two are one kind."""

    def either(prefix: str, *, right: bool) -> str:
        number = chance.randrange(10, 100)
        texts = (f"ekiben_{prefix}-{number}_{chance.getrandbits(256):064x}", made.key_text(f"old-{number}"))
        return texts[right]

    return {
        "unknown id": lambda: either("xyz", right=False),
        "unknown again": lambda: either("xyz", right=False),
        "wrong secret": lambda: either("old", right=False),
        "expired": lambda: either("old", right=True),
    }


def timed(
    admit: Admit, sent: Mapping[str, Callable[[], str]], samples: int, chance: random.Random
) -> dict[str, list[float]]:
    """Nanoseconds of each refusal, in random order; what is sent is made just before, as a parser does."""
    order = [*sent] * samples
    chance.shuffle(order)
    found: dict[str, list[float]] = {name: [] for name in sent}
    warm_up = order[:_WARM_UP]
    for place, name in enumerate([*warm_up, *order]):
        headers = {b"host": b"x", b"authorization": f"Bearer {sent[name]()}".encode()}
        spent = _nanoseconds(admit, headers)
        if place >= len(warm_up):
            found[name].append(spent)
    limit = sorted(value for each in found.values() for value in each)[int(KEPT_RATIO * len(order)) - 1]
    return {name: [value for value in each if value <= limit] for name, each in found.items()}


def _nanoseconds(admit: Admit, headers: Headers) -> float:
    began = time.perf_counter_ns()
    with contextlib.suppress(RefusedError):
        admit(headers)
    return float(time.perf_counter_ns() - began)


def welch(one: Sequence[float], other: Sequence[float]) -> float:
    """Welch's t of two samples: difference of the means in standard errors.

    Source: B. L. Welch, "The generalization of 'Student's' problem", Biometrika 34 (1947).
    """
    variance = sum(statistics.variance(each) / len(each) for each in (one, other))
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(variance)


def costs(admit: Admit, samples: int) -> dict[str, float]:
    """Microseconds, medians: a live key, a token that is known, one that is new."""
    cluster = made.rsa_key("cluster")
    tokens = [made.token(made.claims(jti=str(n)), cluster) for n in range(min(samples, 2_000))]
    new = [_nanoseconds(admit, {b"authorization": b"Bearer " + text}) for text in tokens]
    key = {b"authorization": b"Bearer " + made.key_text("live-1").encode()}
    again = {b"authorization": b"Bearer " + tokens[-1]}
    return {
        "key": statistics.median(_nanoseconds(admit, key) for _ in range(samples)) / 1e3,
        "known token": statistics.median(_nanoseconds(admit, again) for _ in range(samples)) / 1e3,
        "new token, RS256": statistics.median(new) / 1e3,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.access_timing")
    parser.add_argument("--samples", type=int, default=10_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args(arguments)
    chance, began = random.Random(given.seed), time.monotonic()  # noqa: S311 - to be repeated
    with tempfile.TemporaryDirectory() as folder:
        found = door(Path(folder))

        def admit(headers: Headers) -> object:
            return found.leave(found.credential(headers), "predict", "127.0.0.1")

        times = timed(admit, kinds(chance), given.samples, chance)
        spent = costs(admit, given.samples)
    base = times["unknown id"]
    t = {name: round(welch(base, each), 2) for name, each in times.items() if name != "unknown id"}
    report = {
        "samples": given.samples,
        "seed": given.seed,
        "seconds": round(time.monotonic() - began, 1),
        "median_nanoseconds": {name: statistics.median(each) for name, each in times.items()},
        "welch_t_against_unknown_id": t,
        "most_t": MOST_T,
        "median_microseconds_admitted": spent,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return int(any(abs(value) >= MOST_T for value in t.values()))


if __name__ == "__main__":
    sys.exit(main())
