"""From a verified artefact to what answers rows: the one way, in a pod and on a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ekiben.serving import artefact as artefacts

if TYPE_CHECKING:
    from ekiben.serving.predictor import Predictor


def load(artefact: artefacts.Artefact) -> Predictor:
    """Build the predictor that an artefact was read for; only what this form needs is imported.

    Args:
        artefact: Verified; `artefact.predictor` says which form.

    Raises:
        ConfigError: The form's file does not hold what it should.
    """
    content = artefact.content(artefacts.FORM_FILES[artefact.predictor])
    if artefact.predictor == "folded":
        from ekiben.serving.predictors.linear import Linear, LinearPredictor

        return LinearPredictor(Linear.parse(content), artefact.schema)
    if artefact.predictor == "onnx":
        from ekiben.serving.predictors.onnx import OnnxPredictor

        return OnnxPredictor(content, artefact.schema)
    from ekiben.serving.predictors import estimator
    from ekiben.serving.predictors.scikit_learn import EstimatorPredictor

    return EstimatorPredictor(estimator.load(content), artefact.schema)
