"""Whether zero pays: every number of one way, with its formula, inputs and source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ekiben.scale.plan.quantity import Formula, Quantity
from ekiben.scale.zero.cooldown import Prices, cheapest
from ekiben.scale.zero.gaps import Gaps
from ekiben.scale.zero.replayed import replayed
from ekiben.scale.zero.sleeping import Timing, slept
from ekiben.scale.zero.ways import Way

Verdict = Literal["pays", "does not pay", "violates the objective"]

_DOC = "docs/scaling.md, section 10"
_DERIVED = (
    Formula(
        "always_replica_hours", "replica-hours", "min_replicas * trace_seconds / 3600",
        "what the fewest replicas cost without zero", _DOC,
    ),
    Formula(
        "saved_replica_hours", "replica-hours", "min_replicas * asleep_seconds / 3600",
        "what zero saves of them, at least", _DOC,
    ),
    Formula("saved_ratio", "", "asleep_seconds / trace_seconds", "the same as a share", _DOC),
    Formula("found_bad_ratio", "", "bad_requests / max(1, requests)", "share of bad requests, at most", _DOC),
    Formula(
        "net_saving", "", "replica_cost * saved_replica_hours - wake_cost * wakes - "
        "holder_cost * trace_seconds / 3600",
        "what is left of it, in the unit of the costs", _DOC,
    ),
    Formula(
        "break_even_wake_cost", "",
        "max(0, replica_cost * saved_replica_hours - holder_cost * trace_seconds / 3600) / max(1, wakes)",
        "cost of a wake at which nothing is left", _DOC,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One way, with one cool-down, on one trace.

    Attributes:
        way: The way.
        verdict: What it comes to.
        numbers: Every number by its name: inputs, what the replay found, what follows.
        cheapest: The same with the cool-down that saves most within the objective; None where none saves
            anything, and in itself.
    """

    way: Way
    verdict: Verdict
    numbers: Mapping[str, Quantity]
    cheapest: Reckoning | None = None

    def __getitem__(self, name: str) -> float:
        """Value of a number."""
        return self.numbers[name].value

    @property
    def document(self) -> dict[str, object]:
        """As JSON types."""
        return {
            "way": self.way.name,
            "components": self.way.title,
            "first_requests": self.way.says,
            "verdict": self.verdict,
            "numbers": {name: each.model_dump(mode="json") for name, each in self.numbers.items()},
            "cheapest": None if self.cheapest is None else self.cheapest.document,
        }


def reckon(gaps: Gaps, way: Way, inputs: Mapping[str, Quantity]) -> Reckoning:
    """Reckon a way with the given cool-down and with the cheapest one.

    Raises:
        ConfigError: The cool-down is over before a wake is, or requests could be missed.
    """
    found = _reckoned(gaps, way, inputs)
    values = {name: each.value for name, each in found.numbers.items()}
    prices = Prices(
        values["min_replicas"] * values["replica_cost"] / 3600,
        values["wake_cost"],
        values["holder_cost"] * gaps.seconds / 3600,
    )
    best = cheapest(gaps, _timing(way, found.numbers), prices, values["bad_ratio"])
    if best is None:
        return found
    cooldown = Quantity(
        value=best,
        unit="s",
        kind="replayed",
        meaning="cool-down that saves most within the objective",
        source="ekiben.scale.zero.cooldown, on the trace",
        formula="argmax of net_saving over whole seconds with found_bad_ratio <= bad_ratio",
        inputs={name: values[name] for name in ("bad_ratio", "wake_seconds", "late_seconds", "wake_cost")},
    )
    again = _reckoned(gaps, way, {**inputs, "cooldown_seconds": cooldown})
    return Reckoning(found.way, found.verdict, found.numbers, again)


def _reckoned(gaps: Gaps, way: Way, inputs: Mapping[str, Quantity]) -> Reckoning:
    way.check(inputs)
    known = dict(inputs)
    if not way.held:
        known["holder_cost"] = known["holder_cost"].model_copy(
            update={"value": 0.0, "kind": "constant", "source": "nothing holds requests"}
        )
    for each in way.formulas:
        known[each.name] = each.derive(known)
    known.update(replayed(gaps, slept(gaps, _timing(way, known)), known))
    for each in _DERIVED:
        known[each.name] = each.derive(known)
    # Where nothing wakes it, the first request after the trace would be the first of all that fail.
    lost = not way.wakes and known["sleeps"].value > 0
    if lost or known["found_bad_ratio"].value > known["bad_ratio"].value:
        return Reckoning(way, "violates the objective", known)
    return Reckoning(way, "pays" if known["net_saving"].value > 0 else "does not pay", known)


def _timing(way: Way, known: Mapping[str, Quantity]) -> Timing:
    return Timing(
        known["cooldown_seconds"].value,
        known["wake_seconds"].value if way.wakes else math.inf,
        known["late_seconds"].value,
        known["patience_seconds"].value if way.wakes else 0.0,
        known["objective_seconds"].value,
    )
