"""Encoders as operators of a graph: categories, or bins of numbers, become codes, codes become columns.

Source: sklearn/preprocessing/_encoders.py and _discretization.py, `transform` of each class.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ekiben.artefact.forms.graph import Column, Graph
from ekiben.artefact.forms.scaling import NoExactFormError

_UNKNOWN = -1.0  # code of what the encoder has not seen


def one_hot(encoder: Any, columns: tuple[Column, ...], graph: Graph) -> tuple[Column, ...]:
    """Write a OneHotEncoder: a column of 0 and 1 per category.

    Raises:
        NoExactFormError: It joins categories that are rare.
    """
    _no_rare(encoder)
    found: list[Column] = []
    for number, column in enumerate(columns):
        categories = encoder.categories_[number]
        codes = _codes(graph, column, categories)
        if encoder.handle_unknown == "error":
            _refuse(graph, column, categories, codes)
        kept = [float(each) for each in range(len(categories)) if each != _dropped(encoder, number)]
        if kept:
            found.extend(_flags(graph, column, codes, kept))
    return tuple(found)


def ordinal(encoder: Any, columns: tuple[Column, ...], graph: Graph) -> tuple[Column, ...]:
    """Write an OrdinalEncoder: a column of codes per column.

    Raises:
        NoExactFormError: It joins categories that are rare.
    """
    _no_rare(encoder)
    found: list[Column] = []
    for number, column in enumerate(columns):
        categories = encoder.categories_[number]
        codes = _codes(graph, column, categories)
        if encoder.handle_unknown == "error":
            _refuse(graph, column, categories, codes)
        else:
            unknown = graph.add("Equal", codes, graph.constant(_UNKNOWN))
            codes = graph.add("Where", unknown, graph.constant(float(encoder.unknown_value)), codes)
        gap = False
        if _is_nan(categories[-1]):
            last = graph.add("Equal", codes, graph.constant(float(len(categories) - 1)))
            codes = graph.add("Where", last, graph.constant(float(encoder.encoded_missing_value)), codes)
            gap = math.isnan(encoder.encoded_missing_value)
        gap = gap or (encoder.handle_unknown != "error" and math.isnan(encoder.unknown_value))
        found.extend(graph.columns(codes, [column.sources], [gap]))
    return tuple(found)


def binned(encoder: Any, columns: tuple[Column, ...], graph: Graph) -> tuple[Column, ...]:
    """Write a KBinsDiscretizer: a column of 0 and 1 per bin, or of codes.

    The code of a value is how many inner edges it has reached.

    Raises:
        NoExactFormError: A value may be missing, is a string, or is compared as float32.
    """
    if any(each.word or each.gap for each in columns):
        raise NoExactFormError("strings or missing values reach KBinsDiscretizer")
    if encoder.dtype not in (None, np.float64):
        raise NoExactFormError("the step KBinsDiscretizer compares float32")
    found: list[Column] = []
    for column, edges, count in zip(columns, encoder.bin_edges_, encoder.n_bins_, strict=True):
        values = graph.matrix([column])
        codes = graph.add("Sub", values, values)  # 0 for each row, where there is one bin only
        if count > 1:
            reached = graph.floats(graph.add("GreaterOrEqual", values, graph.constant(edges[1:-1])))
            codes = graph.add("ReduceSum", reached, graph.constant([1], np.int64), keepdims=1)
        if encoder.encode == "ordinal":
            found.extend(graph.columns(codes, [column.sources]))
        else:
            found.extend(_flags(graph, column, codes, [float(each) for each in range(count)]))
    return tuple(found)


def _flags(graph: Graph, column: Column, codes: str, kept: list[float]) -> tuple[Column, ...]:
    """A column of 0 and 1 per code."""
    flags = graph.floats(graph.add("Equal", codes, graph.constant(kept)))
    return graph.columns(flags, [column.sources] * len(kept))


def _codes(graph: Graph, column: Column, categories: Any) -> str:
    """Place of each value among the categories; -1 where it is none of them."""
    values = graph.matrix([column])
    if column.word:
        if not all(isinstance(each, str) for each in categories):
            raise NoExactFormError("categories of a column of strings that are no strings")
        words = [str(each) for each in categories]
        codes = graph.add(
            "LabelEncoder",
            values,
            domain="ai.onnx.ml",
            keys_strings=words,
            values_int64s=list(range(len(words))),
            default_int64=-1,
        )
        return graph.floats(codes)
    if any(isinstance(each, str) for each in categories):
        raise NoExactFormError("categories of a column of numbers that are strings")
    given = [float(each) for each in categories if not _is_nan(each)]
    flags = graph.floats(graph.add("Equal", values, graph.constant(given)))
    if len(given) < len(categories):
        flags = graph.add("Concat", flags, graph.floats(graph.add("IsNaN", values)), axis=1)
    # At most one flag is 1, so the product is exact.
    places = graph.constant(np.arange(1, len(categories) + 1, dtype=np.float64)[:, None])
    return graph.add("Sub", graph.add("MatMul", flags, places), graph.constant(1.0))


def _refuse(graph: Graph, column: Column, categories: Any, codes: str) -> None:
    """Refuse unknown categories as the encoder does, unless the schema lets none through."""
    [source] = column.sources if len(column.sources) == 1 else [None]
    declared = None if source is None else graph.schema.inputs[source].categories
    if declared is None or not set(declared) <= {str(each) for each in categories}:
        graph.stranger(codes)


def _no_rare(encoder: Any) -> None:
    if any(each is not None and len(each) for each in getattr(encoder, "infrequent_categories_", None) or ()):
        raise NoExactFormError(f"the step {type(encoder).__name__} joins rare categories")


def _dropped(encoder: Any, number: int) -> Any:
    return None if encoder.drop_idx_ is None else encoder.drop_idx_[number]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
