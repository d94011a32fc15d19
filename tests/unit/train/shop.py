"""A project with one module, and the configuration of a model of it."""

from __future__ import annotations

from typing import Any

from ekiben import config

MODULE = """
import numpy as np
import pandas as pd
from sklearn import ensemble, feature_extraction, model_selection
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

def load():
    rows = np.random.default_rng(3).normal(size=(200, 2))
    return pd.DataFrame(rows, columns=["a", "b"]), pd.Series((rows.sum(axis=1) > 0).astype(int))

def load_wider():
    features, labels = load()
    return features.assign(c=1.0 * np.arange(200)), labels

def load_one_class():
    features, labels = load()
    return features, labels * 0

def build():
    return make_pipeline(StandardScaler(), LogisticRegression())

def build_poor():
    return LogisticRegression(C=1e-9, class_weight={0: 1e6})

def build_forest():
    return RandomForestClassifier(4, random_state=0)

def build_forest_of_two_threads():
    return RandomForestClassifier(4, random_state=0, n_jobs=2)

def build_unseeded():
    return RandomForestClassifier(4)

def load_many():
    rows = np.random.default_rng(3).normal(size=(15_000, 1))
    return pd.DataFrame(rows, columns=["a"]), pd.Series((rows[:, 0] > 0).astype(int))

def build_late():
    from sklearn.ensemble import HistGradientBoostingClassifier
    return HistGradientBoostingClassifier(max_iter=2)  # draws a validation set above 10,000 rows

def build_fickle():
    class Fickle(LogisticRegression):
        def predict_proba(self, X):
            return super().predict_proba(X) + np.random.default_rng().normal(0, 1e-9, (len(X), 2))
    return Fickle()

def build_transformer():
    return make_pipeline(StandardScaler())

class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return {}["fit of mine"]
    def predict(self, X):
        return X[:, 0]

class Silent(Broken):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self
    def predict(self, X):
        return {}["predict of mine"]

class Nameless(Broken):
    def fit(self, X, y):
        return self

def build_native_categories():
    return make_pipeline(ensemble.HistGradientBoostingClassifier(categorical_features=[1]))

def build_search():
    return model_selection.GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)

def build_text():
    return make_pipeline(feature_extraction.text.TfidfVectorizer(), LogisticRegression())

def build_stack():
    return ensemble.StackingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=9))], cv=2)

def build_clusterless():
    return model_selection.GridSearchCV(StandardScaler(), {"with_mean": [True]}, scoring=lambda *_: 0.0, cv=2)

def build_lambda():
    return make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression())
"""


def configured(**train: Any) -> config.ModelConfig:
    section = {
        "estimator": "shop:build",
        "data": "shop:load",
        "accept": {"min": 0.6},
        "golden_rows": 5,
        "parity_rows": 1000,
        "bootstrap": {"resamples": 200},
        **train,
    }
    return config.parse(
        {"model": "shop", "train": section, "bento": {"service": "s:S"}, "image": {"repository": "shop"}},
        "test",
    )
