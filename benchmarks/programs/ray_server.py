"""Ray Serve as its documentation has it: one deployment, one replica, one CPU."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import ray
from ray import serve

if TYPE_CHECKING:
    from starlette.requests import Request


@serve.deployment
class Estimator:
    """Predicts rows."""

    def __init__(self, path: str) -> None:
        self._estimator = joblib.load(path)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Predict rows; without a body, say that the model is loaded."""
        if request.method == "GET":
            return {"status": "ready"}
        rows = np.array((await request.json())["instances"])
        return {"predictions": self._estimator.predict(rows).tolist()}


if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, _temp_dir=os.environ["BENCH_SCRATCH"])
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])})
    deployment = Estimator.bind(os.environ["BENCH_ESTIMATOR"])  # type: ignore[attr-defined]  # untyped
    serve.run(deployment, blocking=True)
