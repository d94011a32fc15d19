"""Section `train` of `ekiben.yaml`: data, parts, search, acceptance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ekiben.config.inputs import InputPolicy, Number, Section

_IMPORT_PATH = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
ImportPath = Annotated[str, Field(pattern=_IMPORT_PATH)]

Metric = Literal[
    "accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss", "brier", "mae", "rmse", "r2"
]
# Errors: the lower, the better.
LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "brier", "mae", "rmse"})


class DataFile(Section):
    """A table in a file of the project."""

    file: str = Field(
        description="CSV (`.csv`) or Parquet (`.parquet`), relative to the project's root.",
        pattern=r"\.(csv|parquet)$",
    )
    target: str = Field(description="Column to predict.", min_length=1)
    separator: str = Field(
        ",", description="What stands between two fields of a CSV.", pattern=r"^[^\r\n\"]$"
    )
    encoding: str = Field("utf-8", description="Encoding of a CSV, by Python's name.")
    missing: tuple[str, ...] = Field(
        ("", "NA", "N/A", "NaN", "nan", "null"), description="Fields of a CSV that mean: no value."
    )


class Partition(Section):
    """How rows come into the parts."""

    by: Literal["random", "stratified", "time", "group"] | None = Field(
        None,
        description="`stratified` keeps the classes' shares, `time` holds out the latest rows, `group` keeps "
        "the rows of a group together. Absent: stratified for classifiers, else random.",
    )
    column: str | None = Field(
        None, description="Column of the time or the group; the estimator does not get it."
    )
    validation_ratio: float = Field(
        0,
        description="Share of rows on which a search chooses, 0-1; with 0 it chooses by cross-validation.",
        ge=0,
        lt=1,
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if (self.by in ("time", "group")) != (self.column is not None):
            raise ValueError("by: time and by: group need a column, the other ways take none")
        return self


class Range(Section):
    """Numbers from which a random search draws."""

    low: Number = Field(description="Lowest number, included.")
    high: Number = Field(description="Highest number, included.")
    log: bool = Field(False, description="Draw evenly on the logarithmic scale; `low` is above 0 then.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic scale needs low above 0, found {self.low}")
        return self


Choice = Annotated[bool, Field(strict=True)] | Number | str | None


class Search(Section):
    """Which parameters of the estimator are chosen by comparison."""

    method: Literal["grid", "random", "halving"] = Field(
        "grid", description="Every combination, `candidates` at random, or successive halving of all."
    )
    parameters: Mapping[str, tuple[Choice, ...] | Range] = Field(
        description="Values by parameter, as scikit-learn's `set_params` names it, e.g. "
        "`logisticregression__C: [0.1, 1, 10]`; a random search also takes `{low, high, log}`.",
        min_length=1,
    )
    candidates: int = Field(20, description="Combinations that a random search draws.", ge=1, le=10_000)
    folds: int = Field(5, description="Folds of the cross-validation.", ge=2, le=50)
    factor: int = Field(3, description="Halving keeps one in so many candidates each time.", ge=2, le=10)
    metric: Metric | None = Field(None, description="What is compared; absent takes that of `accept`.")
    jobs: int = Field(1, description="Fits at a time (threads); no effect on the result.", ge=1, le=256)

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        for name, values in self.parameters.items():
            if isinstance(values, Range) and self.method != "random":
                raise ValueError(f"parameters.{name}: only a random search draws from a range")
            if isinstance(values, tuple) and not values:
                raise ValueError(f"parameters.{name}: expected one value at least")
        return self


class Bootstrap(Section):
    """How far a metric could be from what the held-out rows show."""

    resamples: int = Field(1000, description="Resamples of the held-out rows.", ge=100, le=100_000)
    confidence: float = Field(0.95, description="Share of the interval, 0-1.", gt=0.5, lt=1)


class Acceptance(Section):
    """What a trained estimator must reach on held-out rows before it may be packed."""

    metric: Metric = Field("accuracy", description="Judged on the held-out rows.")
    min: float | None = Field(
        None, description="The lower bound of the metric's interval must not be below this (scores)."
    )
    max: float | None = Field(
        None, description="The upper bound of the metric's interval must not be above this (errors)."
    )
    in_service: Literal["compare", "require", "ignore"] = Field(
        "compare",
        description="The model that the alias `in-service` names, on the same rows: `compare` refuses one "
        "that is worse, `require` also one that cannot be compared.",
    )
    margin: float | None = Field(
        None,
        description="How much worse than the model in service the interval of the difference may reach, in "
        "units of the metric; absent refuses only what is worse over the whole interval.",
        ge=0,
    )

    @property
    def limit(self) -> float:
        """The criterion: `min` of a score, `max` of an error."""
        found = self.min if self.min is not None else self.max
        return math.nan if found is None else found  # the validator lets neither be absent

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        error = self.metric in LOWER_IS_BETTER
        needed, other = ("max", "min") if error else ("min", "max")
        if getattr(self, needed) is None or getattr(self, other) is not None:
            raise ValueError(f"{self.metric} needs {needed}, and takes no {other}")
        if self.min is not None and self.min > 1:
            raise ValueError(f"min: {self.metric} is 1 at most, found {self.min:g}")
        return self


class Train(Section):
    """Station 1: data and estimator."""

    estimator: ImportPath = Field(
        description="Function that builds the unfitted estimator: `module:function`."
    )
    data: ImportPath | DataFile = Field(
        description="Function that returns a data frame of features and a series of labels; `sklearn:iris` "
        "(any data set inside scikit-learn); or a file: `{file, target}`."
    )
    test_ratio: float = Field(0.3, description="Share of rows held out for the score, 0-1.", gt=0, lt=1)
    stratify: bool = Field(True, description="Keep the classes' shares equal in all parts (classifiers).")
    partition: Partition = Field(default_factory=Partition)
    ignore: tuple[str, ...] = Field(
        (), description="Columns that the estimator does not get; slices may be made by them."
    )
    slices: tuple[str, ...] = Field((), description="Columns by whose values the metrics are given as well.")
    outliers: Literal["tukey", "mad"] = Field(
        "tukey", description="Rule of the data report: 1.5 interquartile ranges, or the modified z-score 3.5."
    )
    seed: int = Field(0, description="Seed of split, search, intervals and golden rows.", ge=0, lt=2**32)
    golden_rows: int = Field(16, description="Held-out rows kept with their answers.", ge=1, le=256)
    parity_rows: int = Field(
        200_000,
        description="Rows on which each exact form must answer as the estimator.",
        ge=1000,
        le=1_000_000,
    )
    inputs: Mapping[str, InputPolicy] = Field(
        default_factory=dict, description="Types, ranges, categories and missing values, by column."
    )
    search: Search | None = Field(None, description="Parameters chosen by comparison.")
    bootstrap: Bootstrap = Field(default_factory=Bootstrap)
    accept: Acceptance

    @model_validator(mode="after")
    def _parts(self) -> Self:
        if self.test_ratio + self.partition.validation_ratio >= 1:
            raise ValueError("test_ratio and partition.validation_ratio leave no row to fit on")
        return self
