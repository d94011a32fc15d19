"""Save the estimator as an MLflow model, which `mlflow models serve` then serves."""

from __future__ import annotations

import os
import sys

import joblib
import mlflow.sklearn

if __name__ == "__main__":
    mlflow.sklearn.save_model(
        joblib.load(os.environ["BENCH_ESTIMATOR"]),
        sys.argv[1],
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE,
        pip_requirements=[],
    )
