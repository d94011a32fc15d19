"""What the pod accepts in one column, as `ekiben.yaml` declares it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """Base of all sections: immutable and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Number = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Word = Annotated[str, Field(strict=True)]


class InputPolicy(Section):
    """What the pod accepts in one column; without a policy any value that is there."""

    type: Literal["float64", "int64", "bool", "string"] | None = Field(
        None, description="Type of the column; absent, it is inferred from the values."
    )
    range: tuple[Number | None, Number | None] | None = Field(
        None, description="Lowest and highest number expected, both included; null leaves a side open."
    )
    on_out_of_range: Literal["refuse", "count"] = Field(
        "refuse", description="A number outside the range: `refuse` the request, or accept and `count` it."
    )
    missing: Literal["refuse", "nan", "value"] = Field(
        "refuse",
        description="A missing value: `refuse` the request, give the estimator `nan`, or the `default`.",
    )
    default: Annotated[bool, Field(strict=True)] | Number | Word | None = Field(
        None, description="What stands in for a missing value, with `missing: value`; of the column's type."
    )
    categories: tuple[Word, ...] | None = Field(
        None, description="The strings accepted; absent takes those of a categorical column.", min_length=1
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        lowest, highest = self.range or (None, None)
        if self.range is not None and lowest is None and highest is None:
            raise ValueError("range: expected a bound on one side at least")
        if lowest is not None and highest is not None and lowest > highest:
            raise ValueError(f"range: the lowest {lowest} is above the highest {highest}")
        if self.on_out_of_range == "count" and self.range is None:
            raise ValueError("on_out_of_range: count needs a range")
        if (self.missing == "value") != (self.default is not None):
            raise ValueError("missing: value and default go together")
        return self
