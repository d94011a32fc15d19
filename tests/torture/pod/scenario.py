"""What a scenario is, and what a run of one finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

if TYPE_CHECKING:
    from tests.torture.pod.oracle import Oracle
    from tests.torture.pod.target import Target

Scale = Literal["full", "short"]


class NotTestedError(Exception):
    """This machine lacks what the scenario needs; it did not pass."""


@dataclass(frozen=True, slots=True)
class Check:
    """One criterion and what was found.

    Attributes:
        what: The criterion.
        passed: Whether it was met.
        found: In words or figures.
        figure: Whether it is a figure of the machine (a latency, memory), and so judged in full runs only.
    """

    what: str
    passed: bool
    found: str
    figure: bool = False


class Judged:
    """How a run of any kind says what it found.

    Attributes:
        sizes: The scenario's sizes at this scale.
        checks: Criteria so far.
    """

    __slots__ = ()
    sizes: Mapping[str, float]
    checks: list[Check]

    def size(self, name: str) -> int:
        """A whole size."""
        return int(self.sizes[name])

    def check(self, what: str, passed: bool, found: object, *, figure: bool = False) -> None:
        """Add a criterion."""
        self.checks.append(Check(what, bool(passed), str(found), figure))

    def not_tested(self, reason: str) -> NoReturn:
        """End this run as not tested.

        Raises:
            NotTestedError: Always.
        """
        raise NotTestedError(reason)


@dataclass(slots=True)
class Run(Judged):
    """One part of one scenario, under way.

    Attributes:
        target: What is served.
        oracle: What is right.
        folder: For this part's files.
        sizes: The scenario's sizes at this scale.
        draw: All chance of this part.
        number: Requests, kills, cases: what the zeros are out of.
        checks: Criteria so far.
        notes: Further findings, by name.
    """

    target: Target
    oracle: Oracle
    folder: Path
    sizes: Mapping[str, float]
    draw: random.Random
    number: int = 0
    checks: list[Check] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault, as data.

    Attributes:
        name: Short and fixed; results carry it.
        action: What is done to the server.
        load: What is sent meanwhile.
        passes: The criterion, in one sentence.
        unit: What `Run.number` counts.
        full: Sizes of the full run.
        short: Sizes of the form that `make test` runs.
        parts: Parts of the full run; each can be repeated alone from its seed.
        minutes: How long the full run takes for our pod, about.
        act: Does it.
    """

    name: str
    action: str
    load: str
    passes: str
    unit: str
    full: Mapping[str, float]
    short: Mapping[str, float]
    minutes: float
    act: Callable[[Run], Coroutine[Any, Any, None]]
    parts: int = 1

    def sizes(self, scale: Scale) -> Mapping[str, float]:
        """Sizes at a scale."""
        return self.full if scale == "full" else self.short
