"""Breast cancer: scikit-learn's own data as a CSV file with gaps, and a logistic regression that fills them.

The file is made by `write_data` (`python -m bentos.breast_cancer.estimator`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    import pandas as pd

DATA = Path(__file__).with_name("data.csv")
SEED = 42
GAPS_RATIO = 0.05  # of the values of every column


def write_data(path: Path = DATA) -> None:
    """Write the data: 569 tumours, 30 measures as float32, 5 % of each measure missing, the diagnosis.

    Which values are missing is drawn with `SEED`, each column for itself.

    Args:
        path: The CSV file; a missing value is an empty field.
    """
    found: Any = load_breast_cancer(as_frame=True)
    features, labels = found.data.astype(np.float32), found.target
    draw = np.random.default_rng(SEED)
    for column in features:
        gaps = draw.choice(len(features), size=round(GAPS_RATIO * len(features)), replace=False)
        features.loc[gaps, column] = np.nan
    diagnosis = labels.map(dict(enumerate(found.target_names)))
    features.assign(diagnosis=diagnosis).to_csv(path, index=False, lineterminator="\n")


def load_data() -> tuple[pd.DataFrame, pd.Series]:
    """Give 569 tumours: 30 measures each as float32, NaN where one is missing; the diagnosis in a word."""
    import pandas as pd

    found = pd.read_csv(DATA, dtype=dict.fromkeys(load_breast_cancer().feature_names, np.float32))
    return found.drop(columns="diagnosis"), found["diagnosis"]


def build_estimator() -> Pipeline:
    """Build the unfitted estimator; it fills gaps itself, so that a pod does as training did."""
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=0.1, max_iter=1_000)
    )


if __name__ == "__main__":
    write_data()
