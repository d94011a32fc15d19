"""`plan.json`: a capacity plan that can be computed again from what it carries."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ekiben.errors import ConfigError, EkibenError
from ekiben.scale.capacity.cost import cost
from ekiben.scale.capacity.search import conclude
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.plan import shape
from ekiben.scale.plan.formulas import Headroom, Signal, formulas
from ekiben.scale.plan.quantity import Interval, Quantity
from ekiben.scale.plan.shape import Shape

FORMAT: Literal[1] = 1
Binding = Literal["objective", "surge", "budget", "peak"]
_SAME = 1e-9  # relative: what another machine's floating point may differ by
_MOST_NEAR = 6  # names that are offered in the place of one that is none

# What makes the target as low as it is, by the name of the smallest number.
_BINDINGS: Mapping[str, Binding] = {
    "capacity_rate": "objective",
    "surge_bound_rate": "surge",
    "saturation_bound_rate": "surge",
    "ramp_bound_rate": "surge",
    "budget_bound_rate": "budget",
    "peak_rate": "peak",
}


class Subject(BaseModel):
    """What a plan is of, and how it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="Name of the model.")
    version: str = Field(description="Version of the model.")
    artefact_sha256: str = Field(description="`sha256:...` of the artefact's manifest.")
    form: str = Field("", description="Form of the estimator that answered.")
    made_at: str = Field(description="When, ISO 8601 in UTC.")
    machine: str = Field(description="What it was measured on.")
    seed: int = Field(0, description="Of the send times.")


