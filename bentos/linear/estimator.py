"""A straight line: random points around y = 2x + 1, and the line that fits them best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LinearRegression

if TYPE_CHECKING:
    import pandas as pd

ROWS = 500
SLOPE, INTERCEPT = 2.0, 1.0
NOISE = 0.1  # standard deviation
SEED = 0


def load_data() -> tuple[pd.DataFrame, pd.Series]:
    """Give 500 points: x even between 0 and 3, y = 2x + 1 and normal noise of 0.1."""
    import pandas as pd

    generator = np.random.default_rng(SEED)
    x = generator.uniform(0.0, 3.0, ROWS)
    y = SLOPE * x + INTERCEPT + generator.normal(0.0, NOISE, ROWS)
    return pd.DataFrame({"x": x}), pd.Series(y, name="y")


def build_estimator() -> LinearRegression:
    """Build the unfitted estimator."""
    return LinearRegression()
