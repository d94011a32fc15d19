"""What decides the number of replicas in a run."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.scale.simulation.fleet import Fleet
from ekiben.scale.simulation.monitoring import Monitor


@dataclass(frozen=True, slots=True)
class View:
    """What a policy may look at.

    Attributes:
        now: Seconds since the start.
        fleet: The replicas.
        monitor: What was scraped of them.
    """

    now: float
    fleet: Fleet
    monitor: Monitor


class Policy:
    """Decides at its own interval; records at another, where it has recording rules.

    Attributes:
        name: In tables.
        interval_seconds: Between decisions.
        scrape_seconds: Between scrapes of the replicas.
        rule_seconds: Between evaluations of its rules; 0 for none.
    """

    name: str = ""
    interval_seconds: float = 15.0
    scrape_seconds: float = 5.0
    rule_seconds: float = 0.0

    def record(self, view: View) -> None:
        """Evaluate the recording rules."""

    def decide(self, view: View) -> int:
        """The number of replicas from now on, 0 and up."""
        raise NotImplementedError
