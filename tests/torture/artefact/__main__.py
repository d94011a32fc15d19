"""`python -m tests.torture.artefact --count 10000 --seed 1`: every changed or hostile artefact is refused."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from tests.torture.artefact.trial import Trial


def main() -> int:
    """Print what was tried and what was not refused.

    Returns:
        0 if everything was refused and nothing ran.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000, help="Mutations; the hostile files come to it.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        trial = Trial(Path(name))
        taken = [
            each for seed in range(given.count) if (each := trial.mutation(given.seed * 1_000_003 + seed))
        ]
        attacks = trial.attacks()
        taken += [each for attack in attacks if (each := trial.attack(attack))]
        ran = trial.canary.exists()
    found = {
        "mutations": given.count,
        "hostile": len(attacks),
        "not refused": taken,
        "canary was made": ran,
        "seed": given.seed,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(found, indent=1))  # noqa: T201 - the result
    return 1 if taken or ran else 0


if __name__ == "__main__":
    raise SystemExit(main())
