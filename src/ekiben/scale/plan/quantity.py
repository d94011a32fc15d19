"""One number of a plan, with all that it stands on."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ekiben.scale.plan import formula

Kind = Literal["given", "assumed", "measured", "constant", "derived", "replayed"]
Interval = tuple[float | None, float | None]

_MOST_CORNERS = 10  # intervals among the inputs; beyond, 2^n evaluations would be felt


class Quantity(BaseModel):
    """A number and where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float = Field(description="The number, in `unit`.")
    unit: str = Field(description="Unit; empty for a count or a ratio.")
    kind: Kind = Field(
        description="`given` by the user, `assumed` where none was given, `measured`, a `constant` of "
        "Kubernetes or of the method, `derived` by `formula`, or `replayed`: found on a trace, as `formula` "
        "says in words."
    )
    meaning: str = Field(description="What it is, in a few words.")
    source: str = Field(description="Where the value or the formula is from.")
    formula: str = Field(
        "", description="How it is computed from `inputs`; empty unless derived or replayed."
    )
    inputs: Mapping[str, float] = Field(default_factory=dict, description="Values of the formula's names.")
    interval: Interval | None = Field(
        None, description="Lowest and highest value, where known; null leaves a side open."
    )


@dataclass(frozen=True, slots=True)
class Formula:
    """The declaration of a derived number.

    Attributes:
        name: Of the number.
        unit: Its unit.
        text: How it is computed.
        meaning: What it is, in a few words.
        source: Where the formula is from.
    """

    name: str
    unit: str
    text: str
    meaning: str
    source: str

    def derive(self, known: Mapping[str, Quantity]) -> Quantity:
        """Compute the number.

        The interval is that of the results at all ends of the inputs' intervals: exact where the formula is
        monotone in each of them, as all formulas of a plan are, and wide where inputs move together.

        Raises:
            ConfigError: A name is not known, or the result is no finite number.
        """
        taken = formula.names(self.text)
        inputs = {name: known[name].value for name in taken if name in known}
        value = formula.evaluate(self.text, inputs)
        return Quantity(
            value=value,
            unit=self.unit,
            kind="derived",
            meaning=self.meaning,
            source=self.source,
            formula=self.text,
            inputs=inputs,
            interval=self._interval({name: known[name] for name in taken}),
        )

    def _interval(self, inputs: Mapping[str, Quantity]) -> Interval | None:
        open_ends = {name: _ends(each) for name, each in inputs.items() if each.interval is not None}
        if not open_ends or len(open_ends) > _MOST_CORNERS:
            return None
        fixed = {name: each.value for name, each in inputs.items()}
        corners = [
            formula.evaluate(self.text, fixed | dict(zip(open_ends, corner, strict=True)))
            for corner in itertools.product(*open_ends.values())
        ]
        return min(corners), max(corners)


def _ends(found: Quantity) -> tuple[float, ...]:
    low, high = found.interval or (None, None)
    return tuple(sorted({each for each in (low, found.value, high) if each is not None}))
