"""The steps in front of an estimator as operators of a graph, in scikit-learn's own order and precision.

Source: `transform` of each class in scikit-learn 1.9 (sklearn/preprocessing, impute, compose).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ekiben.artefact.forms import encoders
from ekiben.artefact.forms.graph import Column, Graph, Mark, Reference, dense
from ekiben.artefact.forms.scaling import SCALERS, NoExactFormError, apply, name_of, steps_of

Columns = tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an estimator a step stands.

    Attributes:
        path: Names of the steps above, joined by `/`.
        before: What scikit-learn gives to the step, of the estimator's rows.
    """

    path: str
    before: Reference

    def below(self, name: str, before: Reference) -> Place:
        """The place of a part of this step."""
        return Place(f"{self.path}/{name}" if self.path else name, before)


def convert(transformer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    """Write a transformer into a graph.

    Args:
        transformer: Fitted.
        columns: What it takes.
        graph: Where operators and marks are added.
        place: Where it stands.

    Returns:
        What it gives.

    Raises:
        NoExactFormError: It is not known here.
    """
    if _passes(transformer):
        return columns
    name = name_of(transformer)
    if name in SCALERS:
        return _scaled(transformer, columns, graph, place)
    found = _KINDS.get(name)
    if found is None:
        raise NoExactFormError(f"the step {type(transformer).__name__} has none")
    given = found(transformer, columns, graph, place)
    if name not in _COMPOSED and given and not any(each.word for each in given):
        tensor = graph.matrix(given)
        reference = _after(transformer, place)
        graph.marks.append(Mark(place.path, type(transformer).__name__, "", tensor, reference))
    return given


def after(transformer: Any, before: Reference) -> Reference:
    """What scikit-learn gives after a transformer, of the estimator's rows."""
    if _passes(transformer):
        return before
    return lambda rows: transformer.transform(before(rows))


def _passes(transformer: Any) -> bool:
    """Whether rows stay as they are."""
    if isinstance(transformer, str) or transformer is None:
        return transformer in (None, "passthrough")
    function = "sklearn.preprocessing._function_transformer.FunctionTransformer"
    return name_of(transformer) == function and transformer.func is None


def _after(transformer: Any, place: Place) -> Reference:
    given = after(transformer, place.before)
    return lambda rows: dense(given(rows)).astype(np.float64)


def numbers(columns: Columns, what: str) -> None:
    """Refuse strings where only numbers can be.

    Raises:
        NoExactFormError: A column holds strings.
    """
    if any(each.word for each in columns):
        raise NoExactFormError(f"strings reach {what}")


def _scaled(scaler: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    """Operations of a scaler, each with a mark of its own."""
    kind = type(scaler).__name__
    numbers(columns, kind)
    steps = steps_of(scaler)
    tensor = graph.matrix(columns)
    for number, step in enumerate(steps):
        tensor = graph.add(step.operation, tensor, graph.constant(step.vector))
        done = steps[: number + 1]

        def reference(rows: Any, done: Any = done) -> Any:
            return apply(done, dense(place.before(rows)).astype(np.float64))

        graph.marks.append(Mark(place.path, kind, step.operation, tensor, reference))
    if getattr(scaler, "clip", False):
        for operator, edge in zip(("Max", "Min"), scaler.feature_range, strict=True):
            tensor = graph.add(operator, tensor, graph.constant(float(edge)))
        graph.marks.append(Mark(place.path, kind, "Min", tensor, _after(scaler, place)))
    return graph.columns(tensor, [each.sources for each in columns], [each.gap for each in columns])


def _imputed(imputer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    """Missing values filled; columns without any value known are dropped; indicators behind."""
    del place
    missing = imputer.missing_values
    fills = np.asarray(imputer.statistics_, dtype=object)
    empty = [isinstance(each, float) and np.isnan(each) for each in fills]
    if all(each.word for each in columns) and not imputer.add_indicator:
        if not isinstance(missing, str):
            return columns  # a string of a schema is never missing
        raise NoExactFormError("the step SimpleImputer replaces strings")
    numbers(columns, "SimpleImputer beside numbers")
    kept = [each for each, lost in enumerate(empty) if not lost]
    tensor = graph.matrix(columns)
    values = graph.matrix([columns[each] for each in kept])
    filled = graph.add(
        "Where",
        _missing(graph, values, missing),
        graph.constant([float(fills[each]) for each in kept]),
        values,
    )
    nan = isinstance(missing, float) and np.isnan(missing)
    found = graph.columns(
        filled,
        [columns[each].sources for each in kept],
        [columns[each].gap and not nan for each in kept],
    )
    if not imputer.add_indicator:
        return found
    features = [int(each) for each in imputer.indicator_.features_]
    graph.columns(tensor, [each.sources for each in columns])
    flags = graph.floats(_missing(graph, graph.matrix([columns[each] for each in features]), missing))
    return (*found, *graph.columns(flags, [columns[each].sources for each in features]))


def _missing(graph: Graph, tensor: str, missing: Any) -> str:
    if isinstance(missing, float) and np.isnan(missing):
        return graph.add("IsNaN", tensor)
    if isinstance(missing, bool | int | float):
        return graph.add("Equal", tensor, graph.constant(float(missing)))
    raise NoExactFormError(f"the step SimpleImputer takes {missing!r} for missing")


def _products(transformer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    """Products of columns: those of a degree are those of the degree before, times one column."""
    del place
    numbers(columns, "PolynomialFeatures")
    if any(each.gap for each in columns):
        raise NoExactFormError("a missing value reaches PolynomialFeatures")
    wanted = [tuple(np.repeat(np.arange(len(columns)), powers).tolist()) for powers in transformer.powers_]
    made: dict[tuple[int, ...], Column] = {(each,): column for each, column in enumerate(columns)}
    for degree in range(2, max(map(len, wanted), default=0) + 1):
        needed = _tails(wanted, degree)
        left = graph.matrix([made[each[1:]] for each in needed])
        right = graph.matrix([columns[each[0]] for each in needed])
        sources = [made[each[1:]].sources | columns[each[0]].sources for each in needed]
        made.update(zip(needed, graph.columns(graph.add("Mul", left, right), sources), strict=True))
    if () in wanted:
        zeros = graph.add("Sub", *[graph.matrix(columns[:1])] * 2)
        ones = graph.add("Add", zeros, graph.constant(1.0))
        made[()] = graph.columns(ones, [frozenset()])[0]
    return tuple(made[each] for each in wanted)


def _tails(wanted: Sequence[tuple[int, ...]], degree: int) -> list[tuple[int, ...]]:
    """Last `degree` factors of every product that has so many."""
    return sorted({each[-degree:] for each in wanted if len(each) >= degree})


def _selected(transformer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    del graph, place
    return tuple(columns[each] for each in np.flatnonzero(transformer.get_support()))


def _binarized(transformer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    del place
    numbers(columns, "Binarizer")
    if any(each.gap for each in columns):
        raise NoExactFormError("a missing value reaches Binarizer")
    above = graph.add("Greater", graph.matrix(columns), graph.constant(float(transformer.threshold)))
    return graph.columns(graph.floats(above), [each.sources for each in columns])


def _piped(pipeline: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    before = place.before
    for name, step in pipeline.steps:
        columns = convert(step, columns, graph, place.below(name, before))
        before = after(step, before)
    return columns


def _by_column(transformer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    """A ColumnTransformer: each part on its own columns, side by side."""
    found: list[Column] = []
    for name, part, selected in transformer.transformers_:
        indices = [int(each) for each in transformer._transformer_to_input_indices[name]]  # noqa: SLF001 - no public name
        if not indices or (isinstance(part, str) and part == "drop"):
            continue
        if isinstance(selected, int | np.integer | str):
            raise NoExactFormError(f"the step {type(part).__name__} takes one column as a list of values")

        def before(rows: Any, indices: Any = indices) -> Any:
            return dense(place.before(rows))[:, indices]

        found.extend(
            convert(part, tuple(columns[each] for each in indices), graph, place.below(name, before))
        )
    return tuple(found)


def _united(transformer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    weights = transformer.transformer_weights or {}
    found: list[Column] = []
    for name, part in transformer.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        given = convert(part, columns, graph, place.below(name, place.before))
        if name in weights:
            scaled = graph.add("Mul", graph.matrix(given), graph.constant(float(weights[name])))
            given = graph.columns(scaled, [each.sources for each in given], [each.gap for each in given])
        found.extend(given)
    return tuple(found)


def _encoded(transformer: Any, columns: Columns, graph: Graph, place: Place) -> Columns:
    del place
    return _ENCODERS[type(transformer).__name__](transformer, columns, graph)


_ENCODERS: Mapping[str, Callable[[Any, Columns, Graph], Columns]] = {
    "OneHotEncoder": encoders.one_hot,
    "OrdinalEncoder": encoders.ordinal,
    "KBinsDiscretizer": encoders.binned,
}


_COMPOSED = frozenset(
    {
        "sklearn.pipeline.Pipeline",
        "sklearn.pipeline.FeatureUnion",
        "sklearn.compose._column_transformer.ColumnTransformer",
    }
)
_KINDS: Mapping[str, Callable[[Any, Columns, Graph, Place], Columns]] = {
    "sklearn.pipeline.Pipeline": _piped,
    "sklearn.pipeline.FeatureUnion": _united,
    "sklearn.compose._column_transformer.ColumnTransformer": _by_column,
    "sklearn.impute._base.SimpleImputer": _imputed,
    "sklearn.preprocessing._polynomial.PolynomialFeatures": _products,
    "sklearn.preprocessing._data.Binarizer": _binarized,
    "sklearn.preprocessing._encoders.OneHotEncoder": _encoded,
    "sklearn.preprocessing._encoders.OrdinalEncoder": _encoded,
    "sklearn.preprocessing._discretization.KBinsDiscretizer": _encoded,
    "sklearn.feature_selection._variance_threshold.VarianceThreshold": _selected,
    "sklearn.feature_selection._univariate_selection.SelectKBest": _selected,
    "sklearn.feature_selection._univariate_selection.SelectPercentile": _selected,
    "sklearn.feature_selection._from_model.SelectFromModel": _selected,
    "sklearn.feature_selection._rfe.RFE": _selected,
    "sklearn.feature_selection._rfe.RFECV": _selected,
}
