"""JSON of answers, where a number that JSON cannot carry must not become `null`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from ekiben.serving.predictor import Answers


def dumps(document: Any, answers: Answers) -> bytes:
    """Encode a document that holds answers and no other null.

    orjson writes NaN and infinity as `null`. So a document without that word holds none, and only one
    with it is searched: a label may contain the word.

    Args:
        document: What to encode.
        answers: What the document holds of the predictor.

    Raises:
        ValueError: A number is not finite.
    """
    body = orjson.dumps(document)
    if b"null" in body:
        check(answers)
    return body


def check(answers: Answers) -> None:
    """Search for numbers that are not finite.

    Raises:
        ValueError: There is one.
    """
    for each in (answers.predictions, answers.probabilities):
        if each is not None and not _finite(each):
            raise ValueError("the estimator answered a number that is not finite")


def _finite(values: npt.NDArray[Any]) -> bool:
    if values.dtype.kind == "O":
        return all(math.isfinite(each) for each in values.flat if isinstance(each, float))
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
