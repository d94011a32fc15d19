"""LitServe as its documentation has it: one worker on the CPU, no batches."""

from __future__ import annotations

import os
from typing import Any

import joblib
import litserve
import numpy as np


class Estimator(litserve.LitAPI):
    """Predicts one request at a time."""

    def setup(self, device: str) -> None:
        """Read the estimator."""
        del device
        self._estimator = joblib.load(os.environ["BENCH_ESTIMATOR"])

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Take the rows; an annotation would change what LitServe hands over."""
        return np.array(request["instances"])

    def predict(self, x: Any) -> Any:
        """Predict rows."""
        return self._estimator.predict(x)

    def encode_response(self, output):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Give the predictions; likewise."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Estimator(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), generate_client_file=False)
