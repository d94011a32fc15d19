"""FastAPI with pydantic models, as its documentation has it; on uvicorn with uvloop and httptools."""

from __future__ import annotations

import os

import fastapi
import joblib
import numpy as np
import pydantic
import uvicorn


class Rows(pydantic.BaseModel):
    """What is asked."""

    instances: list[list[float]]


class Predictions(pydantic.BaseModel):
    """What is answered."""

    predictions: list[float]


app = fastapi.FastAPI()
estimator = joblib.load(os.environ["BENCH_ESTIMATOR"])


@app.post("/predict")
async def predict(rows: Rows) -> Predictions:
    """Predict rows."""
    return Predictions(predictions=estimator.predict(np.array(rows.instances)).tolist())


@app.get("/readyz")
async def ready() -> dict[str, str]:
    """Say that the model is loaded."""
    return {"status": "ready"}


if __name__ == "__main__":
    port = int(os.environ["BENCH_PORT"])
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")
