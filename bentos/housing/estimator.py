"""Housing: prices of generated flats, and a linear regression of scaled features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    import pandas as pd

ROWS = 2_000
SEED = 0
# Price in thousands of euros: a base, and so much per unit of each feature.
BASE = 40.0
PER_UNIT = {"area_m2": 3.2, "rooms": 8.0, "age_years": -1.1, "distance_km": -4.5}
NOISE = 25.0  # standard deviation, thousands of euros


def load_data() -> tuple[pd.DataFrame, pd.Series]:
    """Give 2,000 flats and their prices in thousands of euros.

    Area is normal around 85 m2, rooms follow from it, age is even, distance to the centre exponential; the
    price is linear in them, with normal noise.
    """
    import pandas as pd

    random = np.random.default_rng(SEED)
    area = random.normal(85.0, 28.0, ROWS).clip(20.0, 250.0).round(1)
    rooms = (area / 26.0 + random.normal(0.0, 0.6, ROWS)).round().clip(1, 10).astype(np.int64)
    age = random.integers(0, 101, ROWS)
    distance = random.exponential(6.0, ROWS).clip(0.0, 40.0).round(1)
    features = pd.DataFrame({"area_m2": area, "rooms": rooms, "age_years": age, "distance_km": distance})
    linear = sum(features[name] * value for name, value in PER_UNIT.items())
    price = BASE + linear + random.normal(0.0, NOISE, ROWS)
    return features, pd.Series(price.round(1), name="price")


def build_estimator() -> Pipeline:
    """Build the unfitted estimator."""
    return Pipeline([("scaler", StandardScaler()), ("regressor", LinearRegression())])
