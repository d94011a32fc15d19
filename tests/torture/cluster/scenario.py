"""What a scenario on the cluster is, and what a run of one finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.torture.cluster import load
from tests.torture.pod.scenario import Check, Judged, NotTestedError, Scale

if TYPE_CHECKING:
    from tests.torture.cluster.load import Tally
    from tests.torture.cluster.stage import Stage


@dataclass(slots=True)
class Run(Judged):
    """One part of one scenario, under way.

    Attributes:
        stage: The cluster, and what can be released there.
        part: From 0.
        sizes: The scenario's sizes at this scale.
        draw: All chance of this part.
        number: Requests.
        checks: Criteria so far.
        notes: Further findings, by name.
    """

    stage: Stage
    part: int
    sizes: Mapping[str, float]
    draw: random.Random
    number: int = 0
    checks: list[Check] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def none_failed(self, tally: Tally) -> None:
        """Count requests, none of which may have failed, and see that the sender was on time.

        Raises:
            NotTestedError: The sender was late, so that this was not the load that it says; but a failure
                is one in any case.
        """
        self.count(tally)
        began = min((call.intended for call in tally.calls), default=0.0)
        self.check("no request failed", bool(tally.calls) and not tally.failed, tally.why(began))
        if not tally.failed:
            self.on_time(tally)

    def count(self, tally: Tally) -> None:
        """Count requests, and note their latency and the sender's lateness."""
        self.number += len(tally.calls)
        self.notes["latency"] = _quantiles(tally)
        self.notes["sender late (99 %)"] = f"{tally.late * 1e3:.1f} ms"

    def on_time(self, tally: Tally) -> None:
        """See that the sender kept to its times.

        Raises:
            NotTestedError: It did not.
        """
        if not tally.late <= load.LATEST_SECONDS:
            self.not_tested(
                f"the sender was late: 99 % within {tally.late * 1e3:.0f} ms of their time, "
                f"at most {load.LATEST_SECONDS * 1e3:.0f} ms are valid"
            )


def _quantiles(tally: Tally) -> str:
    shares = (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))
    return ", ".join(f"{name} {load.quantile(tally.calls, share) * 1e3:.1f} ms" for name, share in shares)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One disturbance, as data.

    Attributes:
        name: Short and fixed; results carry it.
        action: What is done to the release or the cluster.
        load: What is sent meanwhile.
        passes: The criterion, in one sentence.
        sizes: Of a part.
        minutes: How long all parts take, about.
        act: Does it.
        parts: Each can be repeated alone from its seed.
        unit: What `Run.number` counts.
    """

    name: str
    action: str
    load: str
    passes: str
    sizes: Mapping[str, float]
    minutes: float
    act: Callable[[Run], None]
    parts: int = 1
    unit: str = "requests"


__all__ = ["Check", "NotTestedError", "Run", "Scale", "Scenario"]
