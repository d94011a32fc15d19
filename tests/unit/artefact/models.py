"""Small artefacts for the tests of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sklearn.dummy import DummyClassifier

from ekiben.artefact import store
from ekiben.artefact.write import write
from ekiben.identifiers import ModelTag
from ekiben.serving.schema import Input, Output, Schema

SCHEMA = Schema((Input("a", "float64"),), Output("classification", (0, 1), probabilities=True))
GOLDEN = {
    "instances": [{"a": 1.0}],
    "predictions": [0],
    "probabilities": [[0.5, 0.5]],
    "relative_tolerance": 1e-9,
}


def made(folder: Path, score: float = 0.5, **parts: Any) -> Path:
    """A small artefact; another score makes another one."""
    folder.mkdir(parents=True)
    estimator = DummyClassifier(strategy="uniform", random_state=0).fit([[0], [1]], [0, 1])
    given = {"schema": SCHEMA, "golden": GOLDEN, "card": {"score": score}, **parts}
    write(folder, "small", estimator, reference={}, **given)
    return folder


def stored(home: Path, score: float = 0.5, **parts: Any) -> ModelTag:
    """The same in a store."""
    home.parent.mkdir(parents=True, exist_ok=True)
    at = home.parent / f"source-{score}-{len(list(home.parent.iterdir()))}"
    return store.store(made(at, score, **parts), home)[0]


def listed(home: Path) -> list[str]:
    """What BentoML itself finds in the store."""
    from bentoml._internal.models.model import ModelStore

    return sorted(str(model.tag) for model in ModelStore(home / "models").list())
