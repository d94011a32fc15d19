"""KServe's model server with a model as its documentation has it (what its sklearnserver does too)."""

from __future__ import annotations

import os
from typing import Any

import joblib
import kserve
import numpy as np


class Estimator(kserve.Model):
    """Predicts in version 1 of the protocol."""

    def load(self) -> bool:
        """Read the estimator."""
        self._estimator = joblib.load(os.environ["BENCH_ESTIMATOR"])
        self.ready = True
        return True

    def predict(
        self, payload: dict[str, Any], headers: dict[str, str] | None = None, **_: Any
    ) -> dict[str, Any]:
        """Predict rows."""
        del headers
        return {"predictions": self._estimator.predict(np.array(payload["instances"])).tolist()}


if __name__ == "__main__":
    model = Estimator("model")
    model.load()
    port = int(os.environ["BENCH_PORT"])
    kserve.ModelServer(http_port=port, grpc_port=port + 1).start([model])
