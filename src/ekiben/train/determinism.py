"""The same data, code and seed must give the same estimator: it is built and fitted twice, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.errors import ConfigError


def require(
    first: Any, second: Any, rows: npt.NDArray[Any], source: str, *, stored: tuple[bytes, bytes]
) -> None:
    """Refuse an estimator that differs between two fits, or between two answers to the same rows.

    Args:
        first: Fitted.
        second: Built and fitted again, on the same rows.
        rows: Rows to ask, shape (rows, inputs).
        source: Where the estimator comes from, for messages.
        stored: Both, as they would be stored.

    Raises:
        ConfigError: They differ; nothing may be stored.
    """
    if _differ(_answers(first, rows), _answers(first, rows)):
        raise ConfigError(
            f"{source}: asked twice for the same {len(rows)} rows, the estimator answered otherwise",
            remedy="take chance out of predict: a pod must answer as what was judged",
        )
    if _differ(_answers(first, rows), _answers(second, rows)) or stored[0] != stored[1]:
        raise ConfigError(
            f"{source}: built and fitted twice on the same rows, the estimator differs",
            remedy=_remedy(first, source),
        )


def _remedy(estimator: Any, source: str) -> str:
    from sklearn.model_selection._search import BaseSearchCV  # the only common class of all searches

    parts = [estimator, *estimator.get_params(deep=True).values()]
    if searches := sorted({type(each).__name__ for each in parts if isinstance(each, BaseSearchCV)}):
        return (
            f"{', '.join(searches)} keeps how long each fit took: choose parameters by train.search instead"
        )
    if loose := unseeded(estimator):
        return f"give {', '.join(loose)} a number in {source}"
    return "seed every generator that it uses, and let it read no clock and no state from outside"


def unseeded(estimator: Any) -> list[str]:
    """Parameters named `random_state` that hold no number."""
    parameters: Mapping[str, Any] = estimator.get_params(deep=True)
    return sorted(
        name
        for name, value in parameters.items()
        if name.rpartition("__")[2] == "random_state" and not isinstance(value, int | np.integer)
    )


def _answers(estimator: Any, rows: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    found = [np.asarray(estimator.predict(rows))]
    if hasattr(estimator, "predict_proba"):
        found.append(np.asarray(estimator.predict_proba(rows)))
    return found


def _differ(first: list[npt.NDArray[Any]], second: list[npt.NDArray[Any]]) -> bool:
    """Whether answers differ in any bit; NaN is as good as NaN."""
    return any(
        one.shape != other.shape or not np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        for one, other in zip(first, second, strict=True)
    )
