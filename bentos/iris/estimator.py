"""Iris: scikit-learn's own data and a random forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

if TYPE_CHECKING:
    import pandas as pd


def load_data() -> tuple[pd.DataFrame, pd.Series]:
    """Give 150 flowers, four lengths in centimetres each, and their species as 0, 1 or 2."""
    features, labels = load_iris(return_X_y=True, as_frame=True)
    return features, labels


def build_estimator() -> RandomForestClassifier:
    """Build the unfitted estimator."""
    return RandomForestClassifier(n_estimators=100, random_state=42)
