"""Flask, for gunicorn with its default worker."""

from __future__ import annotations

import os

import flask
import joblib
import numpy as np

app = flask.Flask(__name__)
estimator = joblib.load(os.environ["BENCH_ESTIMATOR"])


@app.post("/predict")
def predict() -> flask.Response:
    """Predict rows."""
    rows = np.array(flask.request.get_json()["instances"])
    return flask.jsonify(predictions=estimator.predict(rows).tolist())


@app.get("/readyz")
def ready() -> flask.Response:
    """Say that the model is loaded."""
    return flask.jsonify(status="ready")