class CapacityPlan(BaseModel):
    """Every autoscaling number of one model, with its derivation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = Field(FORMAT, description="Version of this document.")
    subject: Subject
    headroom: Headroom = Field(description="What the headroom is for: see docs/scaling.md, section 4.")
    signal: Signal = Field(description="What the autoscaler reads: `cpu` (metrics-server) or `demand`.")
    alpha: float = Field(description="Probability that the decision about a rate is wrong, 0-1.", gt=0, lt=1)
    most_rate: float = Field(description="Highest rate that the sender could hold, requests/s.", gt=0)
    steps: tuple[Step, ...] = Field(description="What was measured, in the order of measuring.")
    numbers: Mapping[str, Quantity] = Field(description="Every number by its name.")
    shapes: tuple[Shape, ...] = Field((), description="Where several numbers of cores were measured: each.")

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a plan and compute it again.

        Raises:
            ConfigError: It is none, or its numbers do not follow from what it carries.
        """
        try:
            found = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the document"
            raise ConfigError(
                f"expected a capacity plan of format {FORMAT}, found something else: {place}: {first['msg']}",
                remedy="plan again: ekiben plan MODEL",
            ) from error
        wrong = list(found.differences())
        if wrong:
            raise ConfigError(
                "expected a plan whose numbers follow from what it carries, found\n  " + "\n  ".join(wrong),
                remedy="plan again: ekiben plan MODEL; a plan is not edited by hand",
            )
        return found

    def text(self) -> str:
        """Give `plan.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=False, allow_nan=False) + "\n"

    @property
    def sha256(self) -> str:
        """`sha256:...` of `plan.json`."""
        return f"sha256:{hashlib.sha256(self.text().encode()).hexdigest()}"

    @property
    def objective(self) -> Objective:
        """What was asked of each replica."""
        return Objective(self["objective_seconds"], self["bad_ratio"])

    @property
    def binding(self) -> Binding:
        """What makes the target per replica as low as it is."""
        inputs = self.numbers["target_rate"].inputs
        return _BINDINGS[min(inputs, key=lambda name: inputs[name])]

    def __getitem__(self, name: str) -> float:
        """Value of a number."""
        return self.number(name).value

    def number(self, name: str) -> Quantity:
        """A number with its derivation.

        Raises:
            ConfigError: No such number.
        """
        if name not in self.numbers:
            near = _near(name, self.numbers)
            every = f"ekiben plan show {self.subject.model}, which lists all"
            raise ConfigError(
                f"expected a number of the plan, found {name!r}",
                remedy=f"one of {', '.join(near)}, or see {every}" if near else every,
            )
        return self.numbers[name]

    def whole(self, name: str) -> int:
        """Value of a number that counts.

        Raises:
            ConfigError: No such number, or it is none that counts.
        """
        value = self[name]
        if value != int(value):
            raise ConfigError(f"expected a whole number {name}, found {value!r}")
        return int(value)

    def require_of(self, model: str, artefact_sha256: str) -> None:
        """Refuse to be the plan of another artefact.

        Args:
            model: Name of the model that is released.
            artefact_sha256: `sha256:...` of its artefact.

        Raises:
            ConfigError: It is.
        """
        subject = self.subject
        if (subject.model, subject.artefact_sha256) != (model, artefact_sha256):
            raise ConfigError(
                f"expected a capacity plan of {model} ({artefact_sha256}), found one of "
                f"{subject.model}:{subject.version} ({subject.artefact_sha256})",
                remedy=f"plan again (ekiben plan {model}), or release without a plan (--plan never)",
            )

    def differences(self) -> Iterator[str]:
        """Say which numbers do not follow from what the plan carries; nothing if all do."""
        declared = formulas(self.headroom)
        missing = [each.name for each in declared if each.name not in self.numbers]
        if missing:
            yield f"no {', '.join(missing)}"
            return
        derived = {each.name for each in declared}
        known = {name: found for name, found in self.numbers.items() if name not in derived}
        for name, found in known.items():
            if found.kind == "derived":
                yield f"{name}: no formula of this format derives it"
            if not found.source:
                yield f"{name}: no source"
        for each in declared:
            stored = self.numbers[each.name]
            try:
                again = known[each.name] = each.derive(known)
            except (ConfigError, KeyError) as error:
                yield f"{each.name}: {error}"
                return
            yield from _between(each.name, stored, again)
        yield from self._unmeasured()
        yield from shape.differences(self)

    def _unmeasured(self) -> Iterator[str]:
        """What the steps do not show."""
        impossible = [number for number, step in enumerate(self.steps) if not _possible(step)]
        yield from (f"steps.{number}: no load gives such a step" for number in impossible)
        if impossible:
            return
        try:
            found = conclude(self.steps, self.objective, self.alpha, self.most_rate)
            line = cost([step for step in self.steps if not step.reasons(self.objective)])
        except EkibenError as error:
            yield f"steps: {error}"
            return
        for name, value, interval in (
            ("capacity_rate", found.rate, (found.rate, found.failing_rate)),
            ("capacity_estimate_rate", found.estimate, None),
            ("cpu_seconds_per_request", line.cpu_seconds, line.interval),
            ("idle_cores", line.idle_cores, None),
        ):
            if name not in self.numbers or not _same(self[name], value):
                yield f"{name}: the steps give {value:.10g}"
            elif not _same_interval(self.numbers[name].interval, interval):
                yield f"{name}: the steps give the interval {interval}"


def _near(name: str, known: Iterable[str]) -> list[str]:
    """Names that are nearly it, and those that have it in them; six at most."""
    asked = name.lower().replace("-", "_").replace(" ", "_")
    names = list(known)
    close = difflib.get_close_matches(asked, names)
    return list(dict.fromkeys([*close, *(each for each in names if asked in each)]))[:_MOST_NEAR]


def _possible(step: Step) -> bool:
    return step.rate > 0 and step.seconds >= 0 and 0 <= step.bad <= step.requests and step.effect >= 1


def _between(name: str, stored: Quantity, again: Quantity) -> Iterator[str]:
    if (stored.kind, stored.formula) != ("derived", again.formula):
        yield f"{name}: expected the formula {again.formula}, found {stored.formula or stored.kind}"
        return
    names = sorted(stored.inputs.keys() | again.inputs.keys())
    other = [key for key in names if not _same_or_none(stored.inputs.get(key), again.inputs.get(key))]
    if other:
        yield f"{name}: its inputs are not the plan's own: {', '.join(other)}"
    elif not _same(stored.value, again.value):
        yield f"{name}: {again.formula} is {again.value:.10g}, found {stored.value:.10g}"
    elif stored.unit != again.unit:
        yield f"{name}: expected the unit {again.unit!r}, found {stored.unit!r}"
    elif not _same_interval(stored.interval, again.interval):
        yield f"{name}: expected the interval {again.interval}, found {stored.interval}"


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)


def _same_or_none(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else _same(one, other)


def _same_interval(one: Interval | None, other: Interval | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(_same_or_none(*ends) for ends in zip(one, other, strict=True))


def document_of(plan: CapacityPlan) -> dict[str, Any]:
    """Give a plan as JSON types, with what makes its target as low as it is."""
    return plan.model_dump(mode="json") | {"binding": plan.binding, "sha256": plan.sha256}
