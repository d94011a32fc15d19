"""Forms of an estimator before they are compared: their bytes and what reads them, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ekiben.artefact.forms.converted import Converted, converted
from ekiben.artefact.forms.folded import fold
from ekiben.artefact.forms.scaling import NoExactFormError
from ekiben.serving.predictor import Form, Predictor
from ekiben.serving.predictors.linear import Linear, LinearPredictor
from ekiben.serving.predictors.onnx import OnnxPredictor
from ekiben.serving.schema import Schema


@dataclass(frozen=True, slots=True)
class Attempt:
    """A form that was tried.

    Attributes:
        content: The file's bytes; None if there is no such form.
        predictor: What reads them, as in a pod.
        converted: The graph with its marks; None for other forms.
        reason: Why there is no such form.
    """

    content: bytes | None = None
    predictor: Predictor | None = None
    converted: Converted | None = None
    reason: str | None = None

    def refusal(self) -> dict[str, Any]:
        """Give what `parity.json` says of a form that is not there."""
        return {"kept": False, "reason": self.reason}


def attempts(estimator: Any, schema: Schema, demanded: Sequence[Form]) -> dict[Form, Attempt]:
    """Make every form that an estimator may have.

    A linear model that folds is written as a graph only where that is demanded: it would be slower.
    """
    found: dict[Form, Attempt] = {"folded": _attempt(_folded, estimator, schema)}
    if found["folded"].predictor is not None and "onnx" not in demanded:
        found["onnx"] = Attempt(reason="the folded form is there and faster; bento.forms may demand it")
    else:
        found["onnx"] = _attempt(_onnx, estimator, schema)
    return found


def _attempt(make: Any, estimator: Any, schema: Schema) -> Attempt:
    try:
        made: Attempt = make(estimator, schema)
    except NoExactFormError as error:
        return Attempt(reason=str(error))
    return made


def _folded(estimator: Any, schema: Schema) -> Attempt:
    if not schema.numeric:
        raise NoExactFormError("an input is a string")
    if any(each.missing == "nan" for each in schema.inputs):
        raise NoExactFormError("a value may be missing, which no matrix knows")
    content = fold(estimator, schema).content()
    return Attempt(content, LinearPredictor(Linear.parse(content), schema))


def _onnx(estimator: Any, schema: Schema) -> Attempt:
    made = converted(estimator, schema)
    return Attempt(made.content, OnnxPredictor(made.content, schema), made)
