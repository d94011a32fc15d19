"""From a verified artefact to what answers rows: the one way, in a pod and on a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ekiben.serving import artefact as artefacts
from ekiben.serving.manifest import file_of

if TYPE_CHECKING:
    from ekiben.serving.predictor import Predictor


def load(artefact: artefacts.Artefact) -> Predictor:
    """Build the predictor that an artefact was read for; only what this form needs is imported.

    Args:
        artefact: Verified; `artefact.predictor` says which form.

    Raises:
        ConfigError: The form's file does not hold what it should, or is a pickle that may not be read.
    """
    if artefact.predictor == "scikit-learn":
        from ekiben.serving.predictors.scikit_learn import EstimatorPredictor

        return EstimatorPredictor(_estimator(artefact), artefact.schema)
    content = artefact.content(file_of(artefact.predictor, artefact.estimator_format))
    if artefact.predictor == "folded":
        from ekiben.serving.predictors.linear import Linear, LinearPredictor

        return LinearPredictor(Linear.parse(content), artefact.schema)
    from ekiben.serving.predictors.onnx import OnnxPredictor

    return OnnxPredictor(content, artefact.schema)


def _estimator(artefact: artefacts.Artefact) -> Any:
    name = file_of("scikit-learn", artefact.estimator_format)
    if artefact.estimator_format == "skops":
        from ekiben.serving.predictors import estimator

        return estimator.load(artefact.content(name))
    from ekiben.serving.predictors import pickled

    return pickled.load(artefact, name)
