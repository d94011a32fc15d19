"""Station 1: data and an estimator -> a model artefact that met its acceptance criterion."""
